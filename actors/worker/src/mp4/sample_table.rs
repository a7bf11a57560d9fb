//! The table of a piece's samples: what an MP4's index needs to know of segments that lie elsewhere.
//!
//! It is written as an object beside the segments and read by the assembler. Sizes, durations,
//! composition offsets and sync marks are columns of variable-length numbers, about 6 bytes a sample
//! altogether for a picture with reordered frames and 2 for sound, and stay so in memory: eight hours
//! of film are a few megabytes. A table in memory is always consistent; [`SampleTable::decode`]
//! refuses any other.

mod column;
mod wire;

use super::error::{Error, OrDamaged as _};
use super::segment::Sample;
use super::track::Track;
use column::{Numbers, RunColumn, put_number, signed, unsigned};

/// Most samples of one piece. The longest pieces are audio parts and a film's last chunk; a million
/// samples are more than an hour of 240 frames a second.
pub const SAMPLES_MAX: u32 = 1 << 20;

/// The largest encoded table: [`SAMPLES_MAX`] samples at 16 bytes, the most that any of them takes.
pub const TABLE_BYTES_MAX: usize = 16 << 20;

/// A segment, as its piece's table knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SegmentEntry {
    /// Bytes before the first sample: `styp`, `moof` and the header of `mdat`.
    pub header_bytes: u32,
    /// Bytes of all samples, which end the segment.
    pub payload_bytes: u32,
    /// Number of samples, at least 1.
    pub n_samples: u32,
    /// Units from its first decode time to the next segment's.
    pub duration: u32,
}

impl SegmentEntry {
    /// Size of the segment's object.
    #[must_use]
    pub fn bytes(&self) -> u32 {
        // Both were measured on a segment of at most 2 GiB, or checked when the table was read.
        self.header_bytes.saturating_add(self.payload_bytes)
    }
}

/// The samples of consecutive segments of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleTable {
    track: Track,
    start: u64,
    end: u64,
    n_samples: u32,
    offset_min: i32,
    segments: Vec<SegmentEntry>,
    sizes: Vec<u8>,
    durations: RunColumn,
    offsets: RunColumn,
    sync: RunColumn,
}

impl SampleTable {
    /// A table without segments, of a piece that begins at decode time `start`.
    #[must_use]
    pub(super) fn new(track: Track, start: u64) -> Self {
        Self {
            track,
            start,
            end: start,
            n_samples: 0,
            offset_min: 0,
            segments: Vec::new(),
            sizes: Vec::new(),
            durations: RunColumn::default(),
            offsets: RunColumn::default(),
            sync: RunColumn::default(),
        }
    }

    /// Adds a segment of `bytes` bytes that holds these samples and ends with them.
    pub(super) fn push(&mut self, samples: &[Sample], bytes: usize) -> Result<(), Error> {
        let payload_bytes: usize = samples.iter().map(|sample| sample.data.len()).sum();
        let duration: u64 = samples.iter().map(|s| u64::from(s.duration)).sum();
        let entry = Self::entry(samples.len(), bytes, payload_bytes, duration)
            .filter(|entry| self.n_samples.saturating_add(entry.n_samples) <= SAMPLES_MAX)
            .ok_or_else(|| Error::TooLarge {
                what: "samples of a piece",
                limit: SAMPLES_MAX.into(),
            })?;
        let end = self.end.checked_add(duration);
        self.end = end.or_damaged("a decode time over 64 bits")?;
        for sample in samples {
            put_number(&mut self.sizes, sample.data.len() as u64);
            self.durations.push(u64::from(sample.duration));
            self.offsets.push(unsigned(sample.composition_offset));
            self.sync.push(u64::from(sample.is_sync));
            self.offset_min = self.offset_min.min(sample.composition_offset);
        }
        self.n_samples += entry.n_samples;
        self.segments.push(entry);
        Ok(())
    }

    fn entry(
        n_samples: usize,
        bytes: usize,
        payload_bytes: usize,
        duration: u64,
    ) -> Option<SegmentEntry> {
        Some(SegmentEntry {
            header_bytes: u32::try_from(bytes.checked_sub(payload_bytes)?).ok()?,
            payload_bytes: u32::try_from(payload_bytes).ok()?,
            n_samples: u32::try_from(n_samples).ok().filter(|n| *n > 0)?,
            duration: u32::try_from(duration).ok()?,
        })
    }

    /// What the segments share.
    #[must_use]
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// Decode time of the first sample.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Decode time of the sample that would follow: the next piece's [`SampleTable::start`].
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Number of samples.
    #[must_use]
    pub fn n_samples(&self) -> u32 {
        self.n_samples
    }

    /// The segments in order.
    #[must_use]
    pub fn segments(&self) -> &[SegmentEntry] {
        &self.segments
    }

    /// The smallest composition offset, or 0 when none is negative.
    pub(super) fn offset_min(&self) -> i32 {
        self.offset_min
    }

    /// Sizes of the samples, in decode order.
    pub fn sizes(&self) -> impl Iterator<Item = u32> {
        // Checked when the table was made: a size never exceeds its segment's.
        Numbers::new(&self.sizes).map(|size| u32::try_from(size).unwrap_or(u32::MAX))
    }

    /// Durations, as runs of (samples, units).
    pub fn durations(&self) -> impl Iterator<Item = (u32, u32)> {
        let units = |value| u32::try_from(value).unwrap_or(u32::MAX);
        self.durations
            .runs()
            .map(move |(n, value)| (n, units(value)))
    }

    /// Composition offsets, as runs of (samples, units).
    pub fn composition_offsets(&self) -> impl Iterator<Item = (u32, i32)> {
        let units = |value| signed(value).unwrap_or(0);
        self.offsets.runs().map(move |(n, value)| (n, units(value)))
    }

    /// Sync marks, as runs of (samples, whether decoding can begin at each).
    pub fn sync_runs(&self) -> impl Iterator<Item = (u32, bool)> {
        self.sync.runs().map(|(n, value)| (n, value == 1))
    }
}

#[cfg(test)]
mod tests;
