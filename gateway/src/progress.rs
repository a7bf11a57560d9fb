//! Progress of a job, from its record, its facts and the latest word of each task. Pure: the clock is
//! an argument.
//!
//! What is done is source time encoded, per rendition. Nothing shown ever falls: an attempt that is lost
//! and begun again stands still until it has caught up.

mod rate;

mod shape;

use std::collections::{BTreeMap, BTreeSet};

use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, JobId, RenditionName, TaskNumber};
use bus_schema::live::{JobProgress, ProgressType, RenditionProgress};
use bus_schema::plan::AUDIO_TRACKS_MAX;
use bus_schema::progress::Progress;
use bus_schema::record::{JobRecord, JobState, Task};

use rate::Rate;
use shape::Shape;

/// Shortest time between two values of one job: ten a second.
pub const INTERVAL_MS: u64 = 100;
/// Longest time without a value while a job is at work: it is also how a page sees that the line lives.
pub const REPEAT_MS: u64 = 1_000;
/// The encoded share of a job; the rest is writing files and playlists, which takes a few percent.
const ENCODED_SHARE: f64 = 0.97;
/// The sound's part of what is encoded, where there is a picture too: it takes about that much CPU.
const AUDIO_SHARE: f64 = 0.05;
/// Slowest speed that is shown, in seconds of source a second: what is slower would read 0.0, and the
/// end that it promises beside it would be no promise.
const SPEED_MIN: f64 = 0.05;
/// Tasks with a latest word, per job: more are not in anyone's hands at once.
const LATEST_MAX: usize = 4_096;

/// The task that every job begins with (see [`TaskRole::Probe`](bus_schema::plan::TaskRole::Probe)).
const PROBE: TaskNumber = TaskNumber(0);

/// Follows one job.
#[derive(Debug)]
pub struct Meter {
    job: JobId,
    state: JobState,
    shape: Option<Shape>,
    done: BTreeSet<TaskNumber>,
    /// Parts that are there, by task.
    parts: BTreeMap<TaskNumber, u32>,
    latest: BTreeMap<TaskNumber, Latest>,
    /// Nothing shown is below these.
    percent: f64,
    remuxed_percent: f64,
    renditions: Vec<RenditionProgress>,
    rate: Rate,
    read_ms: Option<u64>,
    is_changed: bool,
}

/// The latest word of a task in hand.
#[derive(Debug)]
struct Latest {
    attempt: Attempt,
    done_ns: Vec<u64>,
    total_ns: u64,
}

impl Meter {
    /// A meter that knows nothing yet.
    #[must_use]
    pub fn new(job: JobId) -> Self {
        Self {
            job,
            state: JobState::Uploading,
            shape: None,
            done: BTreeSet::new(),
            parts: BTreeMap::new(),
            latest: BTreeMap::new(),
            percent: 0.0,
            remuxed_percent: 0.0,
            renditions: Vec::new(),
            rate: Rate::default(),
            read_ms: None,
            is_changed: true,
        }
    }

    /// Takes in the record, which may be older than the facts that were taken in before.
    pub fn load(&mut self, record: &JobRecord) {
        self.is_changed = true;
        if !self.state.is_terminal() {
            self.state = record.state;
        }
        if let Some(shape) = Shape::of(record) {
            self.renditions = shape.names().map(|name| self.shown(name)).collect();
            self.shape = Some(shape);
        }
        let is_done = |task: &Task| task.done_attempt().is_some();
        self.done.extend(
            record
                .tasks
                .iter()
                .filter(|(_, task)| is_done(task))
                .map(|(number, _)| number),
        );
        let done = &self.done;
        self.latest.retain(|task, _| !done.contains(task));
        for (number, task) in record.tasks.iter().filter(|(_, task)| task.n_parts() > 0) {
            self.raise_parts(number, task.n_parts());
        }
        if let (true, Some(from), Some(to)) = (
            record.state == JobState::Completed,
            record.times.started_ms,
            record.times.finished_ms,
        ) {
            self.rate.set_mean(to.saturating_sub(from));
        }
    }

