//! The probe: what a source is, read from a few ranges of it.
//!
//! The first frame is really decoded, so that a codec nobody here knows is refused now and not in a
//! hundred chunks. Where the container has a table of its own, that is the truth about frames and
//! times; elsewhere the last seconds are read without decoding, since a file that was cut ends as
//! cleanly as one that was not.

pub mod names;

mod avi;
mod check;
mod rate;
mod remuxed;
mod subtitles;
mod video;

use std::sync::Arc;

use bus_schema::intermediate::CONTAINERS;
use bus_schema::report::ErrorCode;
use bus_schema::source::{AudioFacts, SourceFacts, VideoFacts};
use gstreamer as gst;

use super::decode::{Decode, Want};
use super::demux::{Medium, Stream, unread};
use super::frame::Frame;
use super::intermediate;
use super::pipeline::NOT_MEDIA;
use super::results::Results;
use super::scan::{self, Track};
use super::source::Source;
use super::transport::Transport;
use super::{Error, Result, gapless, table};
use crate::mp4::index::{MovieIndex, TrackIndex};
use crate::mp4::remux;

/// How much of the end is read to learn where tracks really end: beyond the longest distance of
/// keyframes that is usual.
const TAIL_NS: u64 = 10_000_000_000;
/// How much may be missing before a container's declared duration counts as broken.
const MISSING_NS_MAX: u64 = 1_000_000_000;
/// Containers that declare their duration instead of having it estimated from bit rates.
const DECLARING: &[&str] = &["matroska", "webm", "avi", "flv", "ogg", "asf"];
/// Declared durations from this on are none: ffmpeg writes as much for a subtitle without an end. In
/// milliseconds, seven weeks.
const ENDLESS_MS: u64 = u32::MAX as u64;
/// Longest name of a track that is told, in characters: more is no name.
const TITLE_CHARS_MAX: usize = 256;

/// Reads source facts. A source whose container cannot be sought in is remuxed on the way, where it can
/// be: the facts are then those of the intermediate, which was sent.
///
/// # Errors
/// [`ErrorCode::Empty`], [`ErrorCode::NotMedia`], [`ErrorCode::Truncated`],
/// [`ErrorCode::Unsupported`] or [`ErrorCode::Damaged`] for what is wrong with the source, others
/// for what is wrong with us.
pub fn run(source: &Source, results: &Arc<Results>, threads: u32) -> Result<SourceFacts> {
    if source.size() == 0 {
        let message = "The upload has no bytes: upload the file again.";
        return Err(Error::new(ErrorCode::Empty, message));
    }
    let transport = Transport::default();
    let source = &source.watched(&transport);
    let table = table::read(source)?;
    let index_facts = table
        .as_ref()
        .map(|found| remux::facts(&found.index, &found.moov, source.size()));
    let index = table.as_ref().map(|found| &found.index);
    let decode = open(source, index.is_some(), &transport, threads)?;
    let container = match container(&decode)?.as_str() {
        // GStreamer tells them apart by little; the file's own brand is in the table.
        "mp4" if index.is_some_and(|index| index.is_quicktime) => "mov".to_owned(),
        name => name.to_owned(),
    };
    let film = decode.stream().cloned();
    check::ordered(&container, film.as_ref())?;
    check::timed(&container, &decode.demux().streams())?;
    check::shown(index, film.as_ref())?;
    let is_fit = !CONTAINERS.contains(&container.as_str());
    let first = first_frame(&decode, is_fit, &transport)?;
    // Now, since what is told of them comes with their first bytes, and goes with the pipeline.
    let mut streams = decode.demux().streams();
    let declared_ns = decode.demux().declared_duration_ns();
    let declared_ns = match container.as_str() {
        // Of these the demuxer only says what it found.
        "avi" => avi::promised_ns(source),
        _ => declared_ns.filter(|ns| ns / 1_000_000 < ENDLESS_MS),
    };
    drop(decode);
    let subtitles = subtitles::all(source, &container, table.as_deref(), &streams);
    if index.is_none() && !is_fit {
        let id = film.as_ref().map(|stream| stream.id.as_str());
        if let Some(remuxed) = intermediate::run(source, &container, id, results)? {
            let seen = (first.as_ref(), declared_ns);
            let facts = remuxed::facts(remuxed, container, seen, (source, &transport))?;
            // The intermediate holds none, and what is left out has to be told.
            return Ok(SourceFacts { subtitles, ..facts });
        }
    }
    let tracks = match index {
        Some(index) => {
            fill_formats(source, &mut streams, threads);
            from_table(index, &streams)
        }
        None => {
            let seen = from_recording(source, &container, declared_ns)?;
            in_order(&streams, &seen)
        }
    };
    let pad = film.as_ref().map(|stream| &stream.pad);
    let is_film = |(stream, _): &(&Stream, &Track)| Some(&stream.pad) == pad;
    let video = match streams.iter().zip(&tracks).find(is_film) {
        Some((stream, track)) => {
            let table = index.and_then(MovieIndex::video);
            Some(video::facts(stream, seen(first.as_ref())?, track, table)?)
        }
        None => None,
    };
    let audio = all_audio(&streams, &tracks, index);
    let duration_ns = duration_ns(video.as_ref(), &audio)?;
    let broadcast = remuxed::lacks(source, &transport, &streams, duration_ns)?;
    Ok(SourceFacts {
        container,
        duration_ns,
        video,
        audio,
        subtitles,
        index: index_facts,
        intermediate: None,
        broadcast: (!broadcast.is_whole()).then(|| Box::new(broadcast)),
    })
}

