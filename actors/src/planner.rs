//! The planner: source facts and wishes to a plan. No IO, no clock.

mod broadcast;
mod sound;
mod subtitles;
mod web_safe;

use std::collections::BTreeSet;

use bus_schema::encoder::{self, Encoder};
use bus_schema::id::RenditionName;
use bus_schema::ladder::{AUDIO, Fitted, Ladder, Rung};
use bus_schema::plan::images::ImagesPlan;
use bus_schema::plan::{CopyPlan, Plan, VideoPlan, VideoRendition};
use bus_schema::record::TASKS_MAX;
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::request::{JobRequest, Preset, clip};
use bus_schema::source::{SourceFacts, VideoFacts};
use bus_schema::video_codec::VideoCodec;

const SECOND_NS: u64 = 1_000_000_000;

/// Apple's authoring specification asks for about 6 s and a keyframe every 2; 4 s halves the wait
/// for the first picture against 6 s at a few percent of bitrate.
const SEGMENT_NS: u64 = 4 * SECOND_NS;
/// One segment: the film is playable when it is encoded.
const FIRST_CHUNK_NS: u64 = SEGMENT_NS;
/// Starting a chunk costs 0.2 to 0.35 s (process, seek, preroll): at 16 s under 3 % of the work.
const CHUNK_NS: u64 = 4 * SEGMENT_NS;
/// Frames a second when the source does not tell: only the keyframe bound depends on it.
const FPS_UNKNOWN: f64 = 30.0;
/// Longest source: a day. It takes some 5,400 chunks, and what is kept of it stays small; what claims
/// to last longer is most often a damaged header.
const SOURCE_NS_MAX: u64 = 24 * 3_600 * SECOND_NS;
/// Timescales that are taken from a source: coarser ones blur frame times, finer ones overflow the 32
/// bits of a segment's duration.
const TIMESCALES: std::ops::RangeInclusive<u32> = 1_000..=10_000_000;
/// In place of others. Whole for the usual frame rates, and for milliseconds.
const TIMESCALE: u32 = 90_000;

/// The short side, in pixels, that a preset of one rendition does not go beyond when none is asked for.
const SHORT_SIDE_USUAL: u32 = 720;

/// What there is to plan with.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// The qualities that there are.
    pub ladder: &'a Ladder,
    /// Encoders that every worker has, as far as is known.
    pub encoders: &'a BTreeSet<String>,
}

/// Plans a job, or says why it cannot be done.
///
/// Facts come from a process that read bytes of strangers: whatever they say, there is a plan that
/// workers can follow, or a reason. Of the encoders that every worker has
/// ([`crate::workers::Workers::encoders`]) the first of the codec is pinned, hardware
/// before software; the one in software, where none is known to work.
///
/// # Errors
/// `no_video`, `no_audio` or `unsupported`, with a sentence for the job's owner.
pub fn plan(
    facts: &SourceFacts,
    request: &JobRequest,
    means: Means<'_>,
) -> Result<Plan, TaskError> {
    match &request.clip {
        Some(clip) => {
            let clipped = clip.apply(facts).map_err(not_a_clip)?;
            plan_all(&clipped, request, means)
        }
        None => plan_all(facts, request, means),
    }
}

/// A plan of all that the facts tell of.
fn plan_all(
    facts: &SourceFacts,
    request: &JobRequest,
    means: Means<'_>,
) -> Result<Plan, TaskError> {
    let wants_audio_file = request.qualities.iter().any(|quality| quality == AUDIO);
    let is_audio_only = wants_audio_file && request.qualities.len() == 1;
    let video = match &facts.video {
        _ if is_audio_only => None,
        Some(video) => Some(plan_video(video, request, means)?),
        None => return Err(no_video()),
    };
    let encode_reason = match request.preset {
        Preset::Default => web_safe::obstacle(facts, request),
        Preset::WebOptimized | Preset::Hls | Preset::HlsAdaptive => None,
    };
    if let (Preset::Default, Some(video), None) = (request.preset, &video, &encode_reason) {
        return plan_copy(facts, video, request);
    }
    let (audio, mut warnings) = sound::plan(&facts.audio, request.loudness);
    let (subtitles, left) = subtitles::plan(&facts.subtitles);
    warnings.extend(left);
    warnings.extend(broadcast::warnings(facts.broadcast.as_deref()));
    if video.is_none() && audio.is_empty() {
        return Err(no_audio(facts));
    }
    let mut files: Vec<RenditionName> = video
        .iter()
        .flat_map(|video| {
            video
                .renditions
                .iter()
                .map(|rendition| rendition.name.clone())
        })
        .collect();
    files.extend(
        audio
            .first()
            .filter(|_| wants_audio_file)
            .map(|audio| audio.name.clone()),
    );
    let plan = Plan {
        segment_ns: SEGMENT_NS,
        first_chunk_ns: FIRST_CHUNK_NS,
        chunk_ns: CHUNK_NS,
        duration_ns: facts.duration_ns,
        video,
        audio,
        copy: None,
        is_streamed: request.preset.is_streamed(),
        encode_reason,
        files,
        warnings,
        images: images(facts, request),
        subtitles,
    };
    check_length(facts, &plan)?;
    Ok(plan)
}

