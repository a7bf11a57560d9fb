//! The sample table as an object: a named MessagePack map.

mod config;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::column::{Numbers, RunColumn, signed};
use super::{SAMPLES_MAX, SampleTable, SegmentEntry, TABLE_BYTES_MAX};
use crate::mp4::error::{Error, OrDamaged as _};
use crate::mp4::track::Track;
use config::WireConfig;

/// What this code writes and reads.
const VERSION: u16 = 1;

/// A segment has at least one sample, so that there are no more of them.
const SEGMENTS_MAX: usize = SAMPLES_MAX as usize;

#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    version: u16,
    timescale: u32,
    config: WireConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(default)]
    priming: u32,
    start: u64,
    segments: Vec<SegmentEntry>,
    sizes: ByteBuf,
    durations: ByteBuf,
    offsets: ByteBuf,
    sync: ByteBuf,
}

impl SampleTable {
    /// The object's bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over [`TABLE_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let wire = Wire {
            version: VERSION,
            timescale: self.track.timescale,
            config: WireConfig::from(&self.track.config),
            language: self.track.language.clone(),
            priming: self.track.priming,
            start: self.start,
            segments: self.segments.clone(),
            sizes: ByteBuf::from(self.sizes.clone()),
            durations: ByteBuf::from(self.durations.to_bytes()),
            offsets: ByteBuf::from(self.offsets.to_bytes()),
            sync: ByteBuf::from(self.sync.to_bytes()),
        };
        let bytes = rmp_serde::to_vec_named(&wire).map_err(|_| Error::Damaged {
            what: "a sample table that MessagePack cannot hold",
        })?;
        check_bytes(bytes.len())?;
        Ok(bytes)
    }

    /// The table of these bytes. Never panics, and needs no more memory than a few times their length.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over a limit, [`Error::Unsupported`] for a newer version,
    /// [`Error::Damaged`] for everything else that is not one consistent table.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        check_bytes(bytes.len())?;
        let mut rest = bytes;
        let wire = Wire::deserialize(&mut rmp_serde::Deserializer::new(&mut rest));
        let wire = wire.ok().filter(|_| rest.is_empty());
        let wire = wire.or_damaged("not a sample table")?;
        if wire.version != VERSION {
            return Err(Error::Unsupported {
                what: "sample table of another version: update this worker",
            });
        }
        wire.into_table()
    }
}

fn check_bytes(bytes: usize) -> Result<(), Error> {
    if bytes > TABLE_BYTES_MAX {
        return Err(Error::TooLarge {
            what: "sample table",
            limit: TABLE_BYTES_MAX as u64,
        });
    }
    Ok(())
}

impl Wire {
    fn into_table(self) -> Result<SampleTable, Error> {
        let track = Track {
            timescale: self.timescale,
            config: self.config.into(),
            language: self.language,
            priming: self.priming,
        };
        track.check()?;
        let n_samples = count_samples(&self.segments)?;
        check_sizes(&self.sizes, &self.segments)?;
        let is_u32 = |value| u32::try_from(value).is_ok();
        let durations = RunColumn::read(self.durations.into_vec(), n_samples, is_u32)?;
        let is_i32 = |value| signed(value).is_some();
        let offsets = RunColumn::read(self.offsets.into_vec(), n_samples, is_i32)?;
        let sync = RunColumn::read(self.sync.into_vec(), n_samples, |value| value <= 1)?;
        check_durations(&durations, &self.segments)?;
        let end = self
            .segments
            .iter()
            .try_fold(self.start, |at, s| at.checked_add(u64::from(s.duration)))
            .or_damaged("decode times over 64 bits")?;
        let offset_min = offsets.runs().filter_map(|(_, value)| signed(value)).min();
        Ok(SampleTable {
            track,
            start: self.start,
            end,
            n_samples,
            offset_min: offset_min.unwrap_or(0).min(0),
            segments: self.segments,
            sizes: self.sizes.into_vec(),
            durations,
            offsets,
            sync,
        })
    }
}

fn count_samples(segments: &[SegmentEntry]) -> Result<u32, Error> {
    let total: u64 = segments.iter().map(|s| u64::from(s.n_samples)).sum();
    let n_samples = u32::try_from(total).ok().filter(|n| *n <= SAMPLES_MAX);
    if segments.len() > SEGMENTS_MAX || n_samples.is_none() {
        return Err(Error::TooLarge {
            what: "samples of a piece",
            limit: u64::from(SAMPLES_MAX),
        });
    }
    let is_whole =
        |s: &SegmentEntry| s.n_samples > 0 && s.header_bytes.checked_add(s.payload_bytes).is_some();
    if !segments.iter().all(is_whole) {
        return Err(Error::Damaged {
            what: "a segment without samples or over 4 GiB",
        });
    }
    n_samples.or_damaged("samples of a piece")
}

/// The sizes of each segment's samples add up to its payload.
fn check_sizes(sizes: &[u8], segments: &[SegmentEntry]) -> Result<(), Error> {
    let mut numbers = Numbers::new(sizes);
    for segment in segments {
        let mut payload = 0u64;
        for _ in 0..segment.n_samples {
            let size = numbers.next().or_damaged("too few sample sizes")?;
            payload = payload.saturating_add(size);
        }
        if payload != u64::from(segment.payload_bytes) {
            return Err(Error::Damaged {
                what: "sample sizes that do not fill their segment",
            });
        }
    }
    if !numbers.is_spent() {
        return Err(Error::Damaged {
            what: "too many sample sizes",
        });
    }
    Ok(())
}

/// The durations of each segment's samples add up to its duration.
fn check_durations(durations: &RunColumn, segments: &[SegmentEntry]) -> Result<(), Error> {
    let mut runs = durations.runs();
    let (mut left, mut units) = (0u32, 0u64);
    for segment in segments {
        let (mut wanted, mut total) = (segment.n_samples, 0u64);
        while wanted > 0 {
            if left == 0 {
                (left, units) = runs.next().or_damaged("too few durations")?;
            }
            let n = left.min(wanted);
            total = total.saturating_add(u64::from(n).saturating_mul(units));
            (left, wanted) = (left - n, wanted - n);
        }
        if total != u64::from(segment.duration) {
            return Err(Error::Damaged {
                what: "sample durations that do not fill their segment",
            });
        }
    }
    Ok(())
}
