//! `moov` of a whole file, computed from sample tables.
//!
//! Composition offsets are made unsigned (`ctts` version 0) by adding the track's smallest one, and an
//! edit list takes the shift back: that is what x264 in MP4 has looked like for twenty years, and
//! every player reads it. Signed offsets with `cslg` say the same in newer words, but players that
//! ignore the version read -1 as four billion. The same edit list skips the priming of sound, and an
//! empty edit before it delays a track that begins late.

use mp4_atom::{BufMut as _, ElstEntry, Encode as _, FourCC};

use super::CopyRange;
use crate::mp4::error::Error;
use crate::mp4::movie::{TrackHeader, encode_mvhd, encode_trak, full_box};
use crate::mp4::sample_table::{SampleTable, SegmentEntry};
use crate::mp4::track::Track;

/// Consecutive pieces of one track.
#[derive(Debug)]
pub(super) struct Timeline {
    track: Track,
    tables: Vec<SampleTable>,
    start: u64,
    end: u64,
    n_samples: u32,
    /// What makes every composition offset 0 or more.
    shift: u32,
}

/// One segment of a timeline.
#[derive(Debug)]
pub(super) struct TimedSegment {
    pub(super) start_ns: u128,
    pub(super) piece: usize,
    /// Its index within the piece.
    pub(super) index: u32,
    pub(super) entry: SegmentEntry,
}

impl Timeline {
    /// Checks that the pieces continue one another, and are of the kind that is expected.
    pub(super) fn new(tables: Vec<SampleTable>, is_video: bool) -> Result<Self, Error> {
        let first = tables.iter().find(|table| table.n_samples() > 0);
        let (track, start) = match first {
            Some(first) => (first.track().clone(), first.start()),
            None => {
                return Err(Error::Damaged {
                    what: "a track without samples",
                });
            }
        };
        let (mut end, mut n_samples, mut offset_min) = (start, 0u32, 0i32);
        for (piece, table) in tables.iter().enumerate() {
            let mismatch = |what| Error::Mismatch { piece, what };
            if table.track().config.is_video() != is_video {
                return Err(mismatch(
                    "it is sound where a picture belongs, or the reverse",
                ));
            }
            if table.track() != &track {
                return Err(mismatch("it was encoded for another decoder"));
            }
            if table.start() != end {
                return Err(mismatch("it does not begin where the one before ends"));
            }
            end = table.end();
            offset_min = offset_min.min(table.offset_min());
            n_samples =
                n_samples
                    .checked_add(table.n_samples())
                    .ok_or_else(|| Error::TooLarge {
                        what: "samples of a file",
                        limit: u32::MAX.into(),
                    })?;
        }
        Ok(Self {
            track,
            tables,
            start,
            end,
            n_samples,
            shift: offset_min.unsigned_abs(),
        })
    }

    pub(super) fn n_samples(&self) -> u32 {
        self.n_samples
    }

