//! The MP4 that a source without a usable index is remuxed into, once, by its probe; every other task
//! reads it in the source's place.
//!
//! It lies in storage as objects that follow each other: its head - everything up to the first sample -
//! which is known last, and its media, which is written as it comes. Objects, and not one, since parts of
//! an upload can neither be read before it is completed nor be left behind by a lost attempt unseen.

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, TaskNumber};
use crate::object_key;

/// Bytes of every object of head or media but the last.
pub const PIECE_BYTES: u32 = 16 << 20;
/// The largest head: half of what is read of an MP4's index.
pub const HEAD_BYTES_MAX: u64 = 64 << 20;
/// What a source is remuxed into may have a quarter more bytes than the source, and this: units of a few
/// bytes get longer ones for their lengths.
pub const EXTRA_BYTES_MAX: u64 = 64 << 20;
/// Containers that are remuxed, by their short names: seeks in them end between keyframes.
pub const CONTAINERS: [&str; 3] = ["mpegts", "mpegps", "avi"];

/// An intermediate in storage, under the attempt of the probe that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intermediate {
    /// Bytes of everything up to the first sample.
    pub head_bytes: u64,
    /// Bytes of all samples.
    pub media_bytes: u64,
    /// Bytes of every object of head or media but the last.
    pub piece_bytes: u32,
}

/// Where a task finds the intermediate that it reads in the source's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntermediatePlace {
    /// The probe.
    pub task: TaskNumber,
    /// The attempt of it that won.
    pub attempt: Attempt,
    /// What it wrote.
    pub intermediate: Intermediate,
}

/// Bytes of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceRange {
    /// Its name under the probe's attempt.
    pub name: String,
    /// The first of them.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// Most bytes that a source of so many is remuxed into.
#[must_use]
pub fn bytes_max(source_bytes: u64) -> u64 {
    source_bytes
        .saturating_add(source_bytes / 4)
        .saturating_add(EXTRA_BYTES_MAX)
}

impl Intermediate {
    /// Size of the whole file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.head_bytes.saturating_add(self.media_bytes)
    }

    /// Whether it can be what a source of so many bytes was remuxed into.
    ///
    /// # Errors
    /// What is wrong, as half a sentence.
    pub fn check(&self, source_bytes: u64) -> Result<(), &'static str> {
        if self.piece_bytes != PIECE_BYTES {
            return Err("pieces of another size than is written");
        }
        if self.head_bytes == 0 || self.head_bytes > HEAD_BYTES_MAX {
            return Err("a head of no size, or of too many bytes");
        }
        if self.bytes() > bytes_max(source_bytes) {
            return Err("more bytes than the source can hold");
        }
        Ok(())
    }

    /// All objects with their sizes.
    pub fn objects(&self) -> impl Iterator<Item = (String, u64)> {
        pieces(
            self.head_bytes,
            self.piece_bytes,
            object_key::intermediate_head,
        )
        .chain(pieces(
            self.media_bytes,
            self.piece_bytes,
            object_key::intermediate_media,
        ))
    }

    /// The object that holds the byte at an offset of the file, and what it has of the `bytes` from there
    /// on; `None` behind the end.
    #[must_use]
    pub fn locate(&self, offset: u64, bytes: u64) -> Option<PieceRange> {
        let piece_bytes = u64::from(self.piece_bytes.max(1));
        let (name, part_bytes, at): (fn(u32) -> String, u64, u64) = if offset < self.head_bytes {
            (object_key::intermediate_head, self.head_bytes, offset)
        } else {
            let at = offset - self.head_bytes;
            (object_key::intermediate_media, self.media_bytes, at)
        };
        if at >= part_bytes || bytes == 0 {
            return None;
        }
        let within = at % piece_bytes;
        let left = (part_bytes - at).min(piece_bytes - within);
        Some(PieceRange {
            name: name(u32::try_from(at / piece_bytes).ok()?),
            offset: within,
            bytes: bytes.min(left),
        })
    }
}

/// Names and sizes of the objects that so many bytes are stored in.
fn pieces(
    bytes: u64,
    piece_bytes: u32,
    name: fn(u32) -> String,
) -> impl Iterator<Item = (String, u64)> {
    let piece_bytes = u64::from(piece_bytes.max(1));
    let starts = (0..bytes.div_ceil(piece_bytes)).map(move |n| n * piece_bytes);
    (0..)
        .zip(starts)
        .map(move |(number, start)| (name(number), piece_bytes.min(bytes - start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Intermediate = Intermediate {
        head_bytes: 25,
        media_bytes: 31,
        piece_bytes: 10,
    };

    #[test]
    fn every_byte_lies_in_one_object() {
        let mut whole = Vec::new();
        for (name, bytes) in SMALL.objects() {
            whole.extend((0..bytes).map(|at| (name.clone(), at)));
        }
        assert_eq!(whole.len() as u64, SMALL.bytes());
        for from in 0..56_u64 {
            for bytes in 1..40 {
                let range = SMALL.locate(from, bytes).unwrap();
                assert!((1..=bytes).contains(&range.bytes), "{range:?}");
                for (at, n) in (from..).zip(0..range.bytes) {
                    let place = (range.name.clone(), range.offset + n);
                    assert_eq!(whole[usize::try_from(at).unwrap()], place);
                }
            }
        }
        assert_eq!(SMALL.locate(56, 1), None);
        assert_eq!(SMALL.locate(u64::MAX, 1), None);
        assert_eq!(SMALL.objects().count(), 3 + 4);
    }

    #[test]
    fn what_no_source_can_become_is_refused() {
        let good = Intermediate {
            head_bytes: 1_000,
            media_bytes: 1_000_000,
            piece_bytes: PIECE_BYTES,
        };
        assert_eq!(good.check(1_000_000), Ok(()));
        for bad in [
            Intermediate {
                piece_bytes: 0,
                ..good
            },
            Intermediate {
                piece_bytes: 1,
                ..good
            },
            Intermediate {
                head_bytes: 0,
                ..good
            },
            Intermediate {
                head_bytes: HEAD_BYTES_MAX + 1,
                ..good
            },
            Intermediate {
                media_bytes: u64::MAX,
                ..good
            },
            Intermediate {
                media_bytes: 70_000_000,
                ..good
            },
        ] {
            assert!(bad.check(1_000_000).is_err(), "{bad:?}");
        }
    }
}
