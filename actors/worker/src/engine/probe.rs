//! The probe: what a source is, read from a few ranges of it.
//!
//! The first frame is really decoded, so that a codec nobody here knows is refused now and not in a
//! hundred chunks. Where the container has a table of its own, that is the truth about frames and times;
//! elsewhere the last seconds are read without decoding, since a file that was cut ends as cleanly as one
//! that was not.

pub mod names;

mod rate;

use bus_schema::report::ErrorCode;
use bus_schema::source::{AudioFacts, SourceFacts, VideoFacts};
use gstreamer as gst;
use gstreamer_video as gst_video;

use super::decode::{Decode, Frame, Want};
use super::demux::{Medium, Stream};
use super::scan::{self, Track};
use super::source::Source;
use super::{Error, Result};

/// How much of the end is read to learn where tracks really end: beyond the longest distance of keyframes
/// that is usual.
const TAIL_NS: u64 = 10_000_000_000;
/// How much may be missing before a container's declared duration counts as broken.
const MISSING_NS_MAX: u64 = 1_000_000_000;
/// Containers that declare their duration instead of having it estimated from bit rates.
const DECLARING: &[&str] = &["matroska", "webm", "avi", "flv", "ogg"];
/// The timescale where the container has none in which all frame times are exact: whole for 24, 25, 30,
/// 50, 60 frames a second and their NTSC variants, and for milliseconds.
const TIMESCALE: u32 = 90_000;

/// Reads source facts.
///
/// # Errors
/// [`ErrorCode::Empty`], [`ErrorCode::NotMedia`], [`ErrorCode::Truncated`],
/// [`ErrorCode::Unsupported`] or [`ErrorCode::Damaged`] for what is wrong with the source, others for
/// what is wrong with us.
pub fn run(source: &Source, threads: u32) -> Result<SourceFacts> {
    if source.size() == 0 {
        return Err(Error::new(ErrorCode::Empty, "the source has no bytes"));
    }
    let decode = Decode::open(source, Want::AnyVideo, threads).map_err(not_media)?;
    let container = container(&decode)?;
    let streams = decode.demux().streams();
    let first = first_frame(&decode)?;
    let declared_ns = decode.demux().declared_duration_ns();
    drop(decode);
    let tracks = tracks(source, &container, declared_ns)?;
    let ends = |medium: Medium| {
        let of_medium = move |track: &&Track| track.medium == medium;
        tracks.iter().filter(of_medium).collect::<Vec<_>>()
    };
    let video = match streams.iter().find(|stream| stream.medium == Medium::Video) {
        Some(stream) => {
            let first = first.ok_or_else(|| Error::new(ErrorCode::Damaged, "no picture can be decoded"))?;
            Some(video_facts(stream, &first, ends(Medium::Video).first().copied())?)
        }
        None => None,
    };
    let audio: Vec<AudioFacts> = streams
        .iter()
        .filter(|stream| stream.medium == Medium::Audio)
        .zip(ends(Medium::Audio))
        .zip(0..)
        .map(|((stream, track), ordinal)| audio_facts(stream, track, ordinal))
        .collect();
    let ends = video.iter().map(|v| v.start_ns + v.duration_ns);
    let Some(duration_ns) = ends.chain(audio.iter().map(|a| a.duration_ns)).max() else {
        return Err(Error::new(ErrorCode::NotMedia, "the source has neither picture nor sound"));
    };
    Ok(SourceFacts { container, duration_ns, video, audio })
}

/// Before any stream is known, a demuxer that gives up means that the file is not what it looked like.
fn not_media(error: Error) -> Error {
    match error.code {
        ErrorCode::Damaged => Error { code: ErrorCode::NotMedia, ..error },
        _ => error,
    }
}

fn container(decode: &Decode) -> Result<String> {
    let caps = decode.demux().container();
    caps.as_deref().and_then(names::container).ok_or_else(|| {
        let what = caps.map(|caps| caps.to_string()).unwrap_or_default();
        Error::new(ErrorCode::NotMedia, format!("the source is no video or sound but {what}"))
    })
}

fn first_frame(decode: &Decode) -> Result<Option<Frame>> {
    if !decode.demux().streams().iter().any(|stream| stream.medium == Medium::Video) {
        return Ok(None);
    }
    if !decode.demux().seek(0) {
        tracing::debug!("not seekable");
    }
    decode.play()?;
    decode.next()
}

