//! Webhook deliveries.

use serde::{Deserialize, Serialize};

use crate::id::{EndpointId, JobId};

/// The body of a message on `WEBHOOKS`: one stage to tell one receiver of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The receiver.
    pub endpoint: EndpointId,
    /// Its address.
    pub url: String,
    /// Whose fact.
    pub job: JobId,
    /// The fact's number; with the job it is the `webhook-id`, the same for every attempt.
    pub n: u64,
    /// Attempts made before this one.
    pub attempt: u32,
    /// JSON as it is sent and signed: `{"type":"job.playable","timestamp":"...","data":{...}}`.
    pub payload: String,
}
