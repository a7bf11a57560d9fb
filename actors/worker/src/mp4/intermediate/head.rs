//! The head: `ftyp`, `moov` and the header of `mdat`.

use mp4_atom::{BufMut as _, Encode as _, FourCC};

use super::{HEAD_BYTES_MAX, MOVIE_TIMESCALE, Table, Tables, TrackHead};
use crate::mp4::assembly::index::{encode_counted, encode_runs};
use crate::mp4::assembly::{encode_ftyp, encode_mdat_header};
use crate::mp4::copied_track::{CopiedTrack, VERSION_1};
use crate::mp4::error::{Error, OrDamaged as _};
use crate::mp4::movie::{encode_media_info, encode_mvhd, full_box};

/// Enabled, and part of the movie.
const TRACK_FLAGS: u32 = 3;
/// The same for a sound that is not the first: part of the movie, and not played unasked.
const OTHER_TRACK_FLAGS: u32 = 2;
/// A picture that is not turned: 1 in 16.16, and in 2.30 behind.
const UNITY: [u8; 36] = {
    let mut matrix = [0; 36];
    (matrix[1], matrix[17], matrix[32]) = (1, 1, 0x40);
    matrix
};

/// One track as it is written.
struct Part<'a> {
    head: &'a TrackHead<'a>,
    table: &'a Table,
    /// Times of presentation in their order: what samples are decoded at, too.
    ordered: Vec<i64>,
    /// Movie units from the movie's beginning to the track's first sample.
    delay: u64,
    /// Units of the track's own.
    duration: u64,
}

pub(super) fn encode(tables: &Tables, heads: &[TrackHead<'_>]) -> Result<Vec<u8>, Error> {
    let mut parts = Vec::with_capacity(heads.len());
    for head in heads {
        let table = tables.tracks.get(head.table).ok_or(super::NO_TRACK)?;
        let mut ordered = table.times.clone();
        ordered.sort_unstable();
        check_times(table, &ordered)?;
        let duration = match (table.pcm, ordered.first(), ordered.last()) {
            (Some((_, n)), ..) => n,
            (None, Some(first), Some(last)) => {
                last.abs_diff(*first) + u64::from(table.last_duration)
            }
            (None, ..) => 0,
        };
        parts.push(Part {
            head,
            table,
            ordered,
            delay: 0,
            duration,
        });
    }
    let starts: Vec<u64> = parts.iter().map(Part::start_ns).collect();
    let origin_ns = starts.iter().copied().min().unwrap_or(0);
    for (part, start_ns) in parts.iter_mut().zip(starts) {
        part.delay = scaled(start_ns - origin_ns, 1_000_000_000, MOVIE_TIMESCALE);
    }
    if estimate(&parts) > HEAD_BYTES_MAX {
        return Err(TOO_LARGE);
    }
    // Its length does not depend on where the media begins.
    let base = encode_at(&parts, tables.payload_bytes, 0)?.len() as u64;
    if base > HEAD_BYTES_MAX {
        return Err(TOO_LARGE);
    }
    encode_at(&parts, tables.payload_bytes, base)
}

/// Refuses times that lie further apart than the tables' 32 bits can tell.
fn check_times(table: &Table, ordered: &[i64]) -> Result<(), Error> {
    let next = ordered.iter().skip(1);
    let mut steps = ordered.iter().zip(next).map(|(one, next)| next - one);
    let mut offsets = table.times.iter().zip(ordered).map(|(a, b)| a - b);
    let is_good = steps.all(|step| u32::try_from(step).is_ok())
        && offsets.all(|offset| i32::try_from(offset).is_ok());
    is_good
        .then_some(())
        .or_damaged("times that lie hours apart")
}

const TOO_LARGE: Error = Error::TooLarge {
    what: "index of an intermediate",
    limit: HEAD_BYTES_MAX,
};

/// At least so many bytes, before anything is written.
fn estimate(parts: &[Part<'_>]) -> u64 {
    let of = |part: &Part<'_>| {
        let table = part.table;
        4 * (table.sizes.len() + table.sync.len()) + 8 * table.chunks.len()
    };
    parts.iter().map(of).sum::<usize>() as u64
}

/// Units of one timescale in another, to the nearest.
fn scaled(units: u64, from: u32, to: u32) -> u64 {
    let from = u128::from(from.max(1));
    let product = u128::from(units) * u128::from(to);
    u64::try_from((product + from / 2) / from).unwrap_or(u64::MAX)
}

impl Part<'_> {
    /// When the first sample is shown, on the clock that all tracks' bases are on.
    fn start_ns(&self) -> u64 {
        let first = i128::from(self.ordered.first().copied().unwrap_or(0));
        let scale = i128::from(self.table.timescale);
        let ns = (first * 1_000_000_000 + scale / 2).div_euclid(scale);
        u64::try_from(i128::from(self.table.base_ns) + ns).unwrap_or(0)
    }

    fn shown_duration(&self) -> u64 {
        scaled(self.duration, self.table.timescale, MOVIE_TIMESCALE)
    }

    fn n_samples(&self) -> u32 {
        let n = match self.table.pcm {
            Some((_, n)) => n,
            None => self.table.sizes.len() as u64,
        };
        u32::try_from(n).unwrap_or(u32::MAX)
    }
}

