//! Subtitles as text: what containers hold, read cue by cue, and WebVTT, written. No IO, no GStreamer.
//!
//! Each kind has a parser of its own ([`srt`], [`ass`], [`tx3g`], [`webvtt`]) that makes [`Styled`] text of
//! a payload; a [`CueList`] takes it with its times, and writes the file. All of it is a stranger's: no
//! parser fails, each takes what it can, and whatever is written shows text, three styles and nothing
//! else.

pub mod ass;
pub mod srt;
pub mod tx3g;
pub mod webvtt;

mod cue_list;
mod place;
mod styled;
mod tags;

pub use cue_list::{CueList, File, Times};
pub use place::Place;
pub use styled::{Style, Styled};

/// Longest payload of a cue, in bytes as the source has it: a page of a book. What is longer is no
/// subtitle.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 10;

/// What a payload shows, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// Its text.
    pub text: Styled,
    /// Where on the picture.
    pub place: Place,
}
