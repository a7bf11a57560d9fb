//! Which frames belong to a chunk, and which of them begin a segment: pure arithmetic, the same in
//! every chunk and rendition.

use bus_schema::plan::Span;

const SECOND_NS: u128 = 1_000_000_000;

/// A stream time in units of a timescale, to the nearest: undoes the rounding that made nanoseconds
/// of a container's units.
#[must_use]
pub fn to_units(time_ns: u64, timescale: u32) -> u64 {
    let units = (u128::from(time_ns) * u128::from(timescale) + SECOND_NS / 2) / SECOND_NS;
    u64::try_from(units).unwrap_or(u64::MAX)
}

/// Units as a stream time, to the nearest, so that [`to_units`] gives the same units again.
#[must_use]
pub fn to_ns(units: u64, timescale: u32) -> u64 {
    let scale = u128::from(timescale.max(1));
    u64::try_from((u128::from(units) * SECOND_NS + scale / 2) / scale).unwrap_or(u64::MAX)
}

/// The first unit at or after a time.
fn first_unit(time_ns: u64, timescale: u32) -> u64 {
    let units = (u128::from(time_ns) * u128::from(timescale)).div_ceil(SECOND_NS);
    u64::try_from(units).unwrap_or(u64::MAX)
}

/// Where a frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the chunk: decoded on the way to it.
    Before,
    /// In the chunk.
    Inside {
        /// Its time.
        units: u64,
        /// Whether it is the first at or after a multiple of the segment's length.
        begins_segment: bool,
    },
    /// Behind the chunk: its time is where the last frame inside ends.
    Behind {
        /// Its time.
        units: u64,
    },
}

impl Place {
    /// The time of a frame in the chunk.
    #[must_use]
    pub fn inside(&self) -> Option<u64> {
        match self {
            Self::Inside { units, .. } => Some(*units),
            Self::Before | Self::Behind { .. } => None,
        }
    }
}

/// A chunk's window, and the place that reading has come to.
#[derive(Debug, Clone)]
pub struct Window {
    timescale: u32,
    segment_ns: u64,
    start: u64,
    end: Option<u64>,
    /// The last frame inside, and the segment that it lies in.
    last: Option<(u64, u64)>,
}

impl Window {
    /// The window of a span.
    #[must_use]
    pub fn new(span: Span, timescale: u32, segment_ns: u64) -> Self {
        Self {
            timescale,
            segment_ns: segment_ns.max(1),
            start: first_unit(span.start_ns, timescale),
            end: span.end_ns.map(|end_ns| first_unit(end_ns, timescale)),
            last: None,
        }
    }

    /// Places the next frame in the order of presentation. Two frames at the same time, which no
    /// player could show, are shown one unit apart: no frame is lost.
    pub fn place(&mut self, time_ns: u64) -> Place {
        let mut units = to_units(time_ns, self.timescale);
        if units < self.start {
            return Place::Before;
        }
        if let Some((last, _)) = self.last {
            units = units.max(last + 1);
        }
        if self.end.is_some_and(|end| units >= end) {
            return Place::Behind { units };
        }
        let segment = self.segment_of(units);
        let begins_segment = self.last.is_none_or(|(_, last)| segment > last);
        self.last = Some((units, segment));
        Place::Inside {
            units,
            begins_segment,
        }
    }

    /// The last frame inside so far.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.last.map(|(units, _)| units)
    }

    fn segment_of(&self, units: u64) -> u64 {
        let time = u128::from(units) * SECOND_NS;
        let length = u128::from(self.segment_ns) * u128::from(self.timescale);
        u64::try_from(time / length.max(1)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn places(window: &mut Window, times: &[u64]) -> Vec<Place> {
        times.iter().map(|time| window.place(*time)).collect()
    }

    #[test]
    fn at_29_97_segments_begin_at_the_first_frame_at_or_after_each_multiple() {
        let span = Span {
            start_ns: 4 * SECOND,
            end_ns: Some(12 * SECOND),
        };
        let mut window = Window::new(span, 30_000, 4 * SECOND);
        // As qtdemux makes them: rounded down.
        let times: Vec<u64> = (0..400).map(|n: u64| n * 1001 * SECOND / 30_000).collect();
        let places = places(&mut window, &times);
        let begins: Vec<u64> = places
            .iter()
            .filter_map(|place| match place {
                Place::Inside {
                    units,
                    begins_segment: true,
                } => Some(*units),
                _ => None,
            })
            .collect();
        assert_eq!(begins, [120 * 1001, 240 * 1001]);
        assert_eq!(places[119], Place::Before);
        assert_eq!(places[360], Place::Behind { units: 360 * 1001 });
    }

    #[test]
    fn frames_at_the_same_time_are_all_kept() {
        let mut window = Window::new(
            Span {
                start_ns: 0,
                end_ns: None,
            },
            1000,
            SECOND,
        );
        let places = places(&mut window, &[0, 0, 0, 5_000_000]);
        let units: Vec<u64> = places
            .iter()
            .map(|place| match place {
                Place::Inside { units, .. } => *units,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(units, [0, 1, 2, 5]);
    }

    proptest! {
        /// Whatever the times are, each frame belongs to exactly one of consecutive windows, and
        /// segments are cut at the same frames as by one window over all.
        #[test]
        fn windows_share_frames_without_loss(
            steps in prop::collection::vec(1_u64..400_000_000, 1..200),
            timescale in prop::sample::select(vec![1000_u32, 12_800, 24_000, 30_000, 90_000]),
        ) {
            let unit_ns = SECOND.div_ceil(u64::from(timescale));
            let times: Vec<u64> = steps
                .iter()
                .scan(0, |at, step| { *at += step.max(&(2 * unit_ns)); Some(*at) })
                .collect();
            let whole = places(&mut Window::new(Span { start_ns: 0, end_ns: None }, timescale, SECOND), &times);
            let mut joined = Vec::new();
            for (start, end) in [(0, Some(3)), (3, Some(4)), (4, Some(20)), (20, None)] {
                let span = Span { start_ns: start * SECOND, end_ns: end.map(|end: u64| end * SECOND) };
                let mut window = Window::new(span, timescale, SECOND);
                for place in places(&mut window, &times) {
                    if matches!(place, Place::Inside { .. }) {
                        joined.push(place);
                    }
                }
            }
            prop_assert_eq!(joined, whole);
        }

        #[test]
        fn units_survive_nanoseconds(units in 0_u64..1 << 40, timescale in 1000_u32..10_000_000) {
            prop_assert_eq!(to_units(to_ns(units, timescale), timescale), units);
            // Also rounded down, as demuxers do.
            let down = u128::from(units) * SECOND_NS / u128::from(timescale);
            prop_assert_eq!(to_units(u64::try_from(down).unwrap(), timescale), units);
        }
    }
}
