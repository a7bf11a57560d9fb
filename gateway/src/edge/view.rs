//! Jobs as clients see them.

use std::collections::BTreeMap;

use bus_schema::id::RenditionName;
use bus_schema::live::JobProgress;
use bus_schema::plan::subtitles::SubtitlePlan;
use bus_schema::record::{JobRecord, JobState, Output, OutputKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::rfc3339;

/// A job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobView {
    /// 26 letters and digits; ids sort by the time they were made.
    #[schema(example = "01k9xv3q8m2r7t5w4y6z0abcde")]
    pub id: String,
    /// `uploading`, `queued`, `running`, `playable`, `completed`, `failed` or `cancelled`.
    pub state: &'static str,
    /// `default`, `web-optimized`, `hls` or `hls-adaptive`.
    pub preset: &'static str,
    /// As asked for; empty is the preset's choice.
    pub qualities: Vec<String>,
    /// `h264`, `hevc`, `vp9` or `av1`: what the picture is encoded to, where it is encoded.
    pub codec: &'static str,
    /// The user's name of the file.
    pub filename: String,
    /// Bytes of the source.
    pub size: u64,
    /// 0 to 100, higher is released first.
    pub priority: u8,
    /// Length of the source once it was probed, or of the clip that is taken of it.
    pub duration_ms: Option<u64>,
    /// The number of the last fact that this view holds: open a live feed with it.
    pub n: u64,
    /// How far it is.
    pub progress: ProgressView,
    /// Once it is planned: lowest first, the sound last. What was given up is not here.
    pub renditions: Vec<RenditionView>,
    /// RFC 3339, as all times.
    pub created_at: String,
    /// When the upload's address ends.
    pub upload_expires_at: Option<String>,
    /// When the source was in storage: all durations count from here.
    pub uploaded_at: Option<String>,
    /// When the first task was released.
    pub started_at: Option<String>,
    /// When the first seconds could be played.
    pub playable_at: Option<String>,
    /// When it was completed, failed or cancelled.
    pub finished_at: Option<String>,
    /// What fell short without failing the job.
    pub warnings: Vec<String>,
    /// Whether the source's own streams are copied, and nothing is encoded: then there is one file, and
    /// no playlist. False until it is planned.
    pub is_copied: bool,
    /// Why the source is encoded where its preset would have copied it.
    pub encode_reason: Option<String>,
    /// Tracks of subtitles that are carried over, as they are planned: those that come out are outputs, from when
    /// their files are there.
    pub subtitles: Vec<SubtitleView>,
    /// Why it failed.
    pub error: Option<JobErrorView>,
    /// How to play it, from the moment it is playable.
    pub playback: Option<Playback>,
    /// What is finished.
    pub outputs: Vec<OutputView>,
    /// The client's own words.
    pub metadata: BTreeMap<String, String>,
    /// The client's own id.
    pub external_id: Option<String>,
}

/// How far a job is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProgressView {
    /// The whole job, 0 to 100.
    pub percent: f64,
    /// Source seconds encoded per second; 0 while unknown.
    pub speed: f64,
    /// Until everything is stored; null while unknown.
    pub eta_ms: Option<u64>,
    /// How much of a source without an index (a broadcast, AVI) was rewritten, 0 to 100; null unless that is
    /// what is being done, before anything is encoded.
    pub remuxed_percent: Option<f64>,
}

/// A rendition.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RenditionView {
    /// `720p`, `audio`, `audio-2`, ...
    pub name: String,
    /// Whether it is a track of sound; the first of them is played when nobody chooses.
    pub is_audio: bool,
    /// BCP 47 tag of a track of sound, where the source tells it.
    pub language: Option<String>,
    /// Name of a track of sound, where the source has one: a stranger's text, on one line.
    pub title: Option<String>,
    /// Pixels; null for the sound.
    pub width: Option<u32>,
    /// Pixels; null for the sound.
    pub height: Option<u32>,
    /// What encodes the picture: `x264enc`, ...; where a device failed in the middle, what makes the rest. Null for
    /// the sound and for a copy.
    pub encoder: Option<String>,
    /// 0 to 100.
    pub percent: f64,
}

