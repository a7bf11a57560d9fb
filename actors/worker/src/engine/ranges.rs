//! The child's end of the ranges socket: a few blocks in memory and a read-ahead.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixStream;

use bytes::{Bytes, BytesMut};

use super::source::RangeSource;
use crate::protocol::{self, ASKS_MAX, Answer, Ask, RANGE_BYTES_MAX, Readable, frame};

/// Bytes per block. At 20 ms a request, 256 KiB blocks cost three times the time, 4 MiB blocks
/// three times the bytes for a chunk of four seconds.
const BLOCK_BYTES: u64 = RANGE_BYTES_MAX as u64;
/// Blocks kept: enough for two tracks that lie apart, each with its read-ahead, and the index.
const CACHED_BLOCKS_MAX: usize = 12;
/// Blocks asked for beyond the one that is needed, where reading goes on block after block: hides
/// the way to storage, and is most of what a chunk reads beyond its share.
const READ_AHEAD_BLOCKS: u64 = 2;
/// Blocks in a row behind which reading is taken to go on. The first frames of a film, which are
/// opened with before the chunk is sought, often lie on both sides of a block's end.
const ROW_BLOCKS: u64 = 2;

/// The whole of something small, asked for piece by piece while nothing else is.
///
/// # Errors
/// When the bytes cannot be had, or the parent went away.
pub(super) fn read_whole(socket: &mut UnixStream, of: Readable, size: u64) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    while (whole.len() as u64) < size {
        let offset = whole.len() as u64;
        let rest = u32::try_from(size - offset).unwrap_or(u32::MAX);
        let ask = Ask {
            id: offset,
            of,
            offset,
            len: rest.min(RANGE_BYTES_MAX),
        };
        frame::write(socket, &ask, protocol::ASK_BYTES_MAX).map_err(io::Error::other)?;
        let answer: Answer =
            frame::read(socket, protocol::TO_CHILD_BYTES_MAX).map_err(io::Error::other)?;
        let bytes = answer.result.map_err(io::Error::other)?;
        if answer.id != ask.id || bytes.len() != ask.len as usize {
            return Err(io::Error::other("an answer to what was not asked"));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole)
}

/// A source whose bytes the parent fetches.
#[derive(Debug)]
pub struct RangeClient {
    socket: UnixStream,
    size: u64,
    next_id: u64,
    /// Asked and not yet answered: id, block.
    asked: Vec<(u64, u64)>,
    /// The least recently used in front.
    cached: VecDeque<(u64, Bytes)>,
}

impl RangeClient {
    /// A source of `size` bytes, asked for over `socket`.
    #[must_use]
    pub fn new(socket: UnixStream, size: u64) -> Self {
        Self {
            socket,
            size,
            next_id: 0,
            asked: Vec::new(),
            cached: VecDeque::new(),
        }
    }

    /// A block, from the cache or the parent; and the next ones are asked for when those before
    /// were read too.
    fn block(&mut self, block: u64) -> io::Result<Bytes> {
        let is_sequential =
            block >= ROW_BLOCKS && (block - ROW_BLOCKS..block).all(|one| self.is_cached(one));
        if !self.is_cached(block) {
            self.ask(block)?;
        }
        if is_sequential {
            for ahead in block + 1..=block + READ_AHEAD_BLOCKS {
                let is_free = self.asked.len() < ASKS_MAX;
                if is_free && ahead * BLOCK_BYTES < self.size && !self.is_cached(ahead) {
                    self.ask(ahead)?;
                }
            }
        }
        loop {
            if let Some(bytes) = self.cached(block) {
                return Ok(bytes);
            }
            self.take_answer(Some(block))?;
        }
    }

    fn is_cached(&self, block: u64) -> bool {
        self.cached.iter().any(|(one, _)| *one == block)
    }

    fn cached(&mut self, block: u64) -> Option<Bytes> {
        let index = self.cached.iter().position(|(one, _)| *one == block)?;
        let entry = self.cached.remove(index)?;
        let bytes = entry.1.clone();
        self.cached.push_back(entry);
        Some(bytes)
    }

    fn ask(&mut self, block: u64) -> io::Result<()> {
        if self.asked.iter().any(|(_, one)| *one == block) {
            return Ok(());
        }
        while self.asked.len() >= ASKS_MAX {
            self.take_answer(None)?;
        }
        let id = self.next_id;
        self.next_id += 1;
        let ask = Ask {
            id,
            of: Readable::Source,
            offset: block * BLOCK_BYTES,
            len: self.block_len(block),
        };
        frame::write(&mut self.socket, &ask, protocol::ASK_BYTES_MAX).map_err(io::Error::other)?;
        self.asked.push((id, block));
        Ok(())
    }

    /// Waits for one answer. A failed read-ahead is forgotten: the block is asked for again when it
    /// is really needed. A failed `needed` block is an error.
    fn take_answer(&mut self, needed: Option<u64>) -> io::Result<()> {
        let answer: Answer = frame::read(&mut self.socket, protocol::TO_CHILD_BYTES_MAX)
            .map_err(io::Error::other)?;
        let unasked = || io::Error::other("an answer to what was not asked");
        let index = self
            .asked
            .iter()
            .position(|(id, _)| *id == answer.id)
            .ok_or_else(unasked)?;
        let (_, block) = self.asked.swap_remove(index);
        match answer.result {
            Ok(bytes) if bytes.len() == self.block_len(block) as usize => {
                if self.cached.len() >= CACHED_BLOCKS_MAX {
                    self.cached.pop_front();
                }
                self.cached
                    .push_back((block, Bytes::from(bytes.into_vec())));
                Ok(())
            }
            Ok(bytes) => Err(io::Error::other(format!(
                "an answer of {} bytes",
                bytes.len()
            ))),
            Err(reason) if needed == Some(block) => Err(io::Error::other(reason)),
            Err(_) => Ok(()),
        }
    }

