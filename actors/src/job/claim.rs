//! Claims: how an invitation becomes an attempt.

use bus_schema::claim::Held;
use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, TaskNumber, Token, WorkerName};
use bus_schema::record::TaskState;

use super::{CLAIM_DEADLINE_MS, Job, Step, role};

/// What a claim is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimVerdict {
    /// A new attempt may be made.
    Grant,
    /// The attempt in hand is the current one.
    Held,
    /// Nothing to do (any more).
    Gone(&'static str),
    /// Somebody else has it, and may yet lose it.
    Later {
        /// Ask again after this.
        after_ms: u64,
    },
}

impl Job {
    /// Decides a claim without changing anything. `is_alive` tells whether recent heartbeats name an
    /// attempt of a worker.
    #[must_use]
    pub fn claim_verdict(
        &self,
        task: TaskNumber,
        worker: &WorkerName,
        held: Option<&Held>,
        is_alive: impl FnOnce(&WorkerName, Attempt) -> bool,
        now_ms: u64,
    ) -> ClaimVerdict {
        if self.record.state.is_terminal() {
            return ClaimVerdict::Gone("the job has ended");
        }
        let Some(state) = self.record.tasks.get(task).map(|task| &task.state) else {
            return ClaimVerdict::Gone("there is no such task");
        };
        match (state, held) {
            (TaskState::Claimed { attempt, token, .. }, Some(held)) => {
                if *attempt == held.attempt && *token == held.token {
                    ClaimVerdict::Held
                } else {
                    ClaimVerdict::Gone("another attempt has it")
                }
            }
            (_, Some(_)) => ClaimVerdict::Gone("the attempt was given up"),
            (TaskState::Released { .. }, None) => ClaimVerdict::Grant,
            // An invitation from before a failure: the pause still holds, and a new one follows.
            (TaskState::Waiting { .. }, None) => ClaimVerdict::Gone("it is not released"),
            (
                TaskState::Claimed {
                    worker: holder,
                    attempt,
                    deadline_ms,
                    ..
                },
                None,
            ) => {
                if holder == worker || !is_alive(holder, *attempt) && *deadline_ms <= now_ms {
                    // The holder asks again because the answer was lost, or it is dead.
                    ClaimVerdict::Grant
                } else {
                    ClaimVerdict::Later {
                        after_ms: deadline_ms.saturating_sub(now_ms).max(1_000),
                    }
                }
            }
            (TaskState::Done { .. } | TaskState::Failed {} | TaskState::Cancelled {}, None) => {
                ClaimVerdict::Gone("it is done")
            }
        }
    }
}

impl Step {
    pub(super) fn claimed(
        &mut self,
        number: TaskNumber,
        (worker, run): (WorkerName, String),
        token: Token,
        upload_id: Option<String>,
    ) {
        let (now_ms, Some(role)) = (self.now_ms, role(&self.record, number)) else {
            return;
        };
        let deadline_ms = now_ms + CLAIM_DEADLINE_MS;
        let Some(task) = self.record.tasks.get_mut(number) else {
            return;
        };
        match &task.state {
            TaskState::Released { .. } => {}
            TaskState::Claimed { worker: holder, .. } if *holder == worker => {
                self.lose(number, "it asked for its task again");
            }
            TaskState::Claimed { .. } => self.lose(number, "another worker took it over"),
            TaskState::Waiting { .. }
            | TaskState::Done { .. }
            | TaskState::Failed {}
            | TaskState::Cancelled {} => return,
        }
        let Some(task) = self.record.tasks.get_mut(number) else {
            return;
        };
        if super::is_over(&task.state) || self.record.state.is_terminal() {
            return;
        }
        task.attempts = task.attempts.saturating_add(1);
        let attempt = Attempt(task.attempts);
        task.state = TaskState::Claimed {
            attempt,
            worker: worker.clone(),
            run,
            token,
            since_ms: now_ms,
            deadline_ms,
            upload_id,
        };
        self.fact(Fact::Claimed {
            task: number,
            kind: role.kind(),
            attempt,
            worker,
        });
        self.look_by(deadline_ms);
    }
}
