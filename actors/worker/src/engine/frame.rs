//! What decoders give: pictures, and runs of samples.

use gstreamer as gst;

/// A decoded frame, or a run of decoded samples.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it is shown, in stream time; `None` where the decoder could not tell.
    pub time_ns: Option<u64>,
    /// For how long, where known.
    pub duration_ns: Option<u64>,
    /// Its content.
    pub buffer: gst::Buffer,
    /// What the content is.
    pub caps: gst::Caps,
}

/// What runs of samples are here: interleaved 32-bit float.
#[must_use]
pub fn pcm_caps(channels: u32, sample_rate_hz: u32) -> gst::Caps {
    let int = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("channels", int(channels))
        .field("rate", int(sample_rate_hz))
        .build()
}
