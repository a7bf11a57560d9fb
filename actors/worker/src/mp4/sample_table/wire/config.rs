//! A decoder configuration within a sample table.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::mp4::codec::CodecConfig;

/// [`CodecConfig`], as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireConfig {
    Avc {
        avcc: ByteBuf,
        width: u16,
        height: u16,
        par: (u32, u32),
    },
    Hevc {
        hvcc: ByteBuf,
        width: u16,
        height: u16,
        par: (u32, u32),
    },
    Vp9 {
        vpcc: ByteBuf,
        width: u16,
        height: u16,
        par: (u32, u32),
    },
    Av1 {
        av1c: ByteBuf,
        width: u16,
        height: u16,
        par: (u32, u32),
    },
    Aac {
        asc: ByteBuf,
        channels: u16,
        sample_rate_hz: u32,
    },
}

impl From<&CodecConfig> for WireConfig {
    fn from(config: &CodecConfig) -> Self {
        match config {
            CodecConfig::Avc {
                avcc,
                width,
                height,
                par,
            } => Self::Avc {
                avcc: ByteBuf::from(avcc.to_vec()),
                width: *width,
                height: *height,
                par: *par,
            },
            CodecConfig::Hevc {
                hvcc,
                width,
                height,
                par,
            } => Self::Hevc {
                hvcc: ByteBuf::from(hvcc.to_vec()),
                width: *width,
                height: *height,
                par: *par,
            },
            CodecConfig::Vp9 {
                vpcc,
                width,
                height,
                par,
            } => Self::Vp9 {
                vpcc: ByteBuf::from(vpcc.to_vec()),
                width: *width,
                height: *height,
                par: *par,
            },
            CodecConfig::Av1 {
                av1c,
                width,
                height,
                par,
            } => Self::Av1 {
                av1c: ByteBuf::from(av1c.to_vec()),
                width: *width,
                height: *height,
                par: *par,
            },
            CodecConfig::Aac {
                asc,
                channels,
                sample_rate_hz,
            } => Self::Aac {
                asc: ByteBuf::from(asc.to_vec()),
                channels: *channels,
                sample_rate_hz: *sample_rate_hz,
            },
        }
    }
}

impl From<WireConfig> for CodecConfig {
    fn from(config: WireConfig) -> Self {
        match config {
            WireConfig::Avc {
                avcc,
                width,
                height,
                par,
            } => Self::Avc {
                avcc: Bytes::from(avcc.into_vec()),
                width,
                height,
                par,
            },
            WireConfig::Hevc {
                hvcc,
                width,
                height,
                par,
            } => Self::Hevc {
                hvcc: Bytes::from(hvcc.into_vec()),
                width,
                height,
                par,
            },
            WireConfig::Vp9 {
                vpcc,
                width,
                height,
                par,
            } => Self::Vp9 {
                vpcc: Bytes::from(vpcc.into_vec()),
                width,
                height,
                par,
            },
            WireConfig::Av1 {
                av1c,
                width,
                height,
                par,
            } => Self::Av1 {
                av1c: Bytes::from(av1c.into_vec()),
                width,
                height,
                par,
            },
            WireConfig::Aac {
                asc,
                channels,
                sample_rate_hz,
            } => Self::Aac {
                asc: Bytes::from(asc.into_vec()),
                channels,
                sample_rate_hz,
            },
        }
    }
}