fn encode_at(parts: &[Part<'_>], payload_bytes: u64, base: u64) -> Result<Vec<u8>, Error> {
    let has_video = parts.iter().any(|part| part.table.is_video);
    let mut buf = Vec::new();
    encode_ftyp(&mut buf, has_video)?;
    buf.encode_atom(FourCC::new(b"moov"), |buf| {
        let ends = parts.iter().map(|part| part.delay + part.shown_duration());
        let next_track_id = u32::try_from(parts.len()).unwrap_or(0) + 1;
        encode_mvhd(buf, MOVIE_TIMESCALE, ends.max().unwrap_or(0), next_track_id)?;
        let first_sound = parts.iter().position(|part| !part.table.is_video);
        for (place, (part, track_id)) in parts.iter().zip(1u32..).enumerate() {
            let is_enabled = part.table.is_video || Some(place) == first_sound;
            encode_track(buf, part, track_id, is_enabled, base)?;
        }
        Ok(())
    })?;
    encode_mdat_header(&mut buf, payload_bytes, true)?;
    Ok(buf)
}

fn encode_track(
    buf: &mut Vec<u8>,
    part: &Part<'_>,
    track_id: u32,
    is_enabled: bool,
    base: u64,
) -> mp4_atom::Result<()> {
    let is_video = part.table.is_video;
    let (width, height) = part.head.size;
    let header = CopiedTrack {
        is_video,
        track_id,
        flags: if is_enabled {
            TRACK_FLAGS
        } else {
            OTHER_TRACK_FLAGS
        },
        duration_movie: part.delay + part.shown_duration(),
        matrix: UNITY,
        shown_size: (u64::from(width) << 48 | u64::from(height) << 16).to_be_bytes(),
        timescale: part.table.timescale,
        duration_media: part.duration,
        language: part.head.language.to_owned(),
    };
    buf.encode_atom(FourCC::new(b"trak"), |buf| {
        header.encode_track_header(buf)?;
        if part.delay > 0 {
            encode_delay(buf, part)?;
        }
        buf.encode_atom(FourCC::new(b"mdia"), |buf| {
            header.encode_media_header(buf)?;
            encode_media_info(buf, is_video, |buf| {
                full_box(buf, *b"stsd", 0, |buf| {
                    1u32.encode(buf)?;
                    buf.append_slice(part.head.entry);
                    Ok(())
                })?;
                encode_tables(buf, part, base)
            })
        })
    })
}

/// Nothing for a while, then all of it.
fn encode_delay(buf: &mut Vec<u8>, part: &Part<'_>) -> mp4_atom::Result<()> {
    buf.encode_atom(FourCC::new(b"edts"), |buf| {
        full_box(buf, *b"elst", VERSION_1, |buf| {
            2u32.encode(buf)?;
            let nothing = (part.delay, u64::MAX);
            let all = (part.shown_duration(), 0);
            for (duration, media_time) in [nothing, all] {
                duration.encode(buf)?;
                media_time.encode(buf)?;
                0x1_0000u32.encode(buf)?;
            }
            Ok(())
        })
    })
}

fn encode_tables(buf: &mut Vec<u8>, part: &Part<'_>, base: u64) -> mp4_atom::Result<()> {
    let table = part.table;
    full_box(buf, *b"stts", 0, |buf| match table.pcm {
        Some(_) => encode_runs(buf, [(part.n_samples(), 1)].into_iter()),
        None => encode_runs(buf, durations(part).map(|duration| (1, duration))),
    })?;
    let offsets = || {
        let pairs = table.times.iter().zip(&part.ordered);
        pairs.map(|(shown, decoded)| {
            // Refused before where they lie further apart.
            i32::try_from(shown - decoded).unwrap_or(i32::MAX)
        })
    };
    if offsets().any(|offset| offset != 0) {
        full_box(buf, *b"ctts", VERSION_1, |buf| {
            encode_runs(buf, offsets().map(|offset| (1, offset.cast_unsigned())))
        })?;
    }
    if table.pcm.is_none() && table.sync.len() < table.times.len() {
        full_box(buf, *b"stss", 0, |buf| {
            encode_counted(buf, |buf| {
                table
                    .sync
                    .iter()
                    .try_for_each(|number| number.encode(buf))?;
                Ok(table.sync.len())
            })
        })?;
    }
    full_box(buf, *b"stsc", 0, |buf| {
        encode_counted(buf, |buf| {
            let (mut last, mut entries) = (None, 0);
            for (chunk, number) in table.chunks.iter().zip(1u32..) {
                if last == Some(chunk.n_samples) {
                    continue;
                }
                last = Some(chunk.n_samples);
                entries += 1;
                [number, chunk.n_samples, 1].as_slice().encode(buf)?;
            }
            Ok(entries)
        })
    })?;
    full_box(buf, *b"stsz", 0, |buf| {
        table.pcm.map_or(0, |(size, _)| size).encode(buf)?;
        part.n_samples().encode(buf)?;
        table.sizes.iter().try_for_each(|size| size.encode(buf))
    })?;
    full_box(buf, *b"co64", 0, |buf| {
        encode_counted(buf, |buf| {
            let mut places = table.chunks.iter().map(|chunk| base + chunk.offset);
            places.try_for_each(|place| place.encode(buf))?;
            Ok(table.chunks.len())
        })
    })
}

/// Units from each decode time to the next.
fn durations<'a>(part: &'a Part<'_>) -> impl Iterator<Item = u32> + 'a {
    let next = part.ordered.iter().skip(1);
    let steps = part.ordered.iter().zip(next).map(|(one, next)| next - one);
    steps
        .map(|step| u32::try_from(step).unwrap_or(u32::MAX))
        .chain(part.ordered.last().map(|_| part.table.last_duration))
}
