//! Heartbeats: signs of life and abilities. The control plane turns them into leases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, JobId, TaskNumber, WorkerName};
use crate::task::TaskClass;

/// How often a worker says that it lives.
pub const HEARTBEAT_INTERVAL_MS: u64 = 1_000;
/// How long a worker's lease lasts: four heartbeats may be lost. Whole seconds (KV TTL granularity).
pub const LEASE_TTL_MS: u64 = 5_000;

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who lives.
    pub worker: WorkerName,
    /// This run of the worker's process: random, new at every start.
    pub run: String,
    /// Its process id on its machine.
    pub pid: u32,
    /// Slots by class.
    pub slots: BTreeMap<TaskClass, u32>,
    /// Attempts in hand: being named here is what keeps one alive.
    pub busy: Vec<Busy>,
    /// Encoders that really encoded at start-up, and those that are there and did not, or have failed since,
    /// with the reason.
    pub encoders: Vec<EncoderCheck>,
    /// Whether it takes no more work and leaves when idle.
    pub is_draining: bool,
}

/// An attempt in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Busy {
    /// Whose task.
    pub job: JobId,
    /// Which.
    pub task: TaskNumber,
    /// Which try.
    pub attempt: Attempt,
}

/// What a trial encode showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderCheck {
    /// GStreamer element.
    pub encoder: String,
    /// `None`: frames were encoded and decoded again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
