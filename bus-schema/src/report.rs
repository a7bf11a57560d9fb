//! Reports: what became of a task, or of a part of a long one.

use serde::{Deserialize, Serialize};

use crate::attempt::{AssembleResult, AudioPart, ChunkResult, ImagesResult, SubtitlesResult};
use crate::claim::Held;
use crate::id::{JobId, TaskNumber, WorkerName};
use crate::request::loudness::LoudnessResult;
use crate::source::SourceFacts;

/// The body of a message on `REPORTS`. May arrive twice, late, or from a worker that lost its attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Who tells; must be the subject's worker.
    pub worker: WorkerName,
    /// Whose task.
    pub job: JobId,
    /// Which.
    pub task: TaskNumber,
    /// Which try, with its proof.
    pub held: Held,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a task or a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The source was read.
    Probed(SourceFacts),
    /// A chunk is in storage.
    Transcoded(ChunkResult),
    /// A part of the sound is in storage.
    AudioPart(AudioPart),
    /// All parts of the sound are.
    AudioDone {
        /// How many parts there are, all reported before.
        n_parts: u32,
        /// What was measured, where a level was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loudness: Option<LoudnessResult>,
    },
    /// All parts of the finished file were written; the control plane completes the upload.
    Assembled(AssembleResult),
    /// All parts of the copied file were written; the control plane completes the upload.
    Remuxed(AssembleResult),
    /// The still images are in storage.
    Pictured(ImagesResult),
    /// The subtitles are in storage.
    Subtitled(SubtitlesResult),
    /// It failed.
    Failed(TaskError),
    /// The worker gives the task back untouched: it drains, or cannot do it.
    Returned {
        /// Why.
        reason: String,
    },
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskError {
    /// Stable code.
    pub code: ErrorCode,
    /// One sentence for people.
    pub message: String,
}

/// Stable error codes of jobs and tasks, as the API shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The upload has no bytes.
    Empty,
    /// The source is not a media file.
    NotMedia,
    /// The source ends before its own index says.
    Truncated,
    /// The source has no picture, and sound alone was not asked for.
    NoVideo,
    /// The source has no sound, and nothing else was asked for.
    NoAudio,
    /// A codec, format or size that is not supported.
    Unsupported,
    /// The source's bytes are damaged beyond use.
    Damaged,
    /// The upload never came.
    UploadExpired,
    /// The object is gone, or not the one that was accepted.
    SourceChanged,
    /// Over a limit: memory, time without progress, output size.
    LimitExceeded,
    /// A hardware encoder failed.
    EncoderFailed,
    /// The worker does not have the encoder that the plan pins.
    CannotMatch,
    /// The child process died.
    Crashed,
    /// Storage, the bus or the network failed.
    Unavailable,
    /// The worker was lost.
    WorkerLost,
    /// A defect of tcoder.
    Internal,
}

impl ErrorCode {
    /// Whether another try can end otherwise. What the source itself causes will cause it again.
    #[must_use]
    pub fn is_passing(self) -> bool {
        match self {
            Self::Empty
            | Self::NotMedia
            | Self::Truncated
            | Self::NoVideo
            | Self::NoAudio
            | Self::Unsupported
            | Self::Damaged
            | Self::UploadExpired
            | Self::SourceChanged => false,
            Self::LimitExceeded
            | Self::EncoderFailed
            | Self::CannotMatch
            | Self::Crashed
            | Self::Unavailable
            | Self::WorkerLost
            | Self::Internal => true,
        }
    }
}
