//! Claims: how an invitation becomes an attempt, and how an attempt gets addresses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, JobId, TaskNumber, Token, WorkerName};
use crate::intermediate::IntermediatePlace;
use crate::task::TaskSpec;

/// The most addresses asked for at once: no message carries thousands, and none grows old in a queue.
pub const WANTS_MAX: usize = 256;

/// Asks for a task, or for more addresses of an attempt in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRequest {
    /// Who asks; must be the subject's worker.
    pub worker: WorkerName,
    /// The run of its process, as its heartbeats say: what an earlier run had is lost.
    pub run: String,
    /// Whose task.
    pub job: JobId,
    /// Which.
    pub task: TaskNumber,
    /// The attempt in hand; `None` asks for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Addresses wanted, at most [`WANTS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub want: Vec<Want>,
}

/// An attempt in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its ordinal.
    pub attempt: Attempt,
    /// Its proof.
    pub token: Token,
}

/// An address that an attempt needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// Read the source.
    Source,
    /// Read the image that was uploaded beside the source.
    Image,
    /// Write an object of this exact size under the attempt's prefix; the name as
    /// [`crate::object_key::is_attempt_name`] allows.
    Put {
        /// Relative to the attempt's prefix.
        name: String,
        /// Its size, signed into the address.
        bytes: u64,
    },
    /// Read an object of this job's outputs: `t3a1/720p/000001.m4s`.
    Get {
        /// Relative to the job's outputs.
        name: String,
    },
    /// Write one part of the attempt's finished file; parts count from 1.
    Part {
        /// The part's number.
        n: u32,
        /// Its size, signed into the address.
        bytes: u64,
    },
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimReply {
    /// The attempt is yours.
    Go(Go),
    /// Nothing to do here (any more): ack the invitation, stop the work.
    Gone {
        /// For the log.
        reason: String,
    },
    /// Not now: give the invitation back for this long.
    Later {
        /// How long.
        after_ms: u64,
    },
}

/// An attempt, granted or confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Go {
    /// The attempt.
    pub held: Held,
    /// Milliseconds since 1970 by the control plane's clock; heartbeats that name the attempt move it.
    pub deadline_ms: u64,
    /// What to do; only in the answer that grants the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<Box<TaskSpec>>,
    /// The addresses wanted, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SignedRequest>,
    /// What the task reads in the source's place; only beside `spec`. Its objects are asked for by
    /// [`Want::Get`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate: Option<IntermediatePlace>,
}

/// A request that may be made until `expires_at_ms`, with exactly these headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRequest {
    /// `GET` or `PUT`.
    pub method: String,
    /// The whole address, with its signature.
    pub url: String,
    /// Headers that are signed and must be sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    pub expires_at_ms: u64,
}
