//! Keyframes where segments begin.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

use super::super::super::{Error, Result};
use super::super::encoder::Coding;
use super::super::encoder::renewal::Renewal;
use super::Encode;

/// Times of the frames that have to be IDR frames in every rendition.
pub(super) type Keyframes = Mutex<BTreeSet<gst::ClockTime>>;

/// Asks an encoder for an IDR frame at the very moment that the frame goes in, and by its time: a
/// request without a time is taken for answered by whatever keyframe comes out meanwhile.
pub(super) fn force(encoder: &gst::Element, keyframes: &Arc<Keyframes>) -> Result<()> {
    let pad = |name| {
        encoder
            .static_pad(name)
            .ok_or_else(|| Error::internal("an encoder without pads"))
    };
    let (sink, src, keyframes) = (pad("sink")?, pad("src")?.downgrade(), Arc::clone(keyframes));
    sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let time = info.buffer().and_then(|buffer| buffer.pts());
        let keyframes = keyframes.lock().unwrap_or_else(PoisonError::into_inner);
        let time = time.filter(|time| keyframes.contains(time));
        if let (Some(time), Some(src)) = (time, src.upgrade()) {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().running_time(time);
            src.send_event(event.build());
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// For an encoder that makes no keyframes on request, and its place between two elements.
pub(super) fn renewal(
    encode: &Encode,
    (above, below): (&gst::Element, &gst::Element),
    coding: Coding,
    threads: u32,
) -> Renewal {
    let (keyframes, failure) = (Arc::clone(&encode.keyframes), Arc::clone(&encode.failure));
    Renewal {
        pipeline: encode.pipeline.inner().clone(),
        above: above.clone(),
        below: below.clone(),
        make: Box::new(move || Ok(coding.elements(threads)?.encoder)),
        is_key: Box::new(move |time| {
            let keyframes = keyframes.lock().unwrap_or_else(PoisonError::into_inner);
            keyframes.contains(&time)
        }),
        fail: Box::new(move |error| {
            let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }),
    }
}
