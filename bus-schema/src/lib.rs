//! The contract between tcoder's processes.
//!
//! Everything that crosses the bus, lies in a KV bucket or names an object is defined here, once:
//! no IO, no async, no clock. Modules stand in the order in which the data travels.

pub mod id;

pub mod subject;

pub mod codec;

pub mod object_key;

pub mod video_codec;

pub mod encoder;

pub mod request;

pub mod source;

pub mod language;

pub mod ladder;

pub mod chapter;

pub mod plan;

pub mod intermediate;

pub mod broadcast;

pub mod record;

pub mod fact;

pub mod task;

pub mod claim;

pub mod report;

pub mod attempt;

pub mod progress;

pub mod heartbeat;

pub mod control;

pub mod timer;

pub mod webhook;

pub mod machine;

pub mod live;

pub use codec::{Envelope, decode, encode};
pub use id::{Attempt, EndpointId, JobId, RenditionName, TaskNumber, TenantId, Token, WorkerName};
