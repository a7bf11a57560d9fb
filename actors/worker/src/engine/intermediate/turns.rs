//! Times of pictures whose container tells only when they are decoded, as AVI does.
//!
//! What the codec says brings them into the order in which they are shown. The one that is shown as the
//! `n`-th is shown when the `n`-th and as many more as the decoder has to hold back have been decoded:
//! the rule by which players, and ffmpeg, show such films.

/// Most pictures that a decoder holds back (ISO/IEC 14496-10, A.3.1: the size of its buffer).
const DELAY_MAX: usize = 16;
/// A picture's place: the group that it is in, which nothing of another group is shown amid, and its
/// place in that.
const GROUP_BITS: u32 = 32;

/// What a picture tells of the order in which pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Turn {
    /// Nothing that is read here.
    #[default]
    Untold,
    /// It is shown in the order of decoding.
    AsDecoded,
    /// It is shown when the next such one is decoded.
    Held,
    /// It is shown as soon as it is decoded, before the one that is held.
    AtOnce,
    /// By its number among those around it.
    Numbered(Numbered),
}

/// A number that counts on from those of the pictures before, of which the low bits are told
/// (ISO/IEC 14496-10, 8.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) low: u32,
    /// How many they are; 16 at most.
    pub(super) bits: u32,
    /// Whether other pictures refer to it: the next number counts from its own.
    pub(super) is_reference: bool,
}

impl Turn {
    /// Of a picture of MPEG's older codecs.
    pub(super) fn of_mpeg(is_shown_at_once: bool) -> Self {
        if is_shown_at_once {
            Self::AtOnce
        } else {
            Self::Held
        }
    }
}

/// A picture that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timed {
    pub(super) sample: usize,
    pub(super) time_ns: i64,
}

/// All pictures of a stream, and when they are decoded.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// When something is decoded, each time once.
    stamps_ns: Vec<i64>,
    pictures: Vec<Placed>,
    /// The last place of all, and whether any came behind it.
    last: i64,
    is_reordered: bool,
    /// Groups so far.
    groups: i64,
    /// Pictures that are shown at once since the last one that is held.
    at_once: i64,
    /// The number that the next one counts from.
    number: i64,
    /// Pictures that lay in one packet with the one before: as many blank ones stand for them.
    packed: usize,
}

/// A picture in the order of decoding.
#[derive(Debug, Clone, Copy)]
struct Placed {
    place: i64,
    /// None where it is not kept.
    sample: Option<u32>,
}

impl Turns {
    /// Takes the time at which a packet is decoded; one that came before belongs to a packet of which a
    /// part has come already.
    pub(super) fn stamp(&mut self, ns: i64) {
        match self.stamps_ns.last() {
            Some(last) if ns <= *last => self.packed += 1,
            _ => self.stamps_ns.push(ns),
        }
    }

    /// Whether a blank picture stands for one that was packed with another; then it is none.
    pub(super) fn unpacks(&mut self) -> bool {
        let is_packed = self.packed > 0;
        self.packed = self.packed.saturating_sub(1);
        is_packed
    }

    /// Where the next picture is in the order of presentation, as a number; `None` where it does not tell.
    pub(super) fn place(&mut self, turn: Turn, is_instant: bool) -> Option<i64> {
        Some(match turn {
            Turn::Untold => return None,
            Turn::AsDecoded => {
                self.groups += 1;
                self.groups << GROUP_BITS
            }
            Turn::Held => {
                self.groups += 1;
                self.at_once = 0;
                self.groups << GROUP_BITS
            }
            Turn::AtOnce => {
                self.at_once += 1;
                // Behind the one that was held before this one's.
                ((self.groups - 1) << GROUP_BITS) + self.at_once
            }
            Turn::Numbered(numbered) => {
                if is_instant {
                    self.groups += 1;
                    self.number = 0;
                }
                let number = counted_on(self.number, numbered);
                if numbered.is_reference {
                    self.number = number;
                }
                (self.groups << GROUP_BITS) + number
            }
        })
    }

    /// Takes the next picture; `None` for one that is not kept, or blank.
    pub(super) fn push(&mut self, place: i64, sample: Option<usize>) {
        let sample = sample.and_then(|sample| u32::try_from(sample).ok());
        self.is_reordered |= place < self.last;
        self.last = self.last.max(place);
        self.pictures.push(Placed { place, sample });
    }

    /// Whether the order of presentation is another than that of decoding.
    pub(super) fn is_reordered(&self) -> bool {
        self.is_reordered
    }

    /// When each picture is shown, given how long one lasts and what the decoder holds back at most,
    /// where that is told; `None` where what was seen makes no sense.
    pub(super) fn finish(&self, frame_ns: i64, told: Option<u32>) -> Option<Vec<Timed>> {
        // A blank one at the very end may be lost, or one that is packed.
        if self.stamps_ns.len().abs_diff(self.pictures.len()) > 1 {
            return None;
        }
        let mut shown: Vec<(usize, Placed)> = self.pictures.iter().copied().enumerate().collect();
        shown.sort_by_key(|(_, picture)| picture.place);
        let ahead = shown.iter().enumerate();
        let ahead = ahead.map(|(nth, (decoded, _))| decoded.saturating_sub(nth));
        let needed = ahead.max().unwrap_or(0);
        let told = told.and_then(|told| usize::try_from(told).ok());
        let delay = told.unwrap_or(needed).min(DELAY_MAX);
        if needed > delay {
            return None;
        }
        let time_ns = |nth: usize| match self.stamps_ns.get(nth) {
            Some(ns) => *ns,
            None => {
                let behind = (nth + 1).saturating_sub(self.stamps_ns.len());
                let last_ns = self.stamps_ns.last().copied().unwrap_or(0);
                last_ns + frame_ns * i64::try_from(behind).unwrap_or(0)
            }
        };
        let timed = |(nth, (_, picture)): (usize, (usize, Placed))| {
            Some(Timed {
                sample: usize::try_from(picture.sample?).ok()?,
                time_ns: time_ns(nth + delay),
            })
        };
        Some(shown.into_iter().enumerate().filter_map(timed).collect())
    }
}

