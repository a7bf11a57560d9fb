//! Deadlines: what a timer finds when it looks at the record.

use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::record::{Effect, JobState, TaskState};
use bus_schema::report::ErrorCode;

use super::{CLAIM_DEADLINE_MS, Step, UPLOAD_GRACE_MS, error};
use crate::workers::Holder;

/// Attempts, and what heartbeats say of who has them.
type Holders = [(TaskNumber, Attempt, Holder)];

impl Step {
    pub(super) fn looked(&mut self, holders: &Holders) {
        if self
            .record
            .next_look_ms
            .is_some_and(|at_ms| at_ms <= self.now_ms)
        {
            self.record.next_look_ms = None;
        }
        if self.record.state == JobState::Uploading {
            return self.look_for_upload();
        }
        let tasks: Vec<(TaskNumber, TaskState)> = self
            .record
            .tasks
            .iter()
            .map(|(number, task)| (number, task.state.clone()))
            .collect();
        for (number, state) in tasks {
            if self.record.state.is_terminal() {
                return;
            }
            self.look_at(number, &state, holders);
        }
        self.advance();
    }

    fn look_at(&mut self, number: TaskNumber, state: &TaskState, holders: &Holders) {
        match state {
            TaskState::Released { at_ms } if at_ms + CLAIM_DEADLINE_MS <= self.now_ms => {
                // Sending it again is harmless: while the first one lies in the queue, its subject is
                // taken; and claiming twice is refused.
                self.set(number, TaskState::Released { at_ms: self.now_ms });
                self.effects.push(Effect::Invite { task: number });
                self.look_by(self.now_ms + CLAIM_DEADLINE_MS);
            }
            TaskState::Released { at_ms } => self.look_by(at_ms + CLAIM_DEADLINE_MS),
            TaskState::Claimed {
                attempt,
                deadline_ms,
                ..
            } => {
                let holder = holders
                    .iter()
                    .find(|(task, of, _)| (task, of) == (&number, attempt))
                    .map_or(Holder::Unknown, |(_, _, holder)| *holder);
                let is_due = *deadline_ms <= self.now_ms;
                match holder {
                    Holder::Restarted => self.lose(number, "its process began anew"),
                    Holder::Silent => self.lose(number, "its heartbeats stopped"),
                    Holder::Unknown if is_due => {
                        self.lose(number, "no heartbeat names the task any more");
                    }
                    Holder::Alive if is_due => self.extend(number),
                    Holder::Alive | Holder::Unknown => self.look_by(*deadline_ms),
                }
            }
            TaskState::Waiting {
                not_before_ms: Some(at_ms),
            } if *at_ms > self.now_ms => {
                self.look_by(*at_ms);
            }
            TaskState::Waiting { .. }
            | TaskState::Done { .. }
            | TaskState::Failed {}
            | TaskState::Cancelled {} => {}
        }
    }

    fn look_for_upload(&mut self) {
        let Some(expires_ms) = self.record.times.upload_expires_ms else {
            return;
        };
        if self.now_ms < expires_ms + UPLOAD_GRACE_MS {
            return self.look_by(expires_ms + UPLOAD_GRACE_MS);
        }
        self.fail(error(
            ErrorCode::UploadExpired,
            "The upload did not arrive in time: ask for a new one and send the file again.",
        ));
    }

    /// A claim's deadline moves: heartbeats name the attempt.
    fn extend(&mut self, number: TaskNumber) {
        let at_ms = self.now_ms + CLAIM_DEADLINE_MS;
        if let Some(TaskState::Claimed { deadline_ms, .. }) = self
            .record
            .tasks
            .get_mut(number)
            .map(|task| &mut task.state)
        {
            *deadline_ms = at_ms;
        }
        self.look_by(at_ms);
    }

    fn set(&mut self, number: TaskNumber, state: TaskState) {
        if let Some(task) = self.record.tasks.get_mut(number) {
            task.state = state;
        }
    }
}
