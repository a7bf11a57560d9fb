//! What a plan says about how much there is to do.

use std::collections::BTreeSet;

use bus_schema::id::{RenditionName, TaskNumber};
use bus_schema::plan::Plan;
use bus_schema::record::{JobRecord, TASKS_MAX};

/// The index of a rendition in its list of the plan.
#[derive(Debug, Clone, Copy)]
enum Place {
    Video(usize),
    Audio(usize),
}

/// A plan without what was given up.
#[derive(Debug)]
pub(super) struct Shape {
    plan: Plan,
    /// What is offered: pictures first, then the sound.
    tracks: Vec<(RenditionName, Place)>,
}

impl Shape {
    /// `None` before there is a plan.
    pub(super) fn of(record: &JobRecord) -> Option<Self> {
        let plan = record.plan.clone()?;
        let video = plan
            .video
            .iter()
            .flat_map(|video| &video.renditions)
            .map(|r| r.name.clone());
        let mut tracks: Vec<_> = video
            .enumerate()
            .map(|(index, name)| (name, Place::Video(index)))
            .collect();
        // The sound of a copy lies between its pictures.
        let copied = plan.copy.iter().flat_map(|copy| {
            let audio = copy.audio.iter().map(|audio| &audio.name);
            std::iter::once(&copy.name).chain(audio)
        });
        tracks.extend(copied.map(|name| (name.clone(), Place::Video(0))));
        let audio = plan.audio.iter().enumerate();
        tracks.extend(audio.map(|(index, audio)| (audio.name.clone(), Place::Audio(index))));
        tracks.retain(|(name, _)| !record.dropped.contains(name));
        Some(Self { plan, tracks })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &RenditionName> {
        self.tracks.iter().map(|(name, _)| name)
    }

    /// The plan's index of the picture that is shown in this place; `None` for the sound.
    pub(super) fn video_index(&self, place: usize) -> Option<usize> {
        match self.tracks.get(place) {
            Some((_, Place::Video(index))) => Some(*index),
            Some((_, Place::Audio(_))) | None => None,
        }
    }

    /// The plan's index of the sound that is shown in this place.
    fn audio_index(&self, place: usize) -> Option<usize> {
        match self.tracks.get(place) {
            Some((_, Place::Audio(index))) => Some(*index),
            Some((_, Place::Video(_))) | None => None,
        }
    }

    pub(super) fn duration_s(&self) -> f64 {
        std::time::Duration::from_nanos(self.plan.duration_ns).as_secs_f64()
    }

    /// The task of the sound that is shown in this place.
    pub(super) fn audio_task(&self, place: usize) -> Option<TaskNumber> {
        self.plan.audio_task(self.audio_index(place)?)
    }

    /// The task that copies the source, where it is copied.
    pub(super) fn copy_task(&self) -> Option<TaskNumber> {
        self.plan.copy.as_ref()?;
        number(self.plan.first_file_task())
    }

    /// What comes behind the encoding for players: files, and what is encoded once more for them.
    pub(super) fn file_tasks(&self) -> impl Iterator<Item = TaskNumber> {
        let first = self.plan.first_file_task();
        let files = first..first + self.plan.files.len();
        let again = self.plan.first_file_chunk_task()..self.plan.n_tasks();
        files.chain(again.take(TASKS_MAX)).filter_map(number)
    }

    /// Share of a picture that is encoded: whole chunks, and what tasks in hand say.
    pub(super) fn video_done(
        &self,
        done: &BTreeSet<TaskNumber>,
        partial_ns: impl Fn(TaskNumber) -> Option<u64>,
    ) -> f64 {
        let first = self.plan.first_chunk_task();
        let mut done_ns = 0_u64;
        // No record holds more tasks, whatever its plan says.
        for chunk in (0..self.plan.n_chunks()).take(TASKS_MAX) {
            let Some(task) = number(first + chunk as usize) else {
                break;
            };
            let span = self.plan.chunk(chunk);
            let end_ns = span
                .end_ns
                .unwrap_or_else(|| self.plan.duration_ns.max(span.start_ns));
            let length_ns = end_ns.saturating_sub(span.start_ns);
            done_ns = done_ns.saturating_add(if done.contains(&task) {
                length_ns
            } else {
                partial_ns(task).unwrap_or(0).min(length_ns)
            });
        }
        ratio(Some(done_ns), self.plan.duration_ns)
    }

    /// Share of the sound in this place that is encoded: whole parts, or what its task says if that is
    /// more.
    pub(super) fn audio_done(
        &self,
        place: usize,
        done: &BTreeSet<TaskNumber>,
        parts: u32,
        partial_ns: Option<u64>,
    ) -> f64 {
        let audio = self
            .audio_index(place)
            .and_then(|index| self.plan.audio.get(index));
        let (Some(task), Some(audio)) = (self.audio_task(place), audio) else {
            return 0.0;
        };
        if done.contains(&task) {
            return 1.0;
        }
        let segments = u64::from(parts) * u64::from(audio.part_segments);
        let parts_ns = segments.saturating_mul(self.plan.segment_ns);
        ratio(
            Some(parts_ns.max(partial_ns.unwrap_or(0))),
            self.plan.duration_ns,
        )
    }
}

fn number(index: usize) -> Option<TaskNumber> {
    u32::try_from(index).ok().map(TaskNumber)
}

/// A count as a number to divide by.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of tasks are far below 2^53"
)]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

/// 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "2^53 ns are 104 days")]
pub(super) fn ratio(part: Option<u64>, whole: u64) -> f64 {
    (part.unwrap_or(0) as f64 / whole.max(1) as f64).clamp(0.0, 1.0)
}
