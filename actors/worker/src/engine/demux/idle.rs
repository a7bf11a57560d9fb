//! Where streams end that nobody took: one that is not linked would stop the demuxer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::{Shared, Stream, link};
use crate::engine::Result;
use crate::engine::pipeline::element;

/// A sink that takes everything and that nobody waits for: a subtitle may come in an hour.
///
/// # Errors
/// When there is no such element.
pub fn idle_sink() -> Result<gst::Element> {
    let sink = element("fakesink")?;
    sink.set_property("sync", false);
    sink.set_property("async", false);
    Ok(sink)
}

/// Lets a stream flow into nothing, up to its end: where the whole pipeline's end is waited for, a stream
/// that is left alone would never come to its own.
///
/// # Errors
/// When there is no such element.
pub fn run_out(pipeline: &gst::Pipeline, stream: &Stream) -> Result<()> {
    let sink = idle_sink()?;
    pipeline.add(&sink)?;
    sink.sync_state_with_parent()?;
    link(&stream.pad, &sink)
}

/// Throws a stream away. Its buffers do not reach the sink, which would hold the first of them, and the
/// demuxer with it, until the pipeline plays. Unless nothing at all was taken: then holding it is right.
pub(super) fn discard(
    pipeline: &gst::Pipeline,
    stream: &Stream,
    shared: &Arc<Shared>,
) -> Result<()> {
    let shared = Arc::clone(shared);
    let kinds = gst::PadProbeType::DATA_DOWNSTREAM;
    stream.pad.add_probe(kinds, move |_, info| {
        // A gap is as good as a buffer to a sink that waits for its first, and so is the end: the
        // demuxer may come with it before the stream that was taken has had its own.
        let is_data = info
            .event()
            .is_none_or(|event| matches!(event.type_(), gst::EventType::Gap | gst::EventType::Eos));
        let is_passed = shared.is_taken.load(Ordering::Relaxed) || shared.is_waiting();
        if is_data && is_passed {
            // Not `Drop`: the core would release an event that the bindings have released.
            gst::PadProbeReturn::Handled
        } else {
            gst::PadProbeReturn::Ok
        }
    });
    run_out(pipeline, stream)
}