    fn raise_parts(&mut self, task: TaskNumber, n: u32) {
        if self.parts.len() < AUDIO_TRACKS_MAX || self.parts.contains_key(&task) {
            let parts = self.parts.entry(task).or_default();
            *parts = n.max(*parts);
        }
    }

    fn shown(&self, name: &RenditionName) -> RenditionProgress {
        let before = self.renditions.iter().find(|shown| shown.name == *name);
        RenditionProgress {
            name: name.clone(),
            percent: before.map_or(0.0, |shown| shown.percent),
        }
    }

    /// Takes in a task's latest word. An earlier attempt's is worth nothing once a later one speaks.
    pub fn progress(&mut self, progress: &Progress) {
        let task = progress.task;
        let is_old = self
            .latest
            .get(&task)
            .is_some_and(|latest| latest.attempt > progress.attempt);
        let is_new = !self.latest.contains_key(&task);
        if is_old || self.done.contains(&task) || (is_new && self.latest.len() >= LATEST_MAX) {
            return;
        }
        let (attempt, total_ns) = (progress.attempt, progress.total_ns);
        self.latest.insert(
            task,
            Latest {
                attempt,
                done_ns: progress.done_ns.clone(),
                total_ns,
            },
        );
        self.is_changed = true;
    }

    /// Takes in a fact. Answers whether the record holds news that facts do not tell.
    pub fn fact(&mut self, fact: &Fact) -> bool {
        self.is_changed = true;
        match fact {
            // One that was done is done again when its device failed elsewhere.
            Fact::TaskFailed { task, .. } => {
                self.done.remove(task);
            }
            Fact::TaskDone { task, .. } => {
                self.done.insert(*task);
                self.latest.remove(task);
            }
            Fact::PartDone { task, part, .. } => {
                self.raise_parts(*task, part.saturating_add(1));
            }
            Fact::Completed { .. } => self.state = JobState::Completed,
            Fact::Failed { .. } => self.state = JobState::Failed,
            Fact::Cancelled {} => self.state = JobState::Cancelled,
            Fact::Started {} | Fact::Playable { .. } if !self.state.is_terminal() => {
                self.state = JobState::Running;
            }
            Fact::Planned { .. } | Fact::RenditionDropped { .. } => return true,
            Fact::Authorized { .. }
            | Fact::Uploaded { .. }
            | Fact::Started {}
            | Fact::Probed { .. }
            | Fact::Claimed { .. }
            | Fact::Playable { .. }
            | Fact::FileDone { .. } => {}
        }
        matches!(fact, Fact::Completed { .. })
    }

