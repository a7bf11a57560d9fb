//! One MP4 with its index in front, made of segments that stay where they are.
//!
//! The index is computed from the pieces' sample tables; the media is copied range by range from the
//! segments' objects, in the order of their times, a segment of picture beside its segment of sound.
//! A chunk in the sense of `stco` is therefore one segment's payload: copies stay large, and a player
//! that reads from the start never needs to look more than a segment ahead.

pub(super) mod index;
mod timeline;

use bus_schema::id::RenditionName;
use bus_schema::object_key;
use bus_schema::task::Piece;
use mp4_atom::{BufMut as _, Encode as _, FourCC, Ftyp};

use super::codec;
use super::error::Error;
use super::sample_table::SampleTable;
use index::encode_movie;
use timeline::Timeline;

/// The pieces of one rendition, in order.
#[derive(Debug)]
pub struct TrackPieces {
    /// The rendition, as its objects are named.
    pub name: RenditionName,
    /// Where each piece lies, and its samples.
    pub pieces: Vec<(Piece, SampleTable)>,
}

/// A range of an object that follows the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyRange {
    /// Where it goes in the file.
    pub file_offset: u64,
    /// Where it comes from: index into the tracks, picture first.
    pub track: usize,
    /// Index of the piece within its track.
    pub piece: usize,
    /// Number of the segment in its rendition.
    pub segment: u32,
    /// Where the samples begin in the segment's object.
    pub offset: u32,
    /// Bytes of samples.
    pub bytes: u32,
}

/// The plan of a file: a header of our own, then copies.
#[derive(Debug)]
pub struct Assembly {
    header: Vec<u8>,
    copies: Vec<CopyRange>,
    origins: Vec<Origin>,
    bytes: u64,
    frames: u64,
    duration_ms: u64,
    codecs: String,
}

/// What names a track's objects.
#[derive(Debug)]
struct Origin {
    name: RenditionName,
    pieces: Vec<Piece>,
}

impl Assembly {
    /// Plans the file: the picture, then the tracks of sound, of which the first is played when nobody
    /// chooses. Takes the tables, which are not needed any more when the index is written.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when a piece does not begin where the one before ends, in time or in
    /// numbers, or was encoded for another decoder; [`Error::Damaged`] when there is nothing to
    /// assemble; [`Error::TooLarge`] for more samples than a file's index counts.
    pub fn new(
        video: Option<TrackPieces>,
        audio: impl IntoIterator<Item = TrackPieces>,
    ) -> Result<Self, Error> {
        let has_video = video.is_some();
        let mut timelines = Vec::new();
        let mut origins = Vec::new();
        let tracks = video.map(|track| (track, true));
        let tracks = tracks
            .into_iter()
            .chain(audio.into_iter().map(|track| (track, false)));
        for (TrackPieces { name, pieces }, is_video) in tracks {
            let (places, tables): (Vec<Piece>, Vec<SampleTable>) = pieces.into_iter().unzip();
            check_numbers(&places, &tables)?;
            timelines.push(Timeline::new(tables, is_video)?);
            origins.push(Origin {
                name,
                pieces: places,
            });
        }
        if timelines.is_empty() {
            return Err(Error::Damaged {
                what: "a file without tracks",
            });
        }
        let mut copies = interleave(&timelines, &origins);
        let payload_bytes: u64 = copies.iter().map(|copy| u64::from(copy.bytes)).sum();
        let is_large = needs_64_bits(&timelines, payload_bytes);

        let mut header = Vec::new();
        encode_ftyp(&mut header, has_video)?;
        let offsets = encode_movie(&mut header, &timelines, is_large)?;
        encode_mdat_header(&mut header, payload_bytes, is_large)?;
        let bytes = place(&mut copies, header.len() as u64);
        offsets.fill(&mut header, &copies);
        header.shrink_to_fit();

        let frames = match timelines.first() {
            Some(first) if has_video => first.n_samples(),
            _ => 0,
        };
        Ok(Self {
            header,
            copies,
            origins,
            bytes,
            frames: u64::from(frames),
            duration_ms: timelines.iter().map(Timeline::end_ms).max().unwrap_or(0),
            codecs: codec::all(timelines.iter().map(|one| one.track.config.codecs())),
        })
    }

    /// `ftyp`, `moov` and the header of `mdat`: the file up to its first sample.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// What follows, in the file's order and without gaps.
    #[must_use]
    pub fn copies(&self) -> &[CopyRange] {
        &self.copies
    }

