//! A track: its timescale, its decoder configuration, its language.

use bus_schema::language::three_letters;

use super::codec::CodecConfig;
use super::error::Error;

/// Objects have one kind of track only, so that every one is track 1 of its file.
pub(super) const TRACK_ID: u32 = 1;

/// What all segments of one rendition share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Units per second of every time of the track.
    pub timescale: u32,
    /// How to decode it.
    pub config: CodecConfig,
    /// ISO 639-2 (three letters) or BCP 47, where known.
    pub language: Option<String>,
    /// Units of media before time 0 that a player decodes and does not show: the encoder's priming
    /// (1,024 for AAC). A sample with decode time `t` is shown at `t - priming`. 0 for a picture.
    pub priming: u32,
}

impl Track {
    /// Refuses a track that cannot be written.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.timescale == 0 {
            return Err(Error::Damaged {
                what: "a track with timescale 0",
            });
        }
        self.config.check()
    }

    /// The code for `mdhd`, which holds three letters only.
    pub(super) fn language_code(&self) -> &str {
        self.language.as_deref().map_or("und", three_letters)
    }
}
