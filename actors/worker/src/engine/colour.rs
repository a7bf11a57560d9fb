//! What a picture's numbers mean: by its container and its codec together.
//!
//! Decoders let a container that says anything about colours overrule the codec in everything. But
//! MOV has no word for full range, and the MP4 demuxer does not read the one that MP4 has: phones'
//! and screens' recordings came out too light and too dark. So decoders are told nothing, and what
//! the container said is put together with what they find.

use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video::{
    VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoTransferFunction,
};

use super::{Error, Result};

const FIELD: &str = "colorimetry";

/// What was said of a stream's colours in front of its decoder.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared(Arc<Mutex<Option<VideoColorimetry>>>);

impl Declared {
    /// Keeps what comes into an element to itself.
    pub(super) fn keep(&self, element: &gst::Element) -> Result<()> {
        let sink = element
            .static_pad("sink")
            .ok_or_else(|| Error::internal("a queue without a sink"))?;
        let declared = Arc::clone(&self.0);
        sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some((event, colours)) = info.event().and_then(without) {
                info.data = Some(gst::PadProbeData::Event(event));
                *declared.lock().unwrap_or_else(PoisonError::into_inner) = Some(colours);
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// Decoded frames' caps, completed.
    pub(super) fn complete(&self, caps: gst::Caps) -> gst::Caps {
        let declared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(declared) = *declared else {
            return caps;
        };
        let found = caps.structure(0).and_then(|s| s.get::<&str>(FIELD).ok());
        let found = found.and_then(|text| text.parse::<VideoColorimetry>().ok());
        let colours = found.map_or(declared, |found| joined(&declared, &found));
        let mut ours = caps.copy();
        ours.make_mut().set(FIELD, colours.to_string());
        ours
    }
}

/// The caps without colours, and the colours; `None` for any other event.
fn without(event: &gst::Event) -> Option<(gst::Event, VideoColorimetry)> {
    let gst::EventView::Caps(of) = event.view() else {
        return None;
    };
    let colours = of.caps().structure(0)?.get::<&str>(FIELD).ok()?;
    let colours = colours.parse().ok()?;
    let mut caps = of.caps_owned();
    caps.make_mut().structure_mut(0)?.remove_field(FIELD);
    let event = gst::event::Caps::builder(&caps).seqnum(event.seqnum());
    Some((event.build(), colours))
}

/// The container's word where it has one. Range is full where either says so: what says nothing is
/// read as limited.
fn joined(declared: &VideoColorimetry, found: &VideoColorimetry) -> VideoColorimetry {
    let is_full = [declared, found]
        .iter()
        .any(|one| one.range() == VideoColorRange::Range0_255);
    let range = if is_full {
        VideoColorRange::Range0_255
    } else {
        VideoColorRange::Range16_235
    };
    fn known<T: PartialEq>(declared: T, found: T, unknown: &T) -> T {
        if declared == *unknown {
            found
        } else {
            declared
        }
    }
    VideoColorimetry::new(
        range,
        known(
            declared.matrix(),
            found.matrix(),
            &VideoColorMatrix::Unknown,
        ),
        known(
            declared.transfer(),
            found.transfer(),
            &VideoTransferFunction::Unknown,
        ),
        known(
            declared.primaries(),
            found.primaries(),
            &VideoColorPrimaries::Unknown,
        ),
    )
}