/// The first picture, which has to be there.
fn seen(first: Option<&Frame>) -> Result<&Frame> {
    first.ok_or_else(|| {
        let message = "No picture of the file can be decoded: it is damaged. Upload it again, or a \
                       repaired copy.";
        Error::new(ErrorCode::Damaged, message)
    })
}

/// Where the longest track ends.
fn duration_ns(video: Option<&VideoFacts>, audio: &[AudioFacts]) -> Result<u64> {
    let ends = video.iter().map(|v| v.start_ns + v.duration_ns);
    let longest = ends.chain(audio.iter().map(|a| a.duration_ns)).max();
    longest.ok_or_else(|| {
        let message = "The file has neither picture nor sound: upload a film or a recording.";
        Error::new(ErrorCode::NotMedia, message)
    })
}

/// Where no index says otherwise, a demuxer that gives up before any stream is known means that the
/// file is not what it looked like.
fn not_media(error: Error) -> Error {
    match error.code {
        ErrorCode::Damaged => Error::new(ErrorCode::NotMedia, NOT_MEDIA).because(error.to_log()),
        _ => error,
    }
}

fn container(decode: &Decode) -> Result<String> {
    let caps = decode.demux().container();
    caps.as_deref().and_then(names::container).ok_or_else(|| {
        let named = caps.as_deref().and_then(unread);
        named.unwrap_or_else(|| Error::new(ErrorCode::NotMedia, NOT_MEDIA))
    })
}

/// Opens the source up to its first picture, if it has one.
fn open(source: &Source, has_index: bool, transport: &Transport, threads: u32) -> Result<Decode> {
    Decode::open(source, Want::AnyVideo, threads).map_err(|error| match error.code {
        _ if has_index => error,
        ErrorCode::Unavailable | ErrorCode::Internal => error,
        _ => transport.refusal(&[]).unwrap_or_else(|| not_media(error)),
    })
}

/// The first picture; where seeks are no good, not even to the start, without one.
fn first_frame(decode: &Decode, is_seekable: bool, transport: &Transport) -> Result<Option<Frame>> {
    let first = || {
        if decode.stream().is_none() {
            return Ok(None);
        }
        if is_seekable && !decode.seek(0) {
            tracing::debug!("not seekable");
        }
        decode.play()?;
        decode.next()
    };
    match first() {
        Ok(Some(first)) => Ok(Some(first)),
        // A picture that is scrambled gives none.
        other => match transport.refusal(&decode.demux().streams()) {
            Some(refusal) => Err(refusal),
            None => other,
        },
    }
}

/// Finds the formats of sounds that no frame was seen of yet, by their first one. One that cannot be
/// decoded stays as it is. A table is no reason to look at frames, as its absence is.
fn fill_formats(source: &Source, streams: &mut [Stream], threads: u32) {
    let is_open = |stream: &&mut Stream| stream.medium == Medium::Audio && !stream.caps.is_fixed();
    for stream in streams.iter_mut().filter(is_open) {
        let want = Want::Audio {
            track: u32::try_from(stream.ordinal).unwrap_or(u32::MAX),
            stream: stream.id.clone(),
            channels: 2,
            sample_rate_hz: 48_000,
        };
        let opened = Decode::open(source, want, threads).ok();
        let seen = opened.map(|decode| decode.demux().streams());
        let mut seen = seen.into_iter().flatten();
        if let Some(seen) = seen.find(|seen| seen.medium == Medium::Audio && seen.id == stream.id) {
            stream.caps = seen.caps;
        }
    }
}

/// Every stream's times, by the container's table.
fn from_table(index: &MovieIndex, streams: &[Stream]) -> Vec<Track> {
    let track = |stream: &Stream| {
        let track = track_of(index, stream);
        let start_ns = track.and_then(TrackIndex::start_ns).unwrap_or(0);
        let end_ns = track.and_then(TrackIndex::end_ns).unwrap_or(0);
        Track {
            medium: stream.medium,
            id: stream.id.clone(),
            caps: stream.caps.clone(),
            frames: track.map_or(0, TrackIndex::frames_shown),
            first_ns: start_ns,
            last_ns: end_ns,
            end_ns,
        }
    };
    streams.iter().map(track).collect()
}

