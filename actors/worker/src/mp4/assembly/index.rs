//! `moov` of a whole file, computed from sample tables.

use mp4_atom::{
    AnySampleGroupEntry, BufMut as _, Encode as _, FourCC, Sbgp, SbgpEntry, Sgpd, SgpdEntry,
};

use super::CopyRange;
use super::timeline::Timeline;
use crate::mp4::error::Error;
use crate::mp4::movie::{TrackHeader, encode_mvhd, encode_trak, full_box};
use crate::mp4::sample_table::SampleTable;

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
    let mut headers: Vec<TrackHeader<'_>> = Vec::new();
    for (timeline, track_id) in timelines.iter().zip(1u32..) {
        let (edits, duration_movie) = timeline.edits(timescale);
        let is_audio = !timeline.track.config.is_video();
        let has_sound = |header: &TrackHeader<'_>| !header.track.config.is_video();
        headers.push(TrackHeader {
            track: &timeline.track,
            // Players start all tracks that are enabled, and choose among the others.
            is_enabled: !(is_audio && headers.iter().any(has_sound)),
            track_id,
            duration_movie,
            duration_media: timeline.duration(),
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
        timeline.n_samples().encode(buf)?;
        buf.reserve(4 * timeline.n_samples() as usize);
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
    if timeline.track.priming > 0 {
        encode_roll(buf, timeline.n_samples())?;
    }
    Ok(offsets_at)
}

/// Says of sound that overlaps that each sample is right once the one before it was decoded, too
/// (ISO/IEC 14496-12, 10.1): whoever seeks decodes from there.
fn encode_roll(buf: &mut Vec<u8>, n_samples: u32) -> mp4_atom::Result<()> {
    const KIND: FourCC = FourCC::new(b"roll");
    const DISTANCE: i16 = -1;
    let entry = DISTANCE.to_be_bytes().to_vec();
    Sgpd {
        grouping_type: KIND,
        default_length: u32::try_from(entry.len()).ok(),
        default_group_description_index: None,
        static_group_description: false,
        static_mapping: false,
        essential: false,
        entries: vec![SgpdEntry {
            description_length: None,
            entry: AnySampleGroupEntry::UnknownGroupingType(KIND, entry),
        }],
    }
    .encode(buf)?;
    Sbgp {
        grouping_type: KIND,
        grouping_type_parameter: None,
        entries: vec![SbgpEntry {
            sample_count: n_samples,
            group_description_index: 1,
        }],
    }
    .encode(buf)
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
pub(in crate::mp4) fn encode_runs(
    buf: &mut Vec<u8>,
    runs: impl Iterator<Item = (u32, u32)>,
) -> mp4_atom::Result<()> {
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
pub(in crate::mp4) fn encode_counted(
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
