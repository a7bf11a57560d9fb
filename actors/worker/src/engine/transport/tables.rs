//! The tables of a transport stream: its programmes, and the streams of each
//! (ISO/IEC 13818-1, 2.4.4).

use std::collections::{BTreeMap, BTreeSet};

use super::kinds::Kind;
use super::packets::{Follows, Packet};
use super::streams::{self, ListedStream};
use super::units;

/// The number of packets that hold the list of programmes.
const PROGRAMMES_PID: u16 = 0;
/// `table_id` of the list of programmes, and of a programme's streams.
const PROGRAMMES: u8 = 0;
const STREAMS: u8 = 2;
/// Most programmes that are looked at: a satellite's transponder has some twenty.
const PROGRAMMES_MAX: usize = 64;
/// Most streams of a programme that are looked at.
const STREAMS_MAX: usize = 64;
/// Most units that are looked at for what a stream is.
const LOOKS_MAX: u32 = 4;
/// The longest section of these tables: its length has ten bits, behind three bytes.
const SECTION_BYTES_MAX: usize = 1_024;

/// What the tables say.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Sections that are not whole yet, by the number of their packets.
    sections: BTreeMap<u16, Vec<u8>>,
    /// Streams of each programme, by the number of the packets that list them; and these numbers in their order.
    programmes: BTreeMap<u16, Vec<ListedStream>>,
    order: Vec<u16>,
    /// Those of them that the first list did not have.
    added: BTreeSet<u16>,
    /// Streams of which no table says what they are, and how many of their units were looked at.
    unknown: BTreeMap<u16, u32>,
    n_listed: usize,
}

impl Tables {
    /// Takes a packet.
    pub(super) fn see(&mut self, packet: Packet<'_>) {
        if packet.is_broken || packet.follows == Follows::Again {
            return;
        }
        if packet.begins_unit && self.unknown.contains_key(&packet.pid) {
            return self.look_into(packet);
        }
        let is_table = packet.pid == PROGRAMMES_PID || self.programmes.contains_key(&packet.pid);
        let Some(payload) = packet.payload.filter(|_| is_table) else {
            return;
        };
        if packet.follows == Follows::Loss {
            self.sections.remove(&packet.pid);
        }
        // Where a section begins, a pointer says how far from here.
        let (end, begin) = match payload.split_first() {
            Some((pointer, behind)) if packet.begins_unit => {
                behind.split_at(usize::from(*pointer).min(behind.len()))
            }
            _ => (payload, &[][..]),
        };
        if let Some(section) = self.sections.get_mut(&packet.pid) {
            section.extend_from_slice(end);
            self.take(packet.pid);
        }
        if packet.begins_unit {
            self.sections.insert(packet.pid, begin.to_vec());
            self.take(packet.pid);
        }
    }

    /// The streams of each programme.
    pub(super) fn programmes(&self) -> impl Iterator<Item = &[ListedStream]> {
        let of = |pid: &u16| self.programmes.get(pid).map(Vec::as_slice);
        self.order.iter().filter_map(of)
    }

    /// Numbers that were those of one stream first, and then of another.
    pub(super) fn replaced(&self) -> BTreeSet<u16> {
        let mut kinds = BTreeMap::new();
        let listed = self.programmes().flatten();
        let is_other = |stream: &&ListedStream| {
            let kind = stream.kind;
            kind.is_some_and(|kind| *kinds.entry(stream.pid).or_insert(kind) != kind)
        };
        listed.filter(is_other).map(|stream| stream.pid).collect()
    }

    /// Whether a look into a stream may still tell what it is.
    pub(super) fn is_unknown(&self, pid: u16) -> bool {
        self.unknown.contains_key(&pid)
    }

    /// How many streams were listed so far.
    pub(super) fn n_listed(&self) -> usize {
        self.n_listed
    }

