//! What a broadcast (MPEG-TS, MPEG-PS) is known to lack: it is made for ways on which bytes are lost.

use serde::{Deserialize, Serialize};

/// Most streams that a probe tells of as unread; there may be more.
pub const UNREAD_TOLD_MAX: usize = 32;

/// What a broadcast lacks. All of it comes from a process that read strangers' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BroadcastFacts {
    /// Packets of its streams that are missing, marked as broken, or scrambled among others, at least: their counters have four
    /// bits (ISO/IEC 13818-1, 2.4.3.3).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_packets: u64,
    /// In how many places.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gaps: u64,
    /// About where the first of these is, in stream time: by its place among the file's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_gap_ns: Option<u64>,
    /// How long the picture goes on before its first keyframe, with nothing that it could be decoded by.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lead_ns: u64,
    /// Streams of picture and sound that are there and not read; at most [`UNREAD_TOLD_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadFacts>,
}

/// A stream that the broadcast's own table names and that is not read here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadFacts {
    /// Its number in the broadcast: 13 bits.
    pub pid: u16,
    /// Whether it is a picture, and not sound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_video: bool,
    /// As people call it: `DTS`, `AC-4`, `VC-1`, ...
    pub codec: String,
    /// Whether it is scrambled, whatever it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_scrambled: bool,
    /// Whether it begins behind where streams are looked for, or where another one of its number was: as at
    /// the joint of two recordings.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_late: bool,
    /// ISO 639-2 code, where the table has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl BroadcastFacts {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}
