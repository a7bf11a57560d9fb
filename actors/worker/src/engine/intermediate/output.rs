//! The intermediate's bytes on their way to the parent, in objects of one size.

use std::sync::Arc;

use bus_schema::intermediate::{Intermediate, PIECE_BYTES, bytes_max};
use bus_schema::object_key;
use bus_schema::report::ErrorCode;

use crate::engine::results::Results;
use crate::engine::{Error, Result};

/// Takes media as it comes, and the head last.
#[derive(Debug)]
pub(super) struct Output {
    results: Arc<Results>,
    /// What does not fill an object yet.
    pending: Vec<u8>,
    n_pieces: u32,
    media_bytes: u64,
    bytes_max: u64,
    is_discarded: bool,
}

impl Output {
    pub(super) fn new(results: &Arc<Results>, source_bytes: u64) -> Self {
        Self {
            results: Arc::clone(results),
            pending: Vec::new(),
            n_pieces: 0,
            media_bytes: 0,
            bytes_max: bytes_max(source_bytes),
            is_discarded: false,
        }
    }

    /// Appends media; waits for the parent where it has not stored what came before.
    pub(super) fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.media_bytes += bytes.len() as u64;
        if self.media_bytes > self.bytes_max {
            let message = "The file holds more media than fits into it: it is damaged. Upload it again, \
                           or a repaired copy.";
            return Err(Error::new(ErrorCode::LimitExceeded, message));
        }
        if self.is_discarded {
            return Ok(());
        }
        while !bytes.is_empty() {
            let room = (PIECE_BYTES as usize).saturating_sub(self.pending.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() >= PIECE_BYTES as usize {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Sends nothing more: the source is left as it is.
    pub(super) fn discard(&mut self) {
        self.is_discarded = true;
        self.pending = Vec::new();
    }

    /// Sends what is left, and the head.
    pub(super) fn finish(&mut self, head: &[u8]) -> Result<Intermediate> {
        if !self.pending.is_empty() {
            self.send()?;
        }
        for (piece, number) in head.chunks(PIECE_BYTES as usize).zip(0..) {
            self.results
                .object(object_key::intermediate_head(number), piece.to_vec())?;
        }
        Ok(Intermediate {
            head_bytes: head.len() as u64,
            media_bytes: self.media_bytes,
            piece_bytes: PIECE_BYTES,
        })
    }

    fn send(&mut self) -> Result<()> {
        let piece = std::mem::take(&mut self.pending);
        let name = object_key::intermediate_media(self.n_pieces);
        self.n_pieces += 1;
        self.results.object(name, piece)
    }
}
