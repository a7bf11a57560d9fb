//! The job machine: every state, every event, no IO.
//!
//! [`Job::apply`] takes an event and the time and gives the next record with the effects of the
//! step. It is idempotent: an event that was applied before, or comes too late, changes nothing.
//! Whoever calls it writes the record by compare-and-set with the effects in its outbox, performs
//! them, and only then acks what the event came from.

pub mod actor;
mod cancel;
mod chapters;
mod claim;
mod effects;
mod failure;
mod fallback;
mod finish;
mod images;
mod look;
pub mod new;
mod release;
mod report;
pub mod spec;
mod subtitles;
mod takeover;
mod upload;

pub use claim::ClaimVerdict;
pub use report::ReportVerdict;

use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, TaskNumber, Token, WorkerName};
use bus_schema::intermediate::CONTAINERS;
use bus_schema::plan::{Plan, TaskRole};
use bus_schema::record::{Effect, JobRecord, JobState, Output, TaskState};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::source::SourceFacts;

use crate::workers::Holder;

/// How long a claimed attempt lives without a heartbeat that names it, and how long an invitation
/// may be out before it is sent again. Twelve lease terms: silence is noticed by the lease first.
pub const CLAIM_DEADLINE_MS: u64 = 30_000;

/// Failures of one task before it is given up. What fails three times on different machines is most
/// likely its own cause.
pub const TASK_FAILURES_MAX: u16 = 4;

/// Losses of one task - its worker was gone - before it is given up. Machines may be taken away at
/// any time, and no accepted upload is lost for that; but a task that takes its machine down each
/// time must end some day: with the pauses below, after half an hour.
pub const TASK_LOSSES_MAX: u16 = 32;

/// Losses after which a task is still replaced at once.
pub const LOSSES_AT_ONCE: u16 = 3;

/// Longest pause after a loss.
pub const LOSS_PAUSE_MAX_MS: u64 = 60_000;

/// Pause before a failed task is tried again: this, doubled per failure.
pub const RETRY_PAUSE_MS: u64 = 500;

/// Grace after an upload's address has ended: a PUT that began in time may still be running.
pub const UPLOAD_GRACE_MS: u64 = 10 * 60 * 1_000;

/// What can happen to a job.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, never stored")]
pub enum Event {
    /// The source object is in storage, as seen by asking the storage.
    Uploaded {
        /// Its size.
        bytes: u64,
        /// Its ETag.
        etag: String,
    },
    /// Admission lets these tasks go.
    Released(Vec<TaskNumber>),
    /// A worker takes a task that [`Job::claim_verdict`] granted.
    Claimed {
        /// Which task.
        task: TaskNumber,
        /// Who.
        worker: WorkerName,
        /// Which run of its process.
        run: String,
        /// The new attempt's proof.
        token: Token,
        /// The multipart upload made for it.
        upload_id: Option<String>,
    },
    /// A report that [`Job::report_verdict`] accepted, and whose objects were checked.
    Reported {
        /// Which task.
        task: TaskNumber,
        /// Which try.
        attempt: Attempt,
        /// What became of it.
        outcome: Outcome,
        /// What follows from a probe.
        plan: Option<Result<Plan, TaskError>>,
    },
    /// Time to look at deadlines, and at who has what in hand.
    Look {
        /// What heartbeats say of the holders of attempts; of one that is missing nothing is known.
        holders: Vec<(TaskNumber, Attempt, Holder)>,
    },
    /// The final playlists are written.
    Finished {
        /// Everything that can be fetched.
        outputs: Vec<Output>,
        /// What fell short.
        warnings: Vec<String>,
    },
    /// The results do not fit together.
    FinishFailed(TaskError),
    /// Its owner stops it.
    Cancel,
}

/// A job: its record, and what may become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// As it lies in the register.
    pub record: JobRecord,
}

/// One step: the record as it becomes, the effects so far.
struct Step {
    record: JobRecord,
    effects: Vec<Effect>,
    now_ms: u64,
}

// === impl Job ===

impl Job {
    /// The job of a record.
    #[must_use]
    pub fn of(record: JobRecord) -> Self {
        Self { record }
    }

