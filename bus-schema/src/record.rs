//! The job record: the only place where something is decided. JSON in the `jobs` bucket, written by
//! compare-and-set alone.

mod size;

mod tasks;

mod version;

pub use tasks::{PartRun, TASKS_MAX, Task, TaskState, Tasks};

use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::fact::Fact;
use crate::id::{Attempt, JobId, RenditionName, TaskNumber, TenantId, WorkerName};
use crate::object_key;
use crate::plan::{AudioPlan, Plan, TaskRole};
use crate::report::TaskError;
use crate::request::JobRequest;
use crate::source::SourceFacts;

/// What this code writes. It reads every version from 1 to this one.
pub const RECORD_VERSION: u16 = 1;

/// Largest record of a job that goes on, in bytes of JSON. An 8-hour film takes under 20 KB while its
/// tasks end in order; the limit leaves room for a job whose tasks fail in turns. It lies 15 KiB below
/// the register's largest value: a job that is ended for its size must still have room to say so.
pub const RECORD_BYTES_MAX: usize = 240 * 1024;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Authorized; the source has not come.
    Uploading,
    /// The source is there; nothing is released yet.
    Queued,
    /// Tasks are at work.
    Running,
    /// The first seconds can be played.
    Playable,
    /// Everything is stored.
    Completed,
    /// Given up.
    Failed,
    /// Stopped by its owner.
    Cancelled,
}

impl JobState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Playable => "playable",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A job, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// [`RECORD_VERSION`]; what is newer is refused by name when it is read. The first field, so that
    /// nothing else of such a record is looked at before.
    #[serde(deserialize_with = "version::read")]
    pub v: u16,
    /// Its id, also its key.
    pub id: JobId,
    /// Its owner.
    pub tenant: TenantId,
    /// Where it stands.
    pub state: JobState,
    /// 0 to 100, higher is released first.
    pub priority: u8,
    /// What was asked for.
    pub request: JobRequest,
    /// The object to transcode.
    pub source: SourceObject,
    /// When what happened.
    pub times: Times,
    /// What the probe read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<SourceFacts>,
    /// What the planner made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The tasks, by number; only the probe until there is a plan.
    #[serde(default)]
    pub tasks: Tasks,
    /// Renditions given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<RenditionName>,
    /// What fell short without failing the job, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<TaskError>,
    /// Files and playlists that are finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Facts so far: the number of the last one.
    pub n_facts: u64,
    /// Timers armed so far: the version in the next one's name.
    pub n_timers: u64,
    /// When a timer looks at this record next; none is armed for later while this one is out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look_ms: Option<u64>,
    /// Effects of the last writes that may not have happened yet. Each is idempotent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Effect>,
}

/// The object to transcode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceObject {
    /// Its key in the storage bucket.
    pub key: String,
    /// Bytes: as declared while uploading, as seen from then on.
    pub bytes: u64,
    /// ETag as seen; every read demands it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// When what happened, in milliseconds since 1970 by the control plane's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// The job was made.
    pub created_ms: u64,
    /// The upload's address ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_expires_ms: Option<u64>,
    /// The source was seen in storage: the upload's end, as all durations count it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_ms: Option<u64>,
    /// The first task was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<u64>,
    /// The first seconds could be played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playable_ms: Option<u64>,
    /// Completed, failed or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_ms: Option<u64>,
}

/// Something that a client can fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// What it is.
    pub kind: OutputKind,
    /// Whose, where it belongs to one rendition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rendition: Option<RenditionName>,
    /// Relative to the job's outputs.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Frames of its picture, as its index counts them; absent without a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Its length; absent for playlists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// RFC 6381, each codec once, the picture's first; of films and sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codecs: Option<String>,
}

/// What an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Picture (and sound) with the index in front.
    Mp4,
    /// Sound alone.
    M4a,
    /// HLS multivariant playlist.
    Hls,
    /// DASH manifest.
    Dash,
    /// The image that stands for the film.
    Poster,
    /// Index of a storyboard's sheets, as WebVTT.
    Storyboard,
    /// List of all images, as JSON.
    Images,
    /// Chapters, as JSON or as WebVTT.
    Chapters,
    /// A track of subtitles, as WebVTT.
    Subtitles,
}

