//! Deadlines: what a timer finds when it looks at the record.

use bus_schema::id::{Attempt, TaskNumber, WorkerName};
use bus_schema::record::{Effect, JobState, TaskState};
use bus_schema::report::ErrorCode;

use super::{CLAIM_DEADLINE_MS, Step, UPLOAD_GRACE_MS, error};

impl Step {
    pub(super) fn looked(&mut self, alive: &[(TaskNumber, Attempt)]) {
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
            self.look_at(number, &state, alive);
        }
        self.advance();
    }

    fn look_at(&mut self, number: TaskNumber, state: &TaskState, alive: &[(TaskNumber, Attempt)]) {
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
            } if *deadline_ms <= self.now_ms => {
                if alive.contains(&(number, *attempt)) {
                    self.extend(number);
                } else {
                    self.lose(number, "no heartbeat names the task any more");
                }
            }
            TaskState::Claimed { deadline_ms, .. } => self.look_by(*deadline_ms),
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

    pub(super) fn worker_lost(
        &mut self,
        worker: &WorkerName,
        alive: &[(TaskNumber, Attempt)],
        claimed_before_ms: u64,
    ) {
        let lost: Vec<TaskNumber> = self
            .record
            .tasks
            .iter()
            .filter(|(number, task)| {
                matches!(&task.state, TaskState::Claimed { worker: holder, attempt, since_ms, .. }
                    if holder == worker && *since_ms < claimed_before_ms && !alive.contains(&(*number, *attempt)))
            })
            .map(|(number, _)| number)
            .collect();
        for number in lost {
            self.lose(number, "its heartbeats stopped");
        }
        self.advance();
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
