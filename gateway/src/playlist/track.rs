//! Tracks: each rendition as a list of segments, wherever its attempts put them.

mod edition;

pub(super) use edition::{Edition, Seam};

use bus_schema::attempt::RenditionResult;
use bus_schema::id::RenditionName;
use bus_schema::language::is_tag;
use bus_schema::object_key::{attempt_dir, init, segment};
use bus_schema::plan::{AudioPlan, Plan, VideoRendition};
use bus_schema::record::JobRecord;

use super::Error;
use super::details::{Details, Origin};

const SECOND_NS: u64 = 1_000_000_000;
/// Longest frame that a target duration allows for: no player waits longer for a segment. What is
/// said to be longer is most often a damaged header.
const FRAME_NS_MAX: u64 = 60 * SECOND_NS;
/// Longest name of a track: 64 characters of up to four bytes.
const TITLE_BYTES_MAX: usize = 256;
/// Frames a second that are told: what is said beyond them is a clock's rate, or nonsense.
const FPS_TOLD: std::ops::RangeInclusive<f64> = 0.01..=1_000.0;

/// One rendition.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) name: RenditionName,
    pub(super) medium: Medium,
    /// Units per second.
    pub(super) timescale: u32,
    /// In order; none while there is no segment.
    pub(super) editions: Vec<Edition>,
    /// What the plan promises, in bits per second.
    pub(super) rate_bps: u64,
    /// The longest segment that the plan allows, in whole seconds.
    pub(super) target_s: u64,
    pub(super) segments: Vec<Segment>,
    /// Whether these are all.
    pub(super) is_whole: bool,
}

/// Picture or sound.
#[derive(Debug, Clone)]
pub(super) enum Medium {
    Video {
        width: u32,
        height: u32,
        fps: Option<(u32, u32)>,
    },
    Audio {
        channels: u32,
        sample_rate_hz: u32,
        language: Option<String>,
        /// Fit for a quoted string.
        title: Option<String>,
    },
}

/// One media file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Relative to the job's outputs.
    pub(super) uri: String,
    /// When it is shown, in units: the decode time of its first sample, but for the priming of sound,
    /// which an edit list takes off.
    pub(super) start: u64,
    /// In units.
    pub(super) duration: u32,
    pub(super) bytes: u32,
    /// Its first bytes that show its first frame, where that is known.
    pub(super) keyframe_bytes: Option<u32>,
}

/// Consecutive segments of one attempt.
struct Piece<'a> {
    /// Number of the first segment.
    first: u32,
    /// When the first segment is shown, in units.
    start: u64,
    durations: &'a [u32],
    bytes: &'a [u32],
    /// As many as there are segments, or none.
    keyframe_bytes: &'a [u32],
    codecs: &'a str,
}

/// The renditions that are offered, in the plan's order, the sound last.
pub(super) fn tracks(record: &JobRecord, details: &Details) -> Result<Vec<Track>, Error> {
    let Some(plan) = &record.plan else {
        return Ok(Vec::new());
    };
    let target_s = target_s(record, plan);
    let is_offered = |name: &RenditionName| !record.dropped.contains(name);
    let video = plan.video.iter().flat_map(|video| &video.renditions);
    let mut tracks = video
        .filter(|rendition| is_offered(&rendition.name))
        .map(|rendition| video_track(record, plan, details, rendition, target_s))
        .collect::<Result<Vec<Track>, Error>>()?;
    let seam = Seam::of(plan, details);
    let audio = record.audio_tracks();
    tracks.extend(audio.map(|(place, audio)| {
        let mut track = audio_track(record, details, place, audio, target_s);
        track.follow(&seam);
        track
    }));
    Ok(tracks)
}

fn video_track(
    record: &JobRecord,
    plan: &Plan,
    details: &Details,
    rendition: &VideoRendition,
    target_s: u64,
) -> Result<Track, Error> {
    let fps = record
        .facts
        .as_ref()
        .and_then(|facts| facts.video.as_ref())
        .map(|v| (v.fps_num, v.fps_den));
    let mut track = Track {
        name: rendition.name.clone(),
        medium: Medium::Video {
            width: rendition.width,
            height: rendition.height,
            fps: fps.filter(|(num, den)| {
                *den > 0 && FPS_TOLD.contains(&(f64::from(*num) / f64::from(*den)))
            }),
        },
        timescale: plan
            .video
            .as_ref()
            .map_or(1, |video| video.timescale.max(1)),
        editions: Vec::new(),
        rate_bps: u64::from(rendition.bitrate_max_bps),
        target_s,
        segments: Vec::new(),
        is_whole: details.chunks.len() == plan.n_chunks() as usize,
    };
    let takeover = plan
        .video
        .as_ref()
        .and_then(|video| video.takeover.as_ref());
    let mut is_taken_over = false;
    for ((origin, chunk), index) in details.chunks.iter().zip(0..) {
        // A chunk that no frame fell into: nothing was written, and nothing is to be listed.
        if chunk.durations.is_empty() {
            continue;
        }
        let result = chunk
            .renditions
            .iter()
            .find(|result| result.name == rendition.name);
        let result: &RenditionResult = result.ok_or_else(|| Error::Damaged {
            key: bus_schema::attempt::key(&record.id, origin.task, origin.attempt, None),
            reason: format!("rendition {} is not in it", rendition.name),
        })?;
        let is_behind = takeover.is_some_and(|takeover| index >= takeover.from_chunk);
        if is_behind && !std::mem::replace(&mut is_taken_over, true) {
            track.begin_edition(*origin, &result.codecs);
        }
        let piece = Piece {
            first: plan.first_segment(index),
            start: chunk.start,
            durations: &chunk.durations,
            bytes: &result.bytes,
            keyframe_bytes: &result.keyframe_bytes,
            codecs: &result.codecs,
        };
        track.append(*origin, &piece);
    }
    Ok(track)
}

