//! Every address on the bus. No other file of the project spells one out, but the topology's data.
//!
//! Tokens are ids (see [`crate::id`]), fact and task kinds, and numbers: no dots, no wildcards.

use std::fmt;
use std::str::FromStr;

use crate::fact::FactKind;
use crate::id::{EndpointId, JobId, TaskNumber, WorkerName};
use crate::task::{TaskClass, TaskKind};

/// Republished facts of all jobs, for gateways.
pub const LIVE_ALL: &str = "live.job.>";
/// All progress, for gateways.
pub const PROGRESS_ALL: &str = "progress.>";
/// All claims, for the control plane.
pub const CLAIM_ALL: &str = "claim.>";
/// All heartbeats, for the control plane.
pub const HEARTBEAT_ALL: &str = "heartbeat.*";
/// Control-plane instances share claims as one queue group, so that each is answered once.
pub const CLAIM_QUEUE_GROUP: &str = "control-plane";

/// All facts of one job, as a filter.
#[must_use]
pub fn facts_of(job: &JobId) -> String {
    format!("job.{job}.>")
}

/// The fact with this number, whatever its kind, as a filter.
#[must_use]
pub fn fact_numbered(job: &JobId, n: u64) -> String {
    format!("job.{job}.*.{n}")
}

/// One address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// `storage.<source>`: a raw notification, in the storage's own words.
    Storage {
        /// Who tells: `embedded`, `rustfs`, `sqs`, ...
        source: String,
    },
    /// `job.<job>.<fact>.<n>`: a fact, for ever.
    Fact {
        /// Whose.
        job: JobId,
        /// Which kind.
        kind: FactKind,
        /// The fact's number, from 1, without gaps.
        n: u64,
    },
    /// `live.job.<job>.<fact>.<n>`: the same, republished when stored.
    Live {
        /// Whose.
        job: JobId,
        /// Which kind.
        kind: FactKind,
        /// The fact's number.
        n: u64,
    },
    /// `task.<class>.<kind>.<job>.<n>`: an invitation.
    Task {
        /// Which workers can do it.
        class: TaskClass,
        /// What it is.
        kind: TaskKind,
        /// Whose.
        job: JobId,
        /// The task.
        n: TaskNumber,
    },
    /// `report.<worker>.<job>.<n>`: what became of a task, or of a part of it.
    Report {
        /// Who tells.
        worker: WorkerName,
        /// Whose task.
        job: JobId,
        /// The task.
        n: TaskNumber,
    },
    /// `progress.<worker>.<job>.<task>`: the latest value.
    Progress {
        /// Who tells.
        worker: WorkerName,
        /// Whose task.
        job: JobId,
        /// The task.
        task: TaskNumber,
    },
    /// `heartbeat.<worker>`: a sign of life.
    Heartbeat {
        /// Who lives.
        worker: WorkerName,
    },
    /// `timer.<id>`: a scheduled message, waiting.
    Timer {
        /// See [`crate::timer::TimerId`].
        id: String,
    },
    /// `due.<id>`: the same, fired.
    Due {
        /// See [`crate::timer::TimerId`].
        id: String,
    },
    /// `webhook.<endpoint>.<job>.<n>`: a delivery to make.
    Webhook {
        /// The receiver.
        endpoint: EndpointId,
        /// Whose fact.
        job: JobId,
        /// The fact's number.
        n: u64,
    },
    /// `dead.<stream>.<seq>`: what could not be handled.
    Dead {
        /// The bus stream it came from, lower case.
        stream: String,
        /// Its sequence there.
        seq: u64,
    },
    /// `claim.<worker>.<job>.<n>`: request/reply, answered by the control plane.
    Claim {
        /// Who asks.
        worker: WorkerName,
        /// Whose task.
        job: JobId,
        /// The task.
        n: TaskNumber,
    },
    /// `control.<worker>`: cancel, drain.
    Control {
        /// Who is told.
        worker: WorkerName,
    },
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage { source } => write!(f, "storage.{source}"),
            Self::Fact { job, kind, n } => write!(f, "job.{job}.{kind}.{n}"),
            Self::Live { job, kind, n } => write!(f, "live.job.{job}.{kind}.{n}"),
            Self::Task {
                class,
                kind,
                job,
                n,
            } => write!(f, "task.{class}.{kind}.{job}.{n}"),
            Self::Report { worker, job, n } => write!(f, "report.{worker}.{job}.{n}"),
            Self::Progress { worker, job, task } => write!(f, "progress.{worker}.{job}.{task}"),
            Self::Heartbeat { worker } => write!(f, "heartbeat.{worker}"),
            Self::Timer { id } => write!(f, "timer.{id}"),
            Self::Due { id } => write!(f, "due.{id}"),
            Self::Webhook { endpoint, job, n } => write!(f, "webhook.{endpoint}.{job}.{n}"),
            Self::Dead { stream, seq } => write!(f, "dead.{stream}.{seq}"),
            Self::Claim { worker, job, n } => write!(f, "claim.{worker}.{job}.{n}"),
            Self::Control { worker } => write!(f, "control.{worker}"),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

