//! A fresh encoder at each keyframe, for an element that cannot be asked for one: `av1enc` up to GStreamer
//! 1.22 counts requests as answered and goes on as before.
//!
//! Its first frame is a keyframe whatever else. What it costs is what the edge of a chunk costs: rate control
//! begins anew. The one before must hold no frame back, so that nothing is left in it.

use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::super::super::{Error, Result};

/// Makes the next encoder.
type Make = Box<dyn Fn() -> Result<gst::Element> + Send + Sync>;
/// Whether the frame of this time must be a keyframe.
type IsKey = Box<dyn Fn(gst::ClockTime) -> bool + Send + Sync>;
/// Takes what goes wrong.
type Fail = Box<dyn Fn(Error) + Send + Sync>;

/// A place in a pipeline, between two elements that stay.
pub(in crate::engine) struct Renewal {
    pub(in crate::engine) pipeline: gst::Pipeline,
    pub(in crate::engine) above: gst::Element,
    pub(in crate::engine) below: gst::Element,
    pub(in crate::engine) make: Make,
    pub(in crate::engine) is_key: IsKey,
    pub(in crate::engine) fail: Fail,
}

impl Renewal {
    /// Puts a fresh encoder in the place of `first` in front of each keyframe after the first.
    ///
    /// # Errors
    /// When an element has no pads.
    pub(in crate::engine) fn begin(self, first: gst::Element) -> Result<()> {
        let above = self.above.static_pad("src");
        let above = above.ok_or_else(|| Error::internal("a queue without pads"))?;
        // Held weakly: the probe belongs to what it would hold.
        let (pipeline, below) = (self.pipeline.downgrade(), self.below.downgrade());
        let place = Arc::new(Mutex::new((first, false)));
        // Blocking, so that events that tell of the stream are looked at again after the probe.
        let kind = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
        above.add_probe(kind, move |pad, info| {
            let time = info.buffer().and_then(|buffer| buffer.pts());
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            let (encoder, has_begun) = &mut *place;
            if std::mem::replace(has_begun, true)
                && time.is_some_and(|time| (self.is_key)(time))
                && let (Some(pipeline), Some(below)) = (pipeline.upgrade(), below.upgrade())
            {
                match (self.make)()
                    .and_then(|next| replace(&pipeline, pad, encoder, &next, &below).map(|()| next))
                {
                    Ok(next) => *encoder = next,
                    Err(error) => {
                        (self.fail)(error);
                        info.flow_res = Err(gst::FlowError::Error);
                        return gst::PadProbeReturn::Handled;
                    }
                }
            }
            gst::PadProbeReturn::Pass
        });
        Ok(())
    }
}

/// Runs in the thread that pushes frames: none is on its way meanwhile.
fn replace(
    pipeline: &gst::Pipeline,
    above: &gst::Pad,
    old: &gst::Element,
    new: &gst::Element,
    below: &gst::Element,
) -> Result<()> {
    let refused = |what: &str| Error::internal(format!("an encoder cannot be renewed: {what}"));
    let input = old.static_pad("sink").ok_or_else(|| refused("no input"))?;
    above.unlink(&input)?;
    old.unlink(below);
    old.set_state(gst::State::Null)
        .map_err(|_| refused("the old one does not stop"))?;
    pipeline.remove(old)?;
    pipeline.add(new)?;
    new.link(below)?;
    let input = new.static_pad("sink").ok_or_else(|| refused("no input"))?;
    above
        .link(&input)
        .map_err(|error| refused(&error.to_string()))?;
    new.sync_state_with_parent()?;
    Ok(())
}
