//! Units of a stream (PES packets), put together from the packets that carry them
//! (ISO/IEC 13818-1, 2.4.3.6).

use super::packets::{Follows, Packet};

/// Longest unit of a picture: a keyframe of 2160p at the highest rate that a broadcast has is some 10 MB; and of
/// anything else, which has 16 bits for its length.
const PICTURE_BYTES_MAX: usize = 32 << 20;
const UNIT_BYTES_MAX: usize = 1 << 20;
/// What each begins with; what stream it is of, and its length, follow.
const PREFIX: [u8; 3] = [0, 0, 1];
/// Bytes up to the length, and with it.
const LENGTH_AT: usize = 4;
const HEAD_BYTES: usize = 6;
/// Streams whose units have no times: maps, stuffing, keys, commands, directories (table 2-22).
const TIMELESS: [u8; 8] = [0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff];

/// A unit: a picture, as a rule, or some packets of sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// What kind of stream its head says that it is of (table 2-22).
    pub(super) stream_id: u8,
    /// When it is shown, and decoded: 33 bits of 90 kHz.
    pub(super) shown: Option<u64>,
    pub(super) decoded: Option<u64>,
    pub(super) bytes: Vec<u8>,
    /// Whether something of the stream is missing before it, or of it.
    pub(super) is_behind_loss: bool,
}

/// Puts the units of one stream together.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Of a picture also what is behind a hole is of use: decoders conceal what is missing. Of sound nobody would
    /// know when it is heard. And a picture ends where the next one begins, whatever its head says of its
    /// length: most are longer than that can tell.
    is_picture: bool,
    pending: Vec<u8>,
    is_open: bool,
    is_behind_loss: bool,
}

impl Assembly {
    pub(super) fn new(is_picture: bool) -> Self {
        Self {
            is_picture,
            pending: Vec::new(),
            is_open: false,
            is_behind_loss: false,
        }
    }

    /// Takes the stream's next packet; returns what gets whole by it: two at most.
    pub(super) fn take(&mut self, packet: Packet<'_>) -> impl Iterator<Item = Unit> + use<> {
        let before = self.break_off(packet);
        let unit = self.append(packet);
        before.into_iter().chain(unit)
    }

    /// Ends the unit that is open where the packet is not of it, or not all of it is there.
    fn break_off(&mut self, packet: Packet<'_>) -> Option<Unit> {
        let is_lost = packet.follows == Follows::Loss || packet.is_broken || packet.is_scrambled;
        let is_next = packet.payload.is_some() && packet.follows != Follows::Again;
        let ended = if is_next && packet.begins_unit || is_lost && !self.is_picture {
            self.finish()
        } else {
            None
        };
        self.is_behind_loss |= is_lost;
        ended
    }

    fn append(&mut self, packet: Packet<'_>) -> Option<Unit> {
        let is_of_use = !packet.is_broken && !packet.is_scrambled;
        let is_next = packet.follows != Follows::Again && is_of_use;
        let payload = packet.payload.filter(|_| is_next)?;
        self.is_open |= packet.begins_unit;
        if !self.is_open {
            return None;
        }
        self.pending.extend_from_slice(payload);
        if self.due().is_some_and(|due| self.pending.len() >= due) {
            return self.finish();
        }
        let most = if self.is_picture {
            PICTURE_BYTES_MAX
        } else {
            UNIT_BYTES_MAX
        };
        if self.pending.len() > most {
            self.give_up();
        }
        None
    }

    /// Leaves out the unit that is open.
    pub(super) fn give_up(&mut self) {
        self.pending = Vec::new();
        self.is_open = false;
        self.is_behind_loss = true;
    }

    /// How much is held of a unit that is open.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// Ends the unit that is open: some do not tell their length, and end where the next one begins.
    pub(super) fn finish(&mut self) -> Option<Unit> {
        let end = self.due().unwrap_or(usize::MAX);
        let mut bytes = std::mem::take(&mut self.pending);
        if !std::mem::take(&mut self.is_open) {
            return None;
        }
        bytes.truncate(end);
        let unit = read(&bytes)?;
        let is_behind_loss = std::mem::take(&mut self.is_behind_loss);
        Some(Unit {
            is_behind_loss,
            ..unit
        })
    }

    /// How long the unit is, where that is told and believed.
    fn due(&self) -> Option<usize> {
        if self.is_picture {
            return None;
        }
        let length = self.pending.get(LENGTH_AT..)?.first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        (length > 0).then_some(HEAD_BYTES + length)
    }
}

/// Reads a unit, of which the end may be missing; `None` for what is none, is scrambled, or holds nothing.
pub(super) fn read(bytes: &[u8]) -> Option<Unit> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let [a, b, c, stream_id, _, _] = head;
    if [*a, *b, *c] != PREFIX || TIMELESS.contains(stream_id) {
        return None;
    }
    let ([flags, fields, length], rest) = rest.split_first_chunk::<3>()?;
    let is_plain = flags >> 4 == 0b1000;
    let (times, body) = rest.split_at_checked(usize::from(*length))?;
    if !is_plain || body.is_empty() {
        return None;
    }
    let shown = stamp(times).filter(|_| fields & 0x80 != 0);
    let decoded = times.get(5..).and_then(stamp);
    let decoded = decoded.filter(|_| shown.is_some() && fields & 0x40 != 0);
    Some(Unit {
        stream_id: *stream_id,
        shown,
        decoded: decoded.or(shown),
        bytes: body.to_vec(),
        is_behind_loss: false,
    })
}

