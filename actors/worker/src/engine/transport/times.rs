//! Times of units: from stamps of 33 bits, which begin anew after a day and some hours and leap where
//! recordings were joined, to one line.

use super::units::Unit;
use crate::engine::Result;
use crate::engine::clock::{Clock, Place};

/// Stamps begin anew behind this.
const STAMP_BITS: u32 = 33;
/// A stream's units lie this far apart until two were seen: as pictures do at 25 a second.
const PERIOD_NS_UNKNOWN: i64 = 40_000_000;
/// Units that lie further apart have something missing between them.
const PERIOD_NS_MAX: i64 = 2_000_000_000;

/// The line that all streams are on.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// The latest stamp of any stream, counted on.
    last: Option<i64>,
    clock: Clock,
}

/// Where a stream is on it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    place: Place,
    stamp: Option<i64>,
    period_ns: Option<i64>,
}

/// When a unit is shown, and decoded: in nanoseconds from anywhere, which is the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Time {
    pub(super) shown_ns: Option<i64>,
    pub(super) decoded_ns: Option<i64>,
}

impl Times {
    /// Places the next unit of a stream.
    ///
    /// # Errors
    /// When stamps leap too often.
    pub(super) fn place(&mut self, at: &mut Position, unit: &Unit) -> Result<Time> {
        let (Some(shown), Some(decoded)) = (unit.shown, unit.decoded) else {
            return Ok(Time::default());
        };
        let last = self.last.unwrap_or(1 << STAMP_BITS);
        let stamp = last + apart(last, signed(decoded));
        self.last = Some(stamp);
        let since_ns = at.stamp.map(|before| nanoseconds(stamp - before));
        let is_period = |ns: &i64| (1..=PERIOD_NS_MAX).contains(ns);
        at.period_ns = since_ns.filter(is_period).or(at.period_ns);
        at.stamp = Some(stamp);
        let period_ns = at.period_ns.unwrap_or(PERIOD_NS_UNKNOWN);
        let offset_ns = self
            .clock
            .offset_ns(&mut at.place, nanoseconds(stamp), period_ns)?;
        let decoded_ns = nanoseconds(stamp) + offset_ns;
        let shown = stamp + apart(signed(decoded), signed(shown));
        Ok(Time {
            shown_ns: Some(nanoseconds(shown) + offset_ns),
            decoded_ns: Some(decoded_ns),
        })
    }
}

fn signed(stamp: u64) -> i64 {
    i64::try_from(stamp).unwrap_or(0)
}

/// How much later the second stamp is than the first, on the shorter way round.
fn apart(from: i64, to: i64) -> i64 {
    let round = 1 << STAMP_BITS;
    let ahead = (to - from).rem_euclid(round);
    if ahead < round / 2 {
        ahead
    } else {
        ahead - round
    }
}

/// Of a stamp of 90 kHz.
fn nanoseconds(stamp: i64) -> i64 {
    stamp * 100_000 / 9
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 90_000;

    fn unit(shown: u64, decoded: u64) -> Unit {
        let stamp = |time: u64| Some(time % (1 << STAMP_BITS));
        Unit {
            stream_id: 0xe0,
            shown: stamp(shown),
            decoded: stamp(decoded),
            bytes: vec![0],
            is_behind_loss: false,
        }
    }

    /// When each is shown after the first, in milliseconds.
    fn shown_ms(units: &[Unit]) -> Vec<i64> {
        let (mut times, mut at) = (Times::default(), Position::default());
        let shown = units.iter().map(|unit| times.place(&mut at, unit).unwrap());
        let shown: Vec<i64> = shown.filter_map(|time| time.shown_ns).collect();
        let first = shown[0];
        shown.iter().map(|ns| (ns - first) / 1_000_000).collect()
    }

    #[test]
    fn stamps_that_begin_anew_are_counted_on() {
        let begin = (1 << STAMP_BITS) - SECOND;
        let units: Vec<Unit> = (0..4)
            .map(|n| unit(begin + (n + 1) * SECOND / 2, begin + n * SECOND / 2))
            .collect();
        assert_eq!(shown_ms(&units), [0, 500, 1_000, 1_500]);
    }

    #[test]
    fn what_is_missing_stays_missing_and_a_leap_is_none() {
        let at = |second: u64| unit(second * SECOND, second * SECOND);
        assert_eq!(shown_ms(&[at(9), at(10), at(13)]), [0, 1_000, 4_000]);
        assert_eq!(
            shown_ms(&[at(90), at(91), at(5), at(6)]),
            [0, 1_000, 2_000, 3_000]
        );
        assert_eq!(shown_ms(&[at(5), at(6), at(6_000)]), [0, 1_000, 2_000]);
    }

    #[test]
    fn a_unit_without_a_stamp_has_no_time() {
        let mut bare = unit(0, 0);
        bare.shown = None;
        let (mut times, mut at) = (Times::default(), Position::default());
        assert_eq!(times.place(&mut at, &bare).unwrap(), Time::default());
    }
}
