//! The pieces of one track in a row: whether they continue one another, and how they are shown.
//!
//! Composition offsets are made unsigned (`ctts` version 0) by adding the track's smallest one, and an
//! edit list takes the shift back: that is what x264 in MP4 has looked like for twenty years, and
//! every player reads it. Signed offsets with `cslg` say the same in newer words, but players that
//! ignore the version read -1 as four billion. The same edit list skips the priming of sound, and an
//! empty edit before it delays a track that begins late.

use mp4_atom::ElstEntry;

use crate::mp4::error::Error;
use crate::mp4::sample_table::{SampleTable, SegmentEntry};
use crate::mp4::track::Track;

/// Consecutive pieces of one track.
#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) track: Track,
    pub(super) tables: Vec<SampleTable>,
    start: u64,
    end: u64,
    n_samples: u32,
    /// What makes every composition offset 0 or more.
    pub(super) shift: u32,
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

    /// Units of all samples, shown or not.
    pub(super) fn duration(&self) -> u64 {
        self.end - self.start
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
    pub(super) fn edits(&self, movie_timescale: u32) -> (Vec<ElstEntry>, u64) {
        let (cut, delay) = self.cut_and_delay();
        let shown = self.duration().saturating_sub(cut);
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
