//! The edit list: which stretches of a track's media are shown, and when.

use super::boxes::Fields;
use crate::mp4::error::{Error, OrDamaged as _};

/// Most edits of a track. Real files have one or two.
const EDITS_MAX: usize = 1024;

/// Edits that show something, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edits {
    windows: Vec<Window>,
    is_plain: bool,
    is_ordered: bool,
}

/// The rate of an edit that is shown as fast as it was taken, in 16.16.
const NORMAL_RATE: i32 = 0x0001_0000;
/// What some writers put there instead, meaning the same.
const SLOPPY_RATE: i32 = 1;

/// A stretch of media. A sample is shown when its time lies in `from..until`; one that began before and
/// lasts into it is not counted, as ffmpeg has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: i64,
    pub(super) until: i64,
    /// The media time that is shown at `stream_start_ns`.
    media_start: i64,
    stream_start_ns: u64,
}

impl Window {
    /// When a media time is shown, rounded down.
    pub(super) fn stream_time_ns(&self, media_time: i64, timescale: u32) -> u64 {
        let units = i128::from(media_time) - i128::from(self.media_start);
        let ns = (units * 1_000_000_000).div_euclid(i128::from(timescale.max(1)));
        let stream_ns = ns + i128::from(self.stream_start_ns);
        u64::try_from(stream_ns.max(0)).unwrap_or(u64::MAX)
    }

    /// The first media time whose stream time is at or after this: the inverse of the above.
    pub(super) fn media_time_at(&self, stream_ns: u64, timescale: u32) -> i64 {
        if stream_ns == 0 {
            // What would be shown before 0 is shown at 0.
            return i64::MIN;
        }
        let ns = i128::from(stream_ns) - i128::from(self.stream_start_ns);
        let product = ns * i128::from(timescale);
        let units = -(-product).div_euclid(1_000_000_000);
        let time = units + i128::from(self.media_start);
        i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
    }
}

impl Edits {
    /// Without an edit list everything is shown when its own time says.
    pub(super) fn none() -> Self {
        Self {
            windows: vec![Window {
                from: i64::MIN,
                until: i64::MAX,
                media_start: 0,
                stream_start_ns: 0,
            }],
            is_plain: true,
            is_ordered: true,
        }
    }

    /// Of `elst`.
    pub(super) fn read(body: &[u8], movie_timescale: u32, timescale: u32) -> Result<Self, Error> {
        let (version, _, mut fields) = Fields::full_box(body)?;
        let count = fields.u32()? as usize;
        if count > EDITS_MAX {
            return Err(Error::TooLarge {
                what: "edit list",
                limit: EDITS_MAX as u64,
            });
        }
        let mut windows = Vec::new();
        let mut shown = 0u64;
        let mut is_plain = count <= 2;
        let mut is_ordered = true;
        for place in 1..=count {
            let duration = fields.u64_or_u32(version)?;
            let media_time = match version {
                0 => i64::from(fields.i32()?),
                _ => fields.u64()?.cast_signed(),
            };
            let rate = fields.i32()?;
            // The last one shows the media, and one before it may be a delay.
            is_plain &= (place == count) == (media_time >= 0);
            is_plain &= media_time < 0 || rate == NORMAL_RATE;
            is_ordered &= media_time < 0 || matches!(rate, NORMAL_RATE | SLOPPY_RATE);
            // -1 shows nothing; a rate of 0 holds one frame, which the edit before has shown.
            if media_time >= 0 && rate != 0 {
                let units = scale(duration, timescale, movie_timescale);
                let is_open = duration == 0;
                windows.push(Window {
                    from: media_time,
                    until: if is_open {
                        i64::MAX
                    } else {
                        media_time.saturating_add(units)
                    },
                    media_start: media_time,
                    stream_start_ns: nanoseconds(shown, movie_timescale),
                });
            }
            shown = shown
                .checked_add(duration)
                .or_damaged("edits over 64 bits")?;
        }
        if count == 0 {
            return Ok(Self::none());
        }
        let touches = |pair: &[Window]| matches!(pair, [a, b] if a.until <= b.from);
        is_ordered &= windows.windows(2).all(touches);
        Ok(Self {
            windows,
            is_plain,
            is_ordered,
        })
    }

    /// Whether every stretch is shown at its own pace, none twice, and none before one that precedes
    /// it in the media: then one pass over the media shows all of it.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Whether there is nothing but at most one delay and one stretch of media at its own pace.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    pub(super) fn windows(&self) -> &[Window] {
        &self.windows
    }
}

