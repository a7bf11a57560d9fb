//! `moov`: tracks with their headers, edits and tables.

use super::boxes::{Child, Children, Fields};
use super::builder::{FragmentDefaults, TrackBuilder};
use super::tables::Tables;
use super::times::Times;
use super::{Edits, TRACKS_MAX, TrackIndex, sample_entry};
use crate::mp4::error::{Error, OrDamaged as _};

/// What `moov` says.
#[derive(Debug)]
pub(super) struct Movie {
    pub(super) tracks: Vec<TrackBuilder>,
    /// Whether there may be fragments.
    pub(super) has_fragments: bool,
    /// The first byte behind the last that the tables know of.
    pub(super) media_end: u64,
}

/// Reads the body of `moov`.
pub(super) fn read(body: &[u8]) -> Result<Movie, Error> {
    let mut movie = Movie {
        tracks: Vec::new(),
        has_fragments: false,
        media_end: 0,
    };
    let timescale = movie_timescale(body)?;
    let mut defaults = Vec::new();
    for child in Children::new(body) {
        let child = child?;
        match &child.kind {
            b"trak" => {
                if movie.tracks.len() == TRACKS_MAX {
                    return Err(Error::TooLarge {
                        what: "number of tracks",
                        limit: TRACKS_MAX as u64,
                    });
                }
                let (track, media_end) = read_track(child.body, timescale)?;
                movie.tracks.push(track);
                movie.media_end = movie.media_end.max(media_end);
            }
            b"mvex" => {
                movie.has_fragments = true;
                defaults = read_defaults(child.body)?;
            }
            b"cmov" => {
                return Err(Error::Unsupported {
                    what: "a compressed index (QuickTime `cmov`)",
                });
            }
            _ => {}
        }
    }
    for (track_id, values) in defaults {
        let mut tracks = movie.tracks.iter_mut();
        if let Some(track) = tracks.find(|track| track.track.track_id == track_id) {
            track.defaults = values;
        }
    }
    Ok(movie)
}

/// Units per second of edits' durations.
fn movie_timescale(body: &[u8]) -> Result<u32, Error> {
    let Some(header) = find(body, *b"mvhd")? else {
        return Err(Error::Damaged {
            what: "`moov` without `mvhd`",
        });
    };
    let (version, _, mut fields) = Fields::full_box(header)?;
    fields.skip(if version == 0 { 8 } else { 16 })?;
    fields.u32()
}

fn find(body: &[u8], kind: [u8; 4]) -> Result<Option<&[u8]>, Error> {
    for child in Children::new(body) {
        let child = child?;
        if child.kind == kind {
            return Ok(Some(child.body));
        }
    }
    Ok(None)
}

/// `trex` of each track.
fn read_defaults(body: &[u8]) -> Result<Vec<(u32, FragmentDefaults)>, Error> {
    let is_trex =
        |child: &Result<Child<'_>, Error>| !matches!(child, Ok(child) if child.kind != *b"trex");
    let boxes = Children::new(body).filter(is_trex).take(TRACKS_MAX);
    boxes
        .map(|child| {
            let (_, _, mut fields) = Fields::full_box(child?.body)?;
            let track_id = fields.u32()?;
            fields.skip(4)?;
            let defaults = FragmentDefaults {
                duration: fields.u32()?,
                size: fields.u32()?,
                flags: fields.u32()?,
            };
            Ok((track_id, defaults))
        })
        .collect()
}

fn read_track(body: &[u8], movie_timescale: u32) -> Result<(TrackBuilder, u64), Error> {
    let media = find(body, *b"mdia")?.or_damaged("a track without media")?;
    let mut track = TrackIndex {
        track_id: 0,
        is_enabled: true,
        handler: *b"    ",
        codec: *b"    ",
        timescale: 0,
        n_samples: 0,
        coded_width: 0,
        coded_height: 0,
        rotation_deg: 0,
        par: (1, 1),
        channels: 0,
        sample_rate_hz: 0,
        language: None,
        times: Times::default(),
        edits: Edits::none(),
        last_duration: 0,
        fragments_from: None,
        keyframes: None,
    };
    if let Some(header) = find(body, *b"tkhd")? {
        read_track_header(header, &mut track)?;
    }
    read_media_header(media, &mut track)?;
    let info = find(media, *b"minf")?.or_damaged("a track without `minf`")?;
    let table = find(info, *b"stbl")?.or_damaged("a track without `stbl`")?;
    let mut packets = None;
    if let Some(entries) = find(table, *b"stsd")? {
        sample_entry::read(entries, &mut track)?;
        packets = sample_entry::packets(entries).filter(|_| track.handler == *b"soun");
    }
    let timescale = track.timescale;
    let mut builder = TrackBuilder::new(track);
    if let Some(edits) = find(body, *b"edts")?
        && let Some(list) = find(edits, *b"elst")?
    {
        builder.set_edits(Edits::read(list, movie_timescale, timescale)?);
    }
    let tables = Tables::read(table)?;
    tables.fill(&mut builder)?;
    Ok((builder, tables.media_end(packets)?))
}