/// What a write of the record entails, done after it and before the ack. Every one may be done twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Publish this fact under this number.
    Fact {
        /// Its number.
        n: u64,
        /// When it happened.
        at_ms: u64,
        /// The fact.
        fact: Fact,
    },
    /// Invite workers to this task.
    Invite {
        /// Which.
        task: TaskNumber,
    },
    /// Look at this record again then.
    Timer {
        /// In the timer's name.
        version: u64,
        /// When.
        at_ms: u64,
    },
    /// Tell a worker.
    Tell {
        /// Whom.
        worker: WorkerName,
        /// What.
        control: Control,
    },
    /// Write the final playlists and manifest, then say so to the record.
    Finish {},
    /// Remove what the source was remuxed into, of every attempt of the probe: the job has ended.
    RemoveIntermediate {},
    /// Remove what nobody reads any more, of every attempt (see [`JobRecord::is_unread`]): the job has ended.
    RemoveSegments {},
    /// Give up a multipart upload.
    AbortUpload {
        /// Relative to the job's outputs.
        name: String,
        /// The storage's id of it.
        upload_id: String,
    },
}

impl JobRecord {
    /// Whether nobody reads an object any more once the job has ended, by its name relative to the job's outputs:
    /// what files were assembled from where nothing plays it, and of a job that was not completed all segments,
    /// and files that are no outputs.
    #[must_use]
    pub fn is_unread(&self, name: &str) -> bool {
        let (Some(plan), Some(task)) = (&self.plan, object_key::task_of(name)) else {
            return false;
        };
        if !matches!(self.state, JobState::Failed | JobState::Cancelled) {
            return plan.is_assembled_away(task);
        }
        match plan.role(task) {
            Some(TaskRole::Audio(_) | TaskRole::Chunk(_) | TaskRole::FileChunk(_)) => true,
            Some(TaskRole::Assemble(_) | TaskRole::Remux) => {
                self.outputs.iter().all(|output| output.name != name)
            }
            Some(TaskRole::Probe | TaskRole::Images | TaskRole::Subtitles) | None => false,
        }
    }

    /// The tasks of the chunks that are whole from the start on: what a growing playlist may list.
    #[must_use]
    pub fn chunk_prefix(&self) -> Vec<(u32, TaskNumber, Attempt)> {
        let Some(plan) = &self.plan else {
            return Vec::new();
        };
        let first = plan.first_chunk_task();
        (0..plan.n_chunks())
            .map_while(|chunk| {
                let task = TaskNumber(u32::try_from(first).ok()? + chunk);
                Some((chunk, task, self.tasks.get(task)?.done_attempt()?))
            })
            .collect()
    }

    /// What files are made of, in order: the same chunks, or those that were encoded once more for them.
    #[must_use]
    pub fn file_chunks(&self) -> Vec<(u32, TaskNumber, Attempt)> {
        let Some(plan) = &self.plan else {
            return Vec::new();
        };
        (0..plan.n_chunks())
            .map_while(|chunk| {
                let task = plan.file_task_of_chunk(chunk)?;
                Some((chunk, task, self.tasks.get(task)?.done_attempt()?))
            })
            .collect()
    }

    /// The parts of one of the plan's tracks of sound that are there, in order.
    #[must_use]
    pub fn audio_prefix(&self, track: usize) -> Vec<(u32, TaskNumber, Attempt)> {
        let plan = self.plan.as_ref();
        let Some(task) = plan.and_then(|plan| plan.audio_task(track)) else {
            return Vec::new();
        };
        self.tasks.get(task).map_or_else(Vec::new, |state| {
            (0..)
                .zip(state.part_attempts())
                .map(|(part, attempt)| (part, task, attempt))
                .collect()
        })
    }

    /// The plan's tracks of sound that are not given up, by their place in it: the first of them is
    /// played when nobody chooses.
    pub fn audio_tracks(&self) -> impl Iterator<Item = (usize, &AudioPlan)> {
        let tracks = self.plan.iter().flat_map(|plan| plan.audio.iter());
        tracks
            .enumerate()
            .filter(|(_, audio)| !self.dropped.contains(&audio.name))
    }
}
