//! The absolute grid of access units, and where segments and parts are cut on it. Pure.

/// Samples of one AAC access unit.
pub(super) const UNIT_SAMPLES: u64 = 1_024;

/// Units before everything that is shown: the encoder's priming. Unit `i` is decoded at sample
/// `1024 * i` and shown from sample `1024 * (i - 1)` on, as the track's edit list says. The first one
/// is decoded and not shown: each unit overlaps the one before, and without it the first block would
/// fade in.
pub(super) const PRIMING_UNITS: u64 = 1;

/// The first sample that a unit shows: 0 also for the priming, which shows none.
pub(super) fn shown_from(unit: u64) -> u64 {
    unit.saturating_sub(PRIMING_UNITS)
        .saturating_mul(UNIT_SAMPLES)
}

/// Units that a resumed encoder makes and drops: it overlaps one block, and its psychoacoustic
/// model and bit reservoir settle within a few.
const WARM_UP_UNITS: u64 = 8;

/// Where segments are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    sample_rate_hz: u32,
    segment_ns: u64,
    part_segments: u32,
}

impl Grid {
    pub(super) fn new(sample_rate_hz: u32, segment_ns: u64, part_segments: u32) -> Self {
        Self {
            sample_rate_hz,
            segment_ns,
            part_segments: part_segments.max(1),
        }
    }

    /// The first unit of a segment: the first that is shown at or after the multiple of its length. The
    /// first segment begins with the priming.
    pub(super) fn first_unit(self, segment: u32) -> u64 {
        if segment == 0 {
            return 0;
        }
        let start_ns = u128::from(segment) * u128::from(self.segment_ns);
        let unit_ns_times_rate = u128::from(UNIT_SAMPLES) * 1_000_000_000;
        let units = (start_ns * u128::from(self.sample_rate_hz)).div_ceil(unit_ns_times_rate);
        u64::try_from(units)
            .unwrap_or(u64::MAX)
            .saturating_add(PRIMING_UNITS)
    }

    /// The first segment of a part.
    pub(super) fn first_segment(self, part: u32) -> u32 {
        part.saturating_mul(self.part_segments)
    }

    /// The first unit of a part.
    pub(super) fn first_unit_of_part(self, part: u32) -> u64 {
        self.first_unit(self.first_segment(part))
    }

    /// The first block to feed, so that this unit and all after it come out as if the encoder had
    /// run from the start: with the warm-up before it.
    #[expect(clippy::unused_self, reason = "a question to the grid")]
    pub(super) fn first_block(self, first_unit: u64) -> u64 {
        first_unit.saturating_sub(WARM_UP_UNITS)
    }

    /// Stream time of a block's first sample.
    pub(super) fn block_ns(self, block: u64) -> u64 {
        self.samples_ns(block.saturating_mul(UNIT_SAMPLES))
    }

    /// The time of so many samples.
    pub(super) fn samples_ns(self, samples: u64) -> u64 {
        let ns = u128::from(samples) * 1_000_000_000 / u128::from(self.sample_rate_hz.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn segments_are_cut_at_the_first_unit_at_or_after_each_multiple() {
        for rate in [44_100, 48_000] {
            let grid = Grid::new(rate, 4 * SECOND_NS, 5);
            assert_eq!(grid.first_unit(0), 0, "with the priming");
            for segment in 1..2_000 {
                let unit = grid.first_unit(segment);
                let shown_at = grid.samples_ns(shown_from(unit));
                let due = u64::from(segment) * 4 * SECOND_NS;
                assert!(shown_at + 1 >= due, "rate {rate}, segment {segment}");
                assert!(
                    shown_at < due + 24_000_000,
                    "within a unit: rate {rate}, segment {segment}"
                );
            }
        }
    }

    #[test]
    fn parts_follow_one_another() {
        let grid = Grid::new(48_000, 4 * SECOND_NS, 5);
        assert_eq!(grid.first_unit_of_part(0), 0);
        assert_eq!(grid.first_unit_of_part(1), grid.first_unit(5));
        assert_eq!(grid.first_block(0), 0);
        assert_eq!(grid.first_block(100), 92);
    }
}
