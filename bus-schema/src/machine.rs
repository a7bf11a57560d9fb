//! The pool's view of machines, as it lies in the `machines` bucket.

use serde::{Deserialize, Serialize};

use crate::heartbeat::Heartbeat;
use crate::id::WorkerName;

/// A worker's lease: written by the control plane from heartbeats, with a TTL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLease {
    /// Whose.
    pub worker: WorkerName,
    /// The last heartbeat, as it came.
    pub heartbeat: Heartbeat,
    /// When it came, milliseconds since 1970.
    pub seen_ms: u64,
    /// Since when it has had nothing in hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_since_ms: Option<u64>,
}
