//! One CMAF segment: `styp`, one `moof`, one `mdat`.

use bytes::Bytes;
use mp4_atom::{BufMut as _, Encode, FourCC, Mfhd, Styp, Tfdt};

use super::error::Error;
use super::movie::full_box;
use super::track::{TRACK_ID, Track};

/// One access unit, in decode order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Units to the next sample's decode time.
    pub duration: u32,
    /// Units from the decode time to the time of presentation.
    pub composition_offset: i32,
    /// Whether decoding can begin here.
    pub is_sync: bool,
    /// The access unit as the sample entry says: length-prefixed units, a raw AAC frame.
    pub data: Bytes,
}

/// `sample_depends_on` = 2: an I-frame, or a frame of sound.
const FLAGS_SYNC: u32 = 0x0200_0000;
/// `sample_depends_on` = 1, `sample_is_non_sync_sample` = 1.
const FLAGS_NON_SYNC: u32 = 0x0101_0000;

const TFHD_DEFAULT_DURATION: u32 = 0x08;
const TFHD_DEFAULT_FLAGS: u32 = 0x20;
const TFHD_DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
const TRUN_DATA_OFFSET: u32 = 0x0001;
const TRUN_FIRST_SAMPLE_FLAGS: u32 = 0x0004;
const TRUN_DURATION: u32 = 0x0100;
const TRUN_SIZE: u32 = 0x0200;
const TRUN_FLAGS: u32 = 0x0400;
const TRUN_COMPOSITION_OFFSET: u32 = 0x0800;
/// Offsets are signed in version 1.
const TRUN_VERSION: u32 = 0x0100_0000;
/// Bytes of a box header with a 32-bit size.
const BOX_HEADER_BYTES: usize = 8;

/// A segment as bytes, in one fragment. `sequence` counts the segments of a rendition from 1;
/// `base_decode_time` is the first sample's, in the track's units.
///
/// # Errors
/// [`Error::TooLarge`] for 2 GiB or more of samples, [`Error::Damaged`] for none at all.
pub fn segment(
    track: &Track,
    sequence: u32,
    base_decode_time: u64,
    samples: &[Sample],
) -> Result<Vec<u8>, Error> {
    track.check()?;
    let payload_bytes = payload_bytes(samples)?;
    // 64 bytes a sample and 256 besides are more than the headers take: one allocation.
    let mut buf = Vec::with_capacity(payload_bytes + 64 * samples.len() + 256);
    Styp {
        major_brand: FourCC::new(b"msdh"),
        minor_version: 0,
        compatible_brands: vec![FourCC::new(b"msdh"), FourCC::new(b"cmfs")],
    }
    .encode(&mut buf)?;

    let moof_at = buf.len();
    let mut offset_at = 0;
    buf.encode_atom(FourCC::new(b"moof"), |buf| {
        Mfhd {
            sequence_number: sequence,
        }
        .encode(buf)?;
        buf.encode_atom(FourCC::new(b"traf"), |buf| {
            let shape = RunShape::of(samples);
            shape.encode_tfhd(buf)?;
            Tfdt {
                base_media_decode_time: base_decode_time,
            }
            .encode(buf)?;
            offset_at = shape.encode_trun(buf, samples)?;
            Ok(())
        })
    })?;
    // Counted from `moof`, as default-base-is-moof says, to the first byte behind `mdat`'s header.
    let data_offset =
        i32::try_from(buf.len() - moof_at + BOX_HEADER_BYTES).map_err(|_| Error::TooLarge {
            what: "moof",
            limit: i32::MAX as u64,
        })?;
    buf.set_slice(offset_at, &data_offset.to_be_bytes());
    buf.encode_atom(FourCC::new(b"mdat"), |buf| {
        samples
            .iter()
            .for_each(|sample| buf.append_slice(&sample.data));
        Ok(())
    })?;
    Ok(buf)
}

