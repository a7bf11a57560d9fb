//! Planning a copy: the child reads the source's index, writes a head of its own, and says which bytes of
//! the source follow. Nothing is demuxed, and no media comes here.

use bus_schema::report::ErrorCode;
use serde_bytes::ByteBuf;

use super::results::Results;
use super::source::Source;
use super::{Error, Result, table};
use crate::mp4;
use crate::mp4::remux::Remux;
use crate::protocol::{CopyRanges, HEAD_PIECE_BYTES_MAX, ToParent};

/// Sends the head of the copy, and returns what follows it.
///
/// # Errors
/// [`ErrorCode::Truncated`] when samples lie behind the source's end, [`ErrorCode::Unsupported`] or
/// [`ErrorCode::Damaged`] for what cannot be copied: the plan asked for the copy of another source.
pub fn run(source: &Source, results: &Results) -> Result<CopyRanges> {
    let Some(found) = table::read(source)? else {
        let message = "The file is no MP4 or MOV with an index that can be read: it cannot be copied. \
                       Ask for another preset.";
        return Err(Error::new(ErrorCode::Unsupported, message));
    };
    let Remux {
        head,
        ranges,
        frames,
        duration_ms,
        codecs,
    } = Remux::new(&found.index, &found.moov, source.size()).map_err(|error| refusal(&error))?;
    for piece in head.chunks(HEAD_PIECE_BYTES_MAX) {
        results.send(&ToParent::CopyHead(ByteBuf::from(piece)))?;
    }
    Ok(CopyRanges {
        ranges,
        frames,
        duration_ms,
        codecs,
    })
}

fn refusal(error: &mp4::Error) -> Error {
    let (code, message) = match error {
        mp4::Error::Truncated { .. } => (
            ErrorCode::Truncated,
            "Samples lie behind the end of the file: the upload is not whole. Upload the file again.",
        ),
        mp4::Error::Damaged { .. } => (
            ErrorCode::Damaged,
            "The file's index contradicts itself: the file is damaged. Upload it again, or a repaired \
             copy.",
        ),
        _ => (
            ErrorCode::Unsupported,
            "The file's streams cannot be copied into an MP4: ask for another preset.",
        ),
    };
    Error::new(code, message).because(error.to_string())
}
