//! The parent's ends of the sockets: whole frames in, whole frames out, nothing lost when a wait
//! for one is given up.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::protocol::frame::{self, Error};

/// How much is read at a time.
const READ_BYTES: usize = 256 << 10;

/// Both sockets, by direction.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) asks: FrameReader,
    pub(super) answers: FrameWriter,
    pub(super) results: FrameReader,
    pub(super) control: FrameWriter,
}

impl Wires {
    pub(super) fn new(ranges: StdUnixStream, results: StdUnixStream) -> io::Result<Self> {
        let split = |socket: StdUnixStream| {
            socket.set_nonblocking(true)?;
            UnixStream::from_std(socket).map(UnixStream::into_split)
        };
        let (asks, answers) = split(ranges)?;
        let (results, control) = split(results)?;
        Ok(Self {
            asks: FrameReader::new(asks),
            answers: FrameWriter::new(answers),
            results: FrameReader::new(results),
            control: FrameWriter::new(control),
        })
    }
}

/// Reads frames' bodies.
#[derive(Debug)]
pub(super) struct FrameReader {
    socket: OwnedReadHalf,
    buffer: BytesMut,
}

impl FrameReader {
    fn new(socket: OwnedReadHalf) -> Self {
        Self {
            socket,
            buffer: BytesMut::new(),
        }
    }

    /// The next frame's body; an `UnexpectedEof` at the end. Cancel safe: what was read of a frame
    /// stays.
    pub(super) async fn next(&mut self, bytes_max: u32) -> Result<Bytes, Error> {
        loop {
            if let Some(body) = self.take(bytes_max)? {
                return Ok(body);
            }
            self.buffer.reserve(READ_BYTES);
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    fn take(&mut self, bytes_max: u32) -> Result<Option<Bytes>, Error> {
        let Some(head) = self.buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        let len = frame::check(u64::from(u32::from_le_bytes(*head)), bytes_max)? as usize;
        if self.buffer.len() < 4 + len {
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(4 + len);
        Ok(Some(frame.split_off(4).freeze()))
    }
}

/// Writes frames.
#[derive(Debug)]
pub(super) struct FrameWriter {
    socket: OwnedWriteHalf,
    /// What is being written, and what waits behind it.
    queue: BytesMut,
}

impl FrameWriter {
    fn new(socket: OwnedWriteHalf) -> Self {
        Self {
            socket,
            queue: BytesMut::new(),
        }
    }

    /// Adds a frame; [`Self::flush`] writes it. What can be added is bounded by what the child may
    /// ask.
    pub(super) fn push(&mut self, frame: &[u8]) {
        self.queue.extend_from_slice(frame);
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Writes some of what waits; for ever pending when nothing does. Cancel safe.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.queue.is_empty() {
            return std::future::pending().await;
        }
        self.socket.write_buf(&mut self.queue).await.map(drop)
    }
}
