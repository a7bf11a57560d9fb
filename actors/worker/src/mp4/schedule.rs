//! Decode times for frames of which only the time of presentation is known.

use super::error::Error;

/// When one sample is decoded and shown, relative to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Units from its decode time to the next sample's.
    pub duration: u32,
    /// Units from its decode time to its time of presentation; negative for a frame that is shown
    /// earlier than its place in the decode order would say.
    pub composition_offset: i32,
}

/// Timings for one segment's frames, given in decode order with their exact times of presentation.
///
/// The decode times are the presentation times in order: a closed group shows each frame exactly
/// once, so its first decode time is its first presentation time, and the durations add up to
/// `end_pts - first`. That is why a segment's `tfdt` is its first frame's time, and why each segment
/// continues the one before without a gap, at any frame rate. `end_pts` is the first time of the
/// next segment, or the end of the last frame.
///
/// # Errors
/// [`Error::Damaged`] when frames lie behind `end_pts`, or a duration or an offset does not fit into
/// its 32 bits (a gap of half a day at 90 kHz).
pub fn schedule(pts: &[u64], end_pts: u64) -> Result<Vec<Timing>, Error> {
    let mut decode_times = pts.to_vec();
    decode_times.sort_unstable();
    let next_times = decode_times.iter().skip(1).copied().chain([end_pts]);
    pts.iter()
        .zip(decode_times.iter().copied().zip(next_times))
        .map(|(&pts, (dts, next))| timing(pts, dts, next))
        .collect::<Option<_>>()
        .ok_or(Error::Damaged {
            what: "frame times that do not fit into one segment",
        })
}

fn timing(pts: u64, dts: u64, next: u64) -> Option<Timing> {
    Some(Timing {
        duration: u32::try_from(next.checked_sub(dts)?).ok()?,
        composition_offset: i32::try_from(i128::from(pts) - i128::from(dts)).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Shows what the timings say: presentation times, in the order of the samples.
    fn shown(start: u64, timings: &[Timing]) -> Vec<u64> {
        let mut dts = start;
        timings
            .iter()
            .map(|timing| {
                let pts = dts.checked_add_signed(i64::from(timing.composition_offset));
                dts += u64::from(timing.duration);
                pts.unwrap()
            })
            .collect()
    }

    fn check(pts: &[u64], end: u64) {
        let start = pts.iter().copied().min().unwrap_or(end);
        let timings = schedule(pts, end).unwrap();
        let sum: u64 = timings.iter().map(|t| u64::from(t.duration)).sum();
        assert_eq!(sum, end - start);
        assert_eq!(shown(start, &timings), pts);
    }

    #[test]
    fn frames_of_common_rates_are_shown_when_they_should_be() {
        // I P B B, ... at 29.97 in 90 kHz, 59.94 in 60 kHz, 25 in 12,800ths.
        for frame in [3003, 1001, 512] {
            let order = [0, 4, 2, 1, 3, 8, 6, 5, 7];
            let pts: Vec<u64> = order.iter().map(|n| 777 + n * frame).collect();
            check(&pts, 777 + 9 * frame);
        }
    }

    #[test]
    fn a_closed_group_begins_at_its_own_time() {
        let timings = schedule(&[100, 130, 110, 120], 140).unwrap();
        assert_eq!(timings[0].composition_offset, 0);
        assert!(timings.iter().any(|t| t.composition_offset < 0));
    }

    #[test]
    fn frames_behind_the_end_are_refused() {
        schedule(&[0, 10, 20], 15).unwrap_err();
        schedule(&[0], u64::from(u32::MAX) + 1).unwrap_err();
        assert_eq!(schedule(&[], 5).unwrap(), []);
    }

    proptest! {
        #[test]
        fn any_order_of_any_times_is_kept(
            (pts, tail) in proptest::collection::vec(1u64..20_000, 1..200).prop_flat_map(|steps| {
                let mut at = 5;
                let times: Vec<u64> = steps.iter().map(|step| { at += step; at }).collect();
                (Just(times).prop_shuffle(), 0u64..10_000)
            })
        ) {
            let end = pts.iter().max().unwrap() + tail;
            check(&pts, end);
        }
    }
}
