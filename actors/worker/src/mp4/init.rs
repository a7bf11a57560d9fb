//! The init segment: `ftyp` and a `moov` without samples.

use mp4_atom::{BufMut as _, ElstEntry, Encode, FourCC, Ftyp, Trex};

use super::error::Error;
use super::movie::{TrackHeader, encode_mvhd, encode_trak, full_box};
use super::track::{TRACK_ID, Track};

/// The init segment of a track. Equal tracks have equal bytes, in whichever chunk they are written.
///
/// # Errors
/// A track that [`CodecConfig`](super::CodecConfig) refuses.
pub fn init_segment(track: &Track) -> Result<Vec<u8>, Error> {
    track.check()?;
    let mut buf = Vec::new();
    encode_ftyp(&mut buf, track)?;
    buf.encode_atom(FourCC::new(b"moov"), |buf| {
        encode_mvhd(buf, track.timescale, 0, TRACK_ID + 1)?;
        let header = TrackHeader {
            track,
            track_id: TRACK_ID,
            is_enabled: true,
            duration_movie: 0,
            duration_media: 0,
            edits: priming_edit(track),
        };
        encode_trak(buf, &header, encode_empty_tables)?;
        buf.encode_atom(FourCC::new(b"mvex"), |buf| {
            Trex {
                track_id: TRACK_ID,
                default_sample_description_index: 1,
                ..Trex::default()
            }
            .encode(buf)
        })
    })?;
    Ok(buf)
}

/// `cmf2` promises what our pictures keep: signed composition offsets, the first frame shown at its
/// segment's `tfdt`, and no edit list. Sound with priming needs an edit list and is plain `cmfc`.
fn encode_ftyp(buf: &mut Vec<u8>, track: &Track) -> mp4_atom::Result<()> {
    let mut brands = vec![FourCC::new(b"iso6"), FourCC::new(b"cmfc")];
    if track.config.is_video() {
        brands.push(FourCC::new(b"cmf2"));
    }
    brands.push(FourCC::new(b"dash"));
    Ftyp {
        major_brand: FourCC::new(b"cmfc"),
        minor_version: 0,
        compatible_brands: brands,
    }
    .encode(buf)
}

/// Players skip the priming; a duration of 0 in a fragmented file means "to the end".
fn priming_edit(track: &Track) -> Vec<ElstEntry> {
    if track.priming == 0 {
        return Vec::new();
    }
    vec![ElstEntry {
        segment_duration: 0,
        media_time: Some(u64::from(track.priming)),
        media_rate: 1.into(),
    }]
}

fn encode_empty_tables(buf: &mut Vec<u8>) -> mp4_atom::Result<()> {
    for kind in [b"stts", b"stsc"] {
        full_box(buf, *kind, 0, |buf| 0u32.encode(buf))?;
    }
    full_box(buf, *b"stsz", 0, |buf| 0u64.encode(buf))?;
    full_box(buf, *b"stco", 0, |buf| 0u32.encode(buf))
}
