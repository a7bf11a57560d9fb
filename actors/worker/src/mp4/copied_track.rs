//! The headers of a track whose samples are a source's own: in a copy, and in what a source is remuxed into.

use bus_schema::language::three_letters;
use mp4_atom::{BufMut as _, Encode as _, FourCC, Hdlr};

use super::movie::{encode_language_tag, full_box};

/// Where a version stands in a word of version and flags.
pub(super) const VERSION_1: u32 = 1 << 24;

/// What its headers tell of a track.
#[derive(Debug)]
pub(super) struct CopiedTrack {
    pub(super) is_video: bool,
    pub(super) track_id: u32,
    /// Of `tkhd`.
    pub(super) flags: u32,
    /// In the movie's timescale.
    pub(super) duration_movie: u64,
    /// How the picture is turned, as it is written.
    pub(super) matrix: [u8; 36],
    /// Width and height in 16.16, as they are written.
    pub(super) shown_size: [u8; 8],
    pub(super) timescale: u32,
    /// In the track's timescale.
    pub(super) duration_media: u64,
    /// BCP 47 tag, or a code of three letters; `und` where nothing is known.
    pub(super) language: String,
}

impl CopiedTrack {
    /// Writes `tkhd`.
    pub(super) fn encode_track_header(&self, buf: &mut Vec<u8>) -> mp4_atom::Result<()> {
        let version = version_for(self.duration_movie);
        full_box(buf, *b"tkhd", version | self.flags, |buf| {
            encode_times(buf, version);
            self.track_id.encode(buf)?;
            0u32.encode(buf)?;
            encode_duration(buf, version, self.duration_movie)?;
            buf.append_slice(&[0; 8]);
            // Sounds are alternatives to one another, as in files that are assembled; layer and group before, volume
            // behind.
            let is_sound = u16::from(!self.is_video);
            0u16.encode(buf)?;
            is_sound.encode(buf)?;
            (is_sound << 8).encode(buf)?;
            0u16.encode(buf)?;
            buf.append_slice(&self.matrix);
            buf.append_slice(&self.shown_size);
            Ok(())
        })
    }

    /// Writes `mdhd` and `hdlr`, and `elng` where it is needed.
    pub(super) fn encode_media_header(&self, buf: &mut Vec<u8>) -> mp4_atom::Result<()> {
        let version = version_for(self.duration_media);
        full_box(buf, *b"mdhd", version, |buf| {
            encode_times(buf, version);
            self.timescale.encode(buf)?;
            encode_duration(buf, version, self.duration_media)?;
            packed(three_letters(&self.language)).encode(buf)?;
            0u16.encode(buf)
        })?;
        encode_handler(buf, self.is_video)?;
        encode_language_tag(buf, &self.language)
    }
}

/// Three letters in five bits each.
fn packed(language: &str) -> u16 {
    let letters = language.bytes().filter(u8::is_ascii_lowercase);
    letters
        .take(3)
        .fold(0, |sum, letter| sum << 5 | u16::from(letter - 0x60))
}

/// Writes `hdlr`.
pub(super) fn encode_handler(buf: &mut Vec<u8>, is_video: bool) -> mp4_atom::Result<()> {
    let (handler, name) = if is_video {
        (b"vide", "VideoHandler")
    } else {
        (b"soun", "SoundHandler")
    };
    Hdlr {
        handler: FourCC::new(handler),
        name: name.to_owned(),
    }
    .encode(buf)
}

fn version_for(duration: u64) -> u32 {
    if u32::try_from(duration).is_ok() {
        0
    } else {
        VERSION_1
    }
}

/// No times of creation: equal content has equal bytes.
fn encode_times(buf: &mut Vec<u8>, version: u32) {
    buf.append_slice(if version == 0 { &[0; 8] } else { &[0; 16] });
}

fn encode_duration(buf: &mut Vec<u8>, version: u32, duration: u64) -> mp4_atom::Result<()> {
    match u32::try_from(duration) {
        Ok(duration) if version == 0 => duration.encode(buf),
        _ => duration.encode(buf),
    }
}