    /// The next record and what follows from it. Changes nothing in a terminal state.
    #[must_use]
    pub fn apply(self, event: Event, now_ms: u64) -> (Self, Vec<Effect>) {
        let mut step = Step {
            record: self.record,
            effects: Vec::new(),
            now_ms,
        };
        if !step.record.state.is_terminal() {
            step.apply(event);
        }
        (
            Self {
                record: step.record,
            },
            step.effects,
        )
    }

    /// What a task is for: from the plan, or the probe before there is one.
    #[must_use]
    pub fn role(&self, task: TaskNumber) -> Option<TaskRole> {
        role(&self.record, task)
    }
}

fn role(record: &JobRecord, task: TaskNumber) -> Option<TaskRole> {
    match &record.plan {
        Some(plan) => plan.role(task),
        None => (task == PROBE).then_some(TaskRole::Probe),
    }
}

/// The first task of every job.
pub const PROBE: TaskNumber = TaskNumber(0);

// === impl Step ===

impl Step {
    fn apply(&mut self, event: Event) {
        match event {
            Event::Uploaded { bytes, etag } => self.uploaded(bytes, etag),
            Event::Released(tasks) => self.released(&tasks),
            Event::Claimed {
                task,
                worker,
                run,
                token,
                upload_id,
            } => {
                self.claimed(task, (worker, run), token, upload_id);
            }
            Event::Reported {
                task,
                attempt,
                outcome,
                plan,
            } => {
                self.reported(task, attempt, outcome, plan);
            }
            Event::Look { holders } => self.looked(&holders),
            Event::Finished { outputs, warnings } => self.finished(outputs, warnings),
            Event::FinishFailed(error) => self.fail(error),
            Event::Cancel => self.cancel(),
        }
    }

    /// Records a fact under the next number.
    fn fact(&mut self, fact: Fact) {
        self.record.n_facts += 1;
        self.effects.push(Effect::Fact {
            n: self.record.n_facts,
            at_ms: self.now_ms,
            fact,
        });
    }

    /// Sees to it that a timer looks at the record at this time or before.
    fn look_by(&mut self, at_ms: u64) {
        if self
            .record
            .next_look_ms
            .is_some_and(|next_ms| next_ms <= at_ms)
        {
            return;
        }
        self.record.next_look_ms = Some(at_ms);
        self.record.n_timers += 1;
        self.effects.push(Effect::Timer {
            version: self.record.n_timers,
            at_ms,
        });
    }

    /// Ends the job as failed.
    fn fail(&mut self, error: TaskError) {
        self.stop_work();
        self.record.state = JobState::Failed;
        self.record.times.finished_ms = Some(self.now_ms);
        self.record.error = Some(error.clone());
        self.fact(Fact::Failed { error });
        self.drop_everything();
    }

    /// Has what the source was remuxed into removed, where there may be something of it: nobody reads it
    /// any more.
    fn drop_intermediate(&mut self) {
        let attempts = self.record.tasks.get(PROBE).map_or(0, |task| task.attempts);
        let is_remuxed = |facts: &SourceFacts| CONTAINERS.contains(&facts.container.as_str());
        // Of an attempt that was lost nobody knows what it had read.
        let may_be = attempts > 1 || self.record.facts.as_ref().is_none_or(is_remuxed);
        if attempts > 0 && may_be {
            self.effects.push(Effect::RemoveIntermediate {});
        }
    }

    /// Milliseconds since the upload's end.
    fn since_upload_ms(&self) -> u64 {
        self.now_ms
            .saturating_sub(self.record.times.uploaded_ms.unwrap_or(self.now_ms))
    }
}

/// An error with its sentence.
fn error(code: ErrorCode, message: &str) -> TaskError {
    TaskError {
        code,
        message: message.to_owned(),
    }
}

/// Whether a task needs no more work.
fn is_over(state: &TaskState) -> bool {
    match state {
        TaskState::Done { .. } | TaskState::Failed {} | TaskState::Cancelled {} => true,
        TaskState::Waiting { .. } | TaskState::Released { .. } | TaskState::Claimed { .. } => false,
    }
}
