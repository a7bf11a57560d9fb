//! The sample tables of a file that is not fragmented: `stbl`.

use super::boxes::{Children, Fields, entries, pair};
use super::builder::{SampleRun, TrackBuilder};
use super::sample_entry::Packets;
use crate::mp4::error::{Error, OrDamaged as _};

/// The tables, as they lie in `moov`.
#[derive(Debug, Default)]
pub(in crate::mp4) struct Tables<'a> {
    durations: &'a [[u8; 8]],
    offsets: &'a [[u8; 8]],
    /// Numbers of the sync samples, when not all are.
    sync: Option<&'a [[u8; 4]]>,
    chunk_runs: &'a [[u8; 12]],
    chunks: Chunks<'a>,
    sizes: Sizes<'a>,
}

#[derive(Debug)]
enum Chunks<'a> {
    Narrow(&'a [[u8; 4]]),
    Wide(&'a [[u8; 8]]),
}

impl Default for Chunks<'_> {
    fn default() -> Self {
        Self::Narrow(&[])
    }
}

/// Sizes of samples: of all, of each, or of each in half a byte or more.
#[derive(Debug)]
enum Sizes<'a> {
    Same {
        size: u32,
        count: u32,
    },
    Each(&'a [[u8; 4]]),
    Compact {
        bits: u8,
        count: u32,
        packed: &'a [u8],
    },
}

impl Default for Sizes<'_> {
    fn default() -> Self {
        Self::Each(&[])
    }
}

impl<'a> Tables<'a> {
    /// Of the body of `stbl`.
    pub(in crate::mp4) fn read(body: &'a [u8]) -> Result<Self, Error> {
        let mut tables = Self::default();
        for child in Children::new(body) {
            let child = child?;
            let fields = || Fields::full_box(child.body).map(|(_, _, fields)| fields);
            match &child.kind {
                b"stts" => tables.durations = entries(fields()?)?,
                b"ctts" => tables.offsets = entries(fields()?)?,
                b"stss" => tables.sync = Some(entries(fields()?)?),
                b"stsc" => tables.chunk_runs = entries(fields()?)?,
                b"stco" => tables.chunks = Chunks::Narrow(entries(fields()?)?),
                b"co64" => tables.chunks = Chunks::Wide(entries(fields()?)?),
                b"stsz" => tables.sizes = Sizes::read(fields()?)?,
                b"stz2" => tables.sizes = Sizes::read_compact(fields()?)?,
                _ => {}
            }
        }
        Ok(tables)
    }

    /// Gives the samples to the track.
    pub(super) fn fill(&self, track: &mut TrackBuilder) -> Result<(), Error> {
        // Where tables differ in length the shortest counts, as in every player.
        let mut left = self.sizes.count();
        // Composition offsets are signed in practice, whatever the version says.
        let offsets = self.offsets.iter().map(|entry| {
            let (count, offset) = pair(*entry);
            (count, offset.cast_signed())
        });
        let mut offsets = Stretches::new(offsets, 0);
        let mut sync = SyncSamples::new(self.sync);
        for entry in self.durations {
            let (count, duration) = pair(*entry);
            let mut rest = count.min(left);
            left -= rest;
            while rest > 0 {
                let (offset_count, composition_offset) = offsets.peek();
                let (sync_count, is_sync) = sync.peek();
                let count = rest.min(offset_count).min(sync_count);
                track.push(SampleRun {
                    count,
                    duration,
                    composition_offset,
                    is_sync,
                })?;
                offsets.take(count);
                sync.take(count);
                rest -= count;
            }
        }
        Ok(())
    }

    /// How many samples have a size.
    pub(in crate::mp4) fn n_samples(&self) -> u32 {
        self.sizes.count()
    }

