//! A copied file as the parts of a multipart upload: pure arithmetic, on what a process said that may
//! say anything.

use std::ops::Range;

use super::{HEAD_BYTES_MAX, RANGES_MAX, SourceRange};
use crate::mp4::error::Error;
use crate::mp4::parts::{PART_BYTES_MIN, PARTS_MAX};

/// Bytes between two ranges that are read along and thrown away: a request costs about as much time as
/// 256 KiB.
const GAP_BYTES_MAX: u64 = 256 << 10;
/// The largest read that is made of several ranges: bytes that are thrown away take memory, too.
const READ_BYTES_MAX: u64 = 32 << 20;

/// A head, and ranges of the source behind it.
#[derive(Debug)]
pub struct CopiedFile {
    head: Vec<u8>,
    ranges: Vec<Placed>,
    bytes: u64,
    part_bytes: u64,
}

/// A range, and where it goes.
#[derive(Debug, Clone, Copy)]
struct Placed {
    range: SourceRange,
    file_offset: u64,
}

impl Placed {
    fn file_end(&self) -> u64 {
        self.file_offset + self.range.bytes
    }
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedPart {
    /// Its number in the upload, from 1.
    pub number: u32,
    /// Its exact size.
    pub bytes: u64,
    /// Which bytes of the head it begins with.
    pub head: Range<usize>,
    /// What is read of the source for the rest of it, in order.
    pub reads: Vec<Read>,
}

/// One read of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// First byte.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// Which of them are kept, in order.
    pub kept: Vec<Range<u64>>,
}

impl CopiedFile {
    /// Of a source of `source_bytes`, in parts of `part_bytes` where S3's limits allow that.
    ///
    /// # Errors
    /// [`Error::Damaged`] for ranges that are empty, out of order, lie beyond the source, or follow no
    /// head; [`Error::TooLarge`] over [`HEAD_BYTES_MAX`] or [`RANGES_MAX`].
    pub fn new(
        head: Vec<u8>,
        ranges: &[SourceRange],
        source_bytes: u64,
        part_bytes: u64,
    ) -> Result<Self, Error> {
        let too_large = |what, limit| Err(Error::TooLarge { what, limit });
        if head.len() as u64 > HEAD_BYTES_MAX {
            return too_large("index of a copy", HEAD_BYTES_MAX);
        }
        if ranges.len() > RANGES_MAX {
            return too_large("number of ranges of a copy", RANGES_MAX as u64);
        }
        if head.is_empty() || ranges.is_empty() {
            return Err(Error::Damaged {
                what: "a copy of nothing",
            });
        }
        let mut placed = Vec::with_capacity(ranges.len());
        let (mut bytes, mut end) = (head.len() as u64, 0);
        for &range in ranges {
            let range_end = range.offset.checked_add(range.bytes);
            let is_next = range.bytes > 0 && range.offset >= end;
            match range_end.filter(|end| is_next && *end <= source_bytes) {
                Some(range_end) => end = range_end,
                None => {
                    return Err(Error::Damaged {
                        what: "ranges of a copy that do not lie in the source one after the other",
                    });
                }
            }
            placed.push(Placed {
                range,
                file_offset: bytes,
            });
            bytes += range.bytes;
        }
        Ok(Self {
            head,
            ranges: placed,
            bytes,
            part_bytes: part_bytes
                .max(PART_BYTES_MIN)
                .max(bytes.div_ceil(PARTS_MAX)),
        })
    }

    /// Size of the whole file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file up to its first sample.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How many parts.
    #[must_use]
    pub fn n_parts(&self) -> u32 {
        // At most PARTS_MAX, by the choice of their size.
        u32::try_from(self.bytes.div_ceil(self.part_bytes)).unwrap_or(u32::MAX)
    }

    /// All parts in order.
    pub fn parts(&self) -> impl Iterator<Item = CopiedPart> {
        (1..=self.n_parts()).map(|number| self.part(number))
    }