/// The source's own streams in one file, named as the encoded one of this size would be.
fn plan_copy(
    facts: &SourceFacts,
    video: &VideoPlan,
    request: &JobRequest,
) -> Result<Plan, TaskError> {
    let copy = match (video.renditions.last(), &facts.video) {
        (Some(rendition), Some(shown)) => CopyPlan {
            name: rendition.name.clone(),
            width: shown.width,
            height: shown.height,
            audio: sound::copied(&facts.audio),
        },
        (None, _) | (_, None) => return Err(no_video()),
    };
    let (subtitles, left) = subtitles::plan(&facts.subtitles);
    let warnings = sound::left_by_a_copy(&facts.audio).into_iter().chain(left);
    let warnings = warnings.chain(broadcast::warnings(facts.broadcast.as_deref()));
    let plan = Plan {
        segment_ns: SEGMENT_NS,
        first_chunk_ns: FIRST_CHUNK_NS,
        chunk_ns: CHUNK_NS,
        duration_ns: facts.duration_ns,
        video: None,
        audio: Vec::new(),
        is_streamed: false,
        encode_reason: None,
        files: vec![copy.name.clone()],
        copy: Some(copy),
        warnings: warnings.collect(),
        images: images(facts, request),
        subtitles,
    };
    check_length(facts, &plan)?;
    Ok(plan)
}

/// The still images that were asked for, of a picture.
fn images(facts: &SourceFacts, request: &JobRequest) -> Option<ImagesPlan> {
    let (asked, video) = (request.images.as_ref()?, facts.video.as_ref()?);
    let end_ns = video.start_ns.saturating_add(video.duration_ns);
    Some(ImagesPlan::new(asked, video, end_ns))
}

/// A day at most, by every track that is used and by the container.
fn check_length(facts: &SourceFacts, plan: &Plan) -> Result<(), TaskError> {
    let video_ns = plan.video.as_ref().map(|video| video.end_ns);
    let is_used = |track| plan.audio.iter().any(|audio| audio.track == track);
    let audio = facts.audio.iter().filter(|audio| is_used(audio.track));
    let longest_ns = audio
        .map(|audio| audio.duration_ns)
        .chain([Some(facts.duration_ns), video_ns].into_iter().flatten())
        .max()
        .unwrap_or(0);
    if longest_ns <= SOURCE_NS_MAX && plan.n_tasks() <= TASKS_MAX {
        return Ok(());
    }
    let message = format!(
        "The source says that it lasts {} hours, and at most {} are taken: cut it into parts, or mend \
         its header if it is shorter.",
        longest_ns.div_ceil(3_600 * SECOND_NS),
        SOURCE_NS_MAX / (3_600 * SECOND_NS),
    );
    Err(TaskError {
        code: ErrorCode::Unsupported,
        message,
    })
}

fn plan_video(
    facts: &VideoFacts,
    request: &JobRequest,
    means: Means<'_>,
) -> Result<VideoPlan, TaskError> {
    if facts.width == 0 || facts.height == 0 {
        let message = "The picture has no size: the source is damaged or of an unknown kind.";
        return Err(TaskError {
            code: ErrorCode::Unsupported,
            message: message.to_owned(),
        });
    }
    let fps = frames_per_second(facts);
    let fitted = means.ladder.fit(
        &rungs(request, means.ladder)?,
        facts.width,
        facts.height,
        fps,
    );
    let fitted = match request.preset {
        // One file at the source's own size: what the whole ladder folds into at its top.
        Preset::Default if request.qualities.is_empty() => {
            fitted.into_iter().next_back().into_iter().collect()
        }
        Preset::Default | Preset::WebOptimized | Preset::Hls | Preset::HlsAdaptive => fitted,
    };
    let encoder = encoder::of(request.codec)
        .find(|one| means.encoders.contains(one.element))
        .unwrap_or_else(|| encoder::in_software(request.codec));
    for fitted in &fitted {
        check_size(fitted, request.codec)?;
    }
    let renditions = fitted
        .into_iter()
        .map(|fitted| rendition(fitted, encoder, fps))
        .collect();
    Ok(VideoPlan {
        timescale: if TIMESCALES.contains(&facts.timescale) {
            facts.timescale
        } else {
            TIMESCALE
        },
        end_ns: facts.start_ns.saturating_add(facts.duration_ns),
        renditions,
        takeover: None,
    })
}

