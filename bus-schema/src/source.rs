//! Source facts: what a probe reads.

use serde::{Deserialize, Serialize};

/// What is known of a source after its probe. Times are stream times in nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Container, as a short name: `mp4`, `matroska`, `webm`, `mpegts`, `avi`, ...
    pub container: String,
    /// Duration of the longest track that is used.
    pub duration_ns: u64,
    /// The picture, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoFacts>,
    /// The sound tracks, in the container's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audio: Vec<AudioFacts>,
}

/// The first video track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// `h264`, `hevc`, `vp9`, `av1`, ...
    pub codec: String,
    /// Size as shown: after rotation and with square pixels.
    pub width: u32,
    /// Size as shown: after rotation and with square pixels.
    pub height: u32,
    /// Size as coded.
    pub coded_width: u32,
    /// Size as coded.
    pub coded_height: u32,
    /// Clockwise quarter turns to apply before showing, in degrees: 0, 90, 180, 270.
    pub rotation_deg: u16,
    /// Mean frame rate as a fraction; 0/1 when unknown.
    pub fps_num: u32,
    /// Its denominator.
    pub fps_den: u32,
    /// Units per second in which frame times are exact; the timescale of our tracks.
    pub timescale: u32,
    /// Number of frames that a player shows, where the container's own table tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Bits per sample: 8, 10, 12.
    pub bit_depth: u8,
    /// Whether any frame is interlaced.
    pub is_interlaced: bool,
    /// Stream time of the first frame.
    pub start_ns: u64,
    /// Length of this track.
    pub duration_ns: u64,
    /// What light the signal stands for: `bt709`, `smpte2084` (HDR10), `arib-std-b67` (HLG), ...
    /// Told by the source, or what players take it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
    /// Which red, green and blue it is made of: `bt709`, `smpte170m`, `bt2020`, ... Told by the
    /// source, or what players take it for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primaries: Option<String>,
}

/// One audio track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFacts {
    /// Its ordinal among the audio tracks, from 0.
    pub track: u32,
    /// `aac`, `opus`, `mp3`, ...
    pub codec: String,
    /// Number of channels.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// BCP 47 or ISO 639-2 code, where the container has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Length of this track.
    pub duration_ns: u64,
}
