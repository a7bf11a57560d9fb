//! What the parts that serve one child share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bus_schema::intermediate;
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::task::{TaskKind, TaskSpec};
use tokio::sync::mpsc;

use super::event::{ChildEvent, Pool};
use super::limits::Limits;
use crate::engine::error::plain;
use crate::protocol::Readable;

/// One child's counters, and the way to its owner.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) kind: TaskKind,
    pub(super) source_bytes: u64,
    pub(super) image_bytes: u64,
    pub(super) limits: Limits,
    pub(super) pool: Arc<Pool>,
    events: mpsc::Sender<ChildEvent>,
    /// Times that the child got on.
    advances: AtomicU64,
    /// Ranges that it waits for, and events that its owner has not taken.
    owed: AtomicUsize,
}

impl Session {
    pub(super) fn new(spec: &TaskSpec, limits: Limits, events: mpsc::Sender<ChildEvent>) -> Self {
        let source_bytes = match spec {
            TaskSpec::Probe(spec) => spec.source_bytes,
            TaskSpec::Chunk(spec) => spec.source_bytes,
            TaskSpec::Audio(spec) => spec.source_bytes,
            TaskSpec::Remux(spec) => spec.source_bytes,
            TaskSpec::Images(spec) => spec.source_bytes,
            TaskSpec::Subtitles(spec) => spec.source_bytes,
            TaskSpec::Assemble(_) => 0,
        };
        let image_bytes = match spec {
            TaskSpec::Images(spec) => spec.uploaded.map_or(0, |image| image.bytes),
            _ => 0,
        };
        let limits = match spec {
            // What the source is remuxed into is about as large as the source.
            TaskSpec::Probe(_) => Limits {
                output_bytes: intermediate::bytes_max(source_bytes),
                ..limits
            },
            _ => limits,
        };
        Self {
            kind: spec.kind(),
            source_bytes,
            image_bytes,
            limits,
            pool: Arc::default(),
            events,
            advances: AtomicU64::new(0),
            owed: AtomicUsize::new(0),
        }
    }

    /// The size of what may be read.
    pub(super) fn bytes_of(&self, of: Readable) -> u64 {
        match of {
            Readable::Source => self.source_bytes,
            Readable::Image => self.image_bytes,
        }
    }

    /// Tells the owner; waits for it to listen, which is no fault of the child's.
    pub(super) async fn tell(&self, event: ChildEvent) {
        let debt = self.owe();
        if self.events.send(event).await.is_err() {
            tracing::trace!("nobody listens");
        }
        drop(debt);
    }

    /// Ends when nobody listens any more.
    pub(super) async fn abandoned(&self) {
        self.events.closed().await;
    }

    /// Something is owed to the child until the debt is dropped.
    pub(super) fn owe(&self) -> Debt<'_> {
        self.owed.fetch_add(1, Ordering::Relaxed);
        Debt(&self.owed)
    }

    /// Whether the child may be waiting for us.
    pub(super) fn is_owed(&self) -> bool {
        self.owed.load(Ordering::Relaxed) > 0 || self.pool.held() > 0
    }

    /// The child got on.
    pub(super) fn advance(&self) {
        self.advances.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn advances(&self) -> u64 {
        self.advances.load(Ordering::Relaxed)
    }
}

/// Something that is owed to the child.
#[derive(Debug)]
pub(super) struct Debt<'a>(&'a AtomicUsize);

impl Drop for Debt<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The child did what no child of ours does: it is broken, or somebody else's. What it did is for the
/// log, since it may be in words of the file's.
pub(super) fn broken(what: impl std::fmt::Display) -> TaskError {
    tracing::warn!(
        what = plain(&what.to_string()),
        "a child broke its protocol"
    );
    TaskError {
        code: ErrorCode::Crashed,
        message:
            "The task's process broke its protocol, and was ended: if that happens again, report \
                  it with the worker's log."
                .to_owned(),
    }
}
