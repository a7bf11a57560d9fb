//! `moof`: samples of a fragmented file.

use super::boxes::{Children, Fields};
use super::builder::{SampleRun, TrackBuilder};
use crate::mp4::error::Error;

const TFHD_BASE_OFFSET: u32 = 0x01;
const TFHD_DESCRIPTION: u32 = 0x02;
const TFHD_DURATION: u32 = 0x08;
const TFHD_SIZE: u32 = 0x10;
const TFHD_FLAGS: u32 = 0x20;
const TFHD_BASE_IS_MOOF: u32 = 0x02_0000;
const TRUN_DATA_OFFSET: u32 = 0x0001;
const TRUN_FIRST_FLAGS: u32 = 0x0004;
const TRUN_DURATION: u32 = 0x0100;
const TRUN_SIZE: u32 = 0x0200;
const TRUN_FLAGS: u32 = 0x0400;
const TRUN_OFFSET: u32 = 0x0800;
/// `sample_is_non_sync_sample`.
const NON_SYNC: u32 = 0x01_0000;

/// Adds a fragment's samples to its tracks; returns the first byte behind the last that any uses.
pub(super) fn read(
    body: &[u8],
    moof_offset: u64,
    tracks: &mut [TrackBuilder],
) -> Result<u64, Error> {
    // Without a base of its own a track's data follow the data of the track before.
    let mut place = Place {
        base: moof_offset,
        next: moof_offset,
        end: 0,
    };
    for child in Children::new(body) {
        let child = child?;
        if child.kind == *b"traf" {
            read_track(child.body, moof_offset, &mut place, tracks)?;
        }
    }
    Ok(place.end)
}

/// Where samples lie.
struct Place {
    base: u64,
    /// Where the next run begins when it does not say.
    next: u64,
    /// Behind the last of all samples.
    end: u64,
}

/// What the runs of a track fragment leave unsaid.
#[derive(Clone, Copy)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

fn read_track(
    body: &[u8],
    moof_offset: u64,
    place: &mut Place,
    tracks: &mut [TrackBuilder],
) -> Result<(), Error> {
    let mut open: Option<(&mut TrackBuilder, Defaults)> = None;
    let mut tracks = Some(tracks);
    for child in Children::new(body) {
        let child = child?;
        match (&child.kind, &mut open) {
            (b"tfhd", None) => {
                let (_, flags, mut fields) = Fields::full_box(child.body)?;
                let track_id = fields.u32()?;
                let candidates = tracks.take().unwrap_or_default();
                let found = candidates.iter_mut().find(|t| t.track.track_id == track_id);
                // A fragment of an unknown track has nothing to say to us.
                let Some(track) = found else { return Ok(()) };
                let defaults = read_header(flags, &mut fields, track, moof_offset, place)?;
                open = Some((track, defaults));
            }
            (b"tfdt", Some((track, _))) => {
                let (version, _, mut fields) = Fields::full_box(child.body)?;
                track.seek(fields.u64_or_u32(version)?)?;
            }
            (b"trun", Some((track, defaults))) => {
                read_run(child.body, *defaults, place, track)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_header(
    flags: u32,
    fields: &mut Fields<'_>,
    track: &TrackBuilder,
    moof_offset: u64,
    place: &mut Place,
) -> Result<Defaults, Error> {
    if flags & TFHD_BASE_OFFSET != 0 {
        place.base = fields.u64()?;
        place.next = place.base;
    } else if flags & TFHD_BASE_IS_MOOF != 0 {
        place.base = moof_offset;
        place.next = moof_offset;
    }
    if flags & TFHD_DESCRIPTION != 0 {
        fields.skip(4)?;
    }
    let mut or_default = |flag, value| {
        if flags & flag == 0 {
            Ok(value)
        } else {
            fields.u32()
        }
    };
    Ok(Defaults {
        duration: or_default(TFHD_DURATION, track.defaults.duration)?,
        size: or_default(TFHD_SIZE, track.defaults.size)?,
        flags: or_default(TFHD_FLAGS, track.defaults.flags)?,
    })
}

fn read_run(
    body: &[u8],
    defaults: Defaults,
    place: &mut Place,
    track: &mut TrackBuilder,
) -> Result<(), Error> {
    let (_, flags, mut fields) = Fields::full_box(body)?;
    let count = fields.u32()?;
    if flags & TRUN_DATA_OFFSET != 0 {
        let offset = i64::from(fields.i32()?);
        place.next = place.base.saturating_add_signed(offset);
    }
    let mut first_flags = None;
    if flags & TRUN_FIRST_FLAGS != 0 {
        first_flags = Some(fields.u32()?);
    }
    let mut bytes = 0u64;
    let per_sample = flags & (TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS | TRUN_OFFSET);
    if per_sample == 0 {
        // A run without fields costs no bytes, however long it says that it is: it stays a run.
        let first = u32::from(first_flags.is_some()).min(count);
        push(track, first, defaults, first_flags.unwrap_or(0), 0)?;
        push(track, count - first, defaults, defaults.flags, 0)?;
        bytes = u64::from(count) * u64::from(defaults.size);
    } else {
        for _ in 0..count {
            let mut or_default = |flag, value| {
                if flags & flag == 0 {
                    Ok(value)
                } else {
                    fields.u32()
                }
            };
            let sample = Defaults {
                duration: or_default(TRUN_DURATION, defaults.duration)?,
                size: or_default(TRUN_SIZE, defaults.size)?,
                flags: or_default(TRUN_FLAGS, defaults.flags)?,
            };
            let offset = or_default(TRUN_OFFSET, 0)?.cast_signed();
            let sample_flags = first_flags.take().unwrap_or(sample.flags);
            push(track, 1, sample, sample_flags, offset)?;
            bytes = bytes.saturating_add(u64::from(sample.size));
        }
    }
    place.next = place.next.saturating_add(bytes);
    if bytes > 0 {
        place.end = place.end.max(place.next);
    }
    Ok(())
}

fn push(
    track: &mut TrackBuilder,
    count: u32,
    sample: Defaults,
    flags: u32,
    composition_offset: i32,
) -> Result<(), Error> {
    track.push(SampleRun {
        count,
        duration: sample.duration,
        composition_offset,
        is_sync: flags & NON_SYNC == 0,
    })
}
