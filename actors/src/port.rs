//! The control plane as the edge sees it: [`gateway::jobs::Jobs`], in the same process.

use std::time::Duration;

use bus_schema::JobId;
use bus_schema::record::{JobRecord, JobState};
use gateway::jobs::{
    Answer, Error, ErrorKind, Health, JobCounts, Jobs, ListFilter, NewJob, Stats, Status,
    TaskCounts, WorkerStatus,
};
use ractor::RpcReplyPort;
use ractor::rpc::CallResult;

use crate::admission;
use crate::clock::now_ms;
use crate::job::actor::{Answer as JobAnswer, Message as ToJob, Refusal};
use crate::job::new;
use crate::platform::Platform;
use crate::workers::Worker;

/// How long a job may take over a wish; deleting thousands of objects takes a while.
const JOB_PATIENCE: Duration = Duration::from_secs(30);

/// The control plane, for the edge.
#[derive(Debug, Clone)]
pub struct Port {
    /// What it stands on.
    pub platform: Platform,
}

// === impl Jobs ===

impl Jobs for Port {
    fn create(&self, new: NewJob) -> Answer<'_, JobRecord> {
        let NewJob {
            id,
            tenant,
            request,
            priority,
            source,
            upload_expires_ms,
        } = new;
        let new = new::NewJob {
            id,
            tenant,
            request,
            priority,
            source,
            upload_expires_ms,
        };
        Box::pin(self.ask(id, |reply| ToJob::Begin(Box::new(new), reply)))
    }

    fn get(&self, id: JobId) -> Answer<'_, JobRecord> {
        Box::pin(async move {
            let found = self
                .platform
                .jobs
                .load(id.as_str())
                .await
                .map_err(unavailable)?;
            found.map(|(record, _)| record).ok_or_else(unknown)
        })
    }

    fn list(&self, filter: ListFilter) -> Answer<'_, Vec<JobRecord>> {
        Box::pin(async move {
            let mut ids = self.platform.jobs.keys().await.map_err(unavailable)?;
            // Ids sort by the time they were made.
            ids.sort_unstable_by(|a, b| b.cmp(a));
            let after = filter.after.map(|id| id.to_string());
            let mut found = Vec::new();
            for id in ids
                .iter()
                .filter(|id| after.as_ref().is_none_or(|after| *id < after))
            {
                if found.len() >= filter.limit {
                    break;
                }
                let loaded = self.platform.jobs.load(id).await.map_err(unavailable)?;
                found.extend(
                    loaded
                        .map(|(record, _)| record)
                        .filter(|job| matches(job, &filter)),
                );
            }
            Ok(found)
        })
    }

    fn cancel(&self, id: JobId) -> Answer<'_, JobRecord> {
        Box::pin(self.ask(id, ToJob::Cancel))
    }

    fn delete(&self, id: JobId) -> Answer<'_, ()> {
        Box::pin(self.ask(id, ToJob::Delete))
    }

    fn attempt(&self, key: String) -> Answer<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            let found = self
                .platform
                .attempts
                .load(&key)
                .await
                .map_err(unavailable)?;
            found
                .map(|(value, _)| serde_json::to_vec(&value))
                .transpose()
                .map_err(|error| {
                    Error::new(
                        ErrorKind::Unavailable,
                        format!("a record cannot be read: {error}"),
                    )
                })
        })
    }

    fn stats(&self) -> Stats {
        let demand = self.platform.board.demand();
        let workers = self.platform.board.workers();
        let sum = |pick: fn(&crate::board::Tasks) -> u32| {
            demand.values().map(|tasks| u64::from(pick(tasks))).sum()
        };
        let tasks = TaskCounts {
            waiting: sum(|tasks| tasks.waiting),
            released: sum(|tasks| tasks.released),
            claimed: sum(|tasks| tasks.claimed),
        };
        Stats {
            jobs: counts(&self.platform.board.states()),
            tasks,
            workers: workers.iter().count() as u64,
            slots: workers
                .iter()
                .map(|(_, worker)| u64::from(slots(worker)))
                .sum(),
            slots_busy: workers
                .iter()
                .map(|(_, worker)| u64::from(busy(worker)))
                .sum(),
            oldest_wait_ms: self
                .platform
                .board
                .waits_since_ms()
                .map(|since_ms| now_ms().saturating_sub(since_ms)),
        }
    }

    fn status(&self) -> Status {
        let since = self.platform.bus.connection().borrow().hearing_for();
        let is_ok = !since.is_zero();
        let detail = if is_ok {
            format!("connected for {} s", since.as_secs())
        } else {
            "not connected: is nats-server up?".to_owned()
        };
        let workers = self.platform.board.workers();
        Status {
            bus: Health { is_ok, detail },
            storage: self.platform.board.storage_health(),
            leader: None,
            is_leader: true,
            workers: workers.iter().map(|(_, worker)| shown(worker)).collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

// === impl Port ===

impl Port {
    async fn ask<T: Send + 'static>(
        &self,
        id: JobId,
        message: impl FnOnce(RpcReplyPort<JobAnswer<T>>) -> ToJob + Send,
    ) -> Result<T, Error> {
        let Some(admission) = self.platform.board.admission() else {
            return Err(busy_error());
        };
        let wrap = |reply| admission::Message::ToJob(id, message(reply));
        match admission.call(wrap, Some(JOB_PATIENCE)).await {
            Ok(CallResult::Success(answer)) => answer.map_err(|refusal| refused(&refusal)),
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Err(busy_error()),
        }
    }
}

fn busy_error() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the control plane is busy: ask again in a second",
    )
}

fn unknown() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such job")
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn unavailable(error: nats::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the bus does not answer, ask again: {error}"),
    )
}

fn refused(refusal: &Refusal) -> Error {
    let kind = match refusal {
        Refusal::Unknown => ErrorKind::NotFound,
        Refusal::State(_) => ErrorKind::Conflict,
        Refusal::Unavailable(_) => ErrorKind::Unavailable,
    };
    Error::new(kind, refusal.to_string())
}

fn matches(job: &JobRecord, filter: &ListFilter) -> bool {
    job.tenant == filter.tenant
        && filter.state.is_none_or(|state| job.state == state)
        && filter
            .external_id
            .as_ref()
            .is_none_or(|id| job.request.external_id.as_ref() == Some(id))
}

fn counts(states: &crate::board::States) -> JobCounts {
    let of = |state: JobState| states.get(&state).copied().unwrap_or(0);
    JobCounts {
        uploading: of(JobState::Uploading),
        queued: of(JobState::Queued),
        running: of(JobState::Running),
        playable: of(JobState::Playable),
        completed: of(JobState::Completed),
        failed: of(JobState::Failed),
        cancelled: of(JobState::Cancelled),
    }
}

fn slots(worker: &Worker) -> u32 {
    worker.heartbeat.slots.values().sum()
}

fn busy(worker: &Worker) -> u32 {
    u32::try_from(worker.heartbeat.busy.len()).unwrap_or(u32::MAX)
}

fn shown(worker: &Worker) -> WorkerStatus {
    let state = match (
        worker.heartbeat.is_draining,
        worker.heartbeat.busy.is_empty(),
    ) {
        (true, _) => "draining",
        (false, true) => "idle",
        (false, false) => "busy",
    };
    WorkerStatus {
        name: worker.heartbeat.worker.to_string(),
        state: state.to_owned(),
        slots: slots(worker),
        slots_busy: busy(worker),
        seen_ms: worker.seen_ms,
    }
}
