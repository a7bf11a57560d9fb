//! x264's settings: everything that the plan pins, and nothing left to a plugin's defaults.

use bus_schema::plan::VideoRendition;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::super::super::Result;
use super::super::super::pipeline::element;
use super::{buffer_ms, rate_kbps};

/// x264's own preset: a fifth more CPU than `veryfast`-class presets save is spent on a tenth less
/// rate.
const PRESET: &str = "fast";

/// Frames that the encoder looks ahead. Each costs three times its raw size, in every rendition, and
/// the decoder's copy of it beside: with the preset's 30, and a buffer of them between two threads, a
/// 1080p ladder of four takes 970 MB; with these, under 600.
pub(super) const LOOKAHEAD_FRAMES: u32 = 12;
/// The same for pictures above 1080p, whose frames have 6 or 12 MB: with 12 of them, a ladder of six
/// from 2160p takes 2.1 GB.
const LARGE_LOOKAHEAD_FRAMES: u32 = 8;
/// Pixels of 1080p, with its rows rounded up to whole macroblocks.
const LARGE_PIXELS: u64 = 1920 * 1088;

/// An encoder for a rendition.
///
/// # Errors
/// When the plugin is missing.
pub(super) fn encoder(rendition: &VideoRendition, threads: u32) -> Result<gst::Element> {
    let encoder = element("x264enc")?;
    encoder.set_property_from_str("speed-preset", PRESET);
    encoder.set_property_from_str("pass", "qual");
    encoder.set_property("quantizer", u32::from(rendition.crf));
    encoder.set_property("threads", threads);
    encoder.set_property("key-int-max", rendition.keyframe_frames_max);
    encoder.set_property("aud", false);
    // The element sets x264's buffer from these two in any case; what an option string says of it is
    // overwritten.
    encoder.set_property("bitrate", rate_kbps(rendition));
    encoder.set_property("vbv-buf-capacity", buffer_ms(rendition));
    encoder.set_property("option-string", options(rendition));
    Ok(encoder)
}

/// What the element has no property for, or sets behind our back.
fn options(rendition: &VideoRendition) -> String {
    let keyframe = rendition.keyframe_frames_max;
    let pixels = u64::from(rendition.width) * u64::from(rendition.height);
    let lookahead = if pixels > LARGE_PIXELS {
        LARGE_LOOKAHEAD_FRAMES
    } else {
        LOOKAHEAD_FRAMES
    };
    format!(
        "rc-lookahead={lookahead}:sync-lookahead=0:\
         keyint={keyframe}:min-keyint={keyframe}:scenecut=40:open-gop=0:\
         qpmin=0"
    )
}
