//! Mean frame rates: which fraction a measured or declared rate stands for.

/// A rate as a fraction of frames per second.
pub(super) type Rate = (u32, u32);

/// Rates that sources are made at.
const USUAL: &[Rate] = &[
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (120, 1),
];

/// How far a measured rate may be from a usual one and still mean it: containers round to
/// milliseconds. 23.976 and 24 are a thousandth apart.
const DEVIATION_MAX: f64 = 0.0004;

/// The mean rate of so many frames from the first one's time to the last one's end. A usual rate
/// where it is one; else exact to a thousandth. `(0, 1)` where it cannot be told.
#[must_use]
pub(super) fn of_frames(frames: u64, span_ns: u64) -> Rate {
    if frames == 0 || span_ns == 0 {
        return (0, 1);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate to six digits, not a time"
    )]
    let rate = frames as f64 * 1e9 / span_ns as f64;
    let usual = USUAL.iter().find(|(num, den)| {
        let usual = f64::from(*num) / f64::from(*den);
        (rate / usual - 1.0).abs() < DEVIATION_MAX
    });
    usual.copied().unwrap_or_else(|| {
        let thousandths = (u128::from(frames) * 1_000_000_000_000 / u128::from(span_ns)).max(1);
        (u32::try_from(thousandths).unwrap_or(0), 1000)
    })
}

/// Whether two rates are within a tenth of each other; an unknown one is near every other.
#[must_use]
pub(super) fn is_near(a: Rate, b: Rate) -> bool {
    let [x, y] = [a, b].map(|(num, den)| f64::from(num) / f64::from(den.max(1)));
    y == 0.0 || (x / y - 1.0).abs() < 0.1
}

/// A rate in lowest terms.
#[must_use]
pub(super) fn reduced(num: u32, den: u32) -> Rate {
    let (mut a, mut b) = (num, den);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (num / a.max(1), den / a.max(1))
}

/// A rate that a container or codec declares; `None` where it says nothing, or nonsense.
#[must_use]
pub(super) fn declared(num: i32, den: i32) -> Option<Rate> {
    let (num, den) = (u32::try_from(num).ok()?, u32::try_from(den).ok()?);
    // A field rate in place of a frame rate, or a clock's rate, helps nobody.
    (num > 0 && den > 0 && num / den <= 300).then_some((num, den))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_rates_are_recognised_through_millisecond_rounding() {
        assert_eq!(of_frames(300, 10_010_000_000), (30_000, 1001));
        assert_eq!(of_frames(240, 10_000_000_000), (24, 1));
        assert_eq!(of_frames(240, 10_010_000_000), (24_000, 1001));
        assert_eq!(of_frames(251, 10_040_000_000), (25, 1));
    }

    #[test]
    fn other_rates_are_kept_and_none_is_made_up() {
        assert_eq!(of_frames(123, 10_000_000_000), (12_300, 1000));
        assert_eq!(of_frames(1, 3_600_000_000_000), (1, 1000));
        assert_eq!(of_frames(0, 1), (0, 1));
        assert_eq!(reduced(30_000, 1001), (30_000, 1001));
        assert_eq!(reduced(12_800, 512), (25, 1));
        assert!(is_near((30_000, 1001), (30, 1)) && is_near((25, 1), (0, 1)));
        assert!(!is_near((60, 1), (30, 1)));
        assert_eq!(declared(0, 1), None);
        assert_eq!(declared(90_000, 1), None);
        assert_eq!(declared(30_000, 1001), Some((30_000, 1001)));
    }
}
