//! Settings of encoders in hardware. Their elements have much the same properties under a few names; what one
//! does not have, or does not take, stays as its driver chose it: the trial tells whether it encodes, the cap is
//! the driver's to keep.

use bus_schema::encoder::Encoder;
use bus_schema::plan::VideoRendition;
use bus_schema::video_codec::VideoCodec;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;

use super::super::super::Result;
use super::super::super::pipeline::element;
use super::super::scale;
use super::{buffer_ms, rate_kbps};

/// The mean rate that drivers aim at, in hundredths of the cap.
const MEAN_PERCENT: u32 = 67;

/// Formats first, since few devices take what the scaler makes; then the encoder, and its parser.
///
/// # Errors
/// When the element is not there.
pub(super) fn elements(
    encoder: Encoder,
    rendition: &VideoRendition,
) -> Result<(gst::Element, gst::Element, gst::Element)> {
    let (converter, device) = (scale::converter()?, element(encoder.element)?);
    for (name, value) in settings(rendition) {
        set_if_taken(&device, name, &value);
    }
    let parser = match encoder.codec {
        VideoCodec::H264 => "h264parse",
        VideoCodec::Hevc => "h265parse",
        VideoCodec::Vp9 => "vp9parse",
        VideoCodec::Av1 => "av1parse",
    };
    Ok((converter, device, element(parser)?))
}

/// What is asked of the parser: units as MP4 wants them, and each a picture that is shown.
pub(super) fn caps(codec: VideoCodec) -> gst::Caps {
    let (kind, fields): (_, &[(&str, &str)]) = match codec {
        VideoCodec::H264 => (
            "video/x-h264",
            &[("stream-format", "avc"), ("alignment", "au")],
        ),
        VideoCodec::Hevc => (
            "video/x-h265",
            &[("stream-format", "hvc1"), ("alignment", "au")],
        ),
        VideoCodec::Vp9 => ("video/x-vp9", &[("alignment", "super-frame")]),
        VideoCodec::Av1 => (
            "video/x-av1",
            &[("stream-format", "obu-stream"), ("alignment", "tu")],
        ),
    };
    let caps = gst::Caps::builder(kind);
    fields
        .iter()
        .fold(caps, |caps, (name, value)| caps.field(*name, *value))
        .build()
}

/// Properties by all their names: of NVENC, VA-API, Quick Sync, AMF and VideoToolbox, which count rates in
/// thousands of bits, and of V4L2, which takes them in a structure and in bits.
fn settings(rendition: &VideoRendition) -> Vec<(&'static str, String)> {
    let cap_kbps = rate_kbps(rendition);
    let mean_kbps = (cap_kbps / 100 * MEAN_PERCENT).max(1);
    let buffer_kbits = u64::from(cap_kbps) * u64::from(buffer_ms(rendition)) / 1000;
    let keyframe = rendition.keyframe_frames_max.to_string();
    let v4l2 = format!(
        "controls,video_bitrate=(int){},video_bitrate_mode=(int)0,video_gop_size=(int){keyframe}",
        u64::from(mean_kbps) * 1000
    );
    vec![
        ("rc-mode", "vbr".to_owned()),
        ("rate-control", "vbr".to_owned()),
        ("const-quality", rendition.crf.to_string()),
        ("bitrate", mean_kbps.to_string()),
        ("max-bitrate", cap_kbps.to_string()),
        ("target-percentage", MEAN_PERCENT.to_string()),
        ("vbv-buffer-size", buffer_kbits.to_string()),
        ("cpb-size", buffer_kbits.to_string()),
        ("gop-size", keyframe.clone()),
        ("key-int-max", keyframe.clone()),
        ("max-keyframe-interval", keyframe),
        ("bframes", "0".to_owned()),
        ("b-frames", "0".to_owned()),
        ("allow-frame-reordering", "false".to_owned()),
        ("strict-gop", "true".to_owned()),
        ("aud", "false".to_owned()),
        ("extra-controls", v4l2),
    ]
}

/// Sets a property where there is one that takes the value.
fn set_if_taken(device: &gst::Element, name: &str, text: &str) {
    let Some(property) = device.find_property(name) else {
        return;
    };
    let value = glib::Value::deserialize_with_pspec(text, &property);
    match value {
        Ok(value) => {
            // One out of its range is left out by GObject itself, with a warning.
            if property.flags().contains(glib::ParamFlags::WRITABLE) {
                device.set_property_from_value(name, &value);
            }
        }
        Err(error) => tracing::debug!(%error, name, text, "a device takes no such setting"),
    }
}