fn audio_track(
    record: &JobRecord,
    details: &Details,
    place: usize,
    audio: &AudioPlan,
    target_s: u64,
) -> Track {
    let task = record.plan.as_ref().and_then(|plan| plan.audio_task(place));
    let state = task.and_then(|task| record.tasks.get(task));
    let is_done = state.is_some_and(|task| task.done_attempt().is_some());
    let parts: Vec<_> = task
        .into_iter()
        .flat_map(|task| details.parts_of(task))
        .collect();
    let mut track = Track {
        name: audio.name.clone(),
        medium: Medium::Audio {
            channels: audio.channels,
            sample_rate_hz: audio.sample_rate_hz,
            language: audio.language.clone().filter(|text| is_tag(text)),
            title: audio.title.clone().filter(|text| is_title(text)),
        },
        timescale: audio.sample_rate_hz.max(1),
        editions: Vec::new(),
        rate_bps: u64::from(audio.bitrate_bps),
        target_s,
        segments: Vec::new(),
        is_whole: is_done && parts.len() == record.audio_prefix(place).len(),
    };
    for (origin, part) in parts {
        let piece = Piece {
            first: part.first_segment,
            start: part.start,
            durations: &part.durations,
            bytes: &part.bytes,
            keyframe_bytes: &[],
            codecs: &part.codecs,
        };
        track.append(*origin, &piece);
    }
    track
}

// === impl Track ===

impl Track {
    fn append(&mut self, from: Origin, piece: &Piece<'_>) {
        let dir = attempt_dir(from.task, from.attempt);
        if self.editions.is_empty() {
            self.begin_edition(from, piece.codecs);
        }
        let mut at = piece.start;
        let keyframes = piece.keyframe_bytes.iter().copied().map(Some);
        let keyframes = keyframes.chain(std::iter::repeat(None));
        let sizes = piece.durations.iter().zip(piece.bytes).zip(keyframes);
        for (((duration, bytes), keyframe_bytes), number) in sizes.zip(piece.first..=u32::MAX) {
            let uri = format!("{dir}{}", segment(&self.name, number));
            self.segments.push(Segment {
                uri,
                start: at,
                duration: *duration,
                bytes: *bytes,
                keyframe_bytes,
            });
            at += u64::from(*duration);
        }
    }

    /// What follows is decoded by the configuration that this attempt wrote; until the next edition it is the
    /// same in all: the control plane checked it.
    fn begin_edition(&mut self, from: Origin, codecs: &str) {
        let dir = attempt_dir(from.task, from.attempt);
        self.editions.push(Edition {
            first: self.segments.len(),
            init: format!("{dir}{}", init(&self.name)),
            codecs: codecs.to_owned(),
        });
    }

    pub(super) fn is_audio(&self) -> bool {
        matches!(self.medium, Medium::Audio { .. })
    }

    /// Whether a playlist of keyframes alone can be written: whether it is known of every segment how many
    /// bytes show its first frame.
    pub(super) fn has_keyframes(&self) -> bool {
        let mut segments = self.segments.iter();
        !self.is_audio() && segments.all(|segment| segment.keyframe_bytes.is_some())
    }

    /// All segments together, in units.
    pub(super) fn units(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| u64::from(segment.duration))
            .sum()
    }

    /// Where the last segment ends on the job's timeline, in microseconds, rounded up. A track that
    /// begins late ends late.
    pub(super) fn end_us(&self) -> u64 {
        let end = self.segments.last().map_or(0, Segment::end);
        let us = (u128::from(end) * 1_000_000).div_ceil(u128::from(self.timescale));
        u64::try_from(us).unwrap_or(u64::MAX)
    }
}

// === impl Segment ===

impl Segment {
    /// When what follows it is shown, in units.
    pub(super) fn end(&self) -> u64 {
        self.start + u64::from(self.duration)
    }
}

/// Segments are cut at the first frame at or after each multiple of the plan's length: none is
/// longer than that and one frame. Fixed by the plan, because it must not change while a playlist grows.
fn target_s(record: &JobRecord, plan: &Plan) -> u64 {
    let video = record.facts.as_ref().and_then(|facts| facts.video.as_ref());
    let frame_ns = match (video, &plan.video, plan.audio.first()) {
        (Some(v), Some(_), _) if v.fps_num > 0 && v.fps_den > 0 => {
            u64::from(v.fps_den) * SECOND_NS / u64::from(v.fps_num)
        }
        // 1,024 samples are a frame of AAC.
        (_, None, Some(audio)) => 1_024 * SECOND_NS / u64::from(audio.sample_rate_hz.max(1)),
        // Frame rate unknown: a slide show's frames may be long.
        _ => SECOND_NS,
    };
    let longest_ns = plan.segment_ns.saturating_add(frame_ns.min(FRAME_NS_MAX));
    longest_ns.div_ceil(SECOND_NS).max(1)
}

/// A name that the planner cleaned; nothing else goes into a quoted string.
pub(super) fn is_title(text: &str) -> bool {
    let is_odd = |c: char| c == '"' || c.is_control();
    (1..=TITLE_BYTES_MAX).contains(&text.len()) && !text.contains(is_odd)
}
