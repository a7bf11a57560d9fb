//! The encoder of a rendition: the element with its settings, what must stand behind it, and how what comes
//! out becomes samples.
//!
//! Whatever the encoder, the rules are the same: a keyframe where it is asked for, groups that need no other,
//! a quality that is no better than planned, and a rate that is no higher. A table of settings for each, since
//! no two have the same names for them.

mod av1;
mod config;
mod hardware;
pub(in crate::engine) mod renewal;
mod vp9;
mod x264;
mod x265;

use bus_schema::encoder::{self, Encoder};
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

/// An encoder in its place.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Elements {
    /// In front of it.
    pub(in crate::engine) front: Vec<gst::Element>,
    /// The encoder itself.
    pub(in crate::engine) encoder: gst::Element,
    /// Behind it; at least one.
    pub(in crate::engine) behind: Vec<gst::Element>,
}

impl Elements {
    /// All of them, in order.
    pub(in crate::engine) fn all(&self) -> impl Iterator<Item = &gst::Element> {
        let front = self.front.iter().chain([&self.encoder]);
        front.chain(&self.behind)
    }
}

/// What an encoder makes, and how to read it.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Coding {
    rendition: VideoRendition,
    encoder: Encoder,
    /// Frames per second, rounded up.
    frames_per_s: u32,
}

impl Coding {
    /// Of a rendition as planned.
    ///
    /// # Errors
    /// [`ErrorCode::CannotMatch`] for an encoder that there are no settings for.
    pub(in crate::engine) fn new(
        rendition: &VideoRendition,
        frame_rate: gst::Fraction,
    ) -> Result<Self> {
        let known = encoder::encoder(&rendition.encoder).ok_or_else(|| {
            let message = format!(
                "This worker knows no settings for the encoder `{}`: update it.",
                rendition.encoder
            );
            Error::new(ErrorCode::CannotMatch, message)
        })?;
        let frames_per_s = frame_rate.numer().max(1).unsigned_abs();
        Ok(Self {
            rendition: rendition.clone(),
            encoder: known,
            frames_per_s: frames_per_s.div_ceil(frame_rate.denom().max(1).unsigned_abs()),
        })
    }

    /// As planned.
    pub(in crate::engine) fn rendition(&self) -> &VideoRendition {
        &self.rendition
    }

    /// What stands between raw frames and access units as MP4 wants them.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] when a plugin is missing.
    pub(in crate::engine) fn elements(&self, threads: u32) -> Result<Elements> {
        let rendition = &self.rendition;
        if self.encoder.is_hardware {
            let (converter, encoder, parser) = hardware::elements(self.encoder, rendition)?;
            return Ok(Elements {
                front: vec![converter],
                encoder,
                behind: vec![parser, scale::filter(&hardware::caps(self.codec()))?],
            });
        }
        let encoder = match self.codec() {
            VideoCodec::H264 => x264::encoder(rendition, threads)?,
            VideoCodec::Hevc => x265::encoder(rendition, threads)?,
            VideoCodec::Vp9 => vp9::encoder(rendition, threads)?,
            VideoCodec::Av1 => av1::encoder(rendition, threads)?,
        };
        let mut behind = Vec::new();
        if self.codec() == VideoCodec::Hevc {
            behind.push(element("h265parse")?);
        }
        behind.push(scale::filter(&self.caps())?);
        Ok(Elements {
            front: Vec::new(),
            encoder,
            behind,
        })
    }

    fn codec(&self) -> VideoCodec {
        self.encoder.codec
    }

    /// Whether it makes keyframes when it is asked to; else it is renewed at each.
    pub(in crate::engine) fn takes_requests(&self) -> bool {
        self.rendition.encoder != "av1enc"
    }

    /// What is asked of the last element: parameter sets in the caps, lengths in front of units.
    fn caps(&self) -> gst::Caps {
        let (kind, fields): (_, &[(&str, &str)]) = match self.codec() {
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
        let names: &[&str] = match self.codec() {
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
        match self.codec() {
            VideoCodec::H264 | VideoCodec::Hevc | VideoCodec::Vp9 => Ok(unit),
            VideoCodec::Av1 => mp4::av1::sample(&unit).map_err(|error| {
                Error::internal(format!("{} made no AV1: {error}", self.rendition.encoder))
            }),
        }
    }
}

/// The device that a plan's pictures are encoded by, if there is one to blame.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Suspect(Option<Encoder>);

impl Suspect {
    /// Of these renditions.
    pub(in crate::engine) fn of(renditions: &[VideoRendition]) -> Self {
        let mut encoders = renditions
            .iter()
            .filter_map(|one| encoder::encoder(&one.encoder));
        Self(encoders.find(|one| one.is_hardware))
    }

    /// What went wrong in a pipeline with it: drivers say all kinds of things, and mean that they do not
    /// encode. Software has no such excuse.
    pub(in crate::engine) fn blame(self, error: Error) -> Error {
        let Some(device) = self.0 else { return error };
        if error.code == ErrorCode::EncoderFailed {
            return error;
        }
        let message = format!(
            "The hardware encoder {} failed: report it with the worker's log if that happens again.",
            device.element
        );
        Error::new(ErrorCode::EncoderFailed, message).because(error.to_log())
    }

    /// The same for what would else be a defect of ours: frames that are missing, or no keyframe.
    pub(in crate::engine) fn blame_for_defect(self, error: Error) -> Error {
        match error.code {
            ErrorCode::Internal => self.blame(error),
            _ => error,
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
