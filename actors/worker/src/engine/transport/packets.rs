//! Packets of a transport stream, and their counters (ISO/IEC 13818-1, 2.4.3).

use std::collections::BTreeMap;

/// Bytes of a packet, however much is between two.
pub(super) const PACKET_BYTES: usize = 188;
/// From one packet to the next: bare, behind a time of arrival (Blu-ray), before 16 bytes of parity.
const STRIDES: [usize; 3] = [188, 192, 204];
/// Every packet begins with it.
const SYNC: u8 = 0x47;
/// So many packets in a row are no coincidence.
const SYNCED_PACKETS: usize = 5;
/// A counter has four bits.
const COUNTER_MAX: u8 = 15;
/// Fewer bytes than this may hold no run of packets, wherever they begin.
const RUN_BYTES_MAX: usize = STRIDES[2] * SYNCED_PACKETS;
/// The number of packets that say nothing.
const NULL_PID: u16 = 0x1fff;

/// How a packet follows the one before it of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// As the next.
    Next,
    /// It is that one, once more: senders may repeat each packet once.
    Again,
    /// Something is missing between them, or of it.
    Loss,
}

/// One packet, in whole.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a bit of a packet's head, and any of them may come together"
)]
pub(super) struct Packet<'a> {
    pub(super) pid: u16,
    /// Whether a section or a packet of a stream begins in it.
    pub(super) begins_unit: bool,
    /// Whether something between here and its sender said that it is broken.
    pub(super) is_broken: bool,
    pub(super) is_scrambled: bool,
    pub(super) counter: u8,
    /// Whether its counter may be another than expected.
    pub(super) is_discontinuous: bool,
    pub(super) payload: Option<&'a [u8]>,
    pub(super) follows: Follows,
}

/// How many packets there are of a number.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    pub(super) with_payload: u64,
    pub(super) scrambled: u64,
    /// The byte of the file at which the first is.
    pub(super) first_at: u64,
    lost: u64,
    gaps: u64,
    first_gap_at: Option<u64>,
    counter: Option<u8>,
    /// The last payload.
    last: Vec<u8>,
    /// Whether the last one came twice, as it may, and whether it was scrambled.
    is_repeated: bool,
    is_scrambled: bool,
}

/// What is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Losses {
    pub(super) packets: u64,
    pub(super) gaps: u64,
    /// The byte of the file at which the first was noticed.
    pub(super) first_at: Option<u64>,
}

/// Bytes made packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    /// From one packet to the next, while they follow each other.
    stride: Option<usize>,
    /// Bytes that are no packet yet.
    pending: Vec<u8>,
    /// Where they begin in the file.
    at: u64,
    /// Bytes between packets that are still to come.
    skipped: usize,
    counts: BTreeMap<u16, Count>,
}