/// Refuses what no encoder of the codec takes.
fn check_size(fitted: &Fitted, codec: VideoCodec) -> Result<(), TaskError> {
    let (width, height, least) = (fitted.width, fitted.height, codec.side_min());
    if width.min(height) >= least {
        return Ok(());
    }
    let message = format!(
        "A picture of {width} x {height} is too small for {codec}, which takes {least} pixels a side at \
         least: ask for h264, or for higher qualities."
    );
    Err(TaskError {
        code: ErrorCode::Unsupported,
        message,
    })
}

/// The rungs that a request names, or its preset's own.
fn rungs(request: &JobRequest, ladder: &Ladder) -> Result<Vec<Rung>, TaskError> {
    let names = request.qualities.iter().filter(|name| *name != AUDIO);
    let asked = names
        .map(|name| ladder.rung(name).cloned().ok_or_else(|| no_rung(name)))
        .collect::<Result<Vec<Rung>, TaskError>>()?;
    let usual = || vec![ladder.up_to(SHORT_SIDE_USUAL).clone()];
    Ok(match request.preset {
        Preset::Hls => asked.into_iter().next().map_or_else(usual, |one| vec![one]),
        Preset::Default | Preset::WebOptimized | Preset::HlsAdaptive if !asked.is_empty() => asked,
        Preset::WebOptimized => usual(),
        Preset::Default | Preset::HlsAdaptive => ladder.rungs().to_vec(),
    })
}

/// The ladder was another one when the job was made.
fn no_rung(name: &str) -> TaskError {
    let message = format!(
        "The quality `{name}` was taken off the ladder while the job waited: ask again for one that is on it."
    );
    TaskError {
        code: ErrorCode::Unsupported,
        message,
    }
}

fn rendition(fitted: Fitted, encoder: Encoder, fps: f64) -> VideoRendition {
    let Fitted {
        name,
        width,
        height,
        bitrate_max_bps,
    } = fitted;
    let bitrate_max_bps = encoder.codec.cap_bps(bitrate_max_bps);
    VideoRendition {
        name,
        width,
        height,
        encoder: encoder.element.to_owned(),
        crf: encoder.quality,
        bitrate_max_bps,
        // One second at the cap: a segment of 4 s is then at most a quarter above it.
        buffer_bits: bitrate_max_bps,
        keyframe_frames_max: keyframe_frames_max(fps),
    }
}

/// Segments force their own keyframes; this only bounds a GOP when frames come faster than told.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and positive"
)]
fn keyframe_frames_max(fps: f64) -> u32 {
    let segment_s = SEGMENT_NS as f64 / SECOND_NS as f64;
    (fps * segment_s).ceil() as u32 + 1
}

fn frames_per_second(facts: &VideoFacts) -> f64 {
    if facts.fps_num == 0 || facts.fps_den == 0 {
        return FPS_UNKNOWN;
    }
    (f64::from(facts.fps_num) / f64::from(facts.fps_den)).clamp(1.0, 240.0)
}

fn not_a_clip(refusal: clip::Refusal) -> TaskError {
    let words = refusal.to_string();
    let mut letters = words.chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    TaskError {
        code: ErrorCode::Unsupported,
        message: format!("{first}{}.", letters.as_str()),
    }
}

fn no_video() -> TaskError {
    let message = "The source has no picture: for its sound alone ask for the quality `audio`.";
    TaskError {
        code: ErrorCode::NoVideo,
        message: message.to_owned(),
    }
}

fn no_audio(facts: &SourceFacts) -> TaskError {
    let usual = || "The source has no sound, and nothing but sound was asked for.".to_owned();
    TaskError {
        code: ErrorCode::NoAudio,
        message: broadcast::no_sound(facts.broadcast.as_deref()).unwrap_or_else(usual),
    }
}

#[cfg(test)]
mod tests;
