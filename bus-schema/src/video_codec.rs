//! Codecs of the picture, as clients choose them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How a picture is coded.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum VideoCodec {
    /// H.264, which everything plays.
    #[default]
    H264,
    /// HEVC (H.265), which Apple's devices and most hardware play, and few browsers elsewhere.
    Hevc,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}

impl VideoCodec {
    /// All of them, as help texts list them.
    pub const ALL: [Self; 4] = [Self::H264, Self::Hevc, Self::Vp9, Self::Av1];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
        }
    }

    /// Whether it is the one of jobs that name none.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The smallest side of a picture, in pixels: what its encoder in software takes, and even.
    #[must_use]
    pub fn side_min(self) -> u32 {
        match self {
            Self::H264 | Self::Vp9 => 2,
            Self::Av1 => 4,
            Self::Hevc => 16,
        }
    }

    /// The cap of a rung in this codec, of one for H.264. Apple's HLS authoring specification (1.20ff.)
    /// gives HEVC three quarters of H.264 at each size of its ladder (5.8 of 7.8 Mb/s at 1080p, 3.4 of
    /// 4.5 at 720p); AV1 and VP9 have no table there, and are given the same: as fast as they are encoded
    /// here, without a look ahead, they need no less than HEVC.
    #[must_use]
    pub fn cap_bps(self, h264_bps: u32) -> u32 {
        match self {
            Self::H264 => h264_bps,
            Self::Hevc | Self::Vp9 | Self::Av1 => h264_bps / 4 * 3,
        }
    }
}

impl fmt::Display for VideoCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a codec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no codec `{0}`: choose h264, hevc, vp9 or av1")]
pub struct UnknownCodec(pub String);

impl FromStr for VideoCodec {
    type Err = UnknownCodec;
    fn from_str(text: &str) -> Result<Self, UnknownCodec> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.as_str() == text)
            .ok_or_else(|| UnknownCodec(text.chars().take(64).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_api_and_of_records() {
        for codec in VideoCodec::ALL {
            assert_eq!(codec.as_str().parse(), Ok(codec));
            let json = serde_json::to_value(codec).unwrap();
            assert_eq!(json, codec.as_str());
        }
        let error = "divx".parse::<VideoCodec>().unwrap_err().to_string();
        assert!(error.contains("divx") && error.contains("av1"), "{error}");
    }

    #[test]
    fn caps_are_those_of_the_authoring_specification() {
        assert_eq!(VideoCodec::H264.cap_bps(7_800_000), 7_800_000);
        // 5.8 Mb/s there.
        assert_eq!(VideoCodec::Hevc.cap_bps(7_800_000), 5_850_000);
        // 3.4 Mb/s there.
        assert_eq!(VideoCodec::Hevc.cap_bps(4_500_000), 3_375_000);
    }
}