    /// The object that a copy reads, relative to the job's outputs.
    #[must_use]
    pub fn object_name(&self, copy: &CopyRange) -> Option<String> {
        let origin = self.origins.get(copy.track)?;
        let piece = origin.pieces.get(copy.piece)?;
        let dir = object_key::attempt_dir(piece.task, piece.attempt);
        let segment = object_key::segment(&origin.name, copy.segment);
        Some(format!("{dir}{segment}"))
    }

    /// Size of the whole file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Frames of the picture; 0 without one.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Time at which the longest track ends.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.duration_ms
    }

    /// RFC 6381, each codec once, the picture's first.
    #[must_use]
    pub fn codecs(&self) -> &str {
        &self.codecs
    }
}

/// The pieces hold the segments that their descriptions say, numbered without gaps.
fn check_numbers(places: &[Piece], tables: &[SampleTable]) -> Result<(), Error> {
    let mut next = places.first().map_or(0, |place| place.first_segment);
    for (piece, (place, table)) in places.iter().zip(tables).enumerate() {
        let mismatch = |what| Error::Mismatch { piece, what };
        if place.first_segment != next {
            return Err(mismatch("its segments are not numbered on"));
        }
        if usize::try_from(place.n_segments) != Ok(table.segments().len()) {
            return Err(mismatch("its table is of another number of segments"));
        }
        next = next
            .checked_add(place.n_segments)
            .ok_or_else(|| mismatch("its segments are numbered over 32 bits"))?;
    }
    Ok(())
}

/// All segments of all tracks by the time at which they begin, the picture first.
fn interleave(timelines: &[Timeline], origins: &[Origin]) -> Vec<CopyRange> {
    let mut timed: Vec<(u128, CopyRange)> = Vec::new();
    for (track, (timeline, origin)) in timelines.iter().zip(origins).enumerate() {
        for segment in timeline.segments() {
            let first = origin.pieces.get(segment.piece);
            let number = first.map_or(0, |piece| piece.first_segment) + segment.index;
            timed.push((
                segment.start_ns,
                CopyRange {
                    file_offset: 0,
                    track,
                    piece: segment.piece,
                    segment: number,
                    offset: segment.entry.header_bytes,
                    bytes: segment.entry.payload_bytes,
                },
            ));
        }
    }
    // Stable, so that the tracks' own order and picture before sound are kept.
    timed.sort_by_key(|(start_ns, _)| *start_ns);
    timed.into_iter().map(|(_, copy)| copy).collect()
}

/// Gives each copy its place behind the header, and returns where the last one ends.
fn place(copies: &mut [CopyRange], header_bytes: u64) -> u64 {
    copies.iter_mut().fold(header_bytes, |at, copy| {
        copy.file_offset = at;
        at + u64::from(copy.bytes)
    })
}

/// Whether any offset may be over 32 bits, by an index of 24 bytes a sample and a megabyte besides:
/// more than it can take, so that the choice need not be revised when its size is known.
fn needs_64_bits(timelines: &[Timeline], payload_bytes: u64) -> bool {
    let n_samples: u64 = timelines.iter().map(|t| u64::from(t.n_samples())).sum();
    payload_bytes + 24 * n_samples + (1 << 20) > u64::from(u32::MAX)
}

pub(super) fn encode_ftyp(header: &mut Vec<u8>, has_video: bool) -> Result<(), Error> {
    let brands: &[&[u8; 4]] = if has_video {
        &[b"isom", b"iso2", b"avc1", b"mp41"]
    } else {
        // What players look for behind the name `.m4a`.
        &[b"M4A ", b"isom", b"iso2", b"mp42"]
    };
    let brands: Vec<FourCC> = brands.iter().map(|brand| FourCC::new(brand)).collect();
    Ftyp {
        major_brand: if has_video {
            FourCC::new(b"isom")
        } else {
            FourCC::new(b"M4A ")
        },
        minor_version: 0x200,
        compatible_brands: brands,
    }
    .encode(header)?;
    Ok(())
}

pub(super) fn encode_mdat_header(
    header: &mut Vec<u8>,
    payload_bytes: u64,
    is_large: bool,
) -> Result<(), Error> {
    match u32::try_from(payload_bytes + 8) {
        Ok(size) if !is_large => {
            size.encode(header)?;
            header.append_slice(b"mdat");
        }
        _ => {
            1u32.encode(header)?;
            header.append_slice(b"mdat");
            (payload_bytes + 16).encode(header)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
