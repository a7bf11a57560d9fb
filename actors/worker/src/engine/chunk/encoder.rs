//! The encoder of a rendition: the element with its settings, what must stand behind it, and how what comes
//! out becomes samples.
//!
//! Whatever the encoder, the rules are the same: a keyframe where it is asked for, groups that need no other,
//! a quality that is no better than planned, and a rate that is no higher. A table of settings for each, since
//! no two have the same names for them.

mod av1;
mod config;
pub(in crate::engine) mod renewal;
mod vp9;
mod x264;
mod x265;

use bus_schema::encoder;
use bus_schema::plan::VideoRendition;
use bus_schema::report::ErrorCode;
use bus_schema::video_codec::VideoCodec;
use bytes::Bytes;
use gstreamer as gst;

use super::super::pipeline::element;
use super::super::{Error, Result};
use super::scale;
use crate::mp4::{self, CodecConfig};

/// The longest buffer that encoders take, in milliseconds.
const BUFFER_MS_MAX: u32 = 10_000;

/// What an encoder makes, and how to read it.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Coding {
    rendition: VideoRendition,
    codec: VideoCodec,
    /// Frames per second, rounded up.
    frames_per_s: u32,
}

impl Coding {
    /// Of a rendition as planned.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for an encoder that there are no settings for.
    pub(in crate::engine) fn new(
        rendition: &VideoRendition,
        frame_rate: gst::Fraction,
    ) -> Result<Self> {
        let known = encoder::encoder(&rendition.encoder).ok_or_else(|| {
            let message = format!(
                "This worker knows no settings for the encoder `{}`: update it.",
                rendition.encoder
            );
            Error::new(ErrorCode::Unsupported, message)
        })?;
        let frames_per_s = frame_rate.numer().max(1).unsigned_abs();
        Ok(Self {
            rendition: rendition.clone(),
            codec: known.codec,
            frames_per_s: frames_per_s.div_ceil(frame_rate.denom().max(1).unsigned_abs()),
        })
    }

    /// As planned.
    pub(in crate::engine) fn rendition(&self) -> &VideoRendition {
        &self.rendition
    }

    /// The encoder, and what stands behind it up to access units as MP4 wants them. The first element is
    /// the encoder.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] when a plugin is missing.
    pub(in crate::engine) fn elements(&self, threads: u32) -> Result<Vec<gst::Element>> {
        let rendition = &self.rendition;
        let mut elements = vec![match self.codec {
            VideoCodec::H264 => x264::encoder(rendition, threads)?,
            VideoCodec::Hevc => x265::encoder(rendition, threads)?,
            VideoCodec::Vp9 => vp9::encoder(rendition, threads)?,
            VideoCodec::Av1 => av1::encoder(rendition, threads)?,
        }];
        if self.codec == VideoCodec::Hevc {
            elements.push(element("h265parse")?);
        }
        elements.push(scale::filter(&self.caps())?);
        Ok(elements)
    }

    /// Whether it makes keyframes when it is asked to; else it is renewed at each.
    pub(in crate::engine) fn takes_requests(&self) -> bool {
        self.rendition.encoder != "av1enc"
    }

    /// What is asked of the last element: parameter sets in the caps, lengths in front of units.
    fn caps(&self) -> gst::Caps {
        let (kind, fields): (_, &[(&str, &str)]) = match self.codec {
            VideoCodec::H264 => (
                "video/x-h264",
                &[
                    ("stream-format", "avc"),
                    ("alignment", "au"),
                    ("profile", "high"),
                ],
            ),
            VideoCodec::Hevc => (
                "video/x-h265",
                &[("stream-format", "hvc1"), ("alignment", "au")],
            ),
            VideoCodec::Vp9 => ("video/x-vp9", &[("profile", "0")]),
            VideoCodec::Av1 => ("video/x-av1", &[("alignment", "tu")]),
        };
        let caps = gst::Caps::builder(kind);
        fields
            .iter()
            .fold(caps, |caps, (name, value)| caps.field(*name, *value))
            .build()
    }

    /// The elements that decode it again: for trials.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] when a plugin is missing.
    pub(in crate::engine) fn decoder(&self) -> Result<Vec<gst::Element>> {
        let names: &[&str] = match self.codec {
            VideoCodec::H264 => &["h264parse", "avdec_h264"],
            VideoCodec::Hevc => &["h265parse", "avdec_h265"],
            VideoCodec::Vp9 => &["vp9parse", "vp9dec"],
            VideoCodec::Av1 => &["av1parse", "av1dec"],
        };
        names.iter().map(|name| element(name)).collect()
    }

    /// The decoder's configuration, from the caps and the first access unit.
    ///
    /// # Errors
    /// When the encoder gave none, or one that cannot be read.
    pub(in crate::engine) fn config(
        &self,
        caps: &gst::CapsRef,
        first: &[u8],
    ) -> Result<CodecConfig> {
        config::of(self, caps, first)
    }

    /// An access unit as a sample holds it.
    ///
    /// # Errors
    /// When the encoder's bytes cannot be read.
    pub(in crate::engine) fn sample(&self, unit: Bytes) -> Result<Bytes> {
        match self.codec {
            VideoCodec::H264 | VideoCodec::Hevc | VideoCodec::Vp9 => Ok(unit),
            VideoCodec::Av1 => mp4::av1::sample(&unit).map_err(|error| {
                Error::internal(format!("{} made no AV1: {error}", self.rendition.encoder))
            }),
        }
    }
}

/// The cap, in the thousands that encoders count in; at least one.
fn rate_kbps(rendition: &VideoRendition) -> u32 {
    rendition.bitrate_max_bps.div_ceil(1000).max(1)
}

/// The buffer, as the time that it takes to fill at the cap.
fn buffer_ms(rendition: &VideoRendition) -> u32 {
    (rendition.buffer_bits / rate_kbps(rendition)).min(BUFFER_MS_MAX)
}

/// A number where an element's property is signed.
fn signed(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
