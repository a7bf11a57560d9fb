//! What workers report, and what follows.

use bus_schema::attempt::AssembleResult;
use bus_schema::claim::Held;
use bus_schema::fact::{Fact, PlannedRendition};
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::object_key;
use bus_schema::plan::{Plan, TaskRole};
use bus_schema::record::{JobState, Output, OutputKind, TaskState};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::loudness::LoudnessResult;
use bus_schema::source::SourceFacts;

use super::{Job, Step, error, role};

/// Whether a report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportVerdict {
    /// It is the current attempt's: check its objects, then apply it.
    Accept,
    /// It is too late, or it was heard before: ack it and forget it.
    Stale,
    /// A part before it is still under way: take it again soon.
    Early,
}

impl Job {
    /// Decides a report without changing anything.
    #[must_use]
    pub fn report_verdict(
        &self,
        task: TaskNumber,
        held: &Held,
        outcome: &Outcome,
    ) -> ReportVerdict {
        if self.record.state.is_terminal() {
            return ReportVerdict::Stale;
        }
        let Some(task) = self.record.tasks.get(task) else {
            return ReportVerdict::Stale;
        };
        let TaskState::Claimed { attempt, token, .. } = &task.state else {
            return ReportVerdict::Stale;
        };
        if *attempt != held.attempt || *token != held.token {
            return ReportVerdict::Stale;
        }
        let n_parts = task.n_parts();
        match outcome {
            Outcome::AudioPart(part) if part.part < n_parts => ReportVerdict::Stale,
            Outcome::AudioPart(part) if part.part > n_parts => ReportVerdict::Early,
            Outcome::AudioDone { n_parts: all, .. } if *all > n_parts => ReportVerdict::Early,
            Outcome::AudioPart(_)
            | Outcome::AudioDone { .. }
            | Outcome::Probed(_)
            | Outcome::Transcoded(_)
            | Outcome::Assembled(_)
            | Outcome::Remuxed(_)
            | Outcome::Pictured(_)
            | Outcome::Subtitled(_)
            | Outcome::Failed(_)
            | Outcome::Returned { .. } => ReportVerdict::Accept,
        }
    }
}

impl Step {
    pub(super) fn reported(
        &mut self,
        number: TaskNumber,
        attempt: Attempt,
        outcome: Outcome,
        plan: Option<Result<Plan, TaskError>>,
    ) {
        let (Some(role), Some(task)) = (role(&self.record, number), self.record.tasks.get(number))
        else {
            return;
        };
        let is_current =
            matches!(task.state, TaskState::Claimed { attempt: current, .. } if current == attempt);
        if !is_current {
            return;
        }
        match (outcome, role) {
            (Outcome::Probed(facts), TaskRole::Probe) => {
                self.task_done(number, role, attempt);
                self.probed(facts, plan);
            }
            (Outcome::Transcoded(_), TaskRole::Chunk(_) | TaskRole::FileChunk(_))
            | (Outcome::Pictured(_), TaskRole::Images) => {
                self.task_done(number, role, attempt);
            }
            (Outcome::Subtitled(result), TaskRole::Subtitles) => {
                self.task_done(number, role, attempt);
                self.subtitled(number, attempt, &result);
            }
            (Outcome::AudioDone { loudness, .. }, TaskRole::Audio(track)) => {
                self.task_done(number, role, attempt);
                self.level_told(track, loudness);
            }
            (Outcome::AudioPart(part), TaskRole::Audio(_)) => {
                self.part_done(number, role, attempt, part.part);
            }
            (Outcome::Assembled(result), TaskRole::Assemble(file)) => {
                self.task_done(number, role, attempt);
                self.file_done(file, number, attempt, &result);
            }
            (Outcome::Remuxed(result), TaskRole::Remux) => {
                self.task_done(number, role, attempt);
                self.file_done(0, number, attempt, &result);
            }
            (Outcome::Failed(error), _) => self.attempt_failed(number, attempt, error),
            (Outcome::Returned { .. }, _) => self.returned(number),
            (_, _) => self.attempt_failed(
                number,
                attempt,
                error(
                    ErrorCode::Internal,
                    "The worker reported something else than was asked.",
                ),
            ),
        }
        self.advance();
    }

    fn task_done(&mut self, number: TaskNumber, role: TaskRole, attempt: Attempt) {
        if let Some(task) = self.record.tasks.get_mut(number) {
            task.state = TaskState::Done { attempt };
            self.fact(Fact::TaskDone {
                task: number,
                kind: role.kind(),
                attempt,
            });
        }
    }

    /// Says so where a track did not reach the level that it was to have.
    fn level_told(&mut self, track: usize, told: Option<LoudnessResult>) {
        let plan = self.record.plan.as_ref();
        let Some(audio) = plan.and_then(|plan| plan.audio.get(track)) else {
            return;
        };
        let shortfall = audio
            .loudness
            .zip(told)
            .and_then(|(wish, told)| wish.shortfall(told));
        if let Some(shortfall) = shortfall {
            let warning = format!("The sound {} misses its level: {shortfall}.", audio.name);
            self.record.warnings.push(warning);
        }
    }

