//! The entry of an encode pipeline: takes buffers as fast as they are used, and notices when the
//! pipeline fails meanwhile. (An `appsrc` that blocks by itself would wait for ever in front of a
//! dead pipeline.)

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::pipeline::POLL_MS;
use super::{Error, Result};

/// An entry.
#[derive(Debug)]
pub struct Feed {
    source: gst_app::AppSrc,
    room: Arc<Room>,
    buffers_max: u64,
}

/// Signalled when the entry has room again.
#[derive(Debug, Default)]
struct Room {
    lock: Mutex<()>,
    signal: Condvar,
}

impl Feed {
    /// An entry in which so many buffers wait at most.
    #[must_use]
    pub fn new(buffers_max: u64) -> Self {
        let source = gst_app::AppSrc::builder()
            .format(gst::Format::Time)
            .max_bytes(0)
            .max_buffers(buffers_max)
            .handle_segment_change(true)
            .build();
        let room = Arc::new(Room::default());
        let signal = Arc::clone(&room);
        let callbacks = gst_app::AppSrcCallbacks::builder();
        let needed = move |_: &gst_app::AppSrc, _: u32| signal.signal.notify_all();
        source.set_callbacks(callbacks.need_data(needed).build());
        Self {
            source,
            room,
            buffers_max,
        }
    }

    /// The element.
    #[must_use]
    pub fn element(&self) -> &gst::Element {
        use gstreamer::prelude::Cast;
        self.source.upcast_ref()
    }

    /// Pushes a sample as soon as there is room. `check` says whether the pipeline lives.
    ///
    /// # Errors
    /// What `check` says, or that the pipeline takes no more.
    pub fn push(&self, sample: &gst::Sample, check: impl Fn() -> Result<()>) -> Result<()> {
        while self.source.current_level_buffers() >= self.buffers_max {
            check()?;
            let guard = self
                .room
                .lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // Looked at again under the lock; a signal that is missed all the same costs one poll.
            if self.source.current_level_buffers() >= self.buffers_max {
                drop(
                    self.room
                        .signal
                        .wait_timeout(guard, Duration::from_millis(POLL_MS)),
                );
            }
        }
        self.source.push_sample(sample).map(drop).map_err(|flow| {
            check()
                .err()
                .unwrap_or_else(|| Error::internal(format!("a buffer was refused: {flow}")))
        })
    }

    /// Says that no more comes. A pipeline that failed says so itself.
    pub fn end(&self) {
        if let Err(flow) = self.source.end_of_stream() {
            tracing::debug!(%flow, "the end was refused");
        }
    }
}