    /// Looks for what a stream is at the beginning of a unit.
    fn look_into(&mut self, packet: Packet<'_>) {
        let unit = packet.payload.filter(|_| !packet.is_scrambled);
        let Some(unit) = unit.and_then(units::read) else {
            return;
        };
        let kind = Kind::of_beginning(unit.stream_id, &unit.bytes);
        let of_pid = |stream: &&mut ListedStream| stream.pid == packet.pid;
        let streams = self.programmes.values_mut().flatten().filter(of_pid);
        let is_open = |stream: &ListedStream| stream.kind.is_none_or(Kind::may_be_another);
        let streams = streams.filter(|stream| is_open(stream));
        streams.for_each(|stream| stream.kind = kind.or(stream.kind));
        let looks = self.unknown.entry(packet.pid).or_default();
        *looks += 1;
        if kind.is_some() || *looks == LOOKS_MAX {
            self.unknown.remove(&packet.pid);
        }
    }

    /// The streams of the programmes of which any was shown; of the first, where none was. And those of programmes
    /// that came later, as at the joint of two recordings.
    pub(super) fn streams(&self, shown: &[u16]) -> Vec<ListedStream> {
        let is_shown = |programme: &&[ListedStream]| {
            programme.iter().any(|stream| shown.contains(&stream.pid))
        };
        let mut listed: Vec<&[ListedStream]> = self.programmes().filter(is_shown).collect();
        if listed.is_empty() {
            let mut programmes = self.programmes();
            listed.extend(programmes.find(|programme| !programme.is_empty()));
        }
        let is_other = |programme: &&[ListedStream]| !is_shown(programme);
        let added = self.added.iter();
        let added = added.filter_map(|pid| self.programmes.get(pid).map(Vec::as_slice));
        let added = added.filter(is_other).flatten();
        listed.into_iter().flatten().chain(added).cloned().collect()
    }

    /// Reads the sections that are whole.
    fn take(&mut self, pid: u16) {
        loop {
            let Some(bytes) = self.sections.get(&pid) else {
                return;
            };
            // Stuffing, or too little to say.
            let &[table, flags, length, ..] = bytes.as_slice() else {
                return;
            };
            let length = 3 + (usize::from(flags & 0x0f) << 8 | usize::from(length));
            if table == 0xff || length > SECTION_BYTES_MAX {
                self.sections.remove(&pid);
                return;
            }
            let Some((section, behind)) = bytes.split_at_checked(length) else {
                return;
            };
            let (section, behind) = (section.to_vec(), behind.to_vec());
            self.sections.insert(pid, behind);
            // What is announced is not yet so.
            let is_current = section.get(5).is_some_and(|flags| flags & 1 == 1);
            if is_current && crc(&section) == 0 {
                self.read(pid, table, &section);
            }
        }
    }

