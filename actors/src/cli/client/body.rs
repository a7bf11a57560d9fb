//! What the API takes and gives, as far as the terminal sends and shows it.

use std::collections::BTreeMap;

use bus_schema::request::clip::Clip;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::images::Images;
use crate::cli::watermark::Watermark;

/// What an upload is authorized with.
#[derive(Debug, Serialize)]
pub(crate) struct NewUpload {
    pub(crate) filename: String,
    pub(crate) content_type: String,
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preset: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) qualities: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watermark: Option<Watermark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loudness: Option<Loudness>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clip: Option<Clip>,
    /// Left out for H.264: gateways from before there was a choice take nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) codec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<Images>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chapters: Option<Value>,
}

/// A loudness as the API takes it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Loudness {
    pub(crate) target_lufs: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) true_peak_dbtp: Option<f64>,
}

/// An authorized upload.
#[derive(Debug, Deserialize)]
pub(crate) struct Upload {
    pub(crate) job_id: String,
    pub(crate) upload: Target,
    /// Where to send the poster, where one was announced.
    pub(crate) image_upload: Option<Target>,
}

/// Where to send the file.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) headers: BTreeMap<String, String>,
}

/// A job, as far as the terminal shows it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) filename: String,
    pub(crate) created_at: String,
    pub(crate) uploaded_at: Option<String>,
    pub(crate) playable_at: Option<String>,
    pub(crate) finished_at: Option<String>,
    pub(crate) progress: Progress,
    pub(crate) renditions: Vec<Rendition>,
    pub(crate) warnings: Vec<String>,
    /// Of a gateway that tells it.
    #[serde(default)]
    pub(crate) is_copied: bool,
    pub(crate) encode_reason: Option<String>,
    /// Of a gateway that tells it.
    #[serde(default)]
    pub(crate) subtitles: Vec<Subtitles>,
    pub(crate) error: Option<JobError>,
    pub(crate) playback: Option<Playback>,
    pub(crate) outputs: Vec<Output>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Progress {
    pub(crate) percent: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rendition {
    pub(crate) name: String,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    /// Of a gateway that tells it, as what follows.
    #[serde(default)]
    pub(crate) is_audio: bool,
    pub(crate) language: Option<String>,
    pub(crate) title: Option<String>,
}

/// A track of subtitles.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Subtitles {
    pub(crate) name: String,
    pub(crate) language: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) is_default: bool,
    pub(crate) is_forced: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobError {
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Playback {
    pub(crate) hls: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Output {
    pub(crate) kind: String,
    pub(crate) rendition: Option<String>,
    pub(crate) url: String,
    pub(crate) bytes: u64,
    pub(crate) frames: Option<u64>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) codecs: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct JobList {
    pub(super) jobs: Vec<Job>,
}
