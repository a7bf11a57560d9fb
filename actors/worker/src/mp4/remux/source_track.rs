//! The kept tracks of a source, as they lie in `moov`.

use bytes::Bytes;

use super::{asc, sps};
use crate::mp4::CodecConfig;
use crate::mp4::error::{Error, OrDamaged as _};
use crate::mp4::index::boxes::{Child, Children, Fields};
use crate::mp4::index::tables::Tables;
use crate::mp4::index::{MovieIndex, TrackIndex};

/// Bytes of a picture's sample entry before the boxes in it.
const VISUAL_BYTES: usize = 78;
/// The flag of a data reference that means this very file.
const IS_IN_THIS_FILE: u32 = 1;

/// A source as far as it is copied.
#[derive(Debug)]
pub(super) struct SourceMovie<'a> {
    /// Units per second of `duration`, and of what edits last.
    pub(super) timescale: u32,
    pub(super) duration: u64,
    /// The first picture, then the first sound.
    pub(super) tracks: Vec<SourceTrack<'a>>,
}

/// A track.
#[derive(Debug)]
pub(super) struct SourceTrack<'a> {
    pub(super) index: &'a TrackIndex,
    pub(super) duration_movie: u64,
    /// Nine numbers that tell how it is turned.
    pub(super) matrix: [u8; 36],
    /// Width and height as shown, in 16.16.
    pub(super) shown_size: [u8; 8],
    /// The body of `elst`.
    pub(super) edits: Option<&'a [u8]>,
    pub(super) duration_media: u64,
    /// The body of its first sample entry.
    pub(super) entry: &'a [u8],
    pub(super) n_entries: u32,
    pub(super) tables: Tables<'a>,
    /// Whether its samples lie in this file: QuickTime may point to others.
    pub(super) is_in_this_file: bool,
}

impl<'a> SourceMovie<'a> {
    /// Of the body of `moov`, and what the index made of it.
    pub(super) fn read(index: &'a MovieIndex, moov: &'a [u8]) -> Result<Self, Error> {
        let header = find(moov, *b"mvhd")?.or_damaged("`moov` without `mvhd`")?;
        let (version, _, mut fields) = Fields::full_box(header)?;
        fields.skip(if version == 0 { 8 } else { 16 })?;
        let timescale = fields.u32()?;
        let duration = fields.u64_or_u32(version)?;
        let is_track = |child: &Result<Child<'a>, Error>| match child {
            Ok(child) => child.kind == *b"trak",
            Err(_) => true,
        };
        let boxes: Vec<Child<'a>> = Children::new(moov)
            .filter(is_track)
            .collect::<Result<_, _>>()?;
        let sound = index.audio().next().filter(|track| track.n_samples > 0);
        let kept = index.video().into_iter().chain(sound);
        let tracks = kept
            .map(|track| {
                // Both went through the same boxes in the same order.
                let place = index.tracks.iter().position(|one| std::ptr::eq(one, track));
                let found = place.and_then(|place| boxes.get(place));
                SourceTrack::read(track, found.or_damaged("a track without a box")?.body)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            timescale,
            duration,
            tracks,
        })
    }
}

impl<'a> SourceTrack<'a> {
    fn read(index: &'a TrackIndex, body: &'a [u8]) -> Result<Self, Error> {
        let header = find(body, *b"tkhd")?.or_damaged("a track without `tkhd`")?;
        let (version, _, mut fields) = Fields::full_box(header)?;
        // Times, number, reserved.
        fields.skip(if version == 0 { 16 } else { 24 })?;
        let duration_movie = fields.u64_or_u32(version)?;
        // Reserved, layer, group, volume, reserved.
        fields.skip(16)?;
        let (matrix, shown_size) = (fields.bytes()?, fields.bytes()?);
        let edits = match find(body, *b"edts")? {
            Some(edits) => find(edits, *b"elst")?,
            None => None,
        };
        let media = find(body, *b"mdia")?.or_damaged("a track without media")?;
        let header = find(media, *b"mdhd")?.or_damaged("a track without `mdhd`")?;
        let (version, _, mut fields) = Fields::full_box(header)?;
        fields.skip(if version == 0 { 12 } else { 20 })?;
        let duration_media = fields.u64_or_u32(version)?;
        let info = find(media, *b"minf")?.or_damaged("a track without `minf`")?;
        let table = find(info, *b"stbl")?.or_damaged("a track without `stbl`")?;
        let entries = find(table, *b"stsd")?.or_damaged("a track without `stsd`")?;
        let (_, _, mut fields) = Fields::full_box(entries)?;
        let n_entries = fields.u32()?;
        let entry = Children::new(fields.rest()).next().transpose()?;
        Ok(Self {
            index,
            duration_movie,
            matrix,
            shown_size,
            edits,
            duration_media,
            entry: entry.or_damaged("a track without a sample entry")?.body,
            n_entries,
            tables: Tables::read(table)?,
            is_in_this_file: is_in_this_file(info)?,
        })
    }

    /// Its decoder's configuration, where it is one that MP4 has a single word for: `avc1` with its
    /// parameter sets in the index, or AAC.
    pub(super) fn config(&self) -> Option<CodecConfig> {
        if self.n_entries != 1 {
            return None;
        }
        if self.index.is_video() {
            let avcc = self.avcc()?;
            sps::facts(avcc)?;
            return Some(CodecConfig::Avc {
                avcc: Bytes::copy_from_slice(avcc),
                width: self.index.coded_width,
                height: self.index.coded_height,
                par: self.index.par,
            });
        }
        let config = self.asc()?;
        Some(CodecConfig::Aac {
            asc: Bytes::copy_from_slice(config),
            channels: u16::from(asc::facts(config)?.channels),
            sample_rate_hz: self.index.sample_rate_hz,
        })
    }

    /// `AVCDecoderConfigurationRecord`.
    pub(super) fn avcc(&self) -> Option<&'a [u8]> {
        let is_whole = self.index.codec == *b"avc1" && self.n_entries == 1;
        is_whole.then(|| self.visual_box(*b"avcC"))?
    }

    /// `AudioSpecificConfig`.
    pub(super) fn asc(&self) -> Option<&'a [u8]> {
        let is_whole = self.index.codec == *b"mp4a" && self.n_entries == 1;
        is_whole.then(|| asc::find(self.entry))?
    }

    /// A box in a picture's sample entry.
    pub(super) fn visual_box(&self, kind: [u8; 4]) -> Option<&'a [u8]> {
        let boxes = Children::new(self.entry.get(VISUAL_BYTES..)?);
        // What follows the boxes that matter may be anything.
        let mut boxes = boxes.map_while(Result::ok);
        boxes
            .find(|child| child.kind == kind)
            .map(|child| child.body)
    }
}

fn find(body: &[u8], kind: [u8; 4]) -> Result<Option<&[u8]>, Error> {
    for child in Children::new(body) {
        let child = child?;
        if child.kind == kind {
            return Ok(Some(child.body));
        }
    }
    Ok(None)
}

/// Whether all data references mean this file.
fn is_in_this_file(info: &[u8]) -> Result<bool, Error> {
    let Some(references) = find(info, *b"dinf")? else {
        return Ok(true);
    };
    let Some(references) = find(references, *b"dref")? else {
        return Ok(true);
    };
    let (_, _, mut fields) = Fields::full_box(references)?;
    fields.skip(4)?;
    for reference in Children::new(fields.rest()) {
        let (_, flags, _) = Fields::full_box(reference?.body)?;
        if flags & IS_IN_THIS_FILE == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
