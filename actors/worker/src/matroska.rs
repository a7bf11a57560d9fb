//! Matroska and WebM, as far as their subtitles are concerned: tracks and blocks. No GStreamer, whose
//! demuxer neither tells WebVTT nor gives text as it is in the file; reads go through a closure.
//!
//! Everything that is read here may come from a stranger: nothing panics, and nothing takes more memory
//! than a named limit. The format is RFC 9559, its elements are RFC 8794's.

mod blocks;
mod ebml;
mod encoding;
mod tracks;

use std::io;

use bytes::Bytes;

pub use blocks::{Block, Walk, walk};
pub use encoding::Encoding;
pub use tracks::{TextTrack, Tracks, read_tracks};

/// Reads bytes of a source: from an offset, so many; fewer at its end.
pub type Read<'a> = &'a mut dyn FnMut(u64, u64) -> io::Result<Bytes>;

/// Why a file is not read on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is there is not Matroska.
    #[error("not Matroska: {0}")]
    Damaged(&'static str),
    /// Reading failed.
    #[error("cannot read the source: {0}")]
    Read(#[from] io::Error),
}
