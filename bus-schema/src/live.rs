//! What a browser hears: JSON text frames with `type`, `job` and `n`.

use serde::{Deserialize, Serialize};

use crate::fact::Fact;
use crate::id::{JobId, RenditionName};

/// One frame of a live session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LiveMessage {
    /// First frame of every session.
    Hello(Hello),
    /// How far the job is.
    Progress(JobProgress),
    /// A fact, as it was recorded: its `type` is the fact's.
    Fact(LiveFact),
}

/// First frame: where the session begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// `hello`.
    pub r#type: HelloType,
    /// Whose feed.
    pub job: JobId,
    /// The fact before the first that follows: the client's own last one, unless facts are gone.
    pub n: u64,
    /// Whether every fact after `n` follows. `false`: some are gone; the record tells the state.
    pub recovered: bool,
}

/// The tag of [`Hello`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HelloType {
    /// The only value.
    Hello,
}

/// A fact with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveFact {
    /// Whose.
    pub job: JobId,
    /// Its number; the next one's is one more.
    pub n: u64,
    /// When it happened, milliseconds since 1970.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

/// Latest progress, aggregated over a job's tasks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobProgress {
    /// `progress`.
    pub r#type: ProgressType,
    /// Whose.
    pub job: JobId,
    /// The last fact sent before.
    pub n: u64,
    /// The whole job, 0 to 100, never falling.
    pub percent: f64,
    /// Source seconds encoded per second of wall time; 0 while unknown.
    pub speed: f64,
    /// Until everything is stored; `None` while unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_ms: Option<u64>,
    /// How much of a source without an index was remuxed, 0 to 100, never falling: while its probe does so,
    /// before there is anything else to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remuxed_percent: Option<f64>,
    /// Each rendition, lowest first, the sound last.
    pub renditions: Vec<RenditionProgress>,
}

/// The tag of [`JobProgress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgressType {
    /// The only value.
    Progress,
}

/// One rendition's progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenditionProgress {
    /// Which.
    pub name: RenditionName,
    /// 0 to 100, never falling.
    pub percent: f64,
}
