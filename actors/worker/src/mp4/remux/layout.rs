//! Where samples lie in the source, and where they go.

use super::source_track::SourceTrack;
use super::{RANGES_MAX, SourceRange};
use crate::mp4::error::{Error, OrDamaged as _};
use crate::mp4::index::boxes::pair;
use crate::mp4::index::tables::Tables;

/// Most chunks of all kept tracks: 24 h of 30 frames a second in which picture and sound take turns with
/// every frame. One takes some 50 bytes while places are counted out.
const CHUNKS_MAX: usize = 1 << 23;

/// The places of all kept samples.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// What is copied, in the source's order.
    pub(super) ranges: Vec<SourceRange>,
    /// Bytes of all of it.
    pub(super) payload_bytes: u64,
    /// Of each track: where its chunks go, from the first byte of the payload on.
    pub(super) chunks: Vec<Vec<u64>>,
}

/// A chunk in the source.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    offset: u64,
    bytes: u64,
    track: usize,
}

impl Layout {
    /// Of tracks of a file of `size` bytes. The source's order is kept: a file that was written to be
    /// played from a disk or a net has its tracks side by side.
    pub(super) fn new(tracks: &[SourceTrack<'_>], size: u64) -> Result<Self, Error> {
        let mut chunks = Vec::new();
        for (place, track) in tracks.iter().enumerate() {
            check(track)?;
            let found = track.tables.chunks().map(|(offset, bytes, _)| Chunk {
                offset,
                bytes,
                track: place,
            });
            chunks.extend(found.take(CHUNKS_MAX + 1));
            if chunks.len() > CHUNKS_MAX {
                return Err(Error::TooLarge {
                    what: "number of chunks of a copy",
                    limit: CHUNKS_MAX as u64,
                });
            }
        }
        // Stable, so that a track's own order is kept where chunks have no bytes.
        chunks.sort_by_key(|chunk| chunk.offset);
        let mut layout = Self {
            ranges: Vec::new(),
            payload_bytes: 0,
            chunks: vec![Vec::new(); tracks.len()],
        };
        let mut places = vec![Vec::new(); tracks.len()];
        for chunk in chunks {
            let place = layout.append(chunk, size)?;
            if let Some(places) = places.get_mut(chunk.track) {
                places.push((chunk.offset, place));
            }
        }
        for ((track, places), chunks) in tracks.iter().zip(&places).zip(&mut layout.chunks) {
            chunks.extend(
                track
                    .tables
                    .chunks()
                    .map(|(offset, ..)| place_of(places, offset)),
            );
        }
        Ok(layout)
    }

    /// Appends a chunk, and returns where it goes.
    fn append(&mut self, chunk: Chunk, size: u64) -> Result<u64, Error> {
        let Chunk { offset, bytes, .. } = chunk;
        let end = offset.checked_add(bytes).filter(|end| *end <= size);
        if end.is_none() {
            return Err(Error::Truncated {
                what: "samples lie behind the end of the file",
            });
        }
        let place = self.payload_bytes;
        self.payload_bytes += bytes;
        match self.ranges.last_mut() {
            _ if bytes == 0 => {}
            Some(last) if last.offset + last.bytes == offset => last.bytes += bytes,
            Some(last) if last.offset + last.bytes > offset => {
                return Err(Error::Damaged {
                    what: "samples that share bytes",
                });
            }
            Some(_) | None => self.ranges.push(SourceRange { offset, bytes }),
        }
        if self.ranges.len() > RANGES_MAX {
            return Err(Error::TooLarge {
                what: "number of ranges of a copy",
                limit: RANGES_MAX as u64,
            });
        }
        Ok(place)
    }
}

/// Where the chunk at an offset of the source goes; places are in the order of offsets.
fn place_of(places: &[(u64, u64)], offset: u64) -> u64 {
    let found = places.partition_point(|(one, _)| *one < offset);
    places.get(found).map_or(0, |(_, place)| *place)
}

/// The tables count the same samples, each with a place, and of one kind.
fn check(track: &SourceTrack<'_>) -> Result<(), Error> {
    if !track.is_in_this_file {
        return Err(Error::Unsupported {
            what: "samples that lie in another file",
        });
    }
    let tables = &track.tables;
    let n_samples = u64::from(tables.n_samples());
    let total = |runs: &[[u8; 8]]| -> u64 { runs.iter().map(|run| u64::from(pair(*run).0)).sum() };
    let is_whole = total(tables.durations()) == n_samples
        && (tables.offsets().is_empty() || total(tables.offsets()) == n_samples)
        && tables.chunks().map(|(.., n)| u64::from(n)).sum::<u64>() == n_samples
        && track.index.n_samples == n_samples
        && is_ascending(tables.sync().unwrap_or(&[]), tables.n_samples());
    is_whole
        .then_some(())
        .or_damaged("tables of different numbers of samples")?;
    check_chunk_runs(tables)
}

/// Whether these are numbers of samples, each once and in order.
fn is_ascending(numbers: &[[u8; 4]], n_samples: u32) -> bool {
    let mut before = 0;
    numbers.iter().all(|number| {
        let number = u32::from_be_bytes(*number);
        let is_next = number > before && number <= n_samples;
        before = number;
        is_next
    })
}

/// Runs of chunks begin with the first and go on in order; all samples have the first entry.
fn check_chunk_runs(tables: &Tables<'_>) -> Result<(), Error> {
    let mut before = 0;
    for [a, b, c, d, e, f, g, h, i, j, k, l] in tables.chunk_runs() {
        let (first, n_samples) = pair([*a, *b, *c, *d, *e, *f, *g, *h]);
        let is_next = if before == 0 {
            first == 1
        } else {
            first > before
        };
        if !is_next || n_samples == 0 || u32::from_be_bytes([*i, *j, *k, *l]) != 1 {
            return Err(Error::Damaged {
                what: "chunks that are out of order, empty, or of several kinds",
            });
        }
        before = first;
    }
    Ok(())
}
