//! The tracks of subtitles: what they are, by the containers' own lists.

use bus_schema::source::{SUBTITLES_TOLD_MAX, SubtitleFacts};

use super::TITLE_CHARS_MAX;
use crate::engine::demux::{Medium, Stream};
use crate::engine::source::Source;
use crate::matroska::{self, read_tracks};
use crate::mp4::index::Found;
use crate::mp4::{TextTrack, text_tracks};
use crate::subtitles::tx3g::Description;

/// Longest code of a language that is told, in bytes: BCP 47 has none beyond.
const LANGUAGE_BYTES_MAX: usize = 35;
/// Longest name of a codec that is told.
const CODEC_CHARS_MAX: usize = 32;

/// All tracks of subtitles, in the container's order. Where a list cannot be read there are none: the film
/// can be watched without them.
pub(super) fn all(
    source: &Source,
    container: &str,
    found: Option<&Found>,
    streams: &[Stream],
) -> Vec<SubtitleFacts> {
    let tracks = match (found, container) {
        (Some(found), _) => of_movie(found),
        (None, "matroska" | "webm") => of_matroska(source),
        (None, _) => streams.iter().filter_map(of_stream).collect(),
    };
    let numbered = tracks.into_iter().zip(0..).take(SUBTITLES_TOLD_MAX);
    numbered
        .map(|(facts, track)| SubtitleFacts { track, ..facts })
        .collect()
}

fn of_movie(found: &Found) -> Vec<SubtitleFacts> {
    let tracks = match text_tracks(&found.index, &found.moov) {
        Ok(tracks) => tracks,
        Err(error) => {
            tracing::info!(%error, "subtitles that cannot be listed");
            return Vec::new();
        }
    };
    let facts = |track: &TextTrack<'_>| {
        let is_timed = track.index.codec == *b"tx3g";
        SubtitleFacts {
            track: 0,
            stream: track.index.track_id.to_string(),
            codec: movie_codec(track, found.index.is_fragmented),
            language: track.language.clone(),
            title: track.name.as_deref().and_then(title),
            // Writers enable the first track of each kind, whatever its makers wished.
            is_default: false,
            is_forced: is_timed && Description::read(track.entry).is_forced,
        }
    };
    tracks.iter().map(facts).collect()
}

/// The codec as ffmpeg calls it, with what keeps it from being read.
fn movie_codec(track: &TextTrack<'_>, is_fragmented: bool) -> String {
    let name = match (&track.index.codec, &track.index.handler) {
        (b"tx3g" | b"text", _) => "mov_text",
        (b"wvtt", _) => "webvtt",
        (b"stpp" | b"dfxp", _) => "ttml",
        (b"c608", _) => "eia_608",
        (b"c708", _) => "eia_708",
        (b"mp4s", b"subp") => "dvd_subtitle",
        (codec, _) => return plain(&String::from_utf8_lossy(codec)),
    };
    if is_fragmented {
        return format!("{name} in fragments");
    }
    name.to_owned()
}

fn of_matroska(source: &Source) -> Vec<SubtitleFacts> {
    let mut read = |offset, len| source.read(offset, len);
    let tracks = match read_tracks(&mut read, source.size()) {
        Ok(tracks) => tracks.subtitles,
        Err(error) => {
            tracing::info!(%error, "subtitles that cannot be listed");
            return Vec::new();
        }
    };
    let facts = |track: &matroska::TextTrack| SubtitleFacts {
        track: 0,
        stream: track.number.to_string(),
        codec: matroska_codec(track),
        language: language(&track.language),
        title: track.name.as_deref().and_then(title),
        is_default: track.is_default,
        is_forced: track.is_forced,
    };
    let is_shown = |track: &&matroska::TextTrack| {
        !matches!(
            track.codec.as_str(),
            "D_WEBVTT/METADATA" | "D_WEBVTT/DESCRIPTIONS"
        )
    };
    tracks.iter().filter(is_shown).map(facts).collect()
}

/// The codec as ffmpeg calls it, with what keeps it from being read.
fn matroska_codec(track: &matroska::TextTrack) -> String {
    let name = match track.codec.as_str() {
        "S_TEXT/UTF8" | "S_TEXT/ASCII" => "subrip",
        "S_TEXT/ASS" | "S_ASS" => "ass",
        "S_TEXT/SSA" | "S_SSA" => "ssa",
        "S_TEXT/WEBVTT" | "D_WEBVTT/SUBTITLES" | "D_WEBVTT/CAPTIONS" => "webvtt",
        "S_VOBSUB" => "dvd_subtitle",
        "S_HDMV/PGS" => "hdmv_pgs_subtitle",
        "S_DVBSUB" => "dvb_subtitle",
        "S_HDMV/TEXTST" => "hdmv_text_subtitle",
        "S_ARIBSUB" => "arib_caption",
        other => return plain(other),
    };
    if track.encoding.is_known() {
        name.to_owned()
    } else {
        format!("{name} encoded")
    }
}

/// Of a container that is not read for its subtitles: what its demuxer shows of them.
fn of_stream(stream: &Stream) -> Option<SubtitleFacts> {
    if stream.medium != Medium::Other {
        return None;
    }
    let structure = stream.caps.structure(0)?;
    let codec = match structure.name().as_str() {
        "subpicture/x-dvd" => "dvd_subtitle",
        "subpicture/x-dvb" => "dvb_subtitle",
        "subpicture/x-pgs" => "hdmv_pgs_subtitle",
        "subpicture/x-xsub" => "xsub",
        "application/x-teletext" | "private/teletext" => "dvb_teletext",
        "application/x-subtitle-avi" => "avi_text",
        name if name.starts_with("closedcaption/") => "eia_608",
        name if name.starts_with("text/") || name.starts_with("application/x-subtitle") => "text",
        _ => return None,
    };
    let tags = &stream.told.tags;
    let code = tags.get::<gstreamer::tags::LanguageCode>();
    Some(SubtitleFacts {
        track: 0,
        stream: stream.id.clone(),
        codec: codec.to_owned(),
        language: code.and_then(|code| language(code.get())),
        title: stream.told.title.as_deref().and_then(title),
        is_default: false,
        is_forced: false,
    })
}

fn language(code: &str) -> Option<String> {
    let is_told = (1..=LANGUAGE_BYTES_MAX).contains(&code.len()) && code != "und";
    is_told.then(|| code.to_owned())
}

fn title(text: &str) -> Option<String> {
    let text: String = text.chars().take(TITLE_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

/// A name out of a file.
fn plain(name: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_graphic();
    name.chars()
        .filter(is_plain)
        .take(CODEC_CHARS_MAX)
        .collect()
}