/// The number of a track, from the body of its `trak`; `None` where it has none.
pub(super) fn track_id(body: &[u8]) -> Result<Option<u32>, Error> {
    let Some(header) = find(body, *b"tkhd")? else {
        return Ok(None);
    };
    let (version, _, mut fields) = Fields::full_box(header)?;
    fields.skip(times_bytes(version))?;
    fields.u32().map(Some)
}

/// Bytes of the two times that `tkhd` begins with.
fn times_bytes(version: u8) -> usize {
    if version == 0 { 8 } else { 16 }
}

/// Flag of `tkhd` (ISO/IEC 14496-12, 8.3.2.3).
const TRACK_ENABLED: u32 = 1;

fn read_track_header(body: &[u8], track: &mut TrackIndex) -> Result<(), Error> {
    let (version, flags, mut fields) = Fields::full_box(body)?;
    track.is_enabled = flags & TRACK_ENABLED != 0;
    fields.skip(times_bytes(version))?;
    track.track_id = fields.u32()?;
    // Reserved, duration, reserved, layer, group, volume, reserved.
    fields.skip(if version == 0 { 8 } else { 12 } + 16)?;
    let [a, b, _, c, d] = [
        fields.i32()?,
        fields.i32()?,
        fields.i32()?,
        fields.i32()?,
        fields.i32()?,
    ];
    track.rotation_deg = rotation_deg([a, b, c, d]);
    Ok(())
}

/// Clockwise degrees of a matrix that turns by quarters and does nothing else; other matrices, which
/// players ignore too, turn by 0.
fn rotation_deg(matrix: [i32; 4]) -> u16 {
    match matrix.map(i32::signum) {
        [0, 1, -1, 0] => 90,
        [-1, 0, 0, -1] => 180,
        [0, -1, 1, 0] => 270,
        _ => 0,
    }
}

fn read_media_header(media: &[u8], track: &mut TrackIndex) -> Result<(), Error> {
    let header = find(media, *b"mdhd")?.or_damaged("a track without `mdhd`")?;
    let (version, _, mut fields) = Fields::full_box(header)?;
    fields.skip(if version == 0 { 8 } else { 16 })?;
    track.timescale = fields.u32()?;
    if track.timescale == 0 {
        return Err(Error::Damaged {
            what: "a track with timescale 0",
        });
    }
    fields.skip(if version == 0 { 4 } else { 8 })?;
    track.language = iso_639_2(fields.u16()?);
    if let Some(tag) = find(media, *b"elng")? {
        let (_, _, fields) = Fields::full_box(tag)?;
        track.language = language_tag(fields.rest()).or_else(|| track.language.take());
    }
    if let Some(handler) = find(media, *b"hdlr")? {
        let (_, _, mut fields) = Fields::full_box(handler)?;
        fields.skip(4)?;
        track.handler = fields.bytes()?;
    }
    Ok(())
}

/// Three letters of five bits; QuickTime's own numbers are below 0x400 and not told.
fn iso_639_2(code: u16) -> Option<String> {
    let letter = |shift: u16| char::from_u32(u32::from((code >> shift) & 0x1f) + 0x60);
    let text: String = [letter(10)?, letter(5)?, letter(0)?].into_iter().collect();
    let is_letters = text.bytes().all(|b| b.is_ascii_lowercase());
    (code >= 0x400 && is_letters && text != "und").then_some(text)
}

fn language_tag(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|b| *b == 0).next()?;
    let is_tag = (2..=35).contains(&text.len())
        && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    is_tag.then(|| String::from_utf8_lossy(text).into_owned())
}
