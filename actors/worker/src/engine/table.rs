//! The container's own table of frames, where it has one: the truth that decoding is measured by.

use std::sync::Arc;

use bus_schema::report::ErrorCode;

use super::source::Source;
use super::{Error, Result};
use crate::mp4;
use crate::mp4::index::{self, Found};

/// Reads the index of an MP4 or MOV, once for a source; `None` for other containers, and for one too
/// large to be read.
///
/// # Errors
/// [`ErrorCode::Truncated`] when samples or the index itself lie behind the file's end,
/// [`ErrorCode::Damaged`] when the index contradicts itself.
pub fn read(source: &Source) -> Result<Option<Arc<Found>>> {
    source.table(read_now)
}

fn read_now(source: &Source) -> Result<Option<Found>> {
    let read = |offset: u64, len: u32| source.read(offset, u64::from(len));
    let missing = |what: String| {
        let message = format!("{what}: the upload is not whole. Upload the file again.");
        Error::new(ErrorCode::Truncated, message)
    };
    match index::read_whole(read, source.size()) {
        Ok(Some(found)) if found.index.is_truncated(source.size()) => {
            let behind = found.index.media_end.saturating_sub(source.size());
            Err(missing(format!(
                "The last {behind} bytes of the file are missing"
            )))
        }
        Ok(found) => Ok(found),
        Err(mp4::Error::Truncated { what }) => {
            let message = "The file ends inside of its own index".to_owned();
            Err(missing(message).because(what))
        }
        Err(mp4::Error::TooLarge { what, limit }) => {
            tracing::info!(what, limit, "an index that is not read");
            Ok(None)
        }
        // Demuxers are more patient than the table's reader; the first frame decides.
        Err(mp4::Error::Damaged { what } | mp4::Error::Unsupported { what }) => {
            tracing::info!(what, "an index that cannot be read");
            Ok(None)
        }
        Err(error) => Err(source.failure().unwrap_or_else(|| {
            let message = "The file's index contradicts itself: the file is damaged. Upload it again, \
                           or a repaired copy.";
            Error::new(ErrorCode::Damaged, message).because(error.to_string())
        })),
    }
}