/// A track of subtitles.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubtitleView {
    /// `subtitles`, `subtitles-2`, ...
    pub name: String,
    /// BCP 47 tag, where the source tells it.
    pub language: Option<String>,
    /// Its name, where the source has one: a stranger's text, on one line.
    pub title: Option<String>,
    /// Whether it is shown when nobody chooses.
    pub is_default: bool,
    /// Whether it holds only what everybody must read.
    pub is_forced: bool,
}

/// Why a job failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobErrorView {
    /// Stable: `not_media`, `empty`, `truncated`, `no_video`, ...
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// How to play a job.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Playback {
    /// The multivariant playlist, relative to this gateway.
    pub hls: String,
}

/// Something that can be fetched.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OutputView {
    /// `mp4`, `m4a`, `hls`, `dash`, `poster`, `storyboard` (WebVTT), `images` (a list, as
    /// JSON), `chapters` (WebVTT, and JSON) or `subtitles` (WebVTT).
    pub kind: &'static str,
    /// Whose, where it belongs to one rendition.
    pub rendition: Option<String>,
    /// Relative to this gateway.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// Frames of its picture; null where there is none.
    pub frames: Option<u64>,
    /// Its length; null for playlists.
    pub duration_ms: Option<u64>,
    /// RFC 6381, the picture's first: `avc1.64001f,mp4a.40.2`; null for what is no film.
    pub codecs: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JobList {
    /// Newest first.
    pub jobs: Vec<JobView>,
    /// Ask with `after` set to this for the next page; null when this is the last.
    pub next: Option<String>,
}

impl JobView {
    pub(super) fn of(record: &JobRecord, progress: Option<&JobProgress>) -> Self {
        let at = |ms: Option<u64>| ms.map(rfc3339);
        let times = &record.times;
        Self {
            id: record.id.to_string(),
            state: record.state.as_str(),
            preset: record.request.preset.as_str(),
            qualities: record.request.qualities.clone(),
            codec: record.request.codec.as_str(),
            filename: record.request.filename.clone(),
            size: record.source.bytes,
            priority: record.priority,
            duration_ms: duration_ns(record).map(|ns| ns / 1_000_000),
            n: record.n_facts,
            progress: ProgressView {
                percent: progress.map_or(0.0, |progress| progress.percent),
                speed: progress.map_or(0.0, |progress| progress.speed),
                eta_ms: progress.and_then(|progress| progress.eta_ms),
                remuxed_percent: progress.and_then(|progress| progress.remuxed_percent),
            },
            renditions: renditions(record, progress),
            created_at: rfc3339(times.created_ms),
            upload_expires_at: at(times.upload_expires_ms),
            uploaded_at: at(times.uploaded_ms),
            started_at: at(times.started_ms),
            playable_at: at(times.playable_ms),
            finished_at: at(times.finished_ms),
            warnings: record.warnings.clone(),
            is_copied: is_copied(record),
            encode_reason: record
                .plan
                .as_ref()
                .and_then(|plan| plan.encode_reason.clone()),
            subtitles: subtitles(record),
            error: record.error.as_ref().map(|error| JobErrorView {
                code: serde_json::to_value(error.code)
                    .ok()
                    .and_then(|code| Some(code.as_str()?.to_owned()))
                    .unwrap_or_default(),
                message: error.message.clone(),
            }),
            playback: is_playable(record).then(|| Playback {
                hls: play_url(record, bus_schema::object_key::MULTIVARIANT_PLAYLIST),
            }),
            outputs: record
                .outputs
                .iter()
                .map(|output| output_view(record, output))
                .collect(),
            metadata: record.request.metadata.clone(),
            external_id: record.request.external_id.clone(),
        }
    }
}

/// A completed job is played from its final playlists, if it keeps any. A copy never has one: its file
/// is what is played.
pub(super) fn is_playable(record: &JobRecord) -> bool {
    match record.state {
        JobState::Playable => !is_copied(record),
        JobState::Completed => record
            .outputs
            .iter()
            .any(|output| output.kind == OutputKind::Hls),
        JobState::Uploading
        | JobState::Queued
        | JobState::Running
        | JobState::Failed
        | JobState::Cancelled => false,
    }
}

fn is_copied(record: &JobRecord) -> bool {
    record.plan.as_ref().is_some_and(|plan| plan.copy.is_some())
}