    fn part_done(&mut self, number: TaskNumber, role: TaskRole, attempt: Attempt, part: u32) {
        if let Some(task) = self.record.tasks.get_mut(number)
            && task.n_parts() == part
        {
            task.push_part(attempt);
            self.fact(Fact::PartDone {
                task: number,
                kind: role.kind(),
                part,
                attempt,
            });
        }
    }

    fn probed(&mut self, facts: SourceFacts, plan: Option<Result<Plan, TaskError>>) {
        let (width, height) = facts.video.as_ref().map_or((0, 0), |v| (v.width, v.height));
        self.fact(Fact::Probed {
            container: facts.container.clone(),
            duration_ms: facts.duration_ns / 1_000_000,
            width,
            height,
            has_audio: !facts.audio.is_empty(),
        });
        self.record.facts = Some(facts);
        match plan {
            Some(Ok(plan)) => self.planned(plan),
            Some(Err(error)) => self.fail(error),
            None => self.fail(error(
                ErrorCode::Internal,
                "The probe's result came without a plan.",
            )),
        }
    }

    fn planned(&mut self, plan: Plan) {
        let video = plan
            .video
            .as_ref()
            .map_or(&[][..], |video| &video.renditions);
        let encoded = video.iter().map(|r| (&r.name, r.width, r.height));
        let copied = plan.copy.iter().map(|c| (&c.name, c.width, c.height));
        let renditions = encoded
            .chain(copied)
            .map(|(name, width, height)| PlannedRendition {
                name: name.clone(),
                width,
                height,
            })
            .collect();
        let n_tasks = u32::try_from(plan.n_tasks()).unwrap_or(u32::MAX);
        self.record.tasks.grow(plan.n_tasks());
        self.fact(Fact::Planned {
            renditions,
            has_audio: !plan.audio.is_empty(),
            n_tasks,
            n_chunks: plan.n_chunks(),
            encode_reason: plan.encode_reason.clone(),
        });
        if self.record.tasks.len() < plan.n_tasks() {
            self.fail(error(
                ErrorCode::Unsupported,
                "The source is too long: at most 24 hours.",
            ));
            return;
        }
        self.record.warnings.extend(plan.warnings.iter().cloned());
        self.record.plan = Some(plan);
    }

    fn file_done(
        &mut self,
        file: usize,
        number: TaskNumber,
        attempt: Attempt,
        result: &AssembleResult,
    ) {
        let Some(plan) = &self.record.plan else {
            return;
        };
        let Some(rendition) = plan.files.get(file).cloned() else {
            return;
        };
        let is_audio_only = plan.is_audio_file(&rendition);
        let name =
            object_key::attempt_dir(number, attempt) + &object_key::file(&rendition, is_audio_only);
        let kind = if is_audio_only {
            OutputKind::M4a
        } else {
            OutputKind::Mp4
        };
        let AssembleResult {
            bytes,
            frames,
            duration_ms,
            ref codecs,
            ..
        } = *result;
        self.record.outputs.push(Output {
            kind,
            rendition: Some(rendition.clone()),
            name,
            bytes,
            frames: (!is_audio_only).then_some(frames),
            duration_ms: Some(duration_ms),
            codecs: Some(codecs.clone()).filter(|codecs| !codecs.is_empty()),
        });
        self.fact(Fact::FileDone { rendition, bytes });
    }

    /// Whatever follows from tasks being done.
    pub(super) fn advance(&mut self) {
        if self.record.state.is_terminal() || self.record.plan.is_none() {
            return;
        }
        if self.record.state == JobState::Running && self.is_playable() {
            self.record.state = JobState::Playable;
            self.record.times.playable_ms = Some(self.now_ms);
            let after_ms = self.since_upload_ms();
            self.fact(Fact::Playable { after_ms });
        }
        if self
            .record
            .tasks
            .iter()
            .all(|(_, task)| super::is_over(&task.state))
        {
            self.finish();
        }
    }

    /// The first seconds are whole, in picture and sound; of a copy, which is one file, everything is.
    fn is_playable(&self) -> bool {
        let Some(plan) = &self.record.plan else {
            return false;
        };
        if plan.copy.is_some() {
            return self.has_file();
        }
        // Of the sound, what is heard when nobody chooses.
        let first = self.record.audio_tracks().next();
        let has_sound = first.is_none_or(|(track, _)| !self.record.audio_prefix(track).is_empty());
        let has_picture = plan.video.is_none() || !self.record.chunk_prefix().is_empty();
        has_sound && has_picture
    }
}

/// The name of one of the plan's files under its attempt.
pub(crate) fn file_name(plan: &Plan, file: usize) -> Option<String> {
    let rendition = plan.files.get(file)?;
    Some(object_key::file(rendition, plan.is_audio_file(rendition)))
}
