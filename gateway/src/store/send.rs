//! From an object's blobs to a response's body: streamed, a range if one was asked for.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::task::spawn_blocking;

use super::catalog::Object;

/// Read at once: two buffers of it per download are in memory, one being read, one being sent.
const READ_BYTES: u64 = 256 << 10;

/// Where the next read begins.
struct Cursor {
    object: Arc<Object>,
    /// Index of the piece.
    piece: usize,
    /// Within the piece.
    offset: u64,
    /// Of the range, still to be sent.
    left: u64,
}

/// The bytes of `range`, which lies within the object. The stream holds on to the object: replacing or
/// deleting it meanwhile changes nothing for this reader.
pub(super) fn stream(
    object: Arc<Object>,
    range: Range<u64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
    let (mut piece, mut offset) = (0, range.start);
    while let Some(blob) = object.blobs.get(piece)
        && offset >= blob.size()
    {
        offset -= blob.size();
        piece += 1;
    }
    let cursor = Cursor {
        object,
        piece,
        offset,
        left: range.end - range.start,
    };
    stream::try_unfold(cursor, |cursor| async move {
        if cursor.left == 0 {
            return Ok(None);
        }
        spawn_blocking(|| cursor.read())
            .await
            .map_err(io::Error::other)?
            .map(Some)
    })
}

impl Cursor {
    fn read(mut self) -> io::Result<(Bytes, Self)> {
        loop {
            let blob = self
                .object
                .blobs
                .get(self.piece)
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            let n = READ_BYTES.min(self.left).min(blob.size() - self.offset);
            if n > 0 {
                let length = usize::try_from(n).map_err(io::Error::other)?;
                let bytes = blob.read(self.offset, length)?;
                self.offset += n;
                self.left -= n;
                return Ok((Bytes::from(bytes), self));
            }
            // An empty piece, or the end of one.
            self.piece += 1;
            self.offset = 0;
        }
    }
}
