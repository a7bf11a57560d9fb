//! An assembled file as the parts of a multipart upload: pure arithmetic.
//!
//! Every part but the last has the same size, since some S3 stores take no others; a part can be made
//! again alone, so that it is the unit of retry.

use super::assembly::{Assembly, CopyRange};

/// S3's smallest part that is not the last.
pub const PART_BYTES_MIN: u64 = 5 << 20;

/// S3's largest number of parts.
pub const PARTS_MAX: u64 = 10_000;

/// The parts of a file.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    assembly: &'a Assembly,
    part_bytes: u64,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its number in the upload, from 1.
    pub number: u32,
    /// Where it begins in the file.
    pub offset: u64,
    /// Its exact size.
    pub bytes: u64,
    /// What it consists of, in order: these sizes add up to `bytes`.
    pub sources: Vec<PartSource>,
}

/// A stretch of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartSource {
    /// From [`Assembly::header`].
    Header {
        /// First byte.
        offset: usize,
        /// How many.
        bytes: usize,
    },
    /// From a segment in storage.
    Object {
        /// Its key relative to the job's outputs.
        name: String,
        /// First byte.
        offset: u64,
        /// How many.
        bytes: u64,
    },
}

impl Assembly {
    /// The parts, of `part_bytes` each where S3's limits allow that: never under
    /// [`PART_BYTES_MIN`], and as much larger as [`PARTS_MAX`] asks for.
    #[must_use]
    pub fn parts(&self, part_bytes: u64) -> Parts<'_> {
        Parts {
            assembly: self,
            part_bytes: part_bytes
                .max(PART_BYTES_MIN)
                .max(self.bytes().div_ceil(PARTS_MAX)),
        }
    }
}

impl<'a> Parts<'a> {
    /// Parts under S3's limits, for tests of the arithmetic.
    #[cfg(test)]
    pub(super) fn of_exactly(assembly: &'a Assembly, part_bytes: u64) -> Self {
        Self {
            assembly,
            part_bytes,
        }
    }

    /// Size of every part but the last.
    #[must_use]
    pub fn part_bytes(&self) -> u64 {
        self.part_bytes
    }

    /// How many.
    #[must_use]
    pub fn n_parts(&self) -> u32 {
        // At most PARTS_MAX, by the choice of the size.
        u32::try_from(self.assembly.bytes().div_ceil(self.part_bytes)).unwrap_or(u32::MAX)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl Iterator<Item = Part> + use<'a> {
        let parts = *self;
        (1..=self.n_parts()).filter_map(move |number| parts.get(number))
    }

    /// One of them, by its number from 1.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<Part> {
        let offset = u64::from(number.checked_sub(1)?).checked_mul(self.part_bytes)?;
        let end = offset
            .saturating_add(self.part_bytes)
            .min(self.assembly.bytes());
        if offset >= end {
            return None;
        }
        let mut sources = Vec::new();
        sources.extend(self.header_source(offset, end));
        let copies = self.assembly.copies();
        let first = copies.partition_point(|copy| copy_end(copy) <= offset);
        let inside = copies.iter().skip(first);
        let inside = inside.take_while(|copy| copy.file_offset < end);
        sources.extend(inside.filter_map(|copy| self.copy_source(copy, offset, end)));
        Some(Part {
            number,
            offset,
            bytes: end - offset,
            sources,
        })
    }

    fn header_source(&self, offset: u64, end: u64) -> Option<PartSource> {
        let header_bytes = self.assembly.header().len();
        let from = usize::try_from(offset).ok()?.min(header_bytes);
        let to = usize::try_from(end).unwrap_or(usize::MAX).min(header_bytes);
        (from < to).then(|| PartSource::Header {
            offset: from,
            bytes: to - from,
        })
    }

    fn copy_source(&self, copy: &CopyRange, offset: u64, end: u64) -> Option<PartSource> {
        let from = copy.file_offset.max(offset);
        let to = copy_end(copy).min(end);
        if from >= to {
            return None;
        }
        Some(PartSource::Object {
            name: self.assembly.object_name(copy)?,
            offset: u64::from(copy.offset) + (from - copy.file_offset),
            bytes: to - from,
        })
    }
}

fn copy_end(copy: &CopyRange) -> u64 {
    copy.file_offset + u64::from(copy.bytes)
}
