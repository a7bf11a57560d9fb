//! The source as GStreamer reads it: an `appsrc` that answers ranged reads.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus_schema::report::ErrorCode;
use bytes::Bytes;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::{Error, Result};

/// The longest read that a demuxer may ask for: a keyframe of uncompressed 2160p is 12 MiB. What a
/// damaged file asks for beyond is refused before memory is found for it.
const READ_BYTES_MAX: u64 = 64 << 20;
/// How much is pushed at a time where a demuxer takes what comes instead of asking for ranges.
const PUSH_BYTES: u64 = 64 << 10;

/// Bytes by offset, wherever they come from.
pub trait RangeSource: Send {
    /// Size of the whole.
    fn size(&self) -> u64;

    /// Exactly `len` bytes from `offset` on; the caller stays within [`Self::size`].
    ///
    /// # Errors
    /// When the bytes cannot be had.
    fn read(&mut self, offset: u64, len: u64) -> io::Result<Bytes>;
}

/// A source that several pipelines read, one after the other.
#[derive(Clone)]
pub struct Source {
    shared: Arc<Mutex<Shared>>,
    size: u64,
}

struct Shared {
    ranges: Box<dyn RangeSource>,
    /// Why a read failed: GStreamer would only say that there was a resource error.
    failure: Option<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// A source of these ranges.
    #[must_use]
    pub fn new(ranges: Box<dyn RangeSource>) -> Self {
        let size = ranges.size();
        Self {
            shared: Arc::new(Mutex::new(Shared {
                ranges,
                failure: None,
            })),
            size,
        }
    }

    /// Size of the whole.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes from `offset` on, fewer than `len` only at the end.
    ///
    /// # Errors
    /// When the bytes cannot be had, or more are asked for than any sound file needs.
    pub fn read(&self, offset: u64, len: u64) -> io::Result<Bytes> {
        let len = len.min(self.size.saturating_sub(offset));
        if len > READ_BYTES_MAX {
            return Err(io::Error::other(format!("{len} bytes asked for at once")));
        }
        if len == 0 {
            return Ok(Bytes::new());
        }
        let mut shared = self.lock();
        shared.ranges.read(offset, len).inspect_err(|error| {
            shared.failure.get_or_insert_with(|| error.to_string());
        })
    }

    /// The error of a failed read, if any failed: more telling than what a pipeline made of it.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        let failure = self.lock().failure.clone()?;
        let failure = failure.trim_end_matches('.');
        Some(Error::new(
            ErrorCode::Unavailable,
            format!("The source cannot be read: {failure}. It is tried again."),
        ))
    }

    /// A new element that reads this source from its start.
    ///
    /// # Errors
    /// When the element cannot be made.
    pub fn element(&self) -> Result<gst_app::AppSrc> {
        let appsrc = gst_app::AppSrc::builder()
            .stream_type(gst_app::AppStreamType::RandomAccess)
            .format(gst::Format::Bytes)
            .build();
        // The size must be there before the demuxer asks for it, or it settles for pushing.
        appsrc.set_size(i64::try_from(self.size).unwrap_or(i64::MAX));
        let at = Arc::new(AtomicU64::new(0));
        let source = self.clone();
        let seek_at = Arc::clone(&at);
        appsrc.set_callbacks(
            gst_app::AppSrcCallbacks::builder()
                .need_data(move |appsrc, len| source.push(appsrc, &at, u64::from(len)))
                .seek_data(move |_, offset| {
                    seek_at.store(offset, Ordering::Relaxed);
                    true
                })
                .build(),
        );
        Ok(appsrc)
    }

    /// Pushes what is needed next, as one buffer: a pull of n bytes must be answered by exactly n.
    fn push(&self, appsrc: &gst_app::AppSrc, at: &AtomicU64, len: u64) {
        let offset = at.load(Ordering::Relaxed);
        let len = if len >= u64::from(u32::MAX) {
            PUSH_BYTES
        } else {
            len
        };
        let bytes = match self.read(offset, len) {
            Ok(bytes) => bytes,
            Err(error) => {
                gst::element_error!(appsrc, gst::ResourceError::Read, ["{error}"]);
                Bytes::new()
            }
        };
        if bytes.is_empty() {
            log_refused(appsrc.end_of_stream());
            return;
        }
        at.store(offset + bytes.len() as u64, Ordering::Relaxed);
        let mut buffer = gst::Buffer::from_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_offset(offset);
        }
        log_refused(appsrc.push_buffer(buffer));
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A reader that panicked leaves at worst a block out of its cache.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A push that is refused only means that the pipeline is going down, which its owner knows.
fn log_refused(pushed: Result<gst::FlowSuccess, gst::FlowError>) {
    if let Err(reason) = pushed {
        tracing::trace!(?reason, "a push was refused");
    }
}
