//! When a delivery that failed is tried again.

use std::time::Duration;

/// Waits after each failed attempt, those that Standard Webhooks suggests: ten attempts within 75
/// hours, so that a receiver may be broken over a weekend.
pub const WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(14 * 3_600),
    Duration::from_secs(20 * 3_600),
    Duration::from_secs(24 * 3_600),
];

/// The longest wait that a receiver may ask for: the schedule's own longest.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// The most that a wait is lengthened at random, as a part of it: what failed together, because a
/// receiver was down, does not come back together.
const SPREAD: f64 = 0.2;

/// The wait before the next attempt, after `attempts` before the one that failed; `None` when it
/// was the last. `asked` is the receiver's Retry-After: a later time is honoured, an earlier one
/// would not spare it. `chance` is random.
#[must_use]
pub(crate) fn wait(attempts: u32, asked: Option<Duration>, chance: u8) -> Option<Duration> {
    let planned = *WAITS.get(usize::try_from(attempts).ok()?)?;
    let spread = planned.mul_f64(SPREAD * f64::from(chance) / f64::from(u8::MAX));
    Some((planned + spread).max(asked.unwrap_or_default().min(RETRY_AFTER_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_within_four_days() {
        for chance in [0, 255] {
            let waits: Vec<Duration> = (0..)
                .map_while(|attempts| wait(attempts, None, chance))
                .collect();
            assert_eq!(waits.len(), 9);
            assert!(waits.is_sorted());
            let total: Duration = waits.iter().sum();
            assert!(
                (75 * 3_600..96 * 3_600).contains(&total.as_secs()),
                "{total:?}"
            );
        }
        assert_eq!(wait(0, None, 0), Some(Duration::from_secs(5)));
        assert_eq!(wait(0, None, 255), Some(Duration::from_secs(6)));
        assert_eq!(wait(u32::MAX, None, 0), None);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever_and_not_for_less() {
        let asked = |attempts, seconds| wait(attempts, Some(Duration::from_secs(seconds)), 0);
        assert_eq!(asked(0, 60), Some(Duration::from_secs(60)));
        assert_eq!(asked(0, 1), Some(Duration::from_secs(5)));
        assert_eq!(asked(0, u64::MAX), Some(RETRY_AFTER_MAX));
        assert_eq!(asked(9, 60), None, "nor for one more attempt");
    }
}
