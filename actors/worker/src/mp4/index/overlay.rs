//! What a demuxer must not see of an index that we have read ourselves.
//!
//! GStreamer's demuxer stops in front of the keyframe at which, in decode order, the movie's duration is
//! reached: of a file that was cut without re-encoding it loses up to a group of pictures. It also takes
//! a track that is much shorter than the movie for a preview, and leaves it out. So edits are hidden from
//! it, and durations made unreachable; the edits are applied to what it gives out.
//!
//! In fragments it takes a decode time of 0 for none at all, and the time at which the table of random
//! access shows the first keyframe in its place: all frames come late by the reordering's delay, until a
//! seek. So the table's first times are made 0, too.

use super::Found;
use super::boxes::{Child, Children};

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

/// As far as the index goes before anything in it is damaged: its reader goes no further either.
pub(super) fn without_edits(found: &Found) -> Vec<Patch> {
    let is_fragmented = found.index.is_fragmented;
    let mut patches = Vec::new();
    for child in Children::new(&found.moov).map_while(Result::ok) {
        let at = found.moov_offset + child.at as u64;
        match &child.kind {
            // In fragmented files the durations are those of nothing, and not looked at.
            b"mvhd" if !is_fragmented => patches.push(duration(&child, at, 0, 0)),
            b"trak" => collect_track(&child, at, is_fragmented, &mut patches),
            _ => {}
        }
    }
    if let Some((offset, body)) = &found.random_access {
        for child in Children::new(body).map_while(Result::ok) {
            if child.kind == *b"tfra" {
                let body_at = offset + (child.at + child.header_bytes) as u64;
                patches.extend(first_access(&child, body_at));
            }
        }
    }
    patches
}

/// The time of the first entry, if there is one: behind version and flags, the track, lengths of fields,
/// and the number of entries.
fn first_access(table: &Child<'_>, body_at: u64) -> Option<Patch> {
    const TIME_AT: usize = 16;
    let bytes = if table.body.first() == Some(&0) { 4 } else { 8 };
    table.body.get(TIME_AT..TIME_AT + bytes)?;
    Some(Patch {
        offset: body_at + TIME_AT as u64,
        bytes: vec![0; bytes],
    })
}

fn collect_track(track: &Child<'_>, at: u64, is_fragmented: bool, patches: &mut Vec<Patch>) {
    let body_at = at + track.header_bytes as u64;
    for child in Children::new(track.body).map_while(Result::ok) {
        let at = body_at + child.at as u64;
        match &child.kind {
            b"edts" => patches.push(Patch {
                offset: at + 4,
                bytes: b"free".to_vec(),
            }),
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
