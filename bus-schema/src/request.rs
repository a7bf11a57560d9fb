//! What a client asks for: preset, qualities, where to report.

pub mod chapters;
pub mod clip;
pub mod images;
pub mod loudness;
pub mod uploaded_image;
pub mod watermark;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use self::chapters::{ChaptersRequest, SCORE_PERMILLE_DEFAULT};
use self::clip::Clip;
use self::images::{ImagesRequest, Thumbnails};
use self::loudness::Loudness;
use self::watermark::Watermark;
use crate::video_codec::VideoCodec;

/// A named way to choose outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// One MP4 with the index in front, at the source's own size.
    Default,
    /// One MP4 per quality asked for, 720p if none.
    WebOptimized,
    /// One rendition as HLS, DASH and MP4.
    Hls,
    /// The whole ladder as HLS, DASH and MP4.
    #[default]
    HlsAdaptive,
}

impl Preset {
    /// All of them, as help texts list them.
    pub const ALL: [Self; 4] = [
        Self::Default,
        Self::WebOptimized,
        Self::Hls,
        Self::HlsAdaptive,
    ];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::WebOptimized => "web-optimized",
            Self::Hls => "hls",
            Self::HlsAdaptive => "hls-adaptive",
        }
    }

    /// Whether playlists and a DASH manifest are part of the result.
    #[must_use]
    pub fn is_streamed(self) -> bool {
        matches!(self, Self::Hls | Self::HlsAdaptive)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a preset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no preset `{0}`: choose default, web-optimized, hls or hls-adaptive")]
pub struct UnknownPreset(pub String);

impl FromStr for Preset {
    type Err = UnknownPreset;
    fn from_str(text: &str) -> Result<Self, UnknownPreset> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.as_str() == text)
            .ok_or_else(|| UnknownPreset(text.chars().take(64).collect()))
    }
}

/// Priority of a job: 0 to 100, higher is released first.
pub const PRIORITY_MAX: u8 = 100;
/// The priority of a job that names none.
pub const PRIORITY_DEFAULT: u8 = 50;

/// A job's wishes, fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The user's name of the file, for people only.
    pub filename: String,
    /// As declared by the client; never trusted.
    pub content_type: String,
    /// Which outputs.
    pub preset: Preset,
    /// Qualities by name; empty means the preset's own choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub qualities: Vec<String>,
    /// How the picture is coded, where it is encoded.
    #[serde(default, skip_serializing_if = "VideoCodec::is_default")]
    pub codec: VideoCodec,
    /// Where stages are posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_url: Option<String>,
    /// The client's own words, echoed in webhooks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The client's own id of this job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// What is drawn over the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
    /// Still images of the film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImagesRequest>,
    /// The level that the sound is brought to; it keeps its own where none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<Loudness>,
    /// Chapters that begin where scenes do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chapters: Option<ChaptersRequest>,
    /// The part that is taken; `None` is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
}

impl JobRequest {
    /// By how much a scene's first frame has to differ for what was asked for, in thousandths; `None`
    /// where scenes are not looked for.
    #[must_use]
    pub fn scene_score_permille(&self) -> Option<u16> {
        let has_scenes =
            |images: &&ImagesRequest| matches!(images.thumbnails, Thumbnails::Scenes { .. });
        let for_images = self.images.as_ref().filter(has_scenes);
        let for_chapters = self.chapters.map(|chapters| chapters.score_permille);
        for_chapters.or_else(|| for_images.map(|_| SCORE_PERMILLE_DEFAULT))
    }
}
