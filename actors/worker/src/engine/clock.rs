//! Time stamps on one clock: where a broadcast's time leaps, as at the joint of two recordings, what
//! follows goes on where the one before ended, as ffmpeg has it.

use super::{Error, Result};
use bus_schema::report::ErrorCode;

/// A stamp that is so much later than the one before is a leap, and no gap: ffmpeg's
/// `dts_delta_threshold`.
const AHEAD_NS: i64 = 10_000_000_000;
/// One so much earlier is a leap, and no disorder.
const BACK_NS: i64 = 2_000_000_000;
/// Most leaps of a file.
const LEAPS_MAX: usize = 1_000;

/// The clock of all streams.
#[derive(Debug, Default)]
pub(super) struct Clock {
    epochs: Vec<Epoch>,
}

/// A stretch between two leaps.
#[derive(Debug, Clone, Copy)]
struct Epoch {
    /// What is added to its stamps.
    offset_ns: i64,
    /// The latest time so far, of any stream.
    latest_ns: i64,
}

/// How far a stream is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    epoch: usize,
    /// When the next stamp is due.
    expected_ns: Option<i64>,
}

impl Clock {
    /// Whether time leapt anywhere.
    pub(super) fn has_leapt(&self) -> bool {
        self.epochs.len() > 1
    }

    /// What is to be added to a stream's stamps, given its next in the order of decoding, and how long that
    /// lasts.
    pub(super) fn offset_ns(
        &mut self,
        place: &mut Place,
        stamp_ns: i64,
        duration_ns: i64,
    ) -> Result<i64> {
        let first = match place.expected_ns {
            Some(_) => place.epoch,
            None => self.epochs.len().saturating_sub(1),
        };
        let expected_ns = place.expected_ns;
        let fits = |epoch: &Epoch| {
            let time_ns = stamp_ns + epoch.offset_ns;
            let is_near = |other_ns: i64| (-BACK_NS..=AHEAD_NS).contains(&(time_ns - other_ns));
            match expected_ns {
                // A stream may also be away for a while, and come back.
                Some(expected_ns) => is_near(expected_ns) || is_near(epoch.latest_ns),
                None => time_ns.abs_diff(epoch.latest_ns) <= AHEAD_NS.unsigned_abs(),
            }
        };
        let found = self.epochs.iter().skip(first).position(fits);
        let epoch = match found {
            Some(at) => first + at,
            None => {
                if self.epochs.len() >= LEAPS_MAX {
                    let message = "The time stamps of the file leap to and fro: it is damaged. Upload it \
                                   again, or a repaired copy.";
                    return Err(Error::new(ErrorCode::Damaged, message));
                }
                // A stream that begins far from all others is on a clock that these come to, too.
                let latest_ns = self.epochs.last().map(|epoch| epoch.latest_ns);
                let due_ns = expected_ns.or(latest_ns).unwrap_or(stamp_ns);
                self.epochs.push(Epoch {
                    offset_ns: due_ns - stamp_ns,
                    latest_ns: due_ns,
                });
                self.epochs.len() - 1
            }
        };
        let offset_ns = self.epochs.get(epoch).map_or(0, |epoch| epoch.offset_ns);
        let time_ns = stamp_ns + offset_ns;
        if let Some(epoch) = self.epochs.get_mut(epoch) {
            epoch.latest_ns = epoch.latest_ns.max(time_ns);
        }
        *place = Place {
            epoch,
            expected_ns: Some(time_ns + duration_ns),
        };
        Ok(offset_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    /// Times of stamps that come in this order, of streams by their numbers; each lasts a second.
    fn times(stamps: &[(usize, i64)]) -> Vec<i64> {
        let mut clock = Clock::default();
        let mut places = [Place::default(); 2];
        let one = |&(stream, stamp_s): &(usize, i64)| {
            let stamp_ns = stamp_s * SECOND_NS;
            let place = &mut places[stream];
            let offset_ns = clock.offset_ns(place, stamp_ns, SECOND_NS).unwrap();
            (stamp_ns + offset_ns) / SECOND_NS
        };
        stamps.iter().map(one).collect()
    }

    #[test]
    fn what_follows_a_leap_goes_on_where_the_one_before_ended() {
        // Stream 1 ends later than stream 0, and is heard of later.
        let stamps = [
            (0, 90),
            (1, 90),
            (0, 91),
            (1, 91),
            (0, 5),
            (1, 92),
            (0, 6),
            (1, 5),
            (1, 6),
        ];
        assert_eq!(times(&stamps), [90, 90, 91, 91, 92, 92, 93, 92, 93]);
        let stamps = [(0, 5), (1, 5), (0, 1_000), (1, 1_000), (0, 1_001)];
        assert_eq!(times(&stamps), [5, 5, 6, 6, 7]);
    }

    #[test]
    fn a_gap_and_a_stream_that_was_away_are_no_leaps() {
        assert_eq!(times(&[(0, 5), (0, 14)]), [5, 14]);
        let mut stamps: Vec<(usize, i64)> = (0..30).map(|s| (0, s)).collect();
        stamps.insert(1, (1, 0));
        stamps.push((1, 29));
        assert_eq!(times(&stamps).last(), Some(&29));
    }

    #[test]
    fn a_stream_that_begins_far_from_the_others_is_joined_by_them() {
        // A stale packet of a receiver's buffer, then the film.
        let stamps = [(0, 0), (1, 36_000), (0, 36_000), (1, 36_001), (0, 36_001)];
        assert_eq!(times(&stamps), [0, 0, 0, 1, 1]);
        assert_eq!(
            times(&[(0, 20), (1, 12), (0, 21), (1, 13)]),
            [20, 12, 21, 13]
        );
    }

    #[test]
    fn endless_leaps_are_damage() {
        let mut clock = Clock::default();
        let mut place = Place::default();
        let leaps = (0..2_000).map(|n| clock.offset_ns(&mut place, n * 100 * SECOND_NS, 1));
        let error = leaps.filter_map(Result::err).next().unwrap();
        assert_eq!(error.code, ErrorCode::Damaged);
    }
}
