//! One MP4 with its index in front, made of an MP4 or MOV whose streams stay as they are.
//!
//! The head is written anew from the tables of the first picture and the first sound: whatever else a
//! source holds - other tracks, places and times of recording, notes of its program - is left behind,
//! and what is QuickTime's own way becomes MP4's. The media follows as ranges of the source in its own
//! order: a chunk of samples is moved, and never cut. Only bytes that kept samples use are copied, so that
//! no byte of a track that is dropped gets through.

mod asc;
pub(crate) mod bits;
mod copied_file;
mod facts;
mod head;
mod layout;
mod source_track;
pub(crate) mod sps;
#[cfg(test)]
mod tests;

pub use copied_file::{CopiedFile, CopiedPart, Read};
pub use facts::facts;

use serde::{Deserialize, Serialize};

use super::codec;
use super::error::Error;
use super::index::{MOVIE_BYTES_MAX, MovieIndex};
use layout::Layout;
use source_track::{SourceMovie, SourceTrack};

/// The largest head: as large as the largest index that is read.
pub const HEAD_BYTES_MAX: u64 = MOVIE_BYTES_MAX;

/// Most ranges: 24 h in which another track lies between the kept ones six times a second.
pub const RANGES_MAX: usize = 1 << 19;

/// Bytes of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRange {
    /// First byte.
    pub offset: u64,
    /// How many, at least one.
    pub bytes: u64,
}

/// What a copy consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remux {
    /// `ftyp`, `moov` and the header of `mdat`: the file up to its first sample.
    pub head: Vec<u8>,
    /// What follows, in order.
    pub ranges: Vec<SourceRange>,
    /// Frames of the picture.
    pub frames: u64,
    /// Time at which the longest track ends.
    pub duration_ms: u64,
    /// RFC 6381, each codec once, the picture's first.
    pub codecs: String,
}

impl Remux {
    /// Plans the copy of a file of `size` bytes, of which this is the index, and the body of `moov` that
    /// it was read from.
    ///
    /// # Errors
    /// [`Error::Truncated`] when samples lie behind the file's end; [`Error::Damaged`] when tables
    /// contradict each other; [`Error::Unsupported`] for streams that MP4 has other words for;
    /// [`Error::TooLarge`] over [`HEAD_BYTES_MAX`] or [`RANGES_MAX`].
    pub fn new(index: &MovieIndex, moov: &[u8], size: u64) -> Result<Self, Error> {
        if index.is_fragmented {
            return Err(Error::Unsupported {
                what: "a copy of fragments",
            });
        }
        let movie = SourceMovie::read(index, moov)?;
        let layout = Layout::new(&movie.tracks, size)?;
        head::check_size(&movie, &layout)?;
        let head = head::encode(&movie, &layout)?;
        let ends = movie.tracks.iter().filter_map(|track| track.index.end_ns());
        let configs = movie.tracks.iter().filter_map(SourceTrack::config);
        Ok(Self {
            head,
            codecs: codec::all(configs.map(|config| config.codecs())),
            frames: index.video().map_or(0, |track| track.n_samples),
            duration_ms: ends.max().unwrap_or(0) / 1_000_000,
            ranges: layout.ranges,
        })
    }
}
