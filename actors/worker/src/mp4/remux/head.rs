//! The head of a copy: `ftyp`, `moov` and the header of `mdat`.

use bus_schema::language;
use mp4_atom::{BufMut as _, Encode as _, FourCC};

use super::HEAD_BYTES_MAX;
use super::layout::Layout;
use super::source_track::{SourceMovie, SourceTrack};
use crate::mp4::assembly::{encode_ftyp, encode_mdat_header};
use crate::mp4::copied_track::{CopiedTrack, VERSION_1};
use crate::mp4::error::Error;
use crate::mp4::index::boxes::pair;
use crate::mp4::movie::{encode_media_info, encode_mvhd, full_box};

/// Shown, and part of the film.
const TRACK_FLAGS: u32 = 3;
/// Of a track that tells none.
const LANGUAGE_UNKNOWN: &str = "und";

/// How offsets are written.
#[derive(Debug, Clone, Copy)]
struct Offsets {
    /// Where the payload begins in the file.
    base: u64,
    /// Whether they take 64 bits.
    is_large: bool,
}

/// More bytes than all boxes of a track have that are no tables of samples.
const BOXES_BYTES_MAX: usize = 4096;

/// Refuses a head that may be over [`HEAD_BYTES_MAX`], before it is written.
pub(super) fn check_size(movie: &SourceMovie<'_>, layout: &Layout) -> Result<(), Error> {
    let tracks = movie.tracks.iter().zip(&layout.chunks);
    let bytes: usize = tracks
        .map(|(track, chunks)| {
            let tables = &track.tables;
            let sizes = match tables.common_size() {
                Some(_) => 0,
                None => 4 * tables.n_samples() as usize,
            };
            BOXES_BYTES_MAX
                + track.entry.len()
                + track.edits.map_or(0, <[u8]>::len)
                + 8 * (tables.durations().len() + tables.offsets().len() + chunks.len())
                + 4 * tables.sync().map_or(0, <[_]>::len)
                + 12 * tables.chunk_runs().len()
                + sizes
        })
        .sum();
    if bytes as u64 > HEAD_BYTES_MAX {
        return Err(Error::TooLarge {
            what: "index of a copy",
            limit: HEAD_BYTES_MAX,
        });
    }
    Ok(())
}

/// Writes the head. Its length depends on the width of offsets alone, and they on its length.
pub(super) fn encode(movie: &SourceMovie<'_>, layout: &Layout) -> Result<Vec<u8>, Error> {
    let mut offsets = Offsets {
        base: 0,
        is_large: false,
    };
    let mut head = encode_at(movie, layout, offsets)?;
    if head.len() as u64 + layout.payload_bytes > u64::from(u32::MAX) {
        offsets.is_large = true;
        head = encode_at(movie, layout, offsets)?;
    }
    offsets.base = head.len() as u64;
    drop(head);
    encode_at(movie, layout, offsets)
}

fn encode_at(movie: &SourceMovie<'_>, layout: &Layout, offsets: Offsets) -> Result<Vec<u8>, Error> {
    let has_video = movie.tracks.iter().any(|track| track.index.is_video());
    let mut buf = Vec::new();
    encode_ftyp(&mut buf, has_video)?;
    // Writing into memory fails for nothing but what a box cannot hold.
    let mut refused = None;
    let tracks = || movie.tracks.iter().zip(&layout.chunks).zip(1u32..);
    buf.encode_atom(FourCC::new(b"moov"), |buf| {
        let next_track_id = u32::try_from(movie.tracks.len()).unwrap_or(0) + 1;
        encode_mvhd(buf, movie.timescale, movie.duration, next_track_id)?;
        for ((track, chunks), track_id) in tracks() {
            if let Err(error) = encode_track(buf, track, track_id, chunks, offsets) {
                refused.get_or_insert(error);
            }
        }
        Ok(())
    })?;
    if let Some(error) = refused {
        return Err(error);
    }
    encode_mdat_header(&mut buf, layout.payload_bytes, offsets.is_large)?;
    Ok(buf)
}

fn encode_track(
    buf: &mut Vec<u8>,
    track: &SourceTrack<'_>,
    track_id: u32,
    chunks: &[u64],
    offsets: Offsets,
) -> Result<(), Error> {
    let config = track.config().ok_or(Error::Unsupported {
        what: "a copy of this codec",
    })?;
    let is_video = track.index.is_video();
    // As what is encoded has it: ISO 639-2 has two codes for some languages, and MP4 takes the one.
    let language = track.index.language.as_deref().and_then(language::tag);
    let header = CopiedTrack {
        is_video,
        track_id,
        flags: TRACK_FLAGS,
        duration_movie: track.duration_movie,
        matrix: track.matrix,
        shown_size: track.shown_size,
        timescale: track.index.timescale,
        duration_media: track.duration_media,
        language: language.unwrap_or_else(|| LANGUAGE_UNKNOWN.to_owned()),
    };
    // Colours are told beside the configuration.
    let colours = colours(track);
    buf.encode_atom(FourCC::new(b"trak"), |buf| {
        header.encode_track_header(buf)?;
        if let Some(edits) = track.edits {
            buf.encode_atom(FourCC::new(b"edts"), |buf| {
                buf.encode_atom(FourCC::new(b"elst"), |buf| {
                    buf.append_slice(edits);
                    Ok(())
                })
            })?;
        }
        buf.encode_atom(FourCC::new(b"mdia"), |buf| {
            header.encode_media_header(buf)?;
            encode_media_info(buf, is_video, |buf| {
                full_box(buf, *b"stsd", 0, |buf| {
                    1u32.encode(buf)?;
                    let start = buf.len();
                    config.encode_sample_entry(buf, None)?;
                    append_to_box(buf, start, &colours);
                    Ok(())
                })?;
                encode_tables(buf, track, chunks, offsets)
            })
        })
    })?;
    Ok(())
}

