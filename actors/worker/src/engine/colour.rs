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
    VideoColorMatrix, VideoColorPrimaries, VideoColorRange, VideoColorimetry, VideoInfo,
    VideoTransferFunction,
};

use super::{Error, Result};

const FIELD: &str = "colorimetry";
/// Most rows of standard definition, which is BT.601 where nothing says otherwise.
const SD_ROWS_MAX: u32 = 576;

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
        let Ok(info) = VideoInfo::from_caps(&caps) else {
            return caps;
        };
        if !info.is_yuv() {
            return caps;
        }
        let declared = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = caps.structure(0).is_some_and(|s| s.has_field(FIELD));
        let found = told.then(|| info.colorimetry());
        let known: Vec<_> = declared.into_iter().chain(found).collect();
        let mut ours = caps.copy();
        ours.make_mut()
            .set(FIELD, joined(&known, info.height()).to_string());
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

/// The first word on each, where any says one; else what players take pictures of this height for.
/// Range is full where any says so: what says nothing is read as limited.
fn joined(known: &[VideoColorimetry], height: u32) -> VideoColorimetry {
    use VideoColorMatrix as Matrix;
    use VideoColorPrimaries as Primaries;
    use VideoTransferFunction as Transfer;
    let is_full = |one: &VideoColorimetry| one.range() == VideoColorRange::Range0_255;
    let range = if known.iter().any(is_full) {
        VideoColorRange::Range0_255
    } else {
        VideoColorRange::Range16_235
    };
    let (matrix, transfer, primaries) = if height <= SD_ROWS_MAX {
        (Matrix::Bt601, Transfer::Bt601, Primaries::Smpte170m)
    } else {
        (Matrix::Bt709, Transfer::Bt709, Primaries::Bt709)
    };
    let find = |is: fn(&VideoColorimetry) -> bool| known.iter().find(|one| is(one));
    VideoColorimetry::new(
        range,
        find(|one| one.matrix() != Matrix::Unknown).map_or(matrix, VideoColorimetry::matrix),
        find(|one| one.transfer() != Transfer::Unknown)
            .map_or(transfer, VideoColorimetry::transfer),
        find(|one| one.primaries() != Primaries::Unknown)
            .map_or(primaries, VideoColorimetry::primaries),
    )
}