/// The whole of a number next to the one before it.
fn counted_on(before: i64, numbered: Numbered) -> i64 {
    let span = 1_i64 << numbered.bits.min(16);
    let low = i64::from(numbered.low) % span;
    let (high, before_low) = (before - before.rem_euclid(span), before.rem_euclid(span));
    if low < before_low && before_low - low >= span / 2 {
        high + span + low
    } else if low > before_low && low - before_low > span / 2 {
        high - span + low
    } else {
        high + low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_NS: i64 = 40;

    /// The times of samples in the order of decoding.
    fn times(turns: &Turns, told: Option<u32>) -> Option<Vec<i64>> {
        let mut timed = turns.finish(FRAME_NS, told)?;
        timed.sort_by_key(|one| one.sample);
        Some(timed.iter().map(|one| one.time_ns).collect())
    }

    fn mpeg(kinds: &str) -> Turns {
        let mut turns = Turns::default();
        for (n, kind) in kinds.chars().enumerate() {
            turns.stamp(n as i64 * FRAME_NS);
            let place = turns.place(Turn::of_mpeg(kind == 'B'), false).unwrap();
            turns.push(place, Some(n));
        }
        turns
    }

    #[test]
    fn pictures_of_mpeg_are_shown_around_those_that_are_held() {
        let turns = mpeg("IPBBPBB");
        assert!(turns.is_reordered());
        assert_eq!(
            times(&turns, None).unwrap(),
            [40, 160, 80, 120, 280, 200, 240]
        );
        let turns = mpeg("IPPP");
        assert!(!turns.is_reordered());
        assert_eq!(times(&turns, None).unwrap(), [0, 40, 80, 120]);
        // Two that refer to what is before the first keyframe.
        assert_eq!(
            times(&mpeg("IBBP"), None).unwrap(),
            [120, 40, 80, 160],
            "they are shown before it"
        );
    }

    #[test]
    fn packed_pictures_take_the_places_of_the_blank_ones() {
        let mut turns = Turns::default();
        // I, P and B, B, blank, P: of the second packet's second picture the parser makes up a stamp.
        let packets = [
            (0, 'I'),
            (40, 'P'),
            (80, 'B'),
            (80, 'B'),
            (120, 'N'),
            (160, 'P'),
        ];
        for (sample, (stamp, kind)) in packets.into_iter().enumerate() {
            turns.stamp(stamp);
            if kind == 'N' {
                assert!(turns.unpacks());
                continue;
            }
            let place = turns.place(Turn::of_mpeg(kind == 'B'), false).unwrap();
            turns.push(place, Some(sample));
        }
        assert!(!turns.unpacks());
        assert_eq!(times(&turns, None).unwrap(), [40, 160, 80, 120, 200]);
    }

    /// Of numbers' low bits, whether they are referred to; at these places numbers begin anew.
    fn numbered(numbers: &[(u32, bool)], bits: u32, instants: &[usize]) -> Turns {
        let mut turns = Turns::default();
        for (n, (low, is_reference)) in numbers.iter().copied().enumerate() {
            turns.stamp(n as i64 * FRAME_NS);
            let turn = Turn::Numbered(Numbered {
                low,
                bits,
                is_reference,
            });
            let place = turns.place(turn, instants.contains(&n)).unwrap();
            turns.push(place, Some(n));
        }
        turns
    }

    #[test]
    fn numbers_count_on_where_their_low_bits_begin_anew() {
        // A pyramid: the fourth of five is referred to, and the next group begins with a zero.
        let group = [(0, true), (8, true), (4, true), (2, false), (6, false)];
        let two = [group, group].concat();
        let turns = numbered(&two, 4, &[0, 5]);
        assert_eq!(
            times(&turns, None).unwrap(),
            [80, 240, 160, 120, 200, 280, 440, 360, 320, 400]
        );
        // More than four bits can tell: 0 8 4 16 12 24.
        let long = [
            (0, true),
            (8, true),
            (4, false),
            (0, true),
            (12, false),
            (8, true),
        ];
        let turns = numbered(&long, 4, &[0]);
        assert_eq!(times(&turns, None).unwrap(), [40, 120, 80, 200, 160, 240]);
    }

    #[test]
    fn what_is_told_of_the_delay_is_believed_unless_it_is_too_short() {
        let pyramid = [(0, true), (8, true), (4, true), (2, false), (6, false)];
        let turns = numbered(&pyramid, 4, &[0]);
        assert_eq!(times(&turns, Some(3)).unwrap()[0], 120);
        assert_eq!(times(&turns, Some(1)), None);
    }

    #[test]
    fn stamps_and_pictures_that_do_not_fit_make_no_sense() {
        let mut turns = mpeg("IPBB");
        turns.stamp(1_000);
        assert!(times(&turns, None).is_some());
        turns.stamp(2_000);
        assert_eq!(times(&turns, None), None);
        let late: Vec<(u32, bool)> = (1..=20).rev().map(|n| (n, false)).collect();
        assert_eq!(
            times(&numbered(&late, 8, &[]), None),
            None,
            "20 are held back"
        );
    }
}
