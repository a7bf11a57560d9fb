//! The parts of `moov` that init segments and whole files share.

use bus_schema::language::{is_tag, three_letters};
use mp4_atom::{
    BufMut as _, Colr, Dinf, Dref, Edts, Elst, ElstEntry, Encode, FourCC, Mdhd, Mvhd, Smhd, Tkhd,
    Url, Vmhd,
};

use super::copied_track::encode_handler;
use super::track::Track;

/// What every picture of ours is converted to (ISO/IEC 23091-2): BT.709 in limited range.
const BT709: Colr = Colr::Nclx {
    colour_primaries: 1,
    transfer_characteristics: 1,
    matrix_coefficients: 1,
    full_range_flag: false,
};

/// One track's header boxes.
#[derive(Debug)]
pub(super) struct TrackHeader<'a> {
    pub(super) track: &'a Track,
    pub(super) track_id: u32,
    /// Whether it is played when nobody chooses.
    pub(super) is_enabled: bool,
    /// As shown, in the movie's timescale; 0 in an init segment.
    pub(super) duration_movie: u64,
    /// Of all samples, in the track's timescale; 0 in an init segment.
    pub(super) duration_media: u64,
    pub(super) edits: Vec<ElstEntry>,
}

/// Writes `minf` around the tables of a track whose samples lie in the same file.
pub(super) fn encode_media_info(
    buf: &mut Vec<u8>,
    is_video: bool,
    tables: impl FnOnce(&mut Vec<u8>) -> mp4_atom::Result<()>,
) -> mp4_atom::Result<()> {
    buf.encode_atom(FourCC::new(b"minf"), |buf| {
        if is_video {
            Vmhd::default().encode(buf)?;
        } else {
            Smhd::default().encode(buf)?;
        }
        Dinf {
            dref: Dref {
                entries: vec![Url::default().into()],
            },
        }
        .encode(buf)?;
        buf.encode_atom(FourCC::new(b"stbl"), tables)
    })
}

/// Writes a box whose body begins with a version and flags.
pub(super) fn full_box(
    buf: &mut Vec<u8>,
    kind: [u8; 4],
    version_flags: u32,
    body: impl FnOnce(&mut Vec<u8>) -> mp4_atom::Result<()>,
) -> mp4_atom::Result<()> {
    buf.encode_atom(FourCC::new(&kind), |buf| {
        version_flags.encode(buf)?;
        body(buf)
    })
}

/// Writes `mvhd`. No times of creation anywhere: equal content has equal bytes.
pub(super) fn encode_mvhd(
    buf: &mut Vec<u8>,
    timescale: u32,
    duration: u64,
    next_track_id: u32,
) -> mp4_atom::Result<()> {
    Mvhd {
        timescale,
        duration,
        rate: 1.into(),
        volume: 1.into(),
        next_track_id,
        ..Mvhd::default()
    }
    .encode(buf)
}

/// Writes `trak`, with the tables that `tables` writes behind `stsd`.
pub(super) fn encode_trak(
    buf: &mut Vec<u8>,
    header: &TrackHeader<'_>,
    tables: impl FnOnce(&mut Vec<u8>) -> mp4_atom::Result<()>,
) -> mp4_atom::Result<()> {
    let is_video = header.track.config.is_video();
    buf.encode_atom(FourCC::new(b"trak"), |buf| {
        encode_tkhd(buf, header)?;
        if !header.edits.is_empty() {
            Edts {
                elst: Some(Elst {
                    entries: header.edits.clone(),
                }),
            }
            .encode(buf)?;
        }
        buf.encode_atom(FourCC::new(b"mdia"), |buf| {
            encode_media_header(buf, header)?;
            encode_media_info(buf, is_video, |buf| {
                full_box(buf, *b"stsd", 0, |buf| {
                    1u32.encode(buf)?;
                    header.track.config.encode_sample_entry(buf, Some(&BT709))
                })?;
                tables(buf)
            })
        })
    })
}

fn encode_tkhd(buf: &mut Vec<u8>, header: &TrackHeader<'_>) -> mp4_atom::Result<()> {
    let is_video = header.track.config.is_video();
    let (width, height) = header.track.config.shown_size();
    Tkhd {
        track_id: header.track_id,
        duration: header.duration_movie,
        // Sound tracks are alternatives to one another; pictures stand alone.
        alternate_group: u16::from(!is_video),
        enabled: header.is_enabled,
        in_movie: true,
        volume: u8::from(!is_video).into(),
        width: width.into(),
        height: height.into(),
        ..Tkhd::default()
    }
    .encode(buf)
}

fn encode_media_header(buf: &mut Vec<u8>, header: &TrackHeader<'_>) -> mp4_atom::Result<()> {
    let track = header.track;
    Mdhd {
        timescale: track.timescale,
        duration: header.duration_media,
        language: track.language_code().to_owned(),
        ..Mdhd::default()
    }
    .encode(buf)?;
    encode_handler(buf, track.config.is_video())?;
    let tag = track.language.as_deref();
    tag.map_or(Ok(()), |tag| encode_language_tag(buf, tag))
}

/// Writes the extended language tag `elng` for what three letters cannot say.
pub(super) fn encode_language_tag(buf: &mut Vec<u8>, tag: &str) -> mp4_atom::Result<()> {
    if is_said(tag) || !is_tag(tag) {
        return Ok(());
    }
    full_box(buf, *b"elng", 0, |buf| tag.encode(buf))
}

/// Whether three letters say all of it.
fn is_said(tag: &str) -> bool {
    tag == "und" || three_letters(tag) != "und" && !tag.contains('-')
}
