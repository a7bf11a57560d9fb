//! Broadcasts in the making.

use std::collections::BTreeMap;

use crate::engine::transport::tables::section;

pub(super) const TABLE: u16 = 0x1000;
pub(super) const PICTURE: u16 = 0x100;
pub(super) const SOUND: u16 = 0x101;
pub(super) const SECOND: u64 = 90_000;

/// A broadcast in the making: packets with their counters.
#[derive(Default)]
pub(super) struct Made {
    pub(super) bytes: Vec<u8>,
    pub(super) counters: BTreeMap<u16, u8>,
}

impl Made {
    /// With tables that list these streams: number and type.
    pub(super) fn of(streams: &[(u16, u8)]) -> Self {
        let mut made = Self::default();
        made.tables(streams);
        made
    }

    pub(super) fn tables(&mut self, streams: &[(u16, u8)]) {
        self.programmes(&[(TABLE, streams)]);
    }

    /// The list of programmes, and the table of each, by the number of its packets.
    pub(super) fn programmes(&mut self, programmes: &[(u16, &[(u16, u8)])]) {
        // A run of packets, without which they would be none.
        (0..5).for_each(|_| self.unit(0x1fff, &[0xff; 184]));
        let entry = |(pid, _): &(u16, &[(u16, u8)])| {
            let [high, low] = (0xe000 | pid).to_be_bytes();
            [0, 1, high, low]
        };
        let entries: Vec<u8> = programmes.iter().flat_map(entry).collect();
        self.section(0, section(0, &entries));
        for (pid, streams) in programmes {
            self.section(*pid, section(2, &listing(streams)));
        }
    }

    pub(super) fn section(&mut self, pid: u16, section: Vec<u8>) {
        self.unit(pid, &[vec![0], section].concat());
    }

    /// What is a unit, or a section behind its pointer, in as many packets as it takes.
    pub(super) fn unit(&mut self, pid: u16, unit: &[u8]) {
        for (n, payload) in unit.chunks(184).enumerate() {
            let counter = self.counters.entry(pid).or_default();
            let [high, low] = pid.to_be_bytes();
            let begins = if n == 0 { 0x40 } else { 0 };
            let stuffing = 184 - payload.len();
            let field = if stuffing > 0 { 0x20 } else { 0 };
            self.bytes
                .extend([0x47, begins | high, low, field | 0x10 | *counter]);
            *counter = (*counter + 1) & 15;
            if stuffing > 0 {
                // An adaptation field of that length, with no flags.
                let mut stuffed = vec![0xff; stuffing];
                stuffed[0] = u8::try_from(stuffing - 1).unwrap();
                stuffed.get_mut(1).into_iter().for_each(|flags| *flags = 0);
                self.bytes.extend(stuffed);
            }
            self.bytes.extend(payload);
        }
    }

    /// A unit that is shown then.
    pub(super) fn shown(&mut self, pid: u16, stream_id: u8, time: u64, body: &[u8]) {
        let byte = |shift: u32, low: u64| (time >> shift & low).to_le_bytes()[0];
        let stamp = [
            0x21 | byte(30, 7) << 1,
            byte(22, 0xff),
            byte(15, 0x7f) << 1 | 1,
            byte(7, 0xff),
            byte(0, 0x7f) << 1 | 1,
        ];
        let head = [0, 0, 1, stream_id, 0, 0, 0x80, 0x80, 5];
        self.unit(pid, &[&head[..], &stamp, body].concat());
    }
}

/// The body of a programme's table.
pub(super) fn listing(streams: &[(u16, u8)]) -> Vec<u8> {
    let entry = |(pid, kind): &(u16, u8)| {
        let [high, low] = (0xe000 | pid).to_be_bytes();
        [*kind, high, low, 0xf0, 0]
    };
    let listed: Vec<u8> = streams.iter().flat_map(entry).collect();
    [&[0xe1, 0, 0xf0, 0][..], &listed].concat()
}

/// A picture of so many bytes, and behind it parameters, with which alone one begins.
pub(super) fn picture(filled: u8, bytes: usize) -> Vec<u8> {
    let mut body = vec![filled; bytes];
    body.extend([0, 0, 1, 0x67]);
    body
}

pub(super) const FILM: [(u16, u8); 2] = [(PICTURE, 0x1b), (SOUND, 0x03)];

/// Four seconds of a picture each second, and of sound that begins half a second earlier.
pub(super) fn film() -> Made {
    let mut made = Made::of(&FILM);
    seconds(&mut made, 10);
    made
}

/// The same, behind tables that are there, from this second on.
pub(super) fn seconds(made: &mut Made, from_s: u64) {
    for n in 0..4_u8 {
        let time = (from_s + u64::from(n)) * SECOND;
        made.shown(PICTURE, 0xe0, time, &picture(n, 1_000));
        made.shown(SOUND, 0xc0, time - SECOND / 2, &[n; 500]);
    }
}
