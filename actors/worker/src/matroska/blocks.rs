//! The blocks of some tracks, in the order of the file. Blocks of other tracks are stepped over: of a
//! film's gigabytes only a few bytes of each are looked at, though a source of ranges reads them all.

use bytes::Bytes;

use super::ebml::{self, Children, Element, number, unsigned};
use super::tracks::{CLUSTER, Tracks};
use super::{Error, Read};

const TIMESTAMP: u32 = 0xe7;
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK_GROUP: u32 = 0xa0;
const BLOCK: u32 = 0xa1;
const BLOCK_DURATION: u32 = 0x9b;
const BLOCK_ADDITIONS: u32 = 0x75a1;
const BLOCK_MORE: u32 = 0xa6;
const BLOCK_ADDITIONAL: u32 = 0xa5;
/// Elements that end a cluster of unknown length: those that stand beside clusters.
const BESIDE: [u32; 8] = [
    CLUSTER,
    0x1c53_bb6b, // Cues
    0x1254_c367, // Tags
    0x1043_a770, // Chapters
    0x1941_a469, // Attachments
    0x114d_9b74, // SeekHead
    0x1549_a966, // Info
    0x1654_ae6b, // Tracks
];
/// Bytes that a block's own header takes at most: the track's number, a time, and flags.
const BLOCK_HEADER_BYTES_MAX: u64 = 8 + 2 + 1;
/// The flags that tell of several frames in one block, which subtitles never have.
const LACING: u8 = 0x06;

/// A block of a track.
#[derive(Debug)]
pub struct Block {
    /// Which of the wanted tracks.
    pub track: usize,
    /// When it begins, in nanoseconds, by the file's own clock, which is the stream's.
    pub start_ns: u64,
    /// First nanosecond behind it, where that is known.
    pub end_ns: Option<u64>,
    /// As it lies in the file; `None` where it is too large, or there are several in one.
    pub payload: Option<Bytes>,
    /// What lies beside it.
    pub addition: Option<Bytes>,
}

/// What a walk tells.
#[derive(Debug)]
pub enum Walk {
    /// A block of a wanted track.
    Block(Block),
    /// All that begins before this nanosecond was passed.
    Reached(u64),
    /// A cluster that is damaged: something of it may be missing.
    Damaged,
}

/// Passes over all blocks, and tells of those of these tracks, by their numbers. Blocks over
/// `bytes_max` are told without their bytes.
///
/// # Errors
/// What `tell` returns, and errors of reading. Where the file is damaged and no cluster can be found
/// behind, the walk ends.
pub fn walk<E: From<Error>>(
    read: Read<'_>,
    tracks: &Tracks,
    wanted: &[u64],
    bytes_max: u64,
    mut tell: impl FnMut(Walk) -> Result<(), E>,
) -> Result<(), E> {
    let mut walker = Walker {
        read,
        tracks,
        wanted,
        bytes_max,
        tell: &mut tell,
    };
    let mut at = tracks.clusters_at;
    while at < tracks.end {
        let element = match Element::read(walker.read, at, tracks.end) {
            Ok(Some(element)) => element,
            Ok(None) => break,
            Err(Error::Damaged(_)) => return (walker.tell)(Walk::Damaged),
            Err(error) => return Err(error.into()),
        };
        at = match (element.id, element.size) {
            (CLUSTER, Some(_)) => {
                let end = element.end(tracks.end);
                walker.cluster(element.body, end, true)?;
                end
            }
            (CLUSTER, None) => walker.cluster(element.body, tracks.end, false)?,
            (_, Some(_)) => element.end(tracks.end),
            (_, None) => return (walker.tell)(Walk::Damaged),
        };
    }
    Ok(())
}

struct Walker<'a, E> {
    read: Read<'a>,
    tracks: &'a Tracks,
    wanted: &'a [u64],
    bytes_max: u64,
    tell: &'a mut dyn FnMut(Walk) -> Result<(), E>,
}

/// What of a block is known before its bytes are read.
struct Found {
    track: usize,
    relative: i16,
    is_laced: bool,
    payload: Element,
}