    /// Time at which the track ends, rounded to the nearest millisecond.
    pub(super) fn end_ms(&self) -> u64 {
        let shown_end = u128::from(self.end.saturating_sub(u64::from(self.track.priming)));
        let timescale = u128::from(self.track.timescale);
        u64::try_from((shown_end * 1000 + timescale / 2) / timescale).unwrap_or(u64::MAX)
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = TimedSegment> {
        let mut at = self.start;
        let entries = self.tables.iter().enumerate().flat_map(|(piece, table)| {
            let entries = table.segments().iter().zip(0u32..);
            entries.map(move |(entry, index)| (piece, index, *entry))
        });
        entries.map(move |(piece, index, entry)| {
            let start_ns = u128::from(at) * 1_000_000_000 / u128::from(self.track.timescale);
            at += u64::from(entry.duration);
            TimedSegment {
                start_ns,
                piece,
                index,
                entry,
            }
        })
    }

    /// Units of media that are decoded and not shown, and units of nothing before the first sample.
    fn cut_and_delay(&self) -> (u64, u64) {
        let priming = u64::from(self.track.priming);
        (
            priming.saturating_sub(self.start),
            self.start.saturating_sub(priming),
        )
    }

    /// The edit list, in the movie's timescale, and the duration that it shows.
    fn edits(&self, movie_timescale: u32) -> (Vec<ElstEntry>, u64) {
        let (cut, delay) = self.cut_and_delay();
        let shown = (self.end - self.start).saturating_sub(cut);
        // Rounded up, so that the last frame is never cut off by a fraction of a unit.
        let in_movie = |units: u64| {
            let product = u128::from(units) * u128::from(movie_timescale);
            let scaled = product.div_ceil(u128::from(self.track.timescale));
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        let mut edits = Vec::new();
        if delay > 0 {
            edits.push(ElstEntry {
                segment_duration: in_movie(delay),
                media_time: None,
                media_rate: 1.into(),
            });
        }
        edits.push(ElstEntry {
            segment_duration: in_movie(shown),
            media_time: Some(u64::from(self.shift) + cut),
            media_rate: 1.into(),
        });
        let duration = edits.iter().map(|edit| edit.segment_duration).sum();
        (edits, duration)
    }
}

/// Where the header holds offsets that are known only when it is whole.
#[derive(Debug)]
pub(super) struct ChunkOffsets {
    /// First entry of each track's table.
    tables_at: Vec<usize>,
    is_large: bool,
}

impl ChunkOffsets {
    /// Writes each copy's place into its track's table.
    pub(super) fn fill(mut self, header: &mut Vec<u8>, copies: &[CopyRange]) {
        for copy in copies {
            let Some(at) = self.tables_at.get_mut(copy.track) else {
                continue;
            };
            let wide = copy.file_offset.to_be_bytes();
            // The choice of `co64` made sure that the upper half is 0 where it is left out.
            let bytes = if self.is_large { &wide[..] } else { &wide[4..] };
            header.set_slice(*at, bytes);
            *at += bytes.len();
        }
    }
}

/// Writes `moov`, with zeros for the chunk offsets.
pub(super) fn encode_movie(
    buf: &mut Vec<u8>,
    timelines: &[Timeline],
    is_large: bool,
) -> Result<ChunkOffsets, Error> {
    // The picture's timescale, so that its edits are exact.
    let timescale = timelines.first().map_or(1000, |t| t.track.timescale);
    let mut headers = Vec::new();
    for (timeline, track_id) in timelines.iter().zip(1u32..) {
        let (edits, duration_movie) = timeline.edits(timescale);
        headers.push(TrackHeader {
            track: &timeline.track,
            track_id,
            duration_movie,
            duration_media: timeline.end - timeline.start,
            edits,
        });
    }
    let duration = headers.iter().map(|header| header.duration_movie).max();
    let next_track_id = headers.last().map_or(1, |header| header.track_id + 1);
    let mut tables_at = Vec::new();
    buf.encode_atom(FourCC::new(b"moov"), |buf| {
        encode_mvhd(buf, timescale, duration.unwrap_or(0), next_track_id)?;
        for (header, timeline) in headers.iter().zip(timelines) {
            encode_trak(buf, header, |buf| {
                tables_at.push(encode_tables(buf, timeline, is_large)?);
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(ChunkOffsets {
        tables_at,
        is_large,
    })
}

/// Writes the tables behind `stsd`; returns where the chunk offsets begin.
fn encode_tables(
    buf: &mut Vec<u8>,
    timeline: &Timeline,
    is_large: bool,
) -> mp4_atom::Result<usize> {
    let tables = &timeline.tables;
    let durations = tables.iter().flat_map(SampleTable::durations);
    full_box(buf, *b"stts", 0, |buf| encode_runs(buf, durations))?;
    encode_composition_offsets(buf, timeline)?;
    encode_sync_samples(buf, timeline)?;
    encode_samples_per_chunk(buf, timeline)?;
    full_box(buf, *b"stsz", 0, |buf| {
        0u32.encode(buf)?;
        timeline.n_samples.encode(buf)?;
        buf.reserve(4 * timeline.n_samples as usize);
        let mut sizes = tables.iter().flat_map(SampleTable::sizes);
        sizes.try_for_each(|size| size.encode(buf))
    })?;
    let n_chunks: usize = tables.iter().map(|table| table.segments().len()).sum();
    let (kind, entry_bytes) = if is_large {
        (*b"co64", 8)
    } else {
        (*b"stco", 4)
    };
    let mut offsets_at = 0;
    full_box(buf, kind, 0, |buf| {
        count(n_chunks)?.encode(buf)?;
        offsets_at = buf.len();
        buf.resize(offsets_at + n_chunks * entry_bytes, 0);
        Ok(())
    })?;
    Ok(offsets_at)
}

fn encode_composition_offsets(buf: &mut Vec<u8>, timeline: &Timeline) -> mp4_atom::Result<()> {
    let runs = || {
        let tables = timeline.tables.iter();
        tables.flat_map(SampleTable::composition_offsets)
    };
    if runs().all(|(_, offset)| offset == 0) {
        return Ok(());
    }
    // The shift is the smallest one's opposite, so that no sum is negative.
    let shift = timeline.shift;
    let shifted = runs().map(|(n, offset)| (n, shift.saturating_add_signed(offset)));
    full_box(buf, *b"ctts", 0, |buf| encode_runs(buf, shifted))
}

/// Numbers of the samples at which decoding can begin; left out when it can at all of them.
fn encode_sync_samples(buf: &mut Vec<u8>, timeline: &Timeline) -> mp4_atom::Result<()> {
    let runs = || timeline.tables.iter().flat_map(SampleTable::sync_runs);
    if runs().all(|(_, is_sync)| is_sync) {
        return Ok(());
    }
    full_box(buf, *b"stss", 0, |buf| {
        encode_counted(buf, |buf| {
            let (mut number, mut entries) = (1u32, 0usize);
            for (n, is_sync) in runs() {
                if is_sync {
                    (number..number.saturating_add(n)).try_for_each(|at| at.encode(buf))?;
                    entries += n as usize;
                }
                number = number.saturating_add(n);
            }
            Ok(entries)
        })
    })
}

/// A chunk is a segment's payload.
fn encode_samples_per_chunk(buf: &mut Vec<u8>, timeline: &Timeline) -> mp4_atom::Result<()> {
    full_box(buf, *b"stsc", 0, |buf| {
        encode_counted(buf, |buf| {
            let (mut last, mut entries) = (None, 0);
            for (segment, number) in timeline.segments().zip(1u32..) {
                let n_samples = segment.entry.n_samples;
                if last == Some(n_samples) {
                    continue;
                }
                last = Some(n_samples);
                entries += 1;
                [number, n_samples, 1].as_slice().encode(buf)?;
            }
            Ok(entries)
        })
    })
}

/// Writes runs, with equal neighbours made one.
fn encode_runs(buf: &mut Vec<u8>, runs: impl Iterator<Item = (u32, u32)>) -> mp4_atom::Result<()> {
    encode_counted(buf, |buf| {
        let mut entries = 0;
        let mut open: Option<(u32, u32)> = None;
        for (n, value) in runs {
            open = match open {
                Some((before, last)) if last == value => Some((before.saturating_add(n), last)),
                Some((before, last)) => {
                    [before, last].as_slice().encode(buf)?;
                    entries += 1;
                    Some((n, value))
                }
                None => Some((n, value)),
            };
        }
        if let Some((n, value)) = open {
            [n, value].as_slice().encode(buf)?;
            entries += 1;
        }
        Ok(entries)
    })
}

/// Writes entries behind their number, which `entries` returns.
fn encode_counted(
    buf: &mut Vec<u8>,
    entries: impl FnOnce(&mut Vec<u8>) -> mp4_atom::Result<usize>,
) -> mp4_atom::Result<()> {
    let count_at = buf.len();
    0u32.encode(buf)?;
    let n = entries(buf)?;
    buf.set_slice(count_at, &count(n)?.to_be_bytes());
    Ok(())
}

fn count(n: usize) -> mp4_atom::Result<u32> {
    u32::try_from(n).map_err(|_| mp4_atom::Error::TooLarge(FourCC::new(b"stbl")))
}