/// Movie units as track units, to the nearest, as ffmpeg has it.
fn scale(duration: u64, timescale: u32, movie_timescale: u32) -> i64 {
    let movie_timescale = u128::from(movie_timescale.max(1));
    let product = u128::from(duration) * u128::from(timescale);
    let units = (product + movie_timescale / 2) / movie_timescale;
    i64::try_from(units).unwrap_or(i64::MAX)
}

fn nanoseconds(units: u64, timescale: u32) -> u64 {
    let ns = u128::from(units) * 1_000_000_000 / u128::from(timescale.max(1));
    u64::try_from(ns).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn elst(entries: &[(u32, i32)]) -> Vec<u8> {
        let mut body = vec![0; 4];
        body.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        for (duration, media_time) in entries {
            body.extend(duration.to_be_bytes());
            body.extend(media_time.to_be_bytes());
            body.extend([0, 1, 0, 0]);
        }
        body
    }

    #[test]
    fn an_empty_edit_delays_and_a_media_time_shifts() {
        let edits = Edits::read(&elst(&[(500, -1), (2000, 1024)]), 1000, 48_000).unwrap();
        let window = &edits.windows()[0];
        assert_eq!(edits.windows().len(), 1);
        assert_eq!((window.from, window.until), (1024, 1024 + 96_000));
        assert_eq!(window.stream_time_ns(1024, 48_000), 500_000_000);
        assert_eq!(window.stream_time_ns(1024 + 48_000, 48_000), 1_500_000_000);
    }

    #[test]
    fn an_edit_without_duration_shows_the_rest() {
        let edits = Edits::read(&elst(&[(0, 2002)]), 1000, 30_000).unwrap();
        assert_eq!(edits.windows()[0].until, i64::MAX);
        assert_eq!(Edits::read(&elst(&[]), 1, 1).unwrap(), Edits::none());
        Edits::read(&elst(&[(1, 1)])[..12], 1, 1).unwrap_err();
    }

    #[test]
    fn what_one_pass_can_show_is_in_order_and_at_its_own_pace() {
        let is_ordered = |body: &[u8]| Edits::read(body, 1000, 1000).unwrap().is_ordered();
        for list in [
            &[][..],
            &[(500, -1), (9, 0)],
            &[(9, 0), (9, 9)],
            &[(9, 0), (500, -1), (9, 20)],
        ] {
            assert!(is_ordered(&elst(list)), "{list:?}");
        }
        for list in [&[(9, 9), (9, 0)][..], &[(9, 0), (9, 8)], &[(0, 0), (9, 8)]] {
            assert!(!is_ordered(&elst(list)), "{list:?}");
        }
        let mut held = elst(&[(9, 0)]);
        let rate = held.len() - 4;
        held[rate..].copy_from_slice(&[0, 0, 0, 0]);
        assert!(!is_ordered(&held));
    }

    #[test]
    fn a_delay_and_one_stretch_are_plain_and_nothing_else_is() {
        let is_plain = |body: &[u8]| Edits::read(body, 1000, 1000).unwrap().is_plain();
        for list in [&[][..], &[(0, 0)], &[(9, 1024)], &[(500, -1), (9, 0)]] {
            assert!(is_plain(&elst(list)), "{list:?}");
        }
        for list in [
            &[(500, -1)][..],
            &[(9, 0), (9, 9)],
            &[(9, 0), (500, -1)],
            &[(500, -1), (500, -1), (9, 0)],
        ] {
            assert!(!is_plain(&elst(list)), "{list:?}");
        }
        let mut slow = elst(&[(9, 0)]);
        *slow.last_mut().unwrap() = 1;
        assert!(!is_plain(&slow));
    }

    proptest! {
        #[test]
        fn a_span_begins_at_the_first_time_inside(
            delay in 0u32..5000,
            media_time in 0i32..10_000,
            timescale in 1u32..200_000,
            at in 1u64..20_000_000_000,
        ) {
            let edits = Edits::read(&elst(&[(delay, -1), (0, media_time)]), 1000, timescale);
            let window = edits.unwrap().windows()[0].clone();
            let first = window.media_time_at(at, timescale);
            prop_assert!(window.stream_time_ns(first, timescale) >= at);
            prop_assert!(window.stream_time_ns(first - 1, timescale) < at);
        }
    }
}