/// How long what is made of the source is: a clip's own length, once it is planned.
fn duration_ns(record: &JobRecord) -> Option<u64> {
    let planned = record.plan.as_ref().map(|plan| plan.duration_ns);
    planned.or_else(|| Some(record.facts.as_ref()?.duration_ns))
}

fn renditions(record: &JobRecord, progress: Option<&JobProgress>) -> Vec<RenditionView> {
    let Some(plan) = &record.plan else {
        return Vec::new();
    };
    let video = plan.video.iter().flat_map(|video| &video.renditions);
    let video = video.map(|rendition| (&rendition.name, (rendition.width, rendition.height)));
    let copy = plan.copy.iter();
    let video = video.chain(copy.map(|copy| (&copy.name, (copy.width, copy.height))));
    let is_offered = |name: &RenditionName| !record.dropped.contains(name);
    let percent = |name: &RenditionName| {
        let shown = progress
            .and_then(|progress| progress.renditions.iter().find(|shown| shown.name == *name));
        shown.map_or(0.0, |shown| shown.percent)
    };
    let video = video.filter(|(name, _)| is_offered(name));
    let planned = record.plan.as_ref().and_then(|plan| plan.video.as_ref());
    let takeover = planned.and_then(|video| video.takeover.as_ref());
    let encoder = |name: &RenditionName| {
        let mut renditions = planned?.renditions.iter();
        let rendition = renditions.find(|one| one.name == *name)?;
        let encoder = takeover.map_or(&rendition.encoder, |takeover| &takeover.encoder);
        Some(encoder.clone())
    };
    let video = video.map(|(name, (width, height))| RenditionView {
        name: name.to_string(),
        is_audio: false,
        language: None,
        title: None,
        width: Some(width),
        height: Some(height),
        encoder: encoder(name),
        percent: percent(name),
    });
    let audio = |name: &RenditionName, told: (&Option<String>, &Option<String>), percent: f64| {
        let (language, title) = (told.0.clone(), told.1.clone());
        RenditionView {
            name: name.to_string(),
            is_audio: true,
            language,
            title,
            width: None,
            height: None,
            encoder: None,
            percent,
        }
    };
    let encoded = record.audio_tracks().map(|(_, track)| {
        let told = (&track.language, &track.title);
        audio(&track.name, told, percent(&track.name))
    });
    // It is in the copy's one file.
    let copied = plan.copy.iter().filter_map(|copy| {
        let track = copy.audio.as_ref()?;
        let told = (&track.language, &track.title);
        Some(audio(&track.name, told, percent(&track.name)))
    });
    video.chain(encoded).chain(copied).collect()
}

fn subtitles(record: &JobRecord) -> Vec<SubtitleView> {
    let planned = record.plan.iter().flat_map(|plan| &plan.subtitles);
    let view = |one: &SubtitlePlan| SubtitleView {
        name: one.name.to_string(),
        language: one.language.clone(),
        title: one.title.clone(),
        is_default: one.is_default,
        is_forced: one.is_forced,
    };
    planned.map(view).collect()
}

fn output_view(record: &JobRecord, output: &Output) -> OutputView {
    let rendition = output.rendition.as_ref().map(ToString::to_string);
    let download = || {
        let rendition = rendition.as_deref().unwrap_or_default();
        format!("/v1/jobs/{}/download?rendition={rendition}", record.id)
    };
    let (kind, url) = match output.kind {
        OutputKind::Mp4 => ("mp4", download()),
        OutputKind::M4a => ("m4a", download()),
        OutputKind::Hls => ("hls", play_url(record, &output.name)),
        OutputKind::Dash => ("dash", play_url(record, &output.name)),
        OutputKind::Poster => ("poster", play_url(record, &output.name)),
        OutputKind::Storyboard => ("storyboard", play_url(record, &output.name)),
        OutputKind::Images => ("images", play_url(record, &output.name)),
        OutputKind::Chapters => ("chapters", play_url(record, &output.name)),
        OutputKind::Subtitles => ("subtitles", play_url(record, &output.name)),
    };
    OutputView {
        kind,
        url,
        bytes: output.bytes,
        frames: output.frames,
        duration_ms: output.duration_ms,
        codecs: output.codecs.clone(),
        rendition,
    }
}

fn play_url(record: &JobRecord, name: &str) -> String {
    format!("/v1/jobs/{}/play/{name}", record.id)
}
