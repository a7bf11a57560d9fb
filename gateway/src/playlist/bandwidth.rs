//! What a track really takes, in bits per second.

use super::track::{Segment, Track};

/// Peak and mean of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) peak_bps: u64,
    pub(super) mean_bps: u64,
}

/// Measures a track's segments.
pub(super) fn measure(track: &Track) -> Measured {
    measure_by(track, |segment| segment.bytes)
}

/// Measures what is read of a track by whom only its keyframes are shown to.
pub(super) fn measure_keyframes(track: &Track) -> Measured {
    measure_by(track, |segment| segment.keyframe_bytes.unwrap_or(0))
}

/// The peak is RFC 8216's (section 4.1): over every run of segments that lasts at least
/// half the target duration, so that a last segment of two frames does not count alone.
fn measure_by(track: &Track, bytes_of: impl Fn(&Segment) -> u32) -> Measured {
    let half_target = track.target_s.saturating_mul(u64::from(track.timescale)) / 2;
    let (mut bytes, mut units) = (0_u64, 0_u64);
    let mut first = 0;
    let mut peak_bps = 0;
    for segment in &track.segments {
        bytes += u64::from(bytes_of(segment));
        units += u64::from(segment.duration);
        // The shortest run that ends here and is long enough.
        while let Some(oldest) = track.segments.get(first) {
            let rest = units - u64::from(oldest.duration);
            if rest < half_target.max(1) {
                break;
            }
            bytes -= u64::from(bytes_of(oldest));
            units = rest;
            first += 1;
        }
        if units >= half_target {
            peak_bps = peak_bps.max(rate_bps(bytes, units, track.timescale));
        }
    }
    let total: u64 = track
        .segments
        .iter()
        .map(|segment| u64::from(bytes_of(segment)))
        .sum();
    let mean_bps = rate_bps(total, track.units(), track.timescale);
    Measured {
        peak_bps: peak_bps.max(mean_bps),
        mean_bps,
    }
}

/// Rounded up: a promise of bandwidth must hold.
fn rate_bps(bytes: u64, units: u64, timescale: u32) -> u64 {
    let bits = u128::from(bytes) * 8 * u128::from(timescale);
    u64::try_from(bits.div_ceil(u128::from(units.max(1)))).unwrap_or(u64::MAX)
}