    /// Whether a value is to be sent at `now_ms`: something changed and the last one is a tenth of a
    /// second old, or the job is at work and the last one is a second old.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        let age_ms = self
            .read_ms
            .map_or(u64::MAX, |read_ms| now_ms.saturating_sub(read_ms));
        (self.is_changed && age_ms >= INTERVAL_MS)
            || (!self.state.is_terminal() && age_ms >= REPEAT_MS)
    }

    /// The value at `now_ms`, for those that follow; the next one is due later.
    pub fn read(&mut self, now_ms: u64) -> JobProgress {
        self.is_changed = false;
        self.read_ms = Some(now_ms);
        self.value(now_ms)
    }

    /// The value at `now_ms`, for one who asks; `n` of it is 0, for whoever sends it to fill in.
    pub fn value(&mut self, now_ms: u64) -> JobProgress {
        let encoded = self.encoded();
        let percent = 100.0 * self.fraction(encoded);
        self.percent = self
            .percent
            .max(if percent.is_finite() { percent } else { 0.0 });
        let fraction = self.percent / 100.0;
        let is_over = self.state.is_terminal();
        if !is_over && self.shape.is_some() {
            self.rate.sample(fraction, now_ms);
        }
        let duration_s = self.shape.as_ref().map_or(0.0, Shape::duration_s);
        let speed = self
            .rate
            .per_s()
            .map_or(0.0, |per_s| round(per_s * duration_s));
        let is_moving = speed >= SPEED_MIN && !self.rate.is_still(now_ms);
        let (speed, eta_ms) = match self.state {
            JobState::Completed => (speed, Some(0)),
            JobState::Failed | JobState::Cancelled => (0.0, None),
            JobState::Uploading | JobState::Queued | JobState::Running | JobState::Playable => {
                if is_moving {
                    (speed, self.rate.eta_ms(1.0 - fraction))
                } else {
                    (0.0, None)
                }
            }
        };
        JobProgress {
            r#type: ProgressType::Progress,
            job: self.job,
            n: 0,
            percent: round(self.percent),
            speed,
            eta_ms,
            remuxed_percent: self.remuxed_percent(),
            renditions: self.renditions.clone(),
        }
    }

    /// How much of the source its probe remuxed: a probe has no other progress, and it is news until there is a plan.
    fn remuxed_percent(&mut self) -> Option<f64> {
        if self.shape.is_some() || self.state.is_terminal() {
            return None;
        }
        let probe = self.latest.get(&PROBE)?;
        let done = shape::ratio(probe.done_ns.first().copied(), probe.total_ns);
        self.remuxed_percent = self.remuxed_percent.max(round(100.0 * done));
        Some(self.remuxed_percent)
    }

    /// Raises what is shown of each rendition, and answers how much of all is encoded, 0 to 1.
    fn encoded(&mut self) -> f64 {
        let Some(shape) = &self.shape else { return 0.0 };
        let is_completed = self.state == JobState::Completed;
        let mut video = Vec::new();
        let mut audio = Vec::new();
        for (index, shown) in self.renditions.iter_mut().enumerate() {
            let part = match (shape.video_index(index), shape.copy_task()) {
                (Some(_), Some(task)) => written(&self.done, &self.latest, task),
                (Some(planned), None) => shape.video_done(&self.done, |task| {
                    self.latest
                        .get(&task)
                        .and_then(|latest| latest.done_ns.get(planned))
                        .copied()
                }),
                (None, _) => {
                    let task = shape.audio_task(index);
                    let latest = task.and_then(|task| self.latest.get(&task));
                    let partial_ns = latest.and_then(|latest| latest.done_ns.first()).copied();
                    let parts = task.and_then(|task| self.parts.get(&task)).copied();
                    shape.audio_done(index, &self.done, parts.unwrap_or(0), partial_ns)
                }
            };
            let percent = if is_completed {
                100.0
            } else {
                round(100.0 * part)
            };
            shown.percent = shown.percent.max(percent);
            if shape.video_index(index).is_some() {
                video.push(shown.percent);
            } else {
                audio.push(shown.percent);
            }
        }
        // All renditions come of one decode: each counts alike.
        let mean = |all: &[f64]| all.iter().sum::<f64>() / 100.0 / shape::count(all.len()).max(1.0);
        match (video.is_empty(), audio.is_empty()) {
            (true, _) => mean(&audio),
            (false, true) => mean(&video),
            (false, false) => (1.0 - AUDIO_SHARE) * mean(&video) + AUDIO_SHARE * mean(&audio),
        }
    }

    /// Of the whole job; 1 only when it is completed.
    fn fraction(&self, encoded: f64) -> f64 {
        let Some(shape) = &self.shape else { return 0.0 };
        if self.state == JobState::Completed {
            return 1.0;
        }
        let files = shape
            .file_tasks()
            .map(|task| written(&self.done, &self.latest, task));
        let (sum, n) = files.fold((0.0, 0), |(sum, n), one: f64| (sum + one, n + 1));
        // One more for the playlists, which is done when the job is.
        ENCODED_SHARE * encoded + (1.0 - ENCODED_SHARE) * sum / (shape::count(n) + 1.0)
    }
}

/// Share of a file that is written, 0 to 1.
fn written(
    done: &BTreeSet<TaskNumber>,
    latest: &BTreeMap<TaskNumber, Latest>,
    task: TaskNumber,
) -> f64 {
    if done.contains(&task) {
        return 1.0;
    }
    latest.get(&task).map_or(0.0, |latest| {
        shape::ratio(latest.done_ns.first().copied(), latest.total_ns)
    })
}

/// To a hundredth: more digits only make frames longer.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests;
