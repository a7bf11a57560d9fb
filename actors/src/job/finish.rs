//! The end that everybody wants.

use bus_schema::fact::Fact;
use bus_schema::record::{Effect, JobState, Output, OutputKind};
use bus_schema::report::ErrorCode;

use super::{PROBE, Step, error};

impl Step {
    /// All tasks are over: the playlists are written next, by whoever performs the effect.
    pub(super) fn finish(&mut self) {
        let is_streamed = self
            .record
            .plan
            .as_ref()
            .is_some_and(|plan| plan.is_streamed);
        if !is_streamed && !self.has_file() {
            return self.fail(error(ErrorCode::Internal, "No file could be made of it."));
        }
        let is_asked = |effect: &Effect| matches!(effect, Effect::Finish {});
        if !self.record.outbox.iter().chain(&self.effects).any(is_asked) {
            self.effects.push(Effect::Finish {});
        }
    }

    /// Whether any film can be downloaded: subtitles alone are none.
    pub(super) fn has_file(&self) -> bool {
        let mut outputs = self.record.outputs.iter();
        outputs.any(|output| matches!(output.kind, OutputKind::Mp4 | OutputKind::M4a))
    }

    pub(super) fn finished(&mut self, outputs: Vec<Output>, warnings: Vec<String>) {
        // What tasks have listed as they ended; all else is written at the end.
        self.record.outputs.retain(|output| {
            matches!(
                output.kind,
                OutputKind::Mp4 | OutputKind::M4a | OutputKind::Subtitles
            )
        });
        self.record.outputs.extend(outputs);
        self.sort_outputs();
        self.record.warnings.extend(warnings);
        self.record.state = JobState::Completed;
        self.record.times.finished_ms = Some(self.now_ms);
        self.record.next_look_ms = None;
        let after_ms = self.since_upload_ms();
        self.fact(Fact::Completed {
            after_ms,
            warnings: self.record.warnings.clone(),
        });
        self.drop_intermediate();
        self.drop_segments();
    }

    /// Has removed what was made for a job that did not come to its end.
    pub(super) fn drop_everything(&mut self) {
        self.drop_intermediate();
        // Behind the probe, something may be there of every task that was begun.
        let mut tasks = self.record.tasks.iter().filter(|(task, _)| *task != PROBE);
        if tasks.any(|(_, task)| task.attempts > 0) {
            self.effects.push(Effect::RemoveSegments {});
        }
    }

    /// Has removed what files were made of, where nobody plays it.
    fn drop_segments(&mut self) {
        let Some(plan) = &self.record.plan else {
            return;
        };
        let mut tasks = self.record.tasks.iter();
        if tasks.any(|(task, _)| plan.is_assembled_away(task)) {
            self.effects.push(Effect::RemoveSegments {});
        }
    }

    /// As planned, lowest first, the playlists last: files were noted as they came to an end.
    fn sort_outputs(&mut self) {
        let files = self.record.plan.as_ref().map(|plan| plan.files.as_slice());
        let files = files.unwrap_or_default();
        self.record.outputs.sort_by_key(|output| {
            let name = output.rendition.as_ref();
            let place = files.iter().position(|file| Some(file) == name);
            place.unwrap_or(files.len())
        });
    }
}