    fn part(&self, number: u32) -> CopiedPart {
        let offset = u64::from(number - 1) * self.part_bytes;
        let end = (offset + self.part_bytes).min(self.bytes);
        let in_head =
            |at: u64| usize::try_from(at).map_or(self.head.len(), |at| at.min(self.head.len()));
        let first = self
            .ranges
            .partition_point(|placed| placed.file_end() <= offset);
        let mut reads: Vec<Read> = Vec::new();
        for placed in self.ranges.iter().skip(first) {
            let from = placed.file_offset.max(offset);
            let to = placed.file_end().min(end);
            if from >= to {
                break;
            }
            let start = placed.range.offset + (from - placed.file_offset);
            append(&mut reads, start..start + (to - from));
        }
        CopiedPart {
            number,
            bytes: end - offset,
            head: in_head(offset)..in_head(end),
            reads,
        }
    }
}

/// Adds bytes of the source to the last read, where they lie near it.
fn append(reads: &mut Vec<Read>, bytes: Range<u64>) {
    match reads.last_mut() {
        Some(last)
            if bytes.start - (last.offset + last.bytes) <= GAP_BYTES_MAX
                && bytes.end - last.offset <= READ_BYTES_MAX =>
        {
            last.bytes = bytes.end - last.offset;
            last.kept
                .push(bytes.start - last.offset..bytes.end - last.offset);
        }
        Some(_) | None => reads.push(Read {
            offset: bytes.start,
            bytes: bytes.end - bytes.start,
            kept: std::iter::once(0..bytes.end - bytes.start).collect(),
        }),
    }
}

impl Read {
    /// The kept bytes of what was read.
    ///
    /// # Errors
    /// [`Error::Damaged`] for another number of bytes than was asked for.
    pub fn keep(&self, read: &[u8], to: &mut bytes::BytesMut) -> Result<(), Error> {
        for kept in &self.kept {
            let range = usize::try_from(kept.start)
                .ok()
                .zip(usize::try_from(kept.end).ok());
            let kept = range.and_then(|(from, to)| read.get(from..to));
            let kept = kept.ok_or(Error::Damaged {
                what: "fewer bytes of the source than were asked for",
            })?;
            to.extend_from_slice(kept);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn range(offset: u64, bytes: u64) -> SourceRange {
        SourceRange { offset, bytes }
    }

    #[test]
    fn parts_add_up_and_near_ranges_are_read_at_once() {
        let ranges = [
            range(100, 7 * MIB),
            range(100 + 7 * MIB + 1_000, 2 * MIB),
            range(20 * MIB, 3 * MIB),
        ];
        let file = CopiedFile::new(vec![1; 700], &ranges, 23 * MIB, 5 * MIB).unwrap();
        let parts: Vec<CopiedPart> = file.parts().collect();
        let sizes: Vec<u64> = parts.iter().map(|part| part.bytes).collect();
        assert_eq!(sizes, [5 * MIB, 5 * MIB, 2 * MIB + 700]);
        let reads: Vec<usize> = parts.iter().map(|part| part.reads.len()).collect();
        assert_eq!(reads, [1, 2, 1], "the first two ranges are near each other");
        for part in &parts {
            let kept = part.reads.iter().flat_map(|read| &read.kept);
            let kept: u64 = kept.map(|kept| kept.end - kept.start).sum();
            assert_eq!(part.head.len() as u64 + kept, part.bytes);
        }
        assert_eq!(
            (parts[0].head.clone(), parts[1].head.clone()),
            (0..700, 700..700)
        );
        let sum: u64 = sizes.iter().sum();
        assert_eq!(sum, file.bytes());
    }

    #[test]
    fn a_large_file_has_as_many_parts_as_s3_takes() {
        let ranges = [range(0, 5 << 40)];
        let file = CopiedFile::new(vec![1], &ranges, 5 << 40, 16 * MIB).unwrap();
        assert!(u64::from(file.n_parts()) <= PARTS_MAX);
    }

    #[test]
    fn ranges_that_are_none_are_refused() {
        let new = |head: &[u8], ranges: &[SourceRange]| {
            CopiedFile::new(head.to_vec(), ranges, 100, 5 * MIB).map(|file| file.bytes())
        };
        assert_eq!(new(&[1], &[range(0, 50), range(50, 50)]).unwrap(), 101);
        for ranges in [
            &[][..],
            &[range(0, 0)],
            &[range(0, 101)],
            &[range(u64::MAX, 2)],
            &[range(50, 10), range(0, 10)],
            &[range(0, 10), range(9, 10)],
        ] {
            assert!(new(&[1], ranges).is_err(), "{ranges:?}");
        }
        assert!(new(&[], &[range(0, 1)]).is_err());
    }
}