/// Why a text is not one of our addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a subject of tcoder: see `bus-schema/src/subject.rs` for all of them")]
pub struct UnknownSubject(pub String);

impl FromStr for Subject {
    type Err = UnknownSubject;
    fn from_str(text: &str) -> Result<Self, UnknownSubject> {
        parse(text).ok_or_else(|| UnknownSubject(text.chars().take(256).collect()))
    }
}

fn parse(text: &str) -> Option<Subject> {
    let tokens: Vec<&str> = text.split('.').collect();
    Some(match tokens.as_slice() {
        ["storage", source] => Subject::Storage {
            source: plain(source)?,
        },
        ["job", job, kind, n] => Subject::Fact {
            job: job.parse().ok()?,
            kind: kind.parse().ok()?,
            n: number(n)?,
        },
        ["live", "job", job, kind, n] => Subject::Live {
            job: job.parse().ok()?,
            kind: kind.parse().ok()?,
            n: number(n)?,
        },
        ["task", class, kind, job, n] => Subject::Task {
            class: class.parse().ok()?,
            kind: kind.parse().ok()?,
            job: job.parse().ok()?,
            n: TaskNumber(number(n)?),
        },
        ["report", worker, job, n] => Subject::Report {
            worker: worker.parse().ok()?,
            job: job.parse().ok()?,
            n: TaskNumber(number(n)?),
        },
        ["progress", worker, job, task] => Subject::Progress {
            worker: worker.parse().ok()?,
            job: job.parse().ok()?,
            task: TaskNumber(number(task)?),
        },
        ["heartbeat", worker] => Subject::Heartbeat {
            worker: worker.parse().ok()?,
        },
        ["timer", id] => Subject::Timer { id: plain(id)? },
        ["due", id] => Subject::Due { id: plain(id)? },
        ["webhook", endpoint, job, n] => Subject::Webhook {
            endpoint: endpoint.parse().ok()?,
            job: job.parse().ok()?,
            n: number(n)?,
        },
        ["dead", stream, seq] => Subject::Dead {
            stream: plain(stream)?,
            seq: number(seq)?,
        },
        ["claim", worker, job, n] => Subject::Claim {
            worker: worker.parse().ok()?,
            job: job.parse().ok()?,
            n: TaskNumber(number(n)?),
        },
        ["control", worker] => Subject::Control {
            worker: worker.parse().ok()?,
        },
        _ => return None,
    })
}

/// Digits only and no leading zero or plus, so that one number has one spelling.
fn number<N: FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>().ok().filter(|n| n.to_string() == text)
}

/// Longest token that is not an id: a webhook's timer ([`crate::timer::TimerId::webhook`]) of the longest
/// endpoint and numbers has 93 bytes.
const PLAIN_BYTES_MAX: usize = 96;

fn plain(text: &str) -> Option<String> {
    let is_plain = !text.is_empty()
        && text.len() <= PLAIN_BYTES_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
    is_plain.then(|| text.to_owned())
}