/// A time in 33 bits, among which are three that are always set.
fn stamp(bytes: &[u8]) -> Option<u64> {
    let [a, b, c, d, e] = bytes.first_chunk::<5>()?.map(u64::from);
    let is_marked = a & c & e & 1 == 1;
    let time = (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1;
    is_marked.then_some(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME: u64 = 0x1_2345_6789;

    fn stamped(prefix: u8, time: u64) -> [u8; 5] {
        let byte = |shift: u32, low: u64| (time >> shift & low).to_le_bytes()[0];
        [
            prefix << 4 | byte(30, 7) << 1 | 1,
            byte(22, 0xff),
            byte(15, 0x7f) << 1 | 1,
            byte(7, 0xff),
            byte(0, 0x7f) << 1 | 1,
        ]
    }

    /// A unit of a picture with both times; a length of 0 is not told.
    fn unit(body: &[u8], length: u16) -> Vec<u8> {
        let times = [stamped(3, TIME), stamped(1, TIME - 3_600)].concat();
        let head = [
            0,
            0,
            1,
            0xe0,
            length.to_be_bytes()[0],
            length.to_be_bytes()[1],
        ];
        [&head[..], &[0x80, 0xc0, 10], &times, body].concat()
    }

    /// Packets of so many bytes that carry it.
    fn packets(bytes: &[u8], each: usize) -> impl Iterator<Item = Packet<'_>> {
        bytes.chunks(each).enumerate().map(|(n, payload)| Packet {
            pid: 0x100,
            begins_unit: n == 0,
            is_broken: false,
            is_scrambled: false,
            counter: 0,
            is_discontinuous: false,
            payload: Some(payload),
            follows: Follows::Next,
        })
    }

    fn taken<'a>(packets: impl Iterator<Item = Packet<'a>>) -> Vec<Unit> {
        let (mut assembly, mut units) = (Assembly::new(false), Vec::new());
        for packet in packets {
            units.extend(assembly.take(packet));
        }
        units.extend(assembly.finish());
        units
    }

    #[test]
    fn a_unit_is_put_together_wherever_it_is_cut() {
        let body: Vec<u8> = (0..=255).collect();
        let told = u16::try_from(13 + body.len()).unwrap();
        for length in [0, told] {
            let (one, other) = (unit(&body, length), unit(&[7; 30], 0));
            for each in [1, 5, 184, 1_000] {
                let units = taken(packets(&one, each).chain(packets(&other, each)));
                assert_eq!(units.len(), 2, "{length} {each}");
                assert_eq!(units[0].bytes, body);
                assert_eq!(units[1].bytes, [7; 30]);
                for unit in units {
                    assert_eq!(unit.shown, Some(TIME));
                    assert_eq!(unit.decoded, Some(TIME - 3_600));
                    assert!(!unit.is_behind_loss);
                }
            }
        }
    }

    #[test]
    fn of_a_unit_that_lacks_something_the_beginning_is_kept_and_the_next_says_so() {
        let (one, other) = (unit(&[5; 600], 0), unit(&[7; 30], 0));
        let of = |change: fn(&mut Packet<'_>)| {
            let mut first: Vec<Packet<'_>> = packets(&one, 184).collect();
            change(&mut first[2]);
            taken(first.into_iter().chain(packets(&other, 184)))
        };
        let changes: [fn(&mut Packet<'_>); 3] = [
            |packet| packet.follows = Follows::Loss,
            |packet| packet.is_broken = true,
            |packet| packet.is_scrambled = true,
        ];
        for change in changes {
            let units = of(change);
            let told = |unit: &Unit| (unit.bytes.len(), unit.is_behind_loss);
            let told: Vec<_> = units.iter().map(told).collect();
            assert_eq!(told, [(2 * 184 - 19, false), (30, true)]);
        }
        // What is only said twice is there once.
        let again: Vec<Packet<'_>> = packets(&one, 184)
            .flat_map(|packet| {
                let again = Packet {
                    follows: Follows::Again,
                    ..packet
                };
                [packet, again]
            })
            .collect();
        assert_eq!(taken(again.into_iter())[0].bytes, [5; 600]);
    }

    #[test]
    fn a_packet_without_a_payload_ends_nothing() {
        let one = unit(&[5; 600], 0);
        let mut all: Vec<Packet<'_>> = packets(&one, 184).collect();
        let empty = Packet {
            begins_unit: true,
            payload: None,
            ..all[0]
        };
        all.insert(2, empty);
        assert_eq!(taken(all.into_iter())[0].bytes, [5; 600]);
    }

    #[test]
    fn what_is_no_unit_is_none() {
        let whole = unit(&[7; 30], 0);
        for end in 0..=19 {
            assert_eq!(read(&whole[..end]), None, "{end}");
        }
        let mut other = whole.clone();
        other[3] = 0xbe;
        assert_eq!(read(&other), None, "stuffing");
        other = whole.clone();
        other[6] |= 0x30;
        assert_eq!(read(&other), None, "scrambled");
        other = whole;
        other[9] &= !1;
        assert_eq!(read(&other).unwrap().shown, None, "a broken time");
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            taken(packets(&bytes, 50));
        }
    }
}
