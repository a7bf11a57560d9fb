//! Source facts: what a probe reads.

use serde::{Deserialize, Serialize};

use crate::broadcast::BroadcastFacts;
use crate::intermediate::Intermediate;

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
    /// The tracks of subtitles, in the container's order; at most [`SUBTITLES_TOLD_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtitles: Vec<SubtitleFacts>,
    /// What the container's own index says, where it is that of an MP4 or MOV and can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexFacts>,
    /// What the source was remuxed into, where it has no index of its own that can be used. `index` and
    /// all times are then those of the intermediate, and tasks read it in the source's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intermediate: Option<Intermediate>,
    /// What it lacks, where it is a broadcast that does not hold all that it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<Box<BroadcastFacts>>,
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
    /// Whether a picture that cannot be decoded is no reason to refuse the source: in its place the one
    /// before is shown, and that is told. So it is with broadcasts that were remuxed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_lack: bool,
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
    /// What its demuxer calls it, where that is known: demuxers find tracks in no certain order.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// `aac`, `opus`, `mp3`, ...
    pub codec: String,
    /// Number of channels.
    pub channels: u32,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// BCP 47 or ISO 639-2 code, where the container has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Its name for people, where the container has one: any text at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether the container marks it as the one to play when nobody chooses; several may be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Length of this track.
    pub duration_ns: u64,
}

/// Most tracks of subtitles that a probe tells of; there may be more.
pub const SUBTITLES_TOLD_MAX: usize = 64;

/// One track of subtitles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleFacts {
    /// Its ordinal among the tracks of subtitles, from 0.
    pub track: u32,
    /// The container's number for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// `subrip`, `ass`, `webvtt`, `mov_text`, `dvd_subtitle`, ... as ffmpeg has them.
    pub codec: String,
    /// BCP 47 or ISO 639-2 code, where the container has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Its name for people, where the container has one: any text at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether the container's writer marked it as one to show when nobody chooses; several may be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Whether it is marked to hold only what everybody must read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_forced: bool,
}

/// What a track of subtitles is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubtitleForm {
    /// Text that can be carried over.
    Text,
    /// Pictures of text.
    Pictures,
    /// Something that is not read here.
    Unread,
}

impl SubtitleFacts {
    /// What it is made of, by its codec.
    #[must_use]
    pub fn form(&self) -> SubtitleForm {
        match self.codec.as_str() {
            "subrip" | "ass" | "ssa" | "webvtt" | "mov_text" => SubtitleForm::Text,
            "dvd_subtitle" | "hdmv_pgs_subtitle" | "dvb_subtitle" | "xsub" => {
                SubtitleForm::Pictures
            }
            _ => SubtitleForm::Unread,
        }
    }
}

/// What decides whether the streams of an MP4 or MOV can be copied as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexFacts {
    /// Whether samples are in fragments, and not in the index's tables.
    pub is_fragmented: bool,
    /// Tracks with a moving picture; pictures of a cover do not count.
    pub n_video: u32,
    /// Whether no edit of the first picture or the first sound does more than delay its beginning, and
    /// hides more than what an encoder of sound puts before its beginning.
    pub has_plain_edits: bool,
    /// Whether the tables of the first picture and the first sound agree with each other, and every
    /// sample has a place of its own within the file; and whether an index of such a copy may be written,
    /// which has limits.
    pub is_consistent: bool,
    /// The first picture, where it is H.264 with all parameter sets in the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h264: Option<H264Facts>,
    /// The first sound, where it is AAC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aac: Option<AacFacts>,
}

/// What H.264's sequence parameter sets say (ISO/IEC 14496-10, 7.3.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct H264Facts {
    /// `profile_idc`: 66 baseline, 77 main, 100 high, ...
    pub profile: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// `chroma_format_idc`: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per sample, the larger of brightness and colour.
    pub bit_depth: u8,
    /// `frame_mbs_only_flag`: whether no frame can be interlaced.
    pub is_progressive: bool,
}

/// What AAC's `AudioSpecificConfig` says (ISO/IEC 14496-3, 1.6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AacFacts {
    /// Audio object type: 2 is low complexity; 5 and 29 are high efficiency, signalled either way.
    pub object_type: u8,
    /// `channelConfiguration`: 1 mono, 2 stereo; 0 where the stream itself tells.
    pub channels: u8,
}