/// `colr` in MP4's way: QuickTime's leaves out whether the full range is used, which then is not.
fn colours(track: &SourceTrack<'_>) -> Vec<u8> {
    let body = track.visual_box(*b"colr").unwrap_or(&[]);
    let (numbers, range) = match body.split_at_checked(4) {
        Some((b"nclx", rest)) => (rest.get(..6), rest.get(6).copied()),
        Some((b"nclc", rest)) => (rest.get(..6), Some(0)),
        _ => (None, None),
    };
    match (numbers, range) {
        (Some(numbers), Some(range)) => {
            let mut colours = b"\0\0\0\x13colrnclx".to_vec();
            colours.extend_from_slice(numbers);
            colours.push(range);
            colours
        }
        _ => Vec::new(),
    }
}

/// Lengthens the box that began at `start` and ends here.
fn append_to_box(buf: &mut Vec<u8>, start: usize, child: &[u8]) {
    buf.extend_from_slice(child);
    // A sample entry has at most a few thousand bytes.
    let bytes = u32::try_from(buf.len() - start).unwrap_or(0).to_be_bytes();
    buf.set_slice(start, &bytes);
}

/// The tables behind `stsd`: the source's own, but for where chunks lie.
fn encode_tables(
    buf: &mut Vec<u8>,
    track: &SourceTrack<'_>,
    chunks: &[u64],
    offsets: Offsets,
) -> mp4_atom::Result<()> {
    let tables = &track.tables;
    encode_entries(buf, *b"stts", 0, tables.durations())?;
    if !tables.offsets().is_empty() {
        // QuickTime has negative ones without saying so.
        let is_signed = |run: &[u8; 8]| pair(*run).1.cast_signed() < 0;
        let version = if tables.offsets().iter().any(is_signed) {
            VERSION_1
        } else {
            0
        };
        encode_entries(buf, *b"ctts", version, tables.offsets())?;
    }
    if let Some(sync) = tables.sync() {
        encode_entries(buf, *b"stss", 0, sync)?;
    }
    let n_runs = used_runs(tables.chunk_runs(), chunks.len());
    let runs = tables.chunk_runs().get(..n_runs).unwrap_or(&[]);
    encode_entries(buf, *b"stsc", 0, runs)?;
    full_box(buf, *b"stsz", 0, |buf| match tables.common_size() {
        Some(size) => [size, tables.n_samples()].encode_all(buf),
        None => {
            [0, tables.n_samples()].encode_all(buf)?;
            buf.reserve(4 * tables.n_samples() as usize);
            tables.sizes().try_for_each(|size| size.encode(buf))
        }
    })?;
    let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    let places = chunks.iter().map(|place| offsets.base + place);
    if offsets.is_large {
        full_box(buf, *b"co64", 0, |buf| {
            count.encode(buf)?;
            buf.reserve(8 * chunks.len());
            let mut places = places;
            places.try_for_each(|place| place.encode(buf))
        })
    } else {
        full_box(buf, *b"stco", 0, |buf| {
            count.encode(buf)?;
            buf.reserve(4 * chunks.len());
            // The width was chosen by the last place there is.
            let mut places = places.map(|place| u32::try_from(place).unwrap_or(u32::MAX));
            places.try_for_each(|place| place.encode(buf))
        })
    }
}

/// How many runs begin within this many chunks: those behind the last sample hold none.
fn used_runs(runs: &[[u8; 12]], n_chunks: usize) -> usize {
    runs.partition_point(|run| {
        let [a, b, c, d, ..] = *run;
        u32::from_be_bytes([a, b, c, d]) as usize <= n_chunks
    })
}

fn encode_entries<const N: usize>(
    buf: &mut Vec<u8>,
    kind: [u8; 4],
    version: u32,
    entries: &[[u8; N]],
) -> mp4_atom::Result<()> {
    full_box(buf, kind, version, |buf| {
        u32::try_from(entries.len())
            .unwrap_or(u32::MAX)
            .encode(buf)?;
        buf.append_slice(entries.as_flattened());
        Ok(())
    })
}

/// Numbers one after the other.
trait EncodeAll {
    fn encode_all(&self, buf: &mut Vec<u8>) -> mp4_atom::Result<()>;
}

impl<const N: usize> EncodeAll for [u32; N] {
    fn encode_all(&self, buf: &mut Vec<u8>) -> mp4_atom::Result<()> {
        self.iter().try_for_each(|number| number.encode(buf))
    }
}
