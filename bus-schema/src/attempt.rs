//! What an attempt wrote: kept beside the job record, under `<job>.<task>.<attempt>[.<part>]`.

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, JobId, RenditionName, TaskNumber};

/// The key of an attempt's details in the `attempts` bucket.
#[must_use]
pub fn key(job: &JobId, task: TaskNumber, attempt: Attempt, part: Option<u32>) -> String {
    match part {
        None => format!("{job}.{task}.{attempt}"),
        Some(part) => format!("{job}.{task}.{attempt}.{part}"),
    }
}

/// A chunk in storage. All renditions have the same frames and are cut at the same times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkResult {
    /// Frames in the chunk's own window.
    pub frames: u64,
    /// Decode time of the first frame, in units of the video timescale.
    pub start: u64,
    /// Duration of each segment, in units; their sum leads exactly to the next chunk's `start`.
    pub durations: Vec<u32>,
    /// What was written, in the plan's order.
    pub renditions: Vec<RenditionResult>,
    /// CPU time of the child, for the job's cost.
    pub cpu_ms: u64,
}

/// One rendition of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionResult {
    /// Which.
    pub name: RenditionName,
    /// Size of each segment.
    pub bytes: Vec<u32>,
    /// Size of the init segment.
    pub init_bytes: u32,
    /// Size of the table of samples.
    pub samples_bytes: u32,
    /// RFC 6381: `avc1.64001f`.
    pub codecs: String,
    /// A digest of the decoder configuration; must be the same in every chunk.
    pub config: String,
}

/// A part of the sound in storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioPart {
    /// Which part, from 0.
    pub part: u32,
    /// Number of its first segment.
    pub first_segment: u32,
    /// Decode time of the first sample, in units of the sample rate.
    pub start: u64,
    /// Duration of each segment, in units.
    pub durations: Vec<u32>,
    /// Size of each segment.
    pub bytes: Vec<u32>,
    /// Size of the init segment.
    pub init_bytes: u32,
    /// Size of the table of samples.
    pub samples_bytes: u32,
    /// RFC 6381: `mp4a.40.2`.
    pub codecs: String,
}

/// A finished file whose parts are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssembleResult {
    /// Size of the whole file.
    pub bytes: u64,
    /// Number of parts.
    pub n_parts: u32,
    /// Frames of the picture in its index; 0 for sound alone.
    pub frames: u64,
    /// Duration of the longest track.
    pub duration_ms: u64,
}