    fn read(&mut self, pid: u16, table: u8, section: &[u8]) {
        // Eight bytes of head and four of check.
        let body = section.get(8..section.len().saturating_sub(4));
        let body = body.unwrap_or(&[]);
        match (pid, table) {
            (PROGRAMMES_PID, PROGRAMMES) => {
                let is_first = self.order.is_empty();
                for entry in body.chunks_exact(4) {
                    let &[a, b, c, d] = entry else { continue };
                    let is_programme = a | b != 0;
                    let pid = u16::from_be_bytes([c & 0x1f, d]);
                    let is_known = self.programmes.contains_key(&pid);
                    if is_programme && !is_known && self.order.len() < PROGRAMMES_MAX {
                        self.programmes.insert(pid, Vec::new());
                        self.order.push(pid);
                        if !is_first {
                            self.added.insert(pid);
                        }
                    }
                }
            }
            (_, STREAMS) => {
                if let Some(streams) = self.programmes.get_mut(&pid) {
                    // What a later table no longer lists was there all the same.
                    let is_added = !streams.is_empty() || self.added.contains(&pid);
                    for stream in streams::listed(body) {
                        let is_new = append(streams, &mut self.unknown, stream, is_added);
                        self.n_listed += usize::from(is_new);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Adds what a table lists, where it says anything new; `unknown` are streams that have to be looked into.
fn append(
    streams: &mut Vec<ListedStream>,
    unknown: &mut BTreeMap<u16, u32>,
    stream: ListedStream,
    is_added: bool,
) -> bool {
    let mut same = streams.iter_mut().filter(|known| known.pid == stream.pid);
    let known = same.find(|known| {
        // What was found by looking is not told by a table.
        let is_looked_into = known.is_private && stream.is_private;
        let is_open = stream.kind.is_none() || known.kind.is_none() || is_looked_into;
        is_open || known.kind == stream.kind
    });
    if let Some(known) = known {
        let is_told = known.kind.is_none() && stream.kind.is_some();
        if is_told {
            known.kind = stream.kind;
            unknown.remove(&stream.pid);
        }
        return is_told;
    }
    if streams.len() >= STREAMS_MAX {
        return false;
    }
    if stream.is_private && stream.kind.is_none_or(Kind::may_be_another) {
        unknown.insert(stream.pid, 0);
    }
    streams.push(ListedStream { is_added, ..stream });
    true
}

/// The check of a section, over all of it 0 (ISO/IEC 13818-1, annex A).
pub(super) fn crc(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            crc << 1 ^ if crc >> 31 == 1 { POLYNOMIAL } else { 0 }
        })
    })
}

/// A whole section.
#[cfg(test)]
pub(super) fn section(table: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(5 + body.len() + 4).unwrap_or(0x0fff);
    let [high, low] = (0xb000 | length).to_be_bytes();
    let mut bytes = vec![table, high, low, 0, 1, 0xc1, 0, 0];
    bytes.extend_from_slice(body);
    let check = crc(&bytes);
    bytes.extend(check.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(tables: &mut Tables, pid: u16, begins_unit: bool, payload: &[u8]) {
        tables.see(Packet {
            pid,
            begins_unit,
            is_broken: false,
            is_scrambled: false,
            counter: 0,
            is_discontinuous: false,
            payload: Some(payload),
            follows: Follows::Next,
        });
    }

    fn pids(tables: &Tables, shown: &[u16]) -> Vec<u16> {
        let streams = tables.streams(shown);
        streams.iter().map(|stream| stream.pid).collect()
    }

    #[test]
    fn a_programme_s_streams_are_listed_wherever_its_section_is_cut() {
        let programmes = section(
            PROGRAMMES,
            &[0, 0, 0xe0, 0x10, 0, 1, 0xf0, 0x00, 0, 2, 0xf0, 0x01],
        );
        let one = section(
            STREAMS,
            &[
                0xe1, 0, 0xf0, 0, 0x1b, 0xe1, 0x00, 0xf0, 0, 0x82, 0xe1, 0x01, 0xf0, 0,
            ],
        );
        let two = section(STREAMS, &[0xe2, 0, 0xf0, 0, 0x1b, 0xe2, 0x00, 0xf0, 0]);
        for cut in 1..one.len() {
            let mut tables = Tables::default();
            see(
                &mut tables,
                0,
                true,
                &[&[0], &programmes[..], &[0xff; 9]].concat(),
            );
            see(&mut tables, 0x1000, true, &[&[0], &one[..cut]].concat());
            see(
                &mut tables,
                0x1000,
                false,
                &[&one[cut..], &[0xff; 9]].concat(),
            );
            see(&mut tables, 0x1001, true, &[&[0], &two[..]].concat());
            assert_eq!(pids(&tables, &[0x100]), [0x100, 0x101], "{cut}");
            assert_eq!(pids(&tables, &[0x200]), [0x200]);
            assert_eq!(pids(&tables, &[]), [0x100, 0x101], "the first");
        }
    }

    #[test]
    fn a_section_that_was_damaged_lists_nothing() {
        let programmes = section(PROGRAMMES, &[0, 1, 0xf0, 0x00]);
        for at in 0..programmes.len() {
            let mut bytes = programmes.clone();
            bytes[at] ^= 0x40;
            let mut tables = Tables::default();
            see(&mut tables, 0, true, &[&[0], &bytes[..]].concat());
            assert!(tables.programmes.is_empty(), "{at}");
        }
    }
}
