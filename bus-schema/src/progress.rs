//! Progress: the latest value only, at most ten a second per task.

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, JobId, TaskNumber, WorkerName};

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Who tells.
    pub worker: WorkerName,
    /// Whose task.
    pub job: JobId,
    /// Which.
    pub task: TaskNumber,
    /// Which try.
    pub attempt: Attempt,
    /// Source time encoded so far in each rendition, in the plan's order (one entry for audio). Of a file, and of a
    /// source that its probe remuxes, one entry: bytes.
    pub done_ns: Vec<u64>,
    /// Source time of the whole task; or its bytes.
    pub total_ns: u64,
    /// Frames encoded per second of wall time, since the task began; 0 where there are no frames.
    pub frames_per_s: u32,
}