    /// Size of each sample.
    pub(in crate::mp4) fn sizes(&self) -> impl Iterator<Item = u32> {
        // A sample has 32 bits of size.
        (0..self.n_samples())
            .map(|sample| u32::try_from(self.sizes.sum(sample, 1)).unwrap_or(u32::MAX))
    }

    /// The size that all samples have, if they have one.
    pub(in crate::mp4) fn common_size(&self) -> Option<u32> {
        match self.sizes {
            Sizes::Same { size, .. } => Some(size),
            Sizes::Each(_) | Sizes::Compact { .. } => None,
        }
    }

    /// Samples and units of each run of equal durations, as they lie in `stts`.
    pub(in crate::mp4) fn durations(&self) -> &'a [[u8; 8]] {
        self.durations
    }

    /// Samples and units of each run of equal composition offsets, as they lie in `ctts`.
    pub(in crate::mp4) fn offsets(&self) -> &'a [[u8; 8]] {
        self.offsets
    }

    /// Numbers of the sync samples, as they lie in `stss`; `None` when all are.
    pub(in crate::mp4) fn sync(&self) -> Option<&'a [[u8; 4]]> {
        self.sync
    }

    /// First chunk, samples per chunk and sample entry of each run of alike chunks, as they lie in `stsc`.
    pub(in crate::mp4) fn chunk_runs(&self) -> &'a [[u8; 12]] {
        self.chunk_runs
    }

    /// The chunks that samples lie in: offset in the file, bytes, samples.
    pub(in crate::mp4) fn chunks(&self) -> impl Iterator<Item = (u64, u64, u32)> {
        let mut runs = self.chunk_runs.iter().map(chunk_run).peekable();
        let (mut first_sample, mut per_chunk) = (0u32, 0u32);
        (0..self.chunks.len()).map_while(move |index| {
            if let Some((_, n_samples)) = runs.next_if(|(first, _)| *first as usize == index + 1) {
                per_chunk = n_samples;
            }
            let n_samples = per_chunk.min(self.sizes.count() - first_sample);
            let bytes = self.sizes.sum(first_sample, n_samples);
            first_sample += n_samples;
            (n_samples > 0).then(|| (self.chunks.at(index), bytes, n_samples))
        })
    }

    /// The first byte behind the last that a sample uses, given the packets that sound may lie in.
    pub(super) fn media_end(&self, packets: Option<Packets>) -> Result<u64, Error> {
        // Tables of such packets count each sample of sound, with one size for all of them.
        let is_counted = matches!(self.durations, [run] if pair(*run).1 == 1);
        let packets = packets.filter(|_| is_counted && self.common_size().is_some());
        let ends = self.chunks().map(|(offset, bytes, n_samples)| {
            let bytes = packets.map_or(bytes, |packets| {
                u64::from(n_samples.div_ceil(packets.samples)) * u64::from(packets.bytes)
            });
            offset.saturating_add(bytes)
        });
        let end = ends.max().unwrap_or(0);
        if self.chunk_runs.iter().any(|run| chunk_run(run).0 == 0) {
            return Err(Error::Damaged {
                what: "chunks that are counted from 0",
            });
        }
        Ok(end)
    }
}

fn chunk_run(entry: &[u8; 12]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h, ..] = *entry;
    pair([a, b, c, d, e, f, g, h])
}

impl Chunks<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Narrow(offsets) => offsets.len(),
            Self::Wide(offsets) => offsets.len(),
        }
    }

    fn at(&self, index: usize) -> u64 {
        match self {
            Self::Narrow(offsets) => offsets
                .get(index)
                .map_or(0, |offset| u32::from_be_bytes(*offset).into()),
            Self::Wide(offsets) => offsets.get(index).map_or(0, |o| u64::from_be_bytes(*o)),
        }
    }
}

impl<'a> Sizes<'a> {
    fn read(mut fields: Fields<'a>) -> Result<Self, Error> {
        let size = fields.u32()?;
        if size == 0 {
            return Ok(Self::Each(entries(fields)?));
        }
        let count = fields.u32()?;
        Ok(Self::Same { size, count })
    }

