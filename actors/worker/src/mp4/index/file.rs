//! The walk over a file's top level, in few ranged reads.

use std::io;

use bytes::{Bytes, BytesMut};

use super::builder::TrackBuilder;
use super::movie::{self, Movie};
use super::{FRAGMENTS_MAX, Found, MOVIE_BYTES_MAX, MovieIndex, fragment};
use crate::mp4::error::{Error, OrDamaged as _};

/// One read that is not for a whole index: enough for `ftyp` and a short `moov` at once, or for the
/// `moof` of some seconds. Not more, since a fragmented file takes one such read a fragment.
const WINDOW_BYTES: u32 = 16 << 10;

/// The largest single read, so that a reader need not hold more at once.
const READ_BYTES_MAX: u32 = 1 << 20;

/// Most boxes before `moov`. Real files have a handful.
const BOXES_MAX: usize = 1024;

/// What a file of this kind can begin with.
const FIRST_BOXES: [&[u8; 4]; 12] = [
    b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx", b"moof",
    b"uuid", b"prft",
];

/// A box at the top level.
#[derive(Debug, Clone, Copy)]
struct TopBox {
    kind: [u8; 4],
    offset: u64,
    header_bytes: u64,
    /// Behind its last byte, as it says itself.
    end: u64,
}

pub(super) fn read(
    reader: impl FnMut(u64, u32) -> io::Result<Bytes>,
    size: u64,
) -> Result<Option<Found>, Error> {
    let mut file = File {
        reader,
        size,
        window_at: 0,
        window: Bytes::new(),
        random_access: None,
    };
    let Some(first) = file.box_at(0)? else {
        return Ok(None);
    };
    let Some(first) = first.valid().filter(|b| FIRST_BOXES.contains(&&b.kind)) else {
        return Ok(None);
    };
    let is_quicktime = match &first.kind {
        b"ftyp" => file.bytes(8, 4)?.as_ref() == b"qt  ",
        _ => true,
    };
    let (at, moov, mut movie) = file.find_movie(first)?;
    let has_tables = movie.tracks.iter().any(|track| track.track.n_samples > 0);
    let mut is_cut = false;
    let mut n_fragments = 0;
    if movie.has_fragments {
        movie
            .tracks
            .iter_mut()
            .for_each(TrackBuilder::begin_fragments);
        (n_fragments, is_cut) = file.walk_fragments(at.end, &mut movie)?;
    }
    let index = MovieIndex {
        is_quicktime,
        is_fragmented: n_fragments > 0 || (movie.has_fragments && !has_tables),
        media_end: movie.media_end,
        is_cut,
        tracks: movie.tracks.into_iter().map(|t| t.finish()).collect(),
    };
    Ok(Some(Found {
        index,
        moov,
        moov_offset: at.offset + at.header_bytes,
        random_access: file.random_access,
    }))
}

/// The file with its last read.
struct File<R> {
    reader: R,
    size: u64,
    window_at: u64,
    window: Bytes,
    /// Where the body of `mfra` lies, and what it is.
    random_access: Option<(u64, Bytes)>,
}

impl<R: FnMut(u64, u32) -> io::Result<Bytes>> File<R> {
    /// Finds `moov`, wherever it is, and reads it: its place, its body, and what that says.
    fn find_movie(&mut self, first: TopBox) -> Result<(TopBox, Bytes, Movie), Error> {
        let mut at = first;
        for _ in 0..BOXES_MAX {
            if at.kind == *b"moov" {
                if at.end > self.size {
                    return Err(Error::Truncated {
                        what: "the file ends inside its index (`moov`)",
                    });
                }
                let body = self.body(at)?;
                let movie = movie::read(&body)?;
                return Ok((at, body, movie));
            }
            let next = self.box_at(at.end)?;
            let Some(next) = next else {
                return Err(Error::Truncated {
                    what: "the file ends before its index (`moov`)",
                });
            };
            at = next
                .valid()
                .or_damaged("something that is no box before `moov`")?;
        }
        Err(Error::TooLarge {
            what: "number of boxes before `moov`",
            limit: BOXES_MAX as u64,
        })
    }

