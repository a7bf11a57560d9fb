//! Which tasks may go, and letting them go.

use bus_schema::fact::Fact;
use bus_schema::id::TaskNumber;
use bus_schema::plan::images::ImagesPlan;
use bus_schema::plan::{Plan, TaskRole};
use bus_schema::record::{Effect, JobRecord, JobState, TaskState};

use super::{CLAIM_DEADLINE_MS, Job, Step, is_over, role};

impl Job {
    /// The waiting tasks that could be at work now, most urgent first: the probe; then the first
    /// chunk and the first track of sound, which make the film playable; the rest of them; then what is encoded
    /// once more for files, and last the files, once all that they are made of is there.
    #[must_use]
    pub fn releasable(&self, now_ms: u64) -> Vec<(TaskNumber, TaskRole)> {
        let record = &self.record;
        if record.state.is_terminal() || record.state == JobState::Uploading {
            return Vec::new();
        }
        let files_may_go = media_is_over(record);
        let mut tasks: Vec<(TaskNumber, TaskRole)> = record
            .tasks
            .iter()
            .filter(|(_, task)| is_ready(&task.state, now_ms))
            .filter_map(|(number, _)| Some((number, role(record, number)?)))
            .filter(|(_, role)| files_may_go || !waits_for_media(record, *role))
            .collect();
        // The picture's first chunk before the sound: it takes longer. The sort keeps the order else.
        tasks.sort_by_key(|(_, role)| match role {
            TaskRole::Probe | TaskRole::Chunk(0) => 0,
            TaskRole::Audio(0) => 1,
            TaskRole::Audio(_)
            | TaskRole::Chunk(_)
            | TaskRole::Assemble(_)
            | TaskRole::Remux
            | TaskRole::Images
            | TaskRole::Subtitles => 2,
            // What can be played already comes after what cannot be yet.
            TaskRole::FileChunk(_) => 3,
        });
        tasks
    }
}

/// Files are made of sound and picture, and some images of what was seen of it.
fn waits_for_media(record: &JobRecord, role: TaskRole) -> bool {
    match role {
        TaskRole::Assemble(_) => true,
        TaskRole::Images => {
            let images = record.plan.as_ref().and_then(|plan| plan.images.as_ref());
            images.is_some_and(ImagesPlan::needs_scenes)
        }
        TaskRole::Probe
        | TaskRole::Audio(_)
        | TaskRole::Chunk(_)
        | TaskRole::Remux
        | TaskRole::FileChunk(_)
        | TaskRole::Subtitles => false,
    }
}

fn is_ready(state: &TaskState, now_ms: u64) -> bool {
    matches!(state, TaskState::Waiting { not_before_ms } if not_before_ms.is_none_or(|at_ms| at_ms <= now_ms))
}

/// Whether sound and picture need no more work, neither for players nor for files.
pub(super) fn media_is_over(record: &JobRecord) -> bool {
    record.plan.as_ref().is_some_and(|plan: &Plan| {
        let media = record.tasks.iter().take(plan.first_file_task());
        let for_files = record.tasks.iter().skip(plan.first_file_chunk_task());
        media.chain(for_files).all(|(_, task)| is_over(&task.state))
    })
}

impl Step {
    pub(super) fn released(&mut self, tasks: &[TaskNumber]) {
        for &number in tasks {
            self.release(number);
        }
    }

    fn release(&mut self, number: TaskNumber) {
        let now_ms = self.now_ms;
        let Some(task) = self.record.tasks.get_mut(number) else {
            return;
        };
        if !is_ready(&task.state, now_ms) {
            return;
        }
        task.state = TaskState::Released { at_ms: now_ms };
        self.effects.push(Effect::Invite { task: number });
        self.look_by(now_ms + CLAIM_DEADLINE_MS);
        if self.record.state == JobState::Queued {
            self.record.state = JobState::Running;
            self.record.times.started_ms = Some(now_ms);
            self.fact(Fact::Started {});
        }
    }
}
