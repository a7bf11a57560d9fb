//! The subtitles of a plan: which of a source's tracks of text are carried over.

use serde::{Deserialize, Serialize};

use crate::id::RenditionName;

/// Name of the first track of subtitles; no rung of a ladder may have it.
pub const SUBTITLES: &str = "subtitles";

/// Most tracks of subtitles that are carried over: films for half the world have some thirty.
pub const SUBTITLE_TRACKS_MAX: usize = 32;

/// Most cues of a track: one a second for a day. Only typesetting by subtitles comes near, where a
/// moving sign is a cue a frame.
pub const SUBTITLE_CUES_MAX: u32 = 100_000;

/// Largest file of a track: forty bytes for each of its cues, where a film has about a hundred for
/// each of two thousand.
pub const SUBTITLE_BYTES_MAX: u32 = 4 << 20;

/// A track of subtitles to carry over. All are made by one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitlePlan {
    /// `subtitles`, `subtitles-2`, ...
    pub name: RenditionName,
    /// The source's track of subtitles, from 0.
    pub track: u32,
    /// BCP 47 code for playlists, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What players call it, where the source has a name for it: printable, on one line, unquoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether it is shown when nobody chooses; one track at most.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Whether it holds only what everybody must read: signs, and what is said in other languages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_forced: bool,
}

/// The names of tracks of subtitles: `subtitles`, `subtitles-2`, `subtitles-3`, ... in their order.
pub fn subtitle_names() -> impl Iterator<Item = RenditionName> {
    (1_u8..=u8::MAX).map(|number| {
        let name = match number {
            1 => SUBTITLES.to_owned(),
            _ => format!("{SUBTITLES}-{number}"),
        };
        name.parse()
            .expect("a word and a small number make a rendition's name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_track_has_a_name_of_its_own() {
        let names: Vec<RenditionName> = subtitle_names().take(SUBTITLE_TRACKS_MAX).collect();
        assert_eq!(names.len(), SUBTITLE_TRACKS_MAX);
        assert_eq!(names[0].as_str(), "subtitles");
        assert_eq!(names[31].as_str(), "subtitles-32");
    }
}
