//! What a demuxer must not see of an index that we have read ourselves.
//!
//! GStreamer's demuxer stops in front of the keyframe at which, in decode order, the movie's duration is
//! reached: of a file that was cut without re-encoding it loses up to a group of pictures. It also takes
//! a track that is much shorter than the movie for a preview, and leaves it out. So edits are hidden from
//! it, and durations made unreachable; the edits are applied to what it gives out.
//!
//! It also reads every track, whoever wants it, and begins behind a seek with whichever sample of any of
//! them is the earliest: a sample of sound that began just before the keyframe cost the group of pictures
//! before it. So, where a single track is decoded, the others are hidden.
//!
//! In fragments it takes a decode time of 0 for none at all, and the time at which the table of random
//! access shows the first keyframe in its place: all frames come late by the reordering's delay, until a
//! seek. So the table's first times are made 0, too.

use super::Found;
use super::boxes::{Child, Children, Fields};
use super::movie;
use crate::mp4::error::Error;

/// Bytes to be read in place of the file's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// Where in the file.
    pub offset: u64,
    /// Up to eight bytes.
    pub bytes: Vec<u8>,
}

/// A duration of 32 bits that no media reach before their own end. Not 0, which would make composition
/// offsets look damaged.
const ENDLESS: u32 = u32::MAX - 1;
/// The same of 64 bits, which as nanoseconds is still a number.
const ENDLESS_WIDE: u64 = 1 << 48;

/// Where a table of random access has its first time: behind version and flags, the track, lengths of
/// numbers, and the number of entries.
const FIRST_ACCESS_AT: u64 = 16;

/// As far as the index goes before anything in it is damaged: its reader goes no further either.
pub(super) fn without_edits(found: &Found, alone: Option<u32>) -> Vec<Patch> {
    let is_fragmented = found.index.is_fragmented;
    let mut patches = Vec::new();
    for child in Children::new(&found.moov).map_while(Result::ok) {
        let at = found.moov_offset + child.at as u64;
        match &child.kind {
            // In fragmented files the durations are those of nothing, and not looked at.
            b"mvhd" if !is_fragmented => patches.push(duration(&child, at, 0, 0)),
            // Fragments name their tracks, and a name that nobody knows is none of ours to try.
            b"trak" if !is_fragmented && is_other(&child, alone) => patches.push(hidden(at)),
            b"trak" => collect_track(&child, at, is_fragmented, &mut patches),
            _ => {}
        }
    }
    if let Some((offset, body)) = &found.random_access {
        patches.extend(random_access(*offset, body));
    }
    patches
}

/// First times of 0; or a table that is not seen at all, and everything read from the start, where times
/// are not in order: a demuxer that searches it then finds others than the keyframe.
fn random_access(offset: u64, body: &[u8]) -> Vec<Patch> {
    let tables = Children::new(body).map_while(Result::ok);
    let mut patches = Vec::new();
    for table in tables.filter(|child| child.kind == *b"tfra") {
        let body_at = offset + (table.at + table.header_bytes) as u64;
        match first_access(&table, body_at) {
            Ok(patch) => patches.extend(patch),
            Err(_) => {
                // The body lies behind the box's four letters.
                return vec![hidden(offset.saturating_sub(8))];
            }
        }
    }
    patches
}

/// The time of a table's first entry, if it has any.
fn first_access(table: &Child<'_>, body_at: u64) -> Result<Option<Patch>, Error> {
    let (version, _, mut fields) = Fields::full_box(table.body)?;
    fields.skip(4)?;
    // Three lengths of two bits, each of them one less than the bytes that a number takes.
    let lengths = fields.u32()?;
    let numbers = (0..3).map(|n| ((lengths >> (2 * n)) & 3) as usize + 1);
    let numbers: usize = numbers.sum();
    let count = fields.u32()?;
    let mut last = None;
    for _ in 0..count {
        let time = fields.u64_or_u32(version)?;
        fields.u64_or_u32(version)?;
        fields.skip(numbers)?;
        if last.is_some_and(|last| time < last) {
            return Err(Error::Damaged {
                what: "a table of random access that is not in order",
            });
        }
        last = Some(time);
    }
    Ok((count > 0).then(|| Patch {
        offset: body_at + FIRST_ACCESS_AT,
        bytes: vec![0; if version == 0 { 4 } else { 8 }],
    }))
}

/// Makes the box that begins here one that nobody looks into.
fn hidden(at: u64) -> Patch {
    Patch {
        offset: at.saturating_add(4),
        bytes: b"free".to_vec(),
    }
}

/// Whether a track is another than the one that is wanted alone.
fn is_other(track: &Child<'_>, alone: Option<u32>) -> bool {
    let id = movie::track_id(track.body).ok().flatten();
    alone.zip(id).is_some_and(|(alone, id)| alone != id)
}

fn collect_track(track: &Child<'_>, at: u64, is_fragmented: bool, patches: &mut Vec<Patch>) {
    let body_at = at + track.header_bytes as u64;
    for child in Children::new(track.body).map_while(Result::ok) {
        let at = body_at + child.at as u64;
        match &child.kind {
            b"edts" => patches.push(hidden(at)),
            b"mdia" if !is_fragmented => collect_media(&child, at, patches),
            _ => {}
        }
    }
}

fn collect_media(media: &Child<'_>, at: u64, patches: &mut Vec<Patch>) {
    let body_at = at + media.header_bytes as u64;
    for header in Children::new(media.body).map_while(Result::ok) {
        if header.kind == *b"mdhd" {
            let at = body_at + header.at as u64;
            patches.push(duration(&header, at, ENDLESS, ENDLESS_WIDE));
        }
    }
}

/// The duration of `mvhd` and `mdhd`, which lies at the same place in both: behind two times and a
/// timescale.
fn duration(header: &Child<'_>, at: u64, narrow: u32, wide: u64) -> Patch {
    let body_at = at + header.header_bytes as u64;
    if header.body.first() == Some(&0) {
        Patch {
            offset: body_at + 16,
            bytes: narrow.to_be_bytes().to_vec(),
        }
    } else {
        Patch {
            offset: body_at + 24,
            bytes: wide.to_be_bytes().to_vec(),
        }
    }
}
