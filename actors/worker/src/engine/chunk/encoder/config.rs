//! The decoder's configuration of what an encoder makes.

use bus_schema::video_codec::VideoCodec;
use bytes::Bytes;
use gstreamer as gst;

use super::super::super::{Error, Result};
use super::Coding;
use crate::mp4::{CodecConfig, Vp9Config, av1};

/// Pixels are square: the scaler makes them so.
const PAR: (u32, u32) = (1, 1);

pub(super) fn of(coding: &Coding, caps: &gst::CapsRef, first: &[u8]) -> Result<CodecConfig> {
    let rendition = &coding.rendition;
    let pixels = |n: u32| {
        u16::try_from(n).map_err(|_| Error::internal(format!("a picture of {n} pixels' side")))
    };
    let (width, height, par) = (pixels(rendition.width)?, pixels(rendition.height)?, PAR);
    Ok(match coding.codec() {
        VideoCodec::H264 => CodecConfig::Avc {
            avcc: codec_data(caps)?,
            width,
            height,
            par,
        },
        VideoCodec::Hevc => CodecConfig::Hevc {
            hvcc: codec_data(caps)?,
            width,
            height,
            par,
        },
        VideoCodec::Vp9 => CodecConfig::Vp9 {
            vpcc: Vp9Config {
                width: rendition.width,
                height: rendition.height,
                frames_per_s: coding.frames_per_s,
                bitrate_max_bps: rendition.bitrate_max_bps,
            }
            .record(),
            width,
            height,
            par,
        },
        VideoCodec::Av1 => CodecConfig::Av1 {
            av1c: av1::record(first).map_err(|error| {
                Error::internal(format!("{} made no AV1: {error}", rendition.encoder))
            })?,
            width,
            height,
            par,
        },
    })
}

/// The record that encoders and parsers put into caps.
fn codec_data(caps: &gst::CapsRef) -> Result<Bytes> {
    let structure = caps.structure(0);
    let data = structure.and_then(|s| s.get::<gst::Buffer>("codec_data").ok());
    let data = data.ok_or_else(|| Error::internal("the encoder gave no decoder configuration"))?;
    Ok(Bytes::copy_from_slice(&data.map_readable()?))
}
