//! Times of MPEG-1's and MPEG-2's pictures that have no stamp of their own: programme streams have one
//! for some pictures alone. They are shown one after the other, each for as long as it says.

/// A picture whose time is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) sample: usize,
    pub(super) time: i64,
    pub(super) duration: u32,
}

/// A picture in the order of decoding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoded {
    pub(super) sample: usize,
    pub(super) time: Option<i64>,
    pub(super) duration: u32,
}

/// Brings pictures into the order in which they are shown.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// One that others refer to: it is shown when the next such one is decoded.
    held: Option<Decoded>,
    /// Where the last one that is shown ends.
    end: Option<i64>,
}

impl Order {
    /// Takes the next picture; returns one whose turn it is, if its time is known.
    pub(super) fn push(&mut self, picture: Decoded, is_shown_at_once: bool) -> Option<Shown> {
        let next = if is_shown_at_once {
            Some(picture)
        } else {
            self.held.replace(picture)
        };
        next.and_then(|next| self.show(next))
    }

    /// The last one.
    pub(super) fn finish(&mut self) -> Option<Shown> {
        let last = self.held.take()?;
        self.show(last)
    }

    fn show(&mut self, picture: Decoded) -> Option<Shown> {
        let time = picture.time.or(self.end)?;
        self.end = Some(time + i64::from(picture.duration));
        Some(Shown {
            sample: picture.sample,
            time,
            duration: picture.duration,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_without_a_stamp_follow_the_one_before() {
        // I P B B P B B, of which the first and the fifth have one.
        let times = [Some(100), None, None, None, Some(160), None, None];
        let at_once = [false, false, true, true, false, true, true];
        let mut order = Order::default();
        let mut shown = Vec::new();
        for (sample, (time, at_once)) in times.into_iter().zip(at_once).enumerate() {
            let picture = Decoded {
                sample,
                time,
                duration: 10,
            };
            shown.extend(order.push(picture, at_once));
        }
        shown.extend(order.finish());
        let times: Vec<(usize, i64)> = shown.iter().map(|one| (one.sample, one.time)).collect();
        assert_eq!(
            times,
            [
                (0, 100),
                (2, 110),
                (3, 120),
                (1, 130),
                (5, 140),
                (6, 150),
                (4, 160)
            ]
        );
    }
}
