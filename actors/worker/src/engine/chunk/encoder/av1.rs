//! libaom's settings for AV1.

use bus_schema::plan::VideoRendition;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::super::super::Result;
use super::super::super::pipeline::element;
use super::{buffer_ms, rate_kbps, signed};

/// libaom's steps of its fast mode, 0 to 10: about x264's CPU. The careful mode (`good-quality`, 6) takes three
/// times as much.
const SPEED: i32 = 8;
/// The coarsest quantizer, of 63: what holds the cap on difficult film.
const QUANTIZER_MAX: u32 = 63;
/// log2 of the tiles side by side.
const TILE_COLUMNS: u32 = 1;

/// An encoder for a rendition: the rate control that keeps to a buffer, with the planned quality as the best
/// that it may choose (the element has no property for a constant one). It neither looks ahead nor hides frames.
///
/// # Errors
/// When the plugin is missing.
pub(super) fn encoder(rendition: &VideoRendition, threads: u32) -> Result<gst::Element> {
    let encoder = element("av1enc")?;
    encoder.set_property_from_str("usage-profile", "realtime");
    encoder.set_property_from_str("end-usage", "cbr");
    encoder.set_property("cpu-used", SPEED);
    encoder.set_property("min-quantizer", u32::from(rendition.crf).min(QUANTIZER_MAX));
    encoder.set_property("max-quantizer", QUANTIZER_MAX);
    encoder.set_property("target-bitrate", rate_kbps(rendition));
    let buffer_ms = buffer_ms(rendition);
    encoder.set_property("buf-sz", buffer_ms);
    encoder.set_property("buf-initial-sz", buffer_ms / 2);
    encoder.set_property("buf-optimal-sz", buffer_ms * 2 / 3);
    encoder.set_property("lag-in-frames", 0_u32);
    // No frame may be left out, nor be coded smaller.
    encoder.set_property("drop-frame", 0_u32);
    encoder.set_property_from_str("resize-mode", "none");
    encoder.set_property_from_str("superres-mode", "none");
    encoder.set_property("keyframe-max-dist", signed(rendition.keyframe_frames_max));
    encoder.set_property("threads", threads);
    encoder.set_property("row-mt", true);
    encoder.set_property("tile-columns", TILE_COLUMNS);
    Ok(encoder)
}
