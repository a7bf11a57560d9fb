//! Times of buffers, and in what units they are written.

use gstreamer as gst;

/// Units per second of pictures' times in broadcasts: their stamps' own.
pub(super) const STAMP_TIMESCALE: u32 = 90_000;
/// A timescale that is made of a frame rate has at least so many units per second: a player's clock.
const TIMESCALE_MIN: u32 = 1_000;

/// Stamps of a buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamps {
    pub(super) shown_ns: Option<u64>,
    pub(super) decoded_ns: Option<u64>,
    pub(super) duration_ns: Option<u64>,
}

impl Stamps {
    pub(super) fn of(buffer: &gst::BufferRef) -> Self {
        let ns = |time: Option<gst::ClockTime>| time.map(gst::ClockTime::nseconds);
        Self {
            shown_ns: ns(buffer.pts()),
            decoded_ns: ns(buffer.dts()),
            duration_ns: ns(buffer.duration()),
        }
    }
}

/// Nanoseconds that may be subtracted from others: three centuries are enough.
pub(super) fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

/// Nanoseconds in units of a timescale, to the nearest.
pub(super) fn scaled(ns: i64, timescale: u32) -> i64 {
    let product = i128::from(ns) * i128::from(timescale) + 500_000_000;
    i64::try_from(product.div_euclid(1_000_000_000)).unwrap_or(i64::MAX / 4)
}

/// Units per second in which every frame of a constant rate lasts a whole number of them.
pub(super) fn timescale((num, den): (u32, u32)) -> u32 {
    let is_whole = u64::from(STAMP_TIMESCALE) * u64::from(den) % u64::from(num.max(1)) == 0;
    if is_whole {
        return STAMP_TIMESCALE;
    }
    num.saturating_mul(TIMESCALE_MIN.div_ceil(num.max(1)))
}
