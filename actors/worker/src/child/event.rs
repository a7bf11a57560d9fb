//! What a child's owner is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bus_schema::attempt::{AudioPart, ChunkResult, ImagesResult, SubtitlesResult};
use bus_schema::report::TaskError;
use bus_schema::request::loudness::LoudnessResult;
use bus_schema::source::SourceFacts;
use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use crate::protocol::{CREDIT_BYTES, CopyRanges, Position, Readable};

/// One event of a child, in the order in which they happened.
#[derive(Debug)]
pub enum ChildEvent {
    /// It needs bytes.
    Range {
        /// Of what; the image of a task alone that was given one.
        of: Readable,
        /// First byte.
        offset: u64,
        /// How many; never beyond its end.
        len: u32,
        /// Where to put them.
        reply: RangeReply,
    },
    /// It made something to store under the attempt, by a name that [`bus_schema::object_key`]
    /// allows.
    Object {
        /// Its name.
        name: String,
        /// Its content.
        bytes: Bytes,
        /// To be dropped once it is stored: until then the child may run short of credit and wait.
        credit: Credit,
    },
    /// How far it is.
    Progress(Position),
    /// It read source facts, and is done.
    Probed(SourceFacts),
    /// It sent all objects of its chunk, and is done.
    Transcoded(ChunkResult),
    /// It sent all objects of a part of the sound.
    AudioPart(AudioPart),
    /// It sent all parts, and is done.
    AudioDone {
        /// How many there are, those of earlier attempts included.
        n_parts: u32,
        /// What was measured, where a level was asked for.
        loudness: Option<LoudnessResult>,
    },
    /// It sent all still images, and is done.
    Pictured(ImagesResult),
    /// It sent all files of subtitles, and is done.
    Subtitled(SubtitlesResult),
    /// The next bytes of a copy's head.
    CopyHead(Bytes),
    /// It sent the whole head of a copy, says what follows it, and is done.
    CopyPlanned(CopyRanges),
    /// It failed, died, or broke a limit or the protocol, and is gone or will be. At most once.
    Failed(TaskError),
    /// It is reaped. The last event, always.
    Exited,
}

/// Where the bytes of a range go. Dropping it answers with an error.
#[derive(Debug)]
pub struct RangeReply(pub(super) oneshot::Sender<Result<Bytes, String>>);

impl RangeReply {
    /// Answers: exactly as many bytes as asked, or why there are none.
    pub fn send(self, result: Result<Bytes, String>) {
        if self.0.send(result).is_err() {
            tracing::debug!("a range came for a child that is gone");
        }
    }
}

/// The bytes of an object that is not stored yet.
#[derive(Debug)]
pub struct Credit {
    bytes: u64,
    pool: Arc<Pool>,
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.pool.held.fetch_sub(self.bytes, Ordering::Relaxed);
        self.pool.freed.fetch_add(self.bytes, Ordering::Relaxed);
        self.pool.changed.notify_one();
    }
}

/// Credit of all objects of one child: what it has left, what is held by objects that are not
/// stored, and what is free and not given back yet.
#[derive(Debug)]
pub(super) struct Pool {
    left: AtomicU64,
    held: AtomicU64,
    freed: AtomicU64,
    changed: Notify,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            left: AtomicU64::new(CREDIT_BYTES),
            held: AtomicU64::new(0),
            freed: AtomicU64::new(0),
            changed: Notify::new(),
        }
    }
}

impl Pool {
    /// Takes credit for an object that arrived; `None` when the child had too little.
    pub(super) fn hold(self: &Arc<Self>, bytes: u64) -> Option<Credit> {
        let take = |left: u64| left.checked_sub(bytes);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .ok()?;
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Some(Credit {
            bytes,
            pool: Arc::clone(self),
        })
    }

    /// Bytes of objects that are not stored yet.
    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Waits until at least `bytes_min` are free again, and takes them to give to the child.
    pub(super) async fn freed(&self, bytes_min: u64) -> u64 {
        loop {
            let changed = self.changed.notified();
            if self.freed.load(Ordering::Relaxed) >= bytes_min {
                let freed = self.freed.swap(0, Ordering::Relaxed);
                self.left.fetch_add(freed, Ordering::Relaxed);
                return freed;
            }
            changed.await;
        }
    }
}