fn payload_bytes(samples: &[Sample]) -> Result<usize, Error> {
    if samples.is_empty() {
        return Err(Error::Damaged {
            what: "a segment without samples",
        });
    }
    let bytes: usize = samples.iter().map(|sample| sample.data.len()).sum();
    // Half of what the box size could hold; a segment of a few seconds has a few megabytes.
    if bytes > i32::MAX as usize {
        return Err(Error::TooLarge {
            what: "segment",
            limit: i32::MAX as u64,
        });
    }
    Ok(bytes)
}

/// Which fields of a run are the same for all of its samples: most segments of a constant frame rate
/// need only sizes and offsets.
#[derive(Debug)]
struct RunShape {
    duration: Option<u32>,
    flags: RunFlags,
    has_offsets: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum RunFlags {
    AllSync,
    FirstSync,
    Mixed,
}

impl RunShape {
    fn of(samples: &[Sample]) -> Self {
        let first = samples.first().map(|sample| sample.duration);
        let n_sync = samples.iter().filter(|sample| sample.is_sync).count();
        let flags = if n_sync == samples.len() {
            RunFlags::AllSync
        } else if n_sync == 1 && samples.first().is_some_and(|sample| sample.is_sync) {
            RunFlags::FirstSync
        } else {
            RunFlags::Mixed
        };
        Self {
            duration: first.filter(|first| samples.iter().all(|s| s.duration == *first)),
            flags,
            has_offsets: samples.iter().any(|sample| sample.composition_offset != 0),
        }
    }

    fn encode_tfhd(&self, buf: &mut Vec<u8>) -> mp4_atom::Result<()> {
        let default_flags = match self.flags {
            RunFlags::AllSync => FLAGS_SYNC,
            RunFlags::FirstSync | RunFlags::Mixed => FLAGS_NON_SYNC,
        };
        let mut flags = TFHD_DEFAULT_BASE_IS_MOOF | TFHD_DEFAULT_FLAGS;
        if self.duration.is_some() {
            flags |= TFHD_DEFAULT_DURATION;
        }
        full_box(buf, *b"tfhd", flags, |buf| {
            TRACK_ID.encode(buf)?;
            self.duration.encode(buf)?;
            default_flags.encode(buf)
        })
    }

    /// Returns where the data offset stands, to be filled in when `moof` is whole.
    fn encode_trun(&self, buf: &mut Vec<u8>, samples: &[Sample]) -> mp4_atom::Result<usize> {
        let too_large = || mp4_atom::Error::TooLarge(FourCC::new(b"trun"));
        let mut flags = TRUN_DATA_OFFSET | TRUN_SIZE;
        if self.duration.is_none() {
            flags |= TRUN_DURATION;
        }
        if self.has_offsets {
            flags |= TRUN_COMPOSITION_OFFSET;
        }
        match self.flags {
            RunFlags::AllSync => {}
            RunFlags::FirstSync => flags |= TRUN_FIRST_SAMPLE_FLAGS,
            RunFlags::Mixed => flags |= TRUN_FLAGS,
        }
        let mut offset_at = 0;
        full_box(buf, *b"trun", TRUN_VERSION | flags, |buf| {
            u32::try_from(samples.len())
                .map_err(|_| too_large())?
                .encode(buf)?;
            offset_at = buf.len();
            0i32.encode(buf)?;
            if self.flags == RunFlags::FirstSync {
                FLAGS_SYNC.encode(buf)?;
            }
            for sample in samples {
                if self.duration.is_none() {
                    sample.duration.encode(buf)?;
                }
                u32::try_from(sample.data.len())
                    .map_err(|_| too_large())?
                    .encode(buf)?;
                if self.flags == RunFlags::Mixed {
                    let is_sync = sample.is_sync;
                    if is_sync { FLAGS_SYNC } else { FLAGS_NON_SYNC }.encode(buf)?;
                }
                if self.has_offsets {
                    sample.composition_offset.encode(buf)?;
                }
            }
            Ok(())
        })?;
        Ok(offset_at)
    }
}
