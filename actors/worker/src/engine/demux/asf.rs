//! Where an ASF can be sought in.
//!
//! Its demuxer goes by a table of keyframes at equal distances, the simple index, that lies behind the media
//! (Microsoft's "Advanced Systems Format (ASF) Specification" 1.20.03, sections 3.2 and 6.1). Times in that
//! table, and in the file, are later by a preroll that the file's head tells; an entry for a time before
//! that the demuxer takes for that much later than it is, and leaves out what was before. Without a table it
//! guesses by the bit rate, and what comes first is then no keyframe.

use bytes::Bytes;

use crate::engine::source::Source;

const HEADER: [u8; 16] = *b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
const FILE_PROPERTIES: [u8; 16] =
    *b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65";
const DATA: [u8; 16] = *b"\x36\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
const SIMPLE_INDEX: [u8; 16] = *b"\x90\x08\x00\x33\xb1\xe5\xcf\x11\x89\xf4\x00\xa0\xc9\x03\x49\xcb";
/// A GUID and a size.
const OBJECT_BYTES: u64 = 24;
/// What the header holds before its first object.
const HEADER_BYTES: u64 = 30;
/// Where its preroll lies in the file's properties.
const PREROLL_AT: u64 = 80;
/// What an index holds before its first entry.
const INDEX_BYTES: u64 = 56;
/// An entry: a packet's number, and how many packets its keyframe takes.
const ENTRY_BYTES: u64 = 6;
/// Objects that are looked at, in the header and behind the media.
const OBJECTS_MAX: usize = 64;
/// Beyond this size the demuxer reads no index.
const INDEX_BYTES_MAX: u64 = 5 << 20;

/// The file's table of keyframes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index {
    /// How much later all times are than what is shown.
    preroll_ns: u64,
    /// From one entry to the next.
    interval_ns: u64,
    /// At least one.
    n_entries: u64,
}

impl Index {
    /// That of an ASF; `None` of another file, and where there is none, or one for each of several pictures: of
    /// these the demuxer keeps one. A read that fails is told by the source.
    pub(super) fn read(source: &Source) -> Option<Self> {
        let header = object(source, 0).filter(|(kind, _)| *kind == HEADER)?;
        let (mut at, mut preroll_ms) = (HEADER_BYTES, None);
        for _ in 0..OBJECTS_MAX {
            let Some((kind, size)) = object(source, at).filter(|_| at < header.1) else {
                break;
            };
            if kind == FILE_PROPERTIES {
                preroll_ms = Some(number(&source.read(at + PREROLL_AT, 8).ok()?)?);
            }
            at = at.checked_add(size)?;
        }
        let media = object(source, header.1).filter(|(kind, _)| *kind == DATA)?;
        at = header.1.checked_add(media.1)?;
        let mut index = None;
        for _ in 0..OBJECTS_MAX {
            let Some((kind, size)) = object(source, at) else {
                break;
            };
            if kind == SIMPLE_INDEX {
                let found = Self::parse(&source.read(at, INDEX_BYTES).ok()?, size, preroll_ms?)?;
                if index.replace(found).is_some() {
                    return None;
                }
            }
            at = at.checked_add(size)?;
        }
        index
    }

    fn parse(bytes: &Bytes, size: u64, preroll_ms: u64) -> Option<Self> {
        let interval = number(bytes.get(40..48)?)?;
        let n_entries = u64::from(u32::from_le_bytes(*bytes.get(52..56)?.first_chunk()?));
        let n_entries = n_entries.min(size.checked_sub(INDEX_BYTES)? / ENTRY_BYTES);
        let is_read = size <= INDEX_BYTES_MAX && interval > 0 && n_entries > 0;
        is_read.then_some(Self {
            preroll_ns: preroll_ms.checked_mul(1_000_000)?,
            interval_ns: interval.checked_mul(100)?,
            n_entries,
        })
    }

    /// Where to go for a time, at most that, so that the demuxer gives what is from there on; `None` for the
    /// very start.
    pub(super) fn entry_ns(&self, to_ns: u64) -> Option<u64> {
        let in_file_ns = to_ns.saturating_add(self.preroll_ns);
        let entry = (in_file_ns / self.interval_ns).min(self.n_entries - 1);
        let entry_ns = entry.saturating_mul(self.interval_ns);
        let shown_ns = entry_ns.checked_sub(self.preroll_ns)?;
        Some(to_ns.min(shown_ns.saturating_add(self.interval_ns - 1)))
    }
}

/// Kind and size of the object at an offset; `None` at the end, and where there is none.
fn object(source: &Source, at: u64) -> Option<([u8; 16], u64)> {
    let bytes = source.read(at, OBJECT_BYTES).ok()?;
    let (kind, size) = bytes.split_first_chunk()?;
    let size = number(size)?;
    (size >= OBJECT_BYTES).then_some((*kind, size))
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn no_entry_is_asked_for_that_lies_before_the_preroll_or_behind_the_table() {
        let index = Index {
            preroll_ns: 3_100_000_000,
            interval_ns: SECOND_NS,
            n_entries: 8,
        };
        for (to_ms, entry_ms) in [
            (0, None),
            (899, None),
            (900, Some(900)),
            (2_500, Some(2_500)),
            (4_899, Some(4_899)),
        ] {
            let entry_ns = entry_ms.map(|ms: u64| ms * 1_000_000);
            assert_eq!(index.entry_ns(to_ms * 1_000_000), entry_ns, "{to_ms}");
        }
        for to_ns in [5 * SECOND_NS, 900 * SECOND_NS, u64::MAX] {
            let entry_ns = index.entry_ns(to_ns).unwrap();
            assert_eq!((entry_ns + index.preroll_ns) / SECOND_NS, 7);
        }
        let none = Index {
            preroll_ns: 0,
            n_entries: 1,
            ..index
        };
        assert_eq!(none.entry_ns(0), Some(0));
        let short = Index {
            n_entries: 2,
            ..index
        };
        assert_eq!(short.entry_ns(60 * SECOND_NS), None);
    }
}