impl Packets {
    /// Takes the next bytes.
    pub(super) fn see(&mut self, bytes: &[u8], mut on_packet: impl FnMut(Packet<'_>)) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut from = self.skipped;
        while let Some(rest) = pending.get(from..) {
            let Some(stride) = self.stride else {
                let Some((before, stride)) = synced(rest) else {
                    // What is kept may be the beginning of a run.
                    from += rest.len().saturating_sub(RUN_BYTES_MAX);
                    break;
                };
                from += before;
                self.stride = Some(stride);
                continue;
            };
            let Some(bytes) = rest.get(..PACKET_BYTES) else {
                break;
            };
            if bytes.first() != Some(&SYNC) {
                self.stride = None;
                continue;
            }
            if let Some(packet) = packet(bytes) {
                let follows = self.count(packet, self.at + from as u64);
                on_packet(Packet { follows, ..packet });
            }
            from += stride;
        }
        let used = from.min(pending.len());
        self.skipped = from - used;
        self.at += used as u64;
        self.pending = pending.split_off(used);
    }

    /// Whether there was no packet at all.
    pub(super) fn is_none(&self) -> bool {
        self.counts.is_empty()
    }

    /// How many packets of a number there were.
    pub(super) fn of(&self, pid: u16) -> Option<&Count> {
        self.counts.get(&pid)
    }

    /// What is missing of the packets that matter; of a stream that is scrambled as a whole, all is.
    pub(super) fn losses(&self, matters: impl Fn(u16) -> bool) -> Losses {
        let matters = |(pid, count): &(&u16, &Count)| matters(**pid) && !count.is_unreadable();
        let counts = self.counts.iter().filter(matters);
        let mut losses = Losses::default();
        for (_, count) in counts {
            losses.packets += count.lost;
            losses.packets += count.scrambled;
            losses.gaps += count.gaps;
            let firsts = losses.first_at.into_iter().chain(count.first_gap_at);
            losses.first_at = firsts.min();
        }
        losses
    }

    fn count(&mut self, packet: Packet<'_>, at: u64) -> Follows {
        if packet.pid == NULL_PID {
            return Follows::Next;
        }
        // A few thousand at most: a number has 13 bits.
        let count = self.counts.entry(packet.pid).or_default();
        if packet.is_broken {
            // Nothing else of it can be believed.
            count.lose(1, at);
            count.counter = None;
            return Follows::Loss;
        }
        let Some(payload) = packet.payload else {
            // These do not count on.
            if packet.is_discontinuous {
                count.counter = Some(packet.counter);
            }
            return Follows::Next;
        };
        if count.with_payload == 0 {
            count.first_at = at;
        }
        count.with_payload += 1;
        count.see_scrambled(packet.is_scrambled, at);
        let before = count.counter.replace(packet.counter);
        let follows = match before {
            Some(before) if before == packet.counter && count.repeats(payload) => Follows::Again,
            Some(before) if !packet.is_discontinuous => {
                count.follow(packet.counter.wrapping_sub(before), at)
            }
            _ => Follows::Next,
        };
        count.is_repeated = follows == Follows::Again;
        count.last.clear();
        count.last.extend_from_slice(payload);
        follows
    }
}

impl Count {
    /// Whether the stream is scrambled, and not in a few places alone: keys change, and with them some packets
    /// may be in clear.
    pub(super) fn is_unreadable(&self) -> bool {
        self.scrambled > self.with_payload / 2
    }

    /// Whether the last packet comes once more.
    fn repeats(&self, payload: &[u8]) -> bool {
        !self.is_repeated && self.last == payload
    }

    /// Takes the next packet, whose counter is so much ahead of the one before.
    fn follow(&mut self, ahead: u8, at: u64) -> Follows {
        match ahead & COUNTER_MAX {
            1 => return Follows::Next,
            // As many as it takes to come round.
            0 => self.lose(u64::from(COUNTER_MAX), at),
            ahead => self.lose(u64::from(ahead - 1), at),
        }
        Follows::Loss
    }

    /// Packets that are scrambled among others are as good as lost.
    fn see_scrambled(&mut self, is_scrambled: bool, at: u64) {
        self.scrambled += u64::from(is_scrambled);
        if is_scrambled && !self.is_scrambled {
            self.lose(0, at);
        }
        self.is_scrambled = is_scrambled;
    }

    fn lose(&mut self, packets: u64, at: u64) {
        self.lost += packets;
        self.gaps += 1;
        self.first_gap_at.get_or_insert(at);
    }
}

/// Where packets begin that follow each other, and how far they are apart.
fn synced(bytes: &[u8]) -> Option<(usize, usize)> {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == SYNC);
    let strides = |(at, _)| {
        let is_run =
            |stride: &usize| (1..SYNCED_PACKETS).all(|n| bytes.get(at + n * stride) == Some(&SYNC));
        let stride = STRIDES.into_iter().find(is_run)?;
        Some((at, stride))
    };
    starts.map(strides).find_map(|found| found)
}

