//! What an AVI promises beyond what is there of it.
//!
//! Its demuxer counts what it finds, so that a file that was cut looks as whole as any other. Its lists say
//! how long they are, and its head how long the film is (Microsoft's "AVI RIFF File Reference", and
//! "OpenDML AVI File Format Extensions" 1.02 for files of several lists).

use bytes::Bytes;

use crate::engine::source::Source;

/// Chunks of a file, or of one list of it, that are looked at: lists of media hold up to 1 GiB each.
const CHUNKS_MAX: usize = 1_024;
/// The longest head that is read: indices lie in it beside the formats of streams.
const HEAD_BYTES_MAX: u64 = 4 << 20;
/// A name, a size, and what a list is of.
const HEADER_BYTES: u64 = 12;
/// Sizes that were never written, as recorders leave them that end early, or cannot go back.
const SIZES_UNKNOWN: [u32; 2] = [0, u32::MAX];

/// How long the film should be, in a file whose media goes on behind its end; `None` for one that is
/// whole, or does not tell. A read that fails is told by the source.
pub(super) fn promised_ns(source: &Source) -> Option<u64> {
    promised(&|offset, len| source.read(offset, len).ok(), source.size())
}

/// Reads so many bytes from an offset on.
type Read<'a> = &'a dyn Fn(u64, u64) -> Option<Bytes>;

fn promised(read: Read<'_>, size: u64) -> Option<u64> {
    let (mut at, mut head) = (0, None);
    for _ in 0..CHUNKS_MAX {
        let riff = Chunk::read(read, at)?;
        if &riff.name != b"RIFF" {
            return None;
        }
        let mut at_child = riff.body + 4;
        for _ in 0..CHUNKS_MAX {
            let Some(child) = Chunk::read(read, at_child).filter(|_| at_child < riff.end) else {
                break;
            };
            match &child.kind {
                b"hdrl" if head.is_none() => {
                    let length = (child.end.min(size) - child.body.min(size)).min(HEAD_BYTES_MAX);
                    head = Some(read(child.body + 4, length)?);
                }
                // What is missing behind it is an index.
                b"movi" if child.end > size => return duration_ns(&head?),
                _ => {}
            }
            at_child = child.end;
        }
        at = riff.end;
    }
    None
}

/// A chunk of the file.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    name: [u8; 4],
    /// What it is a list of, where it is one.
    kind: [u8; 4],
    body: u64,
    /// The first byte behind it.
    end: u64,
}

impl Chunk {
    /// The chunk at an offset; `None` at the file's end, and for one whose size is not known.
    fn read(read: Read<'_>, at: u64) -> Option<Self> {
        let bytes = read(at, HEADER_BYTES)?;
        let (name, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        if SIZES_UNKNOWN.contains(&length) && matches!(name, b"RIFF" | b"LIST") {
            return None;
        }
        let body = at + 8;
        Some(Self {
            name: *name,
            kind: rest.first_chunk().copied().unwrap_or_default(),
            body,
            end: body + u64::from(length) + u64::from(length % 2),
        })
    }
}

/// How long the longest stream of pictures is, by the head.
fn duration_ns(head: &[u8]) -> Option<u64> {
    let lists = children(head).filter(|(name, body)| *name == b"LIST" && body.starts_with(b"strl"));
    let headers = lists.filter_map(|(_, list)| {
        let mut chunks = children(list.get(4..)?);
        chunks.find(|(name, _)| *name == b"strh")
    });
    headers.filter_map(|(_, header)| of_stream(header)).max()
}

/// How long a stream of pictures is, by its header: its units, and how long each lasts.
fn of_stream(header: &[u8]) -> Option<u64> {
    if !header.starts_with(b"vids") {
        return None;
    }
    let number = |at: usize| {
        let bytes = header.get(at..)?.first_chunk()?;
        Some(u64::from(u32::from_le_bytes(*bytes)))
    };
    let (scale, rate, length) = (number(20)?, number(24)?, number(32)?);
    let ns = u128::from(length) * u128::from(scale) * 1_000_000_000;
    u64::try_from(ns.checked_div(u128::from(rate))?).ok()
}

/// Names and contents of the chunks in a list; the last may be cut.
fn children(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (name, behind) = rest.split_first_chunk()?;
        let (length, behind) = behind.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let body = behind.get(..length).unwrap_or(behind);
        rest = behind.get(length + length % 2..).unwrap_or(&[]);
        Some((name, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&name[..], &length, body].concat()
    }

    fn list(kind: &[u8; 4], children: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"LIST", &[&kind[..], &children.concat()].concat())
    }

    /// The header of a stream of 100 pictures, 25 a second.
    fn header(kind: &[u8; 4]) -> Vec<u8> {
        let mut body = kind.to_vec();
        for number in [0, 0, 0, 0, 1, 25, 0, 100_u32] {
            body.extend(number.to_le_bytes());
        }
        chunk(b"strh", &body)
    }

    fn avi() -> Vec<u8> {
        let streams = [b"auds", b"vids"].map(|kind| list(b"strl", &[header(kind)]));
        let head = [chunk(b"avih", &[0; 56]), streams.concat()];
        let parts = [
            list(b"hdrl", &head),
            list(b"movi", &[vec![0; 100]]),
            chunk(b"idx1", &[0; 32]),
        ];
        chunk(b"RIFF", &[&b"AVI "[..], &parts.concat()].concat())
    }

    fn of(bytes: &[u8]) -> Option<u64> {
        let read = |offset: u64, len: u64| {
            let from = usize::try_from(offset).unwrap().min(bytes.len());
            let rest = &bytes[from..];
            let len = usize::try_from(len).unwrap().min(rest.len());
            Some(Bytes::copy_from_slice(&rest[..len]))
        };
        promised(&read, bytes.len() as u64)
    }

    #[test]
    fn a_file_that_ends_amid_its_media_promises_more() {
        let whole = avi();
        assert_eq!(of(&whole), None);
        let media_end = whole.len() - 40;
        for end in 0..=whole.len() {
            let is_cut = end < media_end && end > media_end - 100;
            let promised = of(&whole[..end]);
            // Without a list of media, nothing can be decoded at all.
            assert!(promised.is_none() || end < media_end, "{end}");
            assert!(!is_cut || promised == Some(4_000_000_000), "{end}");
        }
        // The next gigabyte of a long one.
        let more = chunk(
            b"RIFF",
            &[&b"AVIX"[..], &list(b"movi", &[vec![0; 100]])].concat(),
        );
        let long = [whole, more].concat();
        assert_eq!(of(&long), None);
        assert_eq!(of(&long[..long.len() - 1]), Some(4_000_000_000));
    }

    #[test]
    fn sizes_that_were_never_written_promise_nothing() {
        for unknown in SIZES_UNKNOWN {
            let mut bytes = avi();
            let at = bytes
                .windows(4)
                .position(|window| window == b"movi")
                .unwrap();
            bytes[at - 4..at].copy_from_slice(&unknown.to_le_bytes());
            assert_eq!(of(&bytes[..bytes.len() - 60]), None);
            bytes[4..8].copy_from_slice(&unknown.to_le_bytes());
            assert_eq!(of(&bytes[..bytes.len() - 60]), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            of(&bytes);
            let mut almost = avi();
            for (to, from) in almost.iter_mut().skip(8).step_by(3).zip(&bytes) {
                *to = *from;
            }
            of(&almost);
        }
    }
}
