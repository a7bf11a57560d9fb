//! Facts: every past event of a job, numbered without gaps. The audit trail, the browsers' feed and
//! the Notifier's input are this one stream.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, RenditionName, TaskNumber, WorkerName};
use crate::report::TaskError;
use crate::task::TaskKind;

/// What happened. Tagged by `type`, in MessagePack as in JSON, so that a fact reads the same in a
/// browser and in an operator's terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Fact {
    /// An upload was authorized; nothing has come yet.
    Authorized {
        /// The user's name of the file.
        filename: String,
        /// Bytes that may be uploaded.
        bytes: u64,
    },
    /// The source is in storage.
    Uploaded {
        /// Its size.
        bytes: u64,
        /// Its ETag, which every later read demands.
        etag: String,
    },
    /// The job's first task was released to the workers.
    Started {},
    /// The source's facts are known.
    Probed {
        /// Container.
        container: String,
        /// Length.
        duration_ms: u64,
        /// Size as shown, 0 x 0 without a picture.
        width: u32,
        /// Size as shown, 0 x 0 without a picture.
        height: u32,
        /// Whether there is sound.
        has_audio: bool,
    },
    /// The work is cut out.
    Planned {
        /// Every rendition, lowest first.
        renditions: Vec<PlannedRendition>,
        /// Whether there is an audio rendition.
        has_audio: bool,
        /// Number of tasks in all.
        n_tasks: u32,
        /// Chunks of the picture.
        n_chunks: u32,
        /// Why the source is encoded rather than copied, where one would expect a copy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encode_reason: Option<String>,
    },
    /// A worker took a task.
    Claimed {
        /// Which.
        task: TaskNumber,
        /// What it does.
        kind: TaskKind,
        /// Which try.
        attempt: Attempt,
        /// Who.
        worker: WorkerName,
    },
    /// A task is done, its objects were checked.
    TaskDone {
        /// Which.
        task: TaskNumber,
        /// What it does.
        kind: TaskKind,
        /// The winning try.
        attempt: Attempt,
    },
    /// A part of a long task is done.
    PartDone {
        /// Which task.
        task: TaskNumber,
        /// What it does.
        kind: TaskKind,
        /// The part, from 0.
        part: u32,
        /// The try that wrote it.
        attempt: Attempt,
    },
    /// A try failed or was lost.
    TaskFailed {
        /// Which.
        task: TaskNumber,
        /// What it does.
        kind: TaskKind,
        /// Which try.
        attempt: Attempt,
        /// Why.
        error: TaskError,
        /// Whether the task is tried again.
        will_retry: bool,
    },
    /// A rendition was given up.
    RenditionDropped {
        /// Which.
        rendition: RenditionName,
        /// Why.
        error: TaskError,
    },
    /// The first seconds can be played.
    Playable {
        /// Milliseconds from the upload's end.
        after_ms: u64,
    },
    /// An MP4 is in storage.
    FileDone {
        /// Which.
        rendition: RenditionName,
        /// Its size.
        bytes: u64,
    },
    /// Everything is in storage.
    Completed {
        /// Milliseconds from the upload's end.
        after_ms: u64,
        /// What fell short without failing the job.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
    },
    /// The job failed.
    Failed {
        /// Why.
        error: TaskError,
    },
    /// The job was cancelled.
    Cancelled {},
}

/// A rendition as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRendition {
    /// Its name.
    pub name: RenditionName,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

macro_rules! fact_kinds {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        /// A fact's kind, as a subject token.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FactKind { $(#[doc = concat!("See [`Fact::", stringify!($variant), "`].")] $variant),+ }

        impl FactKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The token in subjects, and the fact's `type`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl Fact {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> FactKind {
                match self { $(Self::$variant { .. } => FactKind::$variant),+ }
            }
        }
    };
}

fact_kinds! {
    Authorized = "authorized",
    Uploaded = "uploaded",
    Started = "started",
    Probed = "probed",
    Planned = "planned",
    Claimed = "claimed",
    TaskDone = "task-done",
    PartDone = "part-done",
    TaskFailed = "task-failed",
    RenditionDropped = "rendition-dropped",
    Playable = "playable",
    FileDone = "file-done",
    Completed = "completed",
    Failed = "failed",
    Cancelled = "cancelled",
}

impl FactKind {
    /// The stage that a webhook is sent for, where this kind is one.
    #[must_use]
    pub fn stage(self) -> Option<&'static str> {
        Some(match self {
            Self::Uploaded => "job.uploaded",
            Self::Started => "job.started",
            Self::Playable => "job.playable",
            Self::Completed => "job.completed",
            Self::Failed => "job.failed",
            Self::Cancelled => "job.cancelled",
            Self::Authorized
            | Self::Probed
            | Self::Planned
            | Self::Claimed
            | Self::TaskDone
            | Self::PartDone
            | Self::TaskFailed
            | Self::RenditionDropped
            | Self::FileDone => return None,
        })
    }
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FactKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}
