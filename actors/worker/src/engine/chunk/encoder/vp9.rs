//! libvpx's settings for VP9.

use bus_schema::plan::VideoRendition;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::super::super::Result;
use super::super::super::pipeline::element;
use super::{buffer_ms, rate_kbps, signed};

/// libvpx's steps of its fast mode, 0 to 9. On two cores the careful mode (`good`, 5) takes five times the CPU
/// of this one for a tenth less rate, and twice x264's.
const SPEED: i32 = 6;
/// Microseconds a frame; 1 chooses the fast mode.
const DEADLINE_FAST: i64 = 1;
/// The coarsest quantizer, of 63: what holds the cap on difficult film.
const QUANTIZER_MAX: i32 = 63;
/// log2 of the tiles side by side; libvpx takes fewer where the picture is narrow.
const TILE_COLUMNS: i32 = 2;

/// An encoder for a rendition: the rate control that keeps to a buffer, with the planned quality as the best
/// that it may choose. It neither looks ahead nor hides frames, so that each packet shows one picture.
///
/// # Errors
/// When the plugin is missing.
pub(super) fn encoder(rendition: &VideoRendition, threads: u32) -> Result<gst::Element> {
    let encoder = element("vp9enc")?;
    encoder.set_property_from_str("end-usage", "cbr");
    encoder.set_property("deadline", DEADLINE_FAST);
    encoder.set_property("cpu-used", SPEED);
    encoder.set_property("min-quantizer", i32::from(rendition.crf).min(QUANTIZER_MAX));
    encoder.set_property("max-quantizer", QUANTIZER_MAX);
    let rate_bps = rate_kbps(rendition).saturating_mul(1000);
    encoder.set_property("target-bitrate", signed(rate_bps));
    let buffer_ms = signed(buffer_ms(rendition));
    encoder.set_property("buffer-size", buffer_ms);
    encoder.set_property("buffer-initial-size", buffer_ms / 2);
    encoder.set_property("buffer-optimal-size", buffer_ms * 2 / 3);
    encoder.set_property("lag-in-frames", 0);
    encoder.set_property("auto-alt-ref", false);
    // No frame may be left out, nor be coded smaller.
    encoder.set_property("dropframe-threshold", 0);
    encoder.set_property("resize-allowed", false);
    encoder.set_property("keyframe-max-dist", signed(rendition.keyframe_frames_max));
    encoder.set_property("threads", signed(threads));
    encoder.set_property("row-mt", true);
    encoder.set_property("tile-columns", TILE_COLUMNS);
    encoder.set_property("frame-parallel-decoding", false);
    Ok(encoder)
}
