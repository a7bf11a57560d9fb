//! The scaler: the part to replace when a faster one is at hand.
//!
//! libzimg is as sharp as ffmpeg's scaler for less CPU than that and GStreamer's take.

use bus_schema::plan::VideoRendition;
use gstreamer as gst;
use gstreamer::prelude::*;

mod element;
mod library;
mod picture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

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

/// Scales sharply, to exactly the size asked for, and converts on the way. It takes what [`converter`] gives.
pub(in crate::engine) fn scaler() -> gst::Element {
    element::Scaler::new().upcast()
}

/// Scales to images of red, green and blue, of which there are few: GStreamer's scaler, with one
/// thread, and without its borders.
///
/// # Errors
/// When the plugin is missing.
pub(in crate::engine) fn image_scaler() -> Result<gst::Element> {
    let scaler = element("videoconvertscale")?;
    // The default is bilinear with two taps, which aliases below two thirds of the size.
    scaler.set_property_from_str("method", "catrom");
    // Sizes are not exactly of the source's aspect: letterboxing by half a pixel would blur all of it.
    scaler.set_property("add-borders", false);
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