    fn read_compact(mut fields: Fields<'a>) -> Result<Self, Error> {
        let [_, _, _, bits] = fields.bytes()?;
        let count = fields.u32()?;
        let bytes = (u64::from(count) * u64::from(bits)).div_ceil(8);
        let bytes = usize::try_from(bytes)
            .ok()
            .filter(|_| matches!(bits, 4 | 8 | 16));
        let packed = bytes.and_then(|bytes| fields.rest().get(..bytes));
        Ok(Self::Compact {
            bits,
            count,
            packed: packed.or_damaged("a table with fewer entries than it counts")?,
        })
    }

    fn count(&self) -> u32 {
        match self {
            Self::Same { count, .. } | Self::Compact { count, .. } => *count,
            // The entries were counted by a 32-bit number.
            Self::Each(sizes) => u32::try_from(sizes.len()).unwrap_or(u32::MAX),
        }
    }

    /// Bytes of `count` samples from `first` on.
    fn sum(&self, first: u32, count: u32) -> u64 {
        let (from, n) = (first as usize, count as usize);
        match self {
            Self::Same { size, .. } => u64::from(*size) * u64::from(count),
            Self::Each(sizes) => {
                let inside = sizes.iter().skip(from).take(n);
                inside
                    .map(|size| u64::from(u32::from_be_bytes(*size)))
                    .sum()
            }
            Self::Compact { bits, packed, .. } => {
                let indexes = from..from.saturating_add(n);
                indexes
                    .map(|index| compact_size(packed, *bits, index))
                    .sum()
            }
        }
    }
}

fn compact_size(packed: &[u8], bits: u8, index: usize) -> u64 {
    let byte = |at: usize| u64::from(packed.get(at).copied().unwrap_or(0));
    match bits {
        4 if index.is_multiple_of(2) => byte(index / 2) >> 4,
        4 => byte(index / 2) & 0x0f,
        8 => byte(index),
        _ => (byte(index * 2) << 8) | byte(index * 2 + 1),
    }
}

/// Runs of values, taken in other portions than they come in; behind the last one a rest without end.
struct Stretches<I, T> {
    runs: I,
    open: (u32, T),
    rest: T,
}

impl<I: Iterator<Item = (u32, T)>, T: Copy> Stretches<I, T> {
    fn new(runs: I, rest: T) -> Self {
        Self {
            runs,
            open: (0, rest),
            rest,
        }
    }

    /// How many of which value come next; at least one.
    fn peek(&mut self) -> (u32, T) {
        while self.open.0 == 0 {
            self.open = self.runs.next().unwrap_or((u32::MAX, self.rest));
        }
        self.open
    }

    fn take(&mut self, count: u32) {
        self.open.0 = self.open.0.saturating_sub(count);
    }
}

/// Whether decoding can begin at the next samples.
struct SyncSamples<'a> {
    /// Numbers to come, ascending; `None` when all samples are sync.
    numbers: Option<&'a [[u8; 4]]>,
    /// Number of the next sample, from 1.
    next: u32,
}

impl<'a> SyncSamples<'a> {
    fn new(numbers: Option<&'a [[u8; 4]]>) -> Self {
        Self { numbers, next: 1 }
    }

    fn peek(&mut self) -> (u32, bool) {
        let Some(numbers) = &mut self.numbers else {
            return (u32::MAX, true);
        };
        // What is out of order was passed already and counts as no keyframe.
        while let Some((number, rest)) = numbers.split_first() {
            let number = u32::from_be_bytes(*number);
            if number == self.next {
                return (1, true);
            }
            if number > self.next {
                return (number - self.next, false);
            }
            *numbers = rest;
        }
        (u32::MAX, false)
    }

    fn take(&mut self, count: u32) {
        self.next = self.next.saturating_add(count);
    }
}
