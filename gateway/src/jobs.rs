//! The port to the control plane: all that the edge may ask about jobs. The edge decides nothing
//! about them; the control plane implements this in the same process.

use std::fmt;

use bus_schema::id::{JobId, TenantId};
use bus_schema::record::{JobRecord, JobState, SourceObject};
use bus_schema::request::JobRequest;
use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

/// What every question is answered with, some time.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What the control plane does for the edge. All of it may be asked at once, by many.
pub trait Jobs: fmt::Debug + Send + Sync + 'static {
    /// Makes a job; asked twice with the same id, it makes one.
    fn create(&self, new: NewJob) -> Answer<'_, JobRecord>;

    /// The record, as it is now. [`ErrorKind::NotFound`] when there is none.
    fn get(&self, id: JobId) -> Answer<'_, JobRecord>;

    /// Records, newest first.
    fn list(&self, filter: ListFilter) -> Answer<'_, Vec<JobRecord>>;

    /// Stops the work. A job that has ended stays as it is: [`ErrorKind::Conflict`].
    fn cancel(&self, id: JobId) -> Answer<'_, JobRecord>;

    /// Cancels if needed, then removes outputs and record.
    fn delete(&self, id: JobId) -> Answer<'_, ()>;

    /// What an attempt wrote, as JSON, by [`bus_schema::attempt::key`]. Never changes once there;
    /// `None` when it is not, or was purged.
    fn attempt(&self, key: String) -> Answer<'_, Option<Vec<u8>>>;

    /// Numbers for dashboards, from memory.
    fn stats(&self) -> Stats;

    /// What works and what does not, from memory.
    fn status(&self) -> Status;
}

/// What a new job is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Made by the edge, so that repeating the request makes the same job.
    pub id: JobId,
    /// Its owner.
    pub tenant: TenantId,
    /// What is asked for, checked.
    pub request: JobRequest,
    /// 0 to 100.
    pub priority: u8,
    /// The object that will be, or is, the source; with its ETag when it is there.
    pub source: SourceObject,
    /// When the upload's address ends, milliseconds since 1970; `None` when the object is there.
    pub upload_expires_ms: Option<u64>,
}

/// Which jobs to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFilter {
    /// Whose.
    pub tenant: TenantId,
    /// Only those that stand there.
    pub state: Option<JobState>,
    /// Only those with the client's own id.
    pub external_id: Option<String>,
    /// Only those that are older than this one: where the page before ended.
    pub after: Option<JobId>,
    /// At most so many.
    pub limit: usize,
}

/// Numbers for dashboards, each as of the last time it was counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Stats {
    /// Jobs by state, as of the last sweep: half a minute old at most while the bus answers.
    pub jobs: JobCounts,
    /// Tasks of active jobs, by state, as their jobs said last.
    pub tasks: TaskCounts,
    /// Workers that live.
    pub workers: u64,
    /// Tasks that they can do at once.
    pub slots: u64,
    /// Slots in use.
    pub slots_busy: u64,
    /// How long the job that waits longest has had tasks that no worker has taken, as far back as this control plane
    /// has seen; nothing while none waits.
    pub oldest_wait_ms: Option<u64>,
}

/// Jobs by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[expect(
    missing_docs,
    reason = "the states are documented where they are defined, in the record"
)]
pub struct JobCounts {
    pub uploading: u64,
    pub queued: u64,
    pub running: u64,
    pub playable: u64,
    pub completed: u64,
    pub failed: u64,
    pub cancelled: u64,
}

/// Tasks by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct TaskCounts {
    /// Not released yet.
    pub waiting: u64,
    /// Workers are invited.
    pub released: u64,
    /// In a worker's hands.
    pub claimed: u64,
}

/// What works and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Status {
    /// The connection to NATS.
    pub bus: Health,
    /// The object store.
    pub storage: Health,
    /// Who releases work and reconciles machines.
    pub leader: Option<String>,
    /// Whether that is this process.
    pub is_leader: bool,
    /// Workers that are known.
    pub workers: Vec<WorkerStatus>,
    /// Of this program.
    pub version: String,
}

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// Whether it works.
    pub is_ok: bool,
    /// One sentence: since when, or what is wrong and what to do.
    pub detail: String,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkerStatus {
    /// Its name.
    pub name: String,
    /// In plain words: `idle`, `busy`, `draining`, `silent`.
    pub state: String,
    /// Tasks that it can do at once.
    pub slots: u32,
    /// Slots in use.
    pub slots_busy: u32,
    /// When it was heard last, milliseconds since 1970.
    pub seen_ms: u64,
}

/// Why the control plane did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What to do about it.
    pub kind: ErrorKind,
    /// One sentence for the client.
    pub message: String,
}

/// What kind of no it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such job.
    NotFound,
    /// Not in the state that the job is in.
    Conflict,
    /// Against a rule or over a quota; asking again is answered alike.
    Refused,
    /// Not now: ask again.
    Unavailable,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