/// The table's track of a stream.
pub(super) fn track_of<'a>(index: &'a MovieIndex, stream: &Stream) -> Option<&'a TrackIndex> {
    stream.track_id.and_then(|id| index.track(id))
}

/// Every stream's times; those of a recording that tells where it begins and ends, by that.
fn from_recording(
    source: &Source,
    container: &str,
    declared_ns: Option<u64>,
) -> Result<Vec<Track>> {
    let Some(gapless) = gapless::read(source) else {
        return from_frames(source, container, declared_ns);
    };
    let seen = from_frames(&gapless.hidden(source), container, declared_ns)?;
    Ok(gapless.applied(seen))
}

/// Every stream's times, by its frames near the end.
fn from_frames(source: &Source, container: &str, declared_ns: Option<u64>) -> Result<Vec<Track>> {
    let from_ns = declared_ns.map_or(0, |ns| ns.saturating_sub(TAIL_NS));
    let mut tracks = scan::run(source, from_ns)?;
    let is_blank = |medium: Medium| {
        let mut of_medium = tracks.iter().filter(|track| track.medium == medium);
        of_medium.any(|track| track.frames == 0)
    };
    if from_ns > 0 && (is_blank(Medium::Video) || is_blank(Medium::Audio)) {
        // Something ends long before the declared end; where?
        tracks = scan::run(source, 0)?;
    }
    check_whole(container, &tracks, declared_ns)?;
    Ok(tracks)
}

/// Whether the file goes on to where it says that it ends.
fn check_whole(container: &str, tracks: &[Track], declared_ns: Option<u64>) -> Result<()> {
    let end_ns = tracks.iter().map(|track| track.end_ns).max().unwrap_or(0);
    match declared_ns {
        Some(declared_ns)
            if DECLARING.contains(&container) && end_ns + MISSING_NS_MAX < declared_ns =>
        {
            Err(truncated(end_ns, declared_ns))
        }
        _ => Ok(()),
    }
}

/// What was seen of each stream, in the order of the streams: another look at the file may have found
/// them in another.
fn in_order(streams: &[Stream], seen: &[Track]) -> Vec<Track> {
    let of = |stream: &Stream| {
        let same = seen.iter().filter(|track| track.medium == stream.medium);
        let named = same.clone().find(|track| track.id == stream.id);
        let found = named.or_else(|| same.clone().nth(stream.ordinal));
        found.cloned().unwrap_or_else(|| Track {
            medium: stream.medium,
            id: stream.id.clone(),
            caps: stream.caps.clone(),
            frames: 0,
            first_ns: 0,
            last_ns: 0,
            end_ns: 0,
        })
    };
    streams.iter().map(of).collect()
}

fn truncated(end_ns: u64, declared_ns: u64) -> Error {
    let [end_ms, declared_ms] = [end_ns, declared_ns].map(|ns| ns / 1_000_000);
    let message = format!(
        "The file ends after {end_ms} ms of {declared_ms} ms: it is not whole. Upload it again."
    );
    Error::new(ErrorCode::Truncated, message)
}

/// The tracks of sound in the container's order, in which its demuxer does not always bring them.
fn all_audio(streams: &[Stream], tracks: &[Track], index: Option<&MovieIndex>) -> Vec<AudioFacts> {
    let audio = streams.iter().zip(tracks);
    let audio = audio.filter(|(stream, _)| stream.medium == Medium::Audio);
    let mut audio: Vec<(&Stream, &Track)> = audio.collect();
    // MP4's numbers; the others' names have leading zeros.
    audio.sort_by_key(|(stream, _)| (stream.track_id, &stream.id));
    let facts = |((stream, track), ordinal): ((&Stream, &Track), u32)| {
        let facts = audio_facts(stream, track, ordinal);
        let table = index.and_then(|index| track_of(index, stream));
        AudioFacts {
            is_default: table.map_or(facts.is_default, |table| table.is_enabled),
            ..facts
        }
    };
    audio.into_iter().zip(0..).map(facts).collect()
}

fn audio_facts(stream: &Stream, track: &Track, ordinal: u32) -> AudioFacts {
    // A broadcast's parser knows the format only once frames have gone by.
    let caps = if stream.caps.is_fixed() {
        &stream.caps
    } else {
        &track.caps
    };
    let structure = caps.structure(0);
    let number = |name: &str| {
        let value = structure.and_then(|s| s.get::<i32>(name).ok());
        value.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    };
    let told = &stream.told;
    let language = told
        .tags
        .get::<gst::tags::LanguageCode>()
        .map(|value| value.get().to_owned());
    let title = told.title.as_ref();
    AudioFacts {
        track: ordinal,
        stream: stream.id.clone(),
        codec: names::codec(caps),
        channels: number("channels"),
        sample_rate_hz: number("rate"),
        language: language.filter(|code| code != "und"),
        title: title.map(|title| title.chars().take(TITLE_CHARS_MAX).collect()),
        is_default: told.is_default,
        duration_ns: track.end_ns,
    }
}