    /// Reads all fragments behind `moov`; returns how many, and whether the file ends inside one's index.
    fn walk_fragments(&mut self, from: u64, movie: &mut Movie) -> Result<(usize, bool), Error> {
        let (mut at, mut n_fragments) = (from, 0);
        // Each fragment has `mdat`, and at most a few boxes besides.
        for _ in 0..FRAGMENTS_MAX * 8 {
            let Some(next) = self.box_at(at)?.and_then(TopBox::valid) else {
                return Ok((n_fragments, false));
            };
            if next.kind == *b"moof" {
                if next.end > self.size {
                    return Ok((n_fragments, true));
                }
                n_fragments += 1;
                let body = self.body(next)?;
                let end = fragment::read(&body, next.offset, &mut movie.tracks)?;
                movie.media_end = movie.media_end.max(end);
            }
            if next.kind == *b"mfra" && next.header_bytes == 8 && next.end <= self.size {
                let body = self.body(next)?;
                self.random_access = Some((next.offset + next.header_bytes, body));
            }
            if n_fragments > FRAGMENTS_MAX {
                break;
            }
            at = next.end;
        }
        Err(Error::TooLarge {
            what: "number of fragments",
            limit: FRAGMENTS_MAX as u64,
        })
    }

    /// The header at an offset; `None` at the end of the file, where a few bytes more are none either.
    fn box_at(&mut self, offset: u64) -> Result<Option<TopBox>, Error> {
        let left = self.size.saturating_sub(offset);
        if left < 8 {
            return Ok(None);
        }
        let header = self.bytes(offset, left.min(16))?;
        let number = |from: usize, n: usize| {
            let bytes = header.get(from..from + n).unwrap_or(&[]);
            bytes
                .iter()
                .fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte))
        };
        let (header_bytes, bytes) = match number(0, 4) {
            0 => (8, left),
            1 if header.len() == 16 => (16, number(8, 8)),
            bytes => (8, bytes),
        };
        let mut kind = [0; 4];
        kind.copy_from_slice(header.get(4..8).unwrap_or(&[0; 4]));
        Ok(Some(TopBox {
            kind,
            offset,
            header_bytes,
            end: offset.saturating_add(bytes),
        }))
    }

    fn body(&mut self, of: TopBox) -> Result<Bytes, Error> {
        let bytes = of.end - of.offset - of.header_bytes;
        if bytes > MOVIE_BYTES_MAX {
            return Err(Error::TooLarge {
                what: "index (`moov` or `moof`)",
                limit: MOVIE_BYTES_MAX,
            });
        }
        self.bytes(of.offset + of.header_bytes, bytes)
    }

    /// Bytes that are within the file, and no more than an index may have.
    fn bytes(&mut self, offset: u64, len: u64) -> Result<Bytes, Error> {
        let window_end = self.window_at + self.window.len() as u64;
        if (self.window_at..=window_end).contains(&offset) && offset + len <= window_end {
            // Both are within the window, which is in memory.
            let from = usize::try_from(offset - self.window_at).unwrap_or(usize::MAX);
            let n = usize::try_from(len).unwrap_or(usize::MAX);
            return Ok(self.window.slice(from..from + n));
        }
        if len <= u64::from(WINDOW_BYTES) {
            let whole = u64::from(WINDOW_BYTES).min(self.size.saturating_sub(offset));
            self.window = self.fetch(offset, whole)?;
            self.window_at = offset;
            let n = usize::try_from(len).unwrap_or(usize::MAX);
            let is_whole = n <= self.window.len();
            return Ok(self.window.slice(..if is_whole { n } else { 0 }));
        }
        let mut all = BytesMut::new();
        while (all.len() as u64) < len {
            let done = all.len() as u64;
            let portion = (len - done).min(u64::from(READ_BYTES_MAX));
            all.extend_from_slice(&self.fetch(offset + done, portion)?);
        }
        Ok(all.freeze())
    }

    fn fetch(&mut self, offset: u64, len: u64) -> Result<Bytes, Error> {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let bytes = (self.reader)(offset, len)?;
        if bytes.len() != len as usize {
            let what = "the reader returned another number of bytes than it was asked for";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what).into());
        }
        Ok(bytes)
    }
}

impl TopBox {
    /// The box, if it is at least as long as its header.
    fn valid(self) -> Option<Self> {
        (self.end >= self.offset.saturating_add(self.header_bytes)).then_some(self)
    }
}
