//! Software takes over for a device when a part of the picture is listed already.

use bus_schema::control::Control;
use bus_schema::encoder;
use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, RenditionName, TaskNumber};
use bus_schema::plan::{Takeover, TaskRole};
use bus_schema::record::{Effect, TASKS_MAX, TaskState};
use bus_schema::report::{ErrorCode, TaskError};

use super::{Step, fallback, is_over};

impl Step {
    /// Lets software make every chunk that is not listed yet, when a chunk's last attempt ended as one with a
    /// failing device does; says whether it did.
    ///
    /// Before that the chunk was tried as often as any other: a device may be busy for a while, or gone from one
    /// machine only, and a seam that players have to pass over is dearer than some seconds. Chunks behind the
    /// first that is missing are thrown away even if they are done: no more than one such seam is made.
    pub(super) fn is_taken_over(
        &mut self,
        number: TaskNumber,
        role: TaskRole,
        attempt: Attempt,
        error: &TaskError,
    ) -> bool {
        if !matches!(role, TaskRole::Chunk(_)) || !fallback::speaks_of_a_device(error.code) {
            return false;
        }
        let Some(device) = self.device() else {
            return false;
        };
        let Some(from_s) = self.plan_takeover() else {
            return false;
        };
        let why = match error.code {
            // Whose own failure was a fact before; this one only says that no other worker has it.
            ErrorCode::CannotMatch => "No worker has it any more.",
            _ => error.message.as_str(),
        };
        self.record.warnings.push(format!(
            "From second {from_s} on encoded in software, since the encoder {device} failed: {why}"
        ));
        let from_chunk = self.n_listed();
        self.discard(number, attempt, error);
        self.discard_others(number, from_chunk, error);
        self.forget_failures(from_chunk);
        true
    }

    /// Chunks that may be listed: players may have seen them.
    fn n_listed(&self) -> u32 {
        u32::try_from(self.record.chunk_prefix().len()).unwrap_or(u32::MAX)
    }

    /// Plans it, with the tasks that the files need; gives the second of the film that it begins at. `None` where
    /// a record has no room for the tasks.
    fn plan_takeover(&mut self) -> Option<u64> {
        let software = encoder::in_software(self.record.request.codec);
        let from_chunk = self.n_listed();
        let plan = self.record.plan.as_mut()?;
        let video = plan.video.as_mut()?;
        video.takeover = Some(Takeover {
            from_chunk,
            encoder: software.element.to_owned(),
            crf: software.quality,
        });
        let n_tasks = plan.n_tasks();
        if n_tasks > TASKS_MAX {
            plan.video.as_mut()?.takeover = None;
            return None;
        }
        self.record.tasks.grow(n_tasks);
        Some(plan.chunk(from_chunk).start_ns / 1_000_000_000)
    }

    /// The device's failures are not held against software.
    fn forget_failures(&mut self, from_chunk: u32) {
        let Some(plan) = &self.record.plan else {
            return;
        };
        for (number, task) in self.record.tasks.iter_mut() {
            if let Some(TaskRole::Chunk(chunk)) = plan.role(number)
                && chunk >= from_chunk
            {
                task.failures = 0;
            }
        }
    }

    /// What files hold of a chunk cannot be made: the files with a picture are given up by name, and what can be
    /// streamed stays. Where nothing is, the job has failed.
    pub(super) fn refuse_files(&mut self, error: &TaskError) {
        let Some(plan) = self.record.plan.as_ref().filter(|plan| plan.is_streamed) else {
            return self.fail(error.clone());
        };
        let roles: Vec<(TaskNumber, TaskRole)> = self
            .record
            .tasks
            .iter()
            .filter(|(_, task)| !is_over(&task.state))
            .filter_map(|(number, _)| Some((number, plan.role(number)?)))
            .collect();
        let mut refused: Vec<(TaskNumber, RenditionName)> = Vec::new();
        let mut needless: Vec<TaskNumber> = Vec::new();
        for (number, role) in roles {
            let name = role.file().and_then(|file| plan.files.get(file));
            match (role, name) {
                (TaskRole::FileChunk(_), _) => needless.push(number),
                (_, Some(name)) if !plan.is_audio_file(name) => {
                    refused.push((number, name.clone()))
                }
                _ => {}
            }
        }
        for number in needless {
            self.close(number, TaskState::Cancelled {});
        }
        self.record.warnings.push(format!(
            "The MP4s of the picture were given up: {}",
            error.message
        ));
        for (number, rendition) in refused {
            self.close(number, TaskState::Failed {});
            let error = error.clone();
            self.fact(Fact::RenditionDropped { rendition, error });
        }
    }

    /// Ends a task, and the attempt that a worker may have in hand.
    fn close(&mut self, number: TaskNumber, state: TaskState) {
        let Some(task) = self.record.tasks.get_mut(number) else {
            return;
        };
        if let TaskState::Claimed { worker, .. } = std::mem::replace(&mut task.state, state) {
            let (job, task) = (self.record.id, Some(number));
            self.effects.push(Effect::Tell {
                worker,
                control: Control::Cancel { job, task },
            });
        }
    }
}