impl<E: From<Error>> Walker<'_, E> {
    /// Passes over a cluster; gives where it ends.
    fn cluster(&mut self, body: u64, end: u64, is_sized: bool) -> Result<u64, E> {
        let (mut at, mut clock) = (body, 0);
        loop {
            let element = match Element::read(self.read, at, end) {
                Ok(Some(element)) => element,
                Ok(None) => return Ok(end),
                Err(Error::Damaged(_)) => {
                    (self.tell)(Walk::Damaged)?;
                    return Ok(end);
                }
                Err(error) => return Err(error.into()),
            };
            if !is_sized && BESIDE.contains(&element.id) {
                return Ok(at);
            }
            match element.id {
                TIMESTAMP => {
                    let body = ebml::body(self.read, element, 8)?;
                    clock = body.as_deref().and_then(unsigned).unwrap_or(0);
                    let reached_ns = clock.saturating_mul(self.tracks.scale_ns);
                    (self.tell)(Walk::Reached(reached_ns))?;
                }
                SIMPLE_BLOCK => {
                    if let Some(found) = self.block(element)? {
                        self.tell(&found, clock, None, None)?;
                    }
                }
                BLOCK_GROUP => self.group(element, clock)?,
                _ => {}
            }
            at = match element.size {
                Some(_) => element.end(end),
                None => {
                    (self.tell)(Walk::Damaged)?;
                    return Ok(end);
                }
            };
        }
    }

    /// A block with its duration and what lies beside it.
    fn group(&mut self, group: Element, clock: u64) -> Result<(), E> {
        let end = group.end(group.body);
        let (mut found, mut duration, mut addition) = (None, None, None);
        let mut at = group.body;
        loop {
            let element = match Element::read(self.read, at, end) {
                Ok(Some(element)) => element,
                Ok(None) => break,
                Err(Error::Damaged(_)) => {
                    (self.tell)(Walk::Damaged)?;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            match element.id {
                BLOCK => match self.block(element)? {
                    Some(block) => found = Some(block),
                    // Somebody else's: the rest of the group is passed over.
                    None => return Ok(()),
                },
                BLOCK_DURATION => {
                    let body = ebml::body(self.read, element, 8)?;
                    duration = body.as_deref().and_then(unsigned);
                }
                BLOCK_ADDITIONS => {
                    let body = ebml::body(self.read, element, self.bytes_max)?;
                    addition = body.and_then(|body| first_addition(&body));
                }
                _ => {}
            }
            at = element.end(end);
        }
        match found {
            Some(found) => self.tell(&found, clock, duration, addition),
            None => Ok(()),
        }
    }

    /// What a block's header says, if it is of a wanted track.
    fn block(&mut self, element: Element) -> Result<Option<Found>, E> {
        let size = element.size.unwrap_or(0);
        let bytes =
            (self.read)(element.body, size.min(BLOCK_HEADER_BYTES_MAX)).map_err(Error::from)?;
        let Some((number, length)) = number(&bytes) else {
            return Ok(None);
        };
        let Some(track) = self.wanted.iter().position(|one| *one == number) else {
            return Ok(None);
        };
        let length = length as usize;
        let Some([high, low, flags]) = bytes.get(length..length + 3) else {
            return Ok(None);
        };
        let header_bytes = length as u64 + 3;
        Ok(Some(Found {
            track,
            relative: i16::from_be_bytes([*high, *low]),
            is_laced: flags & LACING != 0,
            payload: Element {
                body: element.body + header_bytes,
                size: Some(size - header_bytes),
                ..element
            },
        }))
    }

    fn tell(
        &mut self,
        found: &Found,
        clock: u64,
        duration: Option<u64>,
        addition: Option<Bytes>,
    ) -> Result<(), E> {
        let scale = i128::from(self.tracks.scale_ns);
        let start = (i128::from(clock) + i128::from(found.relative)) * scale;
        let number = self.wanted.get(found.track);
        let mut known = self.tracks.subtitles.iter();
        let own_ns = known
            .find(|track| Some(&track.number) == number)
            .and_then(|track| track.block_ns);
        let length = duration.map(|units| i128::from(units) * scale);
        let length = length.or_else(|| own_ns.map(i128::from));
        // What begins before the film is shown from its begin.
        let ns = |ns: i128| u64::try_from(ns.max(0)).unwrap_or(u64::MAX);
        let payload = if found.is_laced {
            None
        } else {
            ebml::body(self.read, found.payload, self.bytes_max)?
        };
        (self.tell)(Walk::Block(Block {
            track: found.track,
            start_ns: ns(start),
            end_ns: length.map(|length| ns(start + length)),
            payload,
            addition,
        }))
    }
}

/// What the first addition to a block holds.
fn first_addition(body: &Bytes) -> Option<Bytes> {
    let mut more = Children(body).filter(|(id, _)| *id == BLOCK_MORE);
    let (_, more) = more.next()?;
    Some(body.slice_ref(ebml::find(more, BLOCK_ADDITIONAL)?))
}