    fn block_len(&self, block: u64) -> u32 {
        let rest = self.size.saturating_sub(block * BLOCK_BYTES);
        u32::try_from(rest).map_or(RANGE_BYTES_MAX, |rest| rest.min(RANGE_BYTES_MAX))
    }
}

impl RangeSource for RangeClient {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, offset: u64, len: u64) -> io::Result<Bytes> {
        let first = offset / BLOCK_BYTES;
        let last = (offset + len).saturating_sub(1) / BLOCK_BYTES;
        let part = |block: u64, bytes: &Bytes| {
            let start = block * BLOCK_BYTES;
            let from = offset.saturating_sub(start);
            let to = (offset + len - start).min(bytes.len() as u64);
            // Both lie within a block in memory, so they fit.
            bytes.slice(usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0))
        };
        if first == last {
            let bytes = self.block(first)?;
            return Ok(part(first, &bytes));
        }
        let mut whole = BytesMut::new();
        for block in first..=last {
            let bytes = self.block(block)?;
            whole.extend_from_slice(&part(block, &bytes));
        }
        Ok(whole.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte(offset: u64) -> u8 {
        (offset % 251) as u8
    }

    /// Answers asks for a made-up source, the later of two first, and tells which were asked.
    fn serve(mut socket: UnixStream, size: u64) -> Vec<u64> {
        let mut offsets = Vec::new();
        while let Ok(ask) = frame::read::<Ask>(&mut socket, protocol::ASK_BYTES_MAX) {
            assert!(ask.offset + u64::from(ask.len) <= size, "beyond the end");
            offsets.push(ask.offset / BLOCK_BYTES);
            let bytes: Vec<u8> = (ask.offset..ask.offset + u64::from(ask.len))
                .map(byte)
                .collect();
            let answer = Answer {
                id: ask.id,
                result: Ok(bytes.into()),
            };
            // The client may be gone already; what it asked for before that still counts.
            drop(frame::write(
                &mut socket,
                &answer,
                protocol::TO_CHILD_BYTES_MAX,
            ));
        }
        offsets
    }

    #[test]
    fn reads_are_exact_over_block_edges_and_at_the_end() {
        let size = 5 * BLOCK_BYTES + 17;
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(move || serve(theirs, size));
        let mut client = RangeClient::new(ours, size);
        for (offset, len) in [
            (0, 1),
            (BLOCK_BYTES - 1, 2),
            (3, 3 * BLOCK_BYTES),
            (size - 20, 20),
            (size - 1, 1),
        ] {
            let bytes = client.read(offset, len).unwrap();
            assert_eq!(bytes.len() as u64, len);
            assert!(
                bytes.iter().zip(offset..).all(|(b, at)| *b == byte(at)),
                "{offset}+{len}"
            );
        }
        drop(client);
        server.join().unwrap();
    }

    #[test]
    fn something_small_is_read_whole_and_a_source_after_it() {
        let size = 2 * BLOCK_BYTES + 17;
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(move || serve(theirs, size));
        let whole = read_whole(&mut ours, Readable::Image, size).unwrap();
        assert_eq!(whole.len() as u64, size);
        assert!(whole.iter().zip(0..).all(|(b, at)| *b == byte(at)));
        let mut client = RangeClient::new(ours, size);
        assert_eq!(client.read(5, 1).unwrap()[0], byte(5));
        drop(client);
        assert_eq!(server.join().unwrap(), [0, 1, 2, 0]);
    }

    #[test]
    fn a_window_costs_its_blocks_and_the_read_ahead_and_no_block_twice() {
        let size = 40 * BLOCK_BYTES;
        let (ours, theirs) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(move || serve(theirs, size));
        let mut client = RangeClient::new(ours, size);
        for offset in (10 * BLOCK_BYTES..14 * BLOCK_BYTES).step_by(100_000) {
            client.read(offset, 100_000).unwrap();
        }
        drop(client);
        let mut asked = server.join().unwrap();
        asked.sort_unstable();
        let last = 14 + READ_AHEAD_BLOCKS;
        assert_eq!(asked, (10..=last).collect::<Vec<_>>());
    }

    #[test]
    fn a_parent_that_refuses_or_leaves_is_an_error() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let server = std::thread::spawn(move || {
            let ask: Ask = frame::read(&mut theirs, protocol::ASK_BYTES_MAX).unwrap();
            let answer = Answer {
                id: ask.id,
                result: Err("gone".to_owned()),
            };
            frame::write(&mut theirs, &answer, protocol::TO_CHILD_BYTES_MAX).unwrap();
        });
        let mut client = RangeClient::new(ours, 10);
        assert_eq!(client.read(0, 10).unwrap_err().to_string(), "gone");
        server.join().unwrap();
        assert!(client.read(0, 10).is_err());
    }
}
