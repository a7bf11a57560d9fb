//! Attempts that end without a result, and what follows.

use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::object_key;
use bus_schema::plan::TaskRole;
use bus_schema::record::{Effect, Task, TaskState};
use bus_schema::report::{ErrorCode, TaskError};

use super::report::file_name;
use super::{
    LOSS_PAUSE_MAX_MS, LOSSES_AT_ONCE, RETRY_PAUSE_MS, Step, TASK_FAILURES_MAX, TASK_LOSSES_MAX,
    role,
};

/// Most characters of an error's sentence that are kept: a worker's word goes into the record.
const MESSAGE_CHARS_MAX: usize = 1_000;

impl Step {
    /// The worker gives a task back: that is nobody's failure, and it may go again at once.
    pub(super) fn returned(&mut self, number: TaskNumber) {
        self.abort_upload(number);
        if let Some(task) = self.record.tasks.get_mut(number) {
            task.state = TaskState::Waiting {
                not_before_ms: None,
            };
        }
    }

    /// The worker that had it is gone.
    pub(super) fn lose(&mut self, number: TaskNumber, why: &str) {
        let Some(TaskState::Claimed {
            attempt, worker, ..
        }) = self.record.tasks.get(number).map(|task| task.state.clone())
        else {
            return;
        };
        let message = format!("Worker {worker} was lost: {why}.");
        self.attempt_failed(
            number,
            attempt,
            TaskError {
                code: ErrorCode::WorkerLost,
                message,
            },
        );
    }

    /// One try failed: another, or an end.
    pub(super) fn attempt_failed(
        &mut self,
        number: TaskNumber,
        attempt: Attempt,
        mut error: TaskError,
    ) {
        self.abort_upload(number);
        if let Some((end, _)) = error.message.char_indices().nth(MESSAGE_CHARS_MAX) {
            error.message.truncate(end);
        }
        let (now_ms, Some(role)) = (self.now_ms, role(&self.record, number)) else {
            return;
        };
        if self.falls_back(number, role, attempt, &error) {
            return;
        }
        let Some(task) = self.record.tasks.get_mut(number) else {
            return;
        };
        let pause_ms = count_end(task, error.code);
        let will_retry = pause_ms.is_some();
        if !will_retry && self.is_taken_over(number, role, attempt, &error) {
            return;
        }
        let Some(task) = self.record.tasks.get_mut(number) else {
            return;
        };
        let not_before_ms = pause_ms
            .filter(|pause_ms| *pause_ms > 0)
            .map(|pause_ms| now_ms + pause_ms);
        task.state = if will_retry {
            TaskState::Waiting { not_before_ms }
        } else {
            TaskState::Failed {}
        };
        self.fact(Fact::TaskFailed {
            task: number,
            kind: role.kind(),
            attempt,
            error: error.clone(),
            will_retry,
        });
        if !will_retry {
            self.given_up(role, error);
        } else if let Some(at_ms) = not_before_ms {
            self.look_by(at_ms);
        }
    }

    /// A task has finally failed. What can be offered without it is still offered.
    fn given_up(&mut self, role: TaskRole, error: TaskError) {
        let Some(plan) = &self.record.plan else {
            return self.fail(error);
        };
        let dropped = match role {
            TaskRole::Images => {
                let warning = format!("The images were given up: {}", error.message);
                self.record.warnings.push(warning);
                return;
            }
            TaskRole::Subtitles => {
                let warning = format!("The subtitles were given up: {}", error.message);
                self.record.warnings.push(warning);
                return;
            }
            TaskRole::FileChunk(_) => return self.refuse_files(&error),
            // Of a copy nothing else would be left.
            TaskRole::Probe | TaskRole::Chunk(_) | TaskRole::Remux => None,
            TaskRole::Audio(track) => {
                let mut others = self
                    .record
                    .audio_tracks()
                    .filter(|(place, _)| *place != track);
                let is_last = plan.video.is_none() && others.next().is_none();
                let audio = plan.audio.get(track).filter(|_| !is_last);
                audio.map(|audio| audio.name.clone())
            }
            TaskRole::Assemble(file) => plan.files.get(file).cloned(),
        };
        let Some(rendition) = dropped else {
            return self.fail(error);
        };
        let what = if matches!(role, TaskRole::Audio(_)) {
            ""
        } else {
            "The MP4 of "
        };
        self.record
            .warnings
            .push(format!("{what}{rendition} was given up: {}", error.message));
        if matches!(role, TaskRole::Audio(_)) {
            self.record.dropped.push(rendition.clone());
        }
        self.fact(Fact::RenditionDropped { rendition, error });
    }

    /// Gives up the multipart upload of the attempt that ends.
    pub(super) fn abort_upload(&mut self, number: TaskNumber) {
        let Some(TaskState::Claimed {
            attempt,
            upload_id: Some(upload_id),
            ..
        }) = self.record.tasks.get(number).map(|task| &task.state)
        else {
            return;
        };
        let (attempt, upload_id) = (*attempt, upload_id.clone());
        let Some(file) = role(&self.record, number).and_then(TaskRole::file) else {
            return;
        };
        let Some(plan) = &self.record.plan else {
            return;
        };
        let Some(name) = file_name(plan, file) else {
            return;
        };
        let name = object_key::attempt_dir(number, attempt) + &name;
        self.effects.push(Effect::AbortUpload { name, upload_id });
    }
}

/// Counts an attempt's end against its task: after which pause another may be made, if any.
fn count_end(task: &mut Task, code: ErrorCode) -> Option<u64> {
    if code == ErrorCode::WorkerLost {
        task.losses = task.losses.saturating_add(1);
        // The pause is for what fails by itself: a loss is replaced at once, unless they go on.
        let doublings = task.losses.saturating_sub(LOSSES_AT_ONCE);
        let pause_ms = match doublings {
            0 => 0,
            n => (RETRY_PAUSE_MS << n.min(8)).min(LOSS_PAUSE_MAX_MS),
        };
        return (task.losses < TASK_LOSSES_MAX).then_some(pause_ms);
    }
    task.failures = task.failures.saturating_add(1);
    let will_retry = code.is_passing() && task.failures < TASK_FAILURES_MAX;
    will_retry.then(|| RETRY_PAUSE_MS << task.failures.min(8))
}