/// The packet that begins with these bytes.
fn packet(bytes: &[u8]) -> Option<Packet<'_>> {
    let &[_, flags, pid, control, ..] = bytes else {
        return None;
    };
    let (has_field, has_payload) = (control & 0x20 != 0, control & 0x10 != 0);
    // A field's length, and in the byte behind it whether counting begins anew.
    let field_bytes = match bytes.get(4) {
        Some(length) if has_field => 1 + usize::from(*length),
        _ => 0,
    };
    let is_discontinuous = field_bytes > 1 && bytes.get(5).is_some_and(|byte| byte & 0x80 != 0);
    Some(Packet {
        pid: u16::from_be_bytes([flags & 0x1f, pid]),
        begins_unit: flags & 0x40 != 0,
        is_broken: flags & 0x80 != 0,
        is_scrambled: control >> 6 != 0,
        counter: control & COUNTER_MAX,
        is_discontinuous,
        payload: bytes.get(4 + field_bytes..).filter(|_| has_payload),
        follows: Follows::Next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A packet of a stream whose payload begins anew.
    fn made(pid: u8, counter: u8) -> Vec<u8> {
        let mut bytes = vec![0xff; PACKET_BYTES];
        bytes[..4].copy_from_slice(&[SYNC, 0x40, pid, 0x10 | counter & 0xf]);
        bytes
    }

    fn losses(packets: &[Vec<u8>]) -> Losses {
        let mut all = Packets::default();
        all.see(&packets.concat(), |_| {});
        all.losses(|_| true)
    }

    #[test]
    fn missing_packets_are_counted_by_their_counters() {
        let mut film: Vec<Vec<u8>> = (0..60).map(|n| made(1, n)).collect();
        assert_eq!(losses(&film), Losses::default());
        // One that comes twice is no loss.
        film.insert(20, film[20].clone());
        assert_eq!(losses(&film), Losses::default());
        film.drain(30..33);
        let expected = Losses {
            packets: 3,
            gaps: 1,
            first_at: Some(30 * 188),
        };
        assert_eq!(losses(&film), expected);
        film[40][1] |= 0x80;
        assert_eq!(losses(&film).packets, 4, "marked as broken");
        // Another stream's counter is its own.
        film.insert(5, made(2, 9));
        assert_eq!(losses(&film).packets, 4);
    }

    #[test]
    fn what_is_announced_or_has_no_payload_is_no_loss() {
        let mut film: Vec<Vec<u8>> = (0..20).map(|n| made(1, n)).collect();
        // An adaptation field alone, with the counter of the packet before.
        let mut empty = made(1, 9);
        empty[3] = 0x20 | 9;
        film.insert(10, empty);
        assert_eq!(losses(&film), Losses::default());
        // A joint that says so.
        let mut joint = made(1, 3);
        joint[3] |= 0x20;
        joint[4..6].copy_from_slice(&[1, 0x80]);
        film.extend([joint, made(1, 4)]);
        assert_eq!(losses(&film), Losses::default());
        film.push(made(1, 7));
        assert_eq!(losses(&film).packets, 2);
    }

    #[test]
    fn how_packets_follow_is_told() {
        let mut joint = made(1, 3);
        joint[3] |= 0x20;
        joint[4..6].copy_from_slice(&[1, 0x80]);
        let mut other = made(1, 4);
        other[100] = 0;
        let film = [
            made(1, 0),
            made(1, 1),
            made(1, 1),
            joint.clone(),
            joint,
            made(1, 4),
            other,
        ];
        let (mut all, mut told) = (Packets::default(), Vec::new());
        all.see(&film.concat(), |packet| told.push(packet.follows));
        let (next, again, loss) = (Follows::Next, Follows::Again, Follows::Loss);
        assert_eq!(told, [next, next, again, next, again, next, loss]);
    }

    #[test]
    fn packets_are_found_however_far_they_are_apart_and_behind_rubbish() {
        for (before, behind) in [(0, 0), (4, 0), (0, 16)] {
            let spread = |n: u8| {
                let mut bytes = vec![0; before];
                bytes.extend(made(1, n));
                bytes.extend(vec![0; behind]);
                bytes
            };
            let film: Vec<u8> = (0..40).flat_map(spread).collect();
            let with_rubbish = [&[1, SYNC, 3][..], &film, &[7; 1_000], &film].concat();
            for piece in [1, 50, 188, 10_000] {
                let mut all = Packets::default();
                let mut n = 0;
                for bytes in film.chunks(piece) {
                    all.see(bytes, |_| n += 1);
                }
                assert_eq!(
                    (n, all.losses(|_| true).packets),
                    (40, 0),
                    "{before} {behind}"
                );
                let mut all = Packets::default();
                for bytes in with_rubbish.chunks(piece) {
                    all.see(bytes, |_| {});
                }
                assert_eq!(
                    all.of(1).unwrap().with_payload,
                    80,
                    "{before} {behind} {piece}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
            let mut all = Packets::default();
            all.see(&bytes, |_| {});
            all.losses(|_| true);
        }
    }
}
