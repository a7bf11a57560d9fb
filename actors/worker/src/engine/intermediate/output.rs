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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use bus_schema::task::{ProbeSpec, TaskSpec};

    use super::*;
    use crate::protocol::{self, Begin, ToChild, frame};

    fn results() -> (UnixStream, Arc<Results>) {
        let (mut parent, child) = UnixStream::pair().unwrap();
        let begin = ToChild::Begin(Box::new(Begin {
            spec: TaskSpec::Probe(ProbeSpec { source_bytes: 1 }),
            threads: 1,
            data_bytes_max: 1 << 20,
        }));
        frame::write(&mut parent, &begin, protocol::TO_CHILD_BYTES_MAX).unwrap();
        (parent, Arc::new(Results::begin(child).unwrap().0))
    }

    #[test]
    fn more_media_than_a_source_can_hold_is_refused_before_it_is_sent() {
        let (_parent, results) = results();
        assert_eq!(Output::new(&results, 1_000).bytes_max, bytes_max(1_000));
        let mut output = Output {
            bytes_max: 1_000,
            ..Output::new(&results, 0)
        };
        output.append(&[0; 600]).unwrap();
        output.append(&[0; 400]).unwrap();
        let error = output.append(&[0]).unwrap_err();
        assert_eq!(error.code, ErrorCode::LimitExceeded);
        assert!(
            error.message.starts_with("The file holds more media"),
            "{error:?}"
        );
        assert_eq!(output.n_pieces, 0);
    }
}
