//! x265's settings.

use bus_schema::plan::VideoRendition;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::super::super::Result;
use super::super::super::pipeline::element;
use super::x264::LOOKAHEAD_FRAMES;
use super::{buffer_ms, rate_kbps, signed};

/// x265's own preset. `fast` takes a third more CPU for a few percent of rate.
const PRESET: &str = "faster";
/// Smallest coding tree unit that x265 has: smaller pictures than one of 64 are refused with the largest.
const SMALL_UNIT: u32 = 16;
/// The usual one.
const UNIT: u32 = 64;

/// An encoder for a rendition.
///
/// # Errors
/// When the plugin is missing.
pub(super) fn encoder(rendition: &VideoRendition, threads: u32) -> Result<gst::Element> {
    let encoder = element("x265enc")?;
    encoder.set_property_from_str("speed-preset", PRESET);
    // The element's default is tuned for a measure, at the eye's cost.
    encoder.set_property_from_str("tune", "No tunning");
    encoder.set_property("key-int-max", signed(rendition.keyframe_frames_max));
    encoder.set_property("option-string", options(rendition, threads));
    Ok(encoder)
}

/// Constant quality under a cap. The element's own rate is for another mode.
fn options(rendition: &VideoRendition, threads: u32) -> String {
    let rate_kbps = rate_kbps(rendition);
    let buffer_kbits = (u64::from(rate_kbps) * u64::from(buffer_ms(rendition)) / 1000).max(1);
    let (keyframe, quality) = (rendition.keyframe_frames_max, rendition.crf);
    let unit = if rendition.width.min(rendition.height) < UNIT {
        SMALL_UNIT
    } else {
        UNIT
    };
    format!(
        "crf={quality}:vbv-maxrate={rate_kbps}:vbv-bufsize={buffer_kbits}:\
         keyint={keyframe}:min-keyint={keyframe}:open-gop=0:rc-lookahead={LOOKAHEAD_FRAMES}:\
         pools={threads}:frame-threads=1:ctu={unit}:\
         info=0:repeat-headers=1:\
         colorprim=bt709:transfer=bt709:colormatrix=bt709:range=limited"
    )
}
