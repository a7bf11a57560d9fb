//! A task's consecutive segments of one track, with the table of their samples.

use super::error::Error;
use super::init::init_segment;
use super::sample_table::SampleTable;
use super::segment::{Sample, segment};
use super::track::Track;

/// Writes segments that continue one another exactly: each one's `tfdt` is the last one's plus the
/// durations of its samples.
#[derive(Debug)]
pub struct PieceWriter {
    table: SampleTable,
    first_segment: u32,
}

impl PieceWriter {
    /// A piece whose first segment has the number `first_segment` in its rendition, and whose first
    /// sample has the decode time `start`.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a track that no decoder would accept.
    pub fn new(track: Track, first_segment: u32, start: u64) -> Result<Self, Error> {
        track.check()?;
        Ok(Self {
            table: SampleTable::new(track, start),
            first_segment,
        })
    }

    /// The init segment that the segments belong to.
    ///
    /// # Errors
    /// As [`init_segment`].
    pub fn init(&self) -> Result<Vec<u8>, Error> {
        init_segment(self.table.track())
    }

    /// The next segment's bytes.
    ///
    /// # Errors
    /// As [`segment`], and [`Error::TooLarge`] over [`SAMPLES_MAX`](super::SAMPLES_MAX) samples.
    pub fn segment(&mut self, samples: &[Sample]) -> Result<Vec<u8>, Error> {
        let n_before = u32::try_from(self.table.segments().len()).unwrap_or(u32::MAX);
        let number = self.first_segment.saturating_add(n_before);
        // Sequence numbers count from 1, segments from 0.
        let sequence = number.saturating_add(1);
        let bytes = segment(self.table.track(), sequence, self.table.end(), samples)?;
        self.table.push(samples, bytes.len())?;
        Ok(bytes)
    }

    /// Decode time of the next sample.
    #[must_use]
    pub fn next_decode_time(&self) -> u64 {
        self.table.end()
    }

    /// What was written so far.
    #[must_use]
    pub fn table(&self) -> &SampleTable {
        &self.table
    }

    /// The table, when the last segment is written.
    #[must_use]
    pub fn finish(self) -> SampleTable {
        self.table
    }
}
