//! The scaler: the part to replace when a faster one is at hand.

use bus_schema::plan::VideoRendition;
use gstreamer as gst;
use gstreamer::prelude::*;

use super::super::Result;
use super::super::pipeline::element;

/// Converts formats. It cannot scale: one that can would be asked to by a flip behind it, and does
/// so with borders.
///
/// # Errors
/// When the plugin is missing.
pub(in crate::engine) fn converter() -> Result<gst::Element> {
    element("videoconvert")
}

/// Scales sharply, to exactly the size asked for.
///
/// # Errors
/// When the plugin is missing.
pub(in crate::engine) fn scaler(threads: u32) -> Result<gst::Element> {
    let scaler = element("videoconvertscale")?;
    // The default is bilinear with two taps, which aliases below two thirds of the size.
    scaler.set_property_from_str("method", "catrom");
    // Sizes are even and so not exactly of the source's aspect: letterboxing by half a pixel would
    // blur all of the picture.
    scaler.set_property("add-borders", false);
    scaler.set_property("n-threads", threads);
    Ok(scaler)
}

/// What every encoder is given: 8 bits, 4:2:0, limited range, BT.709, which is what players assume
/// of H.264, and what every one of them can show. Matrix and range are converted by the scaler.
///
/// The primaries of standard definition (SMPTE 170M, BT.470) are taken for those of BT.709: they
/// differ by a few hundredths, most files of that size name none, and players do the same.
#[must_use]
pub(in crate::engine) fn caps(rendition: &VideoRendition) -> gst::Caps {
    let pixels = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", pixels(rendition.width))
        .field("height", pixels(rendition.height))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("colorimetry", "bt709")
        .field("chroma-site", "mpeg2")
        .build()
}

/// Lets only these caps through.
///
/// # Errors
/// When the plugin is missing.
pub(in crate::engine) fn filter(caps: &gst::Caps) -> Result<gst::Element> {
    let filter = element("capsfilter")?;
    filter.set_property("caps", caps);
    Ok(filter)
}