/// What is known of each track's end.
fn tracks(source: &Source, container: &str, declared_ns: Option<u64>) -> Result<Vec<Track>> {
    let from_ns = declared_ns.map_or(0, |ns| ns.saturating_sub(TAIL_NS));
    let mut tracks = scan::run(source, from_ns)?;
    let is_blank = |tracks: &[Track]| tracks.iter().all(|track| track.frames == 0);
    if from_ns > 0 && is_blank(&tracks) {
        // The declared end is not there; what is?
        tracks = scan::run(source, 0)?;
    }
    let end_ns = tracks.iter().map(|track| track.end_ns).max().unwrap_or(0);
    match declared_ns {
        Some(declared_ns)
            if DECLARING.contains(&container) && end_ns + MISSING_NS_MAX < declared_ns =>
        {
            Err(truncated(end_ns, declared_ns))
        }
        _ => Ok(tracks),
    }
}

fn truncated(end_ns: u64, declared_ns: u64) -> Error {
    let [end_ms, declared_ms] = [end_ns, declared_ns].map(|ns| ns / 1_000_000);
    let message = format!("the source ends after {end_ms} ms of {declared_ms} ms: upload it again");
    Error::new(ErrorCode::Truncated, message)
}

fn video_facts(stream: &Stream, first: &Frame, track: Option<&Track>) -> Result<VideoFacts> {
    let info = gst_video::VideoInfo::from_caps(&first.caps)
        .map_err(|_| Error::new(ErrorCode::Unsupported, "the picture's format is not known"))?;
    let rotation_deg = rotation(&stream.tags());
    let (width, height) = shown_size(&info, rotation_deg);
    let start_ns = first.time_ns.unwrap_or(0);
    let end_ns = track.map_or(0, |track| track.end_ns.max(track.last_ns));
    let measured = || {
        track.map_or((0, 1), |track| {
            let span_ns = track.last_ns.saturating_sub(track.first_ns);
            rate::of_frames(track.frames.saturating_sub(1), span_ns)
        })
    };
    let (fps_num, fps_den) =
        rate::declared(info.fps().numer(), info.fps().denom()).unwrap_or_else(measured);
    Ok(VideoFacts {
        codec: names::codec(&stream.caps),
        width,
        height,
        coded_width: info.width(),
        coded_height: info.height(),
        rotation_deg,
        fps_num,
        fps_den,
        timescale: TIMESCALE,
        frames: None,
        bit_depth: u8::try_from(info.comp_depth(0)).unwrap_or(8),
        is_interlaced: info.is_interlaced(),
        start_ns,
        duration_ns: end_ns.saturating_sub(start_ns),
    })
}

/// After rotation and with square pixels.
fn shown_size(info: &gst_video::VideoInfo, rotation_deg: u16) -> (u32, u32) {
    let (num, den) = (info.par().numer(), info.par().denom());
    let (num, den) = match (u64::try_from(num), u64::try_from(den)) {
        (Ok(num), Ok(den)) if num > 0 && den > 0 => (num, den),
        _ => (1, 1),
    };
    let wide = (u64::from(info.width()) * num + den / 2) / den;
    let wide = u32::try_from(wide).unwrap_or(u32::MAX).max(1);
    if rotation_deg % 180 == 90 { (info.height(), wide) } else { (wide, info.height()) }
}

/// Clockwise degrees of the orientation tag. Mirrored pictures, which no camera makes, are only turned.
fn rotation(tags: &gst::TagListRef) -> u16 {
    let tag = tags.get::<gst::tags::ImageOrientation>();
    let text = tag.as_ref().map(|value| value.get()).unwrap_or_default();
    text.rsplit('-').next().and_then(|degrees| degrees.parse().ok()).filter(|deg| deg % 90 == 0).unwrap_or(0)
}

fn audio_facts(stream: &Stream, track: &Track, ordinal: u32) -> AudioFacts {
    let structure = stream.caps.structure(0);
    let number = |name: &str| {
        let value = structure.and_then(|s| s.get::<i32>(name).ok());
        value.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    };
    let tags = stream.tags();
    let language = tags.get::<gst::tags::LanguageCode>().map(|value| value.get().to_owned());
    AudioFacts {
        track: ordinal,
        codec: names::codec(&stream.caps),
        channels: number("channels"),
        sample_rate_hz: number("rate"),
        language: language.filter(|code| code != "und"),
        duration_ns: track.end_ns,
    }
}
