//! What a worker is told. A lost one is repeated in the next claim's answer.

use serde::{Deserialize, Serialize};

use crate::id::{JobId, TaskNumber};

/// The body of a message on `control.<worker>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Stop all work on this job, or on one task of it.
    Cancel {
        /// Which job.
        job: JobId,
        /// One task only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskNumber>,
    },
    /// Take no more work, finish what is in hand, leave.
    Drain,
}
