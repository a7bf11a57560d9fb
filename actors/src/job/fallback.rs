//! From hardware to software: what follows when a device does not encode.

use bus_schema::control::Control;
use bus_schema::encoder;
use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::plan::TaskRole;
use bus_schema::record::{Effect, TaskState};
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::task::TaskKind;

use super::Step;

impl Step {
    /// Plans the picture anew in software, and lets every chunk go again, when a chunk's attempt ended as one
    /// with a failing device does and nothing of the picture is listed yet. Says whether it did.
    ///
    /// Chunks behind the first that are done already were encoded for another decoder's configuration, and are
    /// encoded again. Once the first chunk is listed, nothing of it may change any more: the chunk is tried again as
    /// any other, here or on another machine, until [`Step::is_taken_over`] decides.
    pub(super) fn falls_back(
        &mut self,
        number: TaskNumber,
        role: TaskRole,
        attempt: Attempt,
        error: &TaskError,
    ) -> bool {
        if !matches!(role, TaskRole::Chunk(_)) || !speaks_of_a_device(error.code) {
            return false;
        }
        let Some(device) = self
            .device()
            .filter(|_| self.record.chunk_prefix().is_empty())
        else {
            return false;
        };
        self.plan_in_software();
        self.record.warnings.push(format!(
            "Encoded in software, since the encoder {device} failed: {}",
            error.message
        ));
        self.discard(number, attempt, error);
        self.discard_others(number, 0, error);
        true
    }

    /// The device that what is still to be made is planned with.
    pub(super) fn device(&self) -> Option<String> {
        let video = self.record.plan.as_ref()?.video.as_ref()?;
        let is_planned_with = video.takeover.is_none();
        video
            .device()
            .filter(|_| is_planned_with)
            .map(str::to_owned)
    }

    fn plan_in_software(&mut self) {
        let codec = self.record.request.codec;
        let software = encoder::in_software(codec);
        let video = self
            .record
            .plan
            .as_mut()
            .and_then(|plan| plan.video.as_mut());
        for rendition in video.into_iter().flat_map(|video| &mut video.renditions) {
            software.element.clone_into(&mut rendition.encoder);
            rendition.crf = software.quality;
        }
    }

    /// Ends the attempts at all other chunks from this one on, those that are done included.
    pub(super) fn discard_others(
        &mut self,
        failed: TaskNumber,
        from_chunk: u32,
        error: &TaskError,
    ) {
        let is_discarded = |number| match super::role(&self.record, number) {
            Some(TaskRole::Chunk(chunk)) => chunk >= from_chunk,
            _ => false,
        };
        let chunks: Vec<(TaskNumber, TaskState)> = self
            .record
            .tasks
            .iter()
            .filter(|(number, _)| *number != failed && is_discarded(*number))
            .map(|(number, task)| (number, task.state.clone()))
            .collect();
        for (number, state) in chunks {
            match state {
                TaskState::Done { attempt } => self.discard(number, attempt, error),
                TaskState::Claimed {
                    attempt, worker, ..
                } => {
                    self.discard(number, attempt, error);
                    let (job, task) = (self.record.id, Some(number));
                    self.effects.push(Effect::Tell {
                        worker,
                        control: Control::Cancel { job, task },
                    });
                }
                // Its claim is answered with the new plan.
                TaskState::Waiting { .. }
                | TaskState::Released { .. }
                | TaskState::Failed {}
                | TaskState::Cancelled {} => {}
            }
        }
    }

    /// The device's failure, and not the task's: nothing is counted, and it may go again at once.
    pub(super) fn discard(&mut self, number: TaskNumber, attempt: Attempt, error: &TaskError) {
        if let Some(task) = self.record.tasks.get_mut(number) {
            task.state = TaskState::Waiting {
                not_before_ms: None,
            };
        }
        self.fact(Fact::TaskFailed {
            task: number,
            kind: TaskKind::Chunk,
            attempt,
            error: error.clone(),
            will_retry: true,
        });
    }
}

/// Whether another encoder could end it otherwise. A driver may also hang or take its process down, and one
/// retry too many in software is no harm.
pub(super) fn speaks_of_a_device(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::EncoderFailed
            | ErrorCode::CannotMatch
            | ErrorCode::Crashed
            | ErrorCode::LimitExceeded
    )
}
