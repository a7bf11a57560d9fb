//! The elements that decode a stream, between its parser and a sink.

use bus_schema::report::ErrorCode;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::Want;
use crate::engine::demux::Stream;
use crate::engine::frame::pcm_caps;
use crate::engine::pipeline::{self, element};
use crate::engine::probe::names;
use crate::engine::shown::Shown;
use crate::engine::{Error, Result};

/// Coded frames between demuxer and decoder.
const CODED_FRAMES_MAX: u32 = 16;

/// Adds queue, decoder, converters and sink for a stream; returns the first, to link it to.
///
/// A parser may know the format only once it has seen a frame, as those of MPEG audio and AC-3 do
/// wherever a container does not tell it all. Then the decoder is chosen when it says so: of what it
/// could be, the first that comes to mind is the wrong one.
pub(super) fn connect(
    pipeline: &gst::Pipeline,
    stream: &Stream,
    want: &Want,
    threads: u32,
    sink: &gst_app::AppSink,
) -> Result<gst::Element> {
    let queue = pipeline::queue(CODED_FRAMES_MAX)?;
    pipeline.add_many([&queue, sink.upcast_ref()])?;
    let chain = Chain {
        pipeline: pipeline.downgrade(),
        queue: queue.downgrade(),
        want: want.clone(),
        threads,
        sink: sink.clone(),
    };
    if stream.caps.is_fixed() {
        chain.link(&stream.caps)?;
    } else {
        chain.link_when_known(&queue)?;
    }
    for element in [sink.upcast_ref(), &queue] {
        element.sync_state_with_parent()?;
    }
    Shown::carry(&queue)?;
    Ok(queue)
}

/// What lies between a queue and a sink.
#[derive(Debug)]
struct Chain {
    pipeline: gst::glib::WeakRef<gst::Pipeline>,
    /// Weak, since it is what waits for the format that holds this.
    queue: gst::glib::WeakRef<gst::Element>,
    want: Want,
    threads: u32,
    sink: gst_app::AppSink,
}

impl Chain {
    /// Adds decoder and converters of a format.
    fn link(&self, caps: &gst::Caps) -> Result<()> {
        let (Some(pipeline), Some(queue)) = (self.pipeline.upgrade(), self.queue.upgrade()) else {
            return Ok(());
        };
        let mut elements = Vec::new();
        if !is_raw(caps) {
            elements.push(decoder(caps, self.threads)?);
        }
        match self.want {
            Want::Audio { sample_rate_hz, .. } => {
                let convert = element("audioconvert")?;
                keep_channels(&convert, &self.sink, sample_rate_hz)?;
                elements.extend([convert, element("audioresample")?]);
            }
            Want::Video | Want::AnyVideo => {}
        }
        pipeline.add_many(&elements)?;
        let mut linked = vec![&queue];
        linked.extend(&elements);
        linked.push(self.sink.upcast_ref());
        gst::Element::link_many(linked)?;
        for element in elements.iter().rev() {
            element.sync_state_with_parent()?;
        }
        Ok(())
    }

    /// Lets through what needs no decoder.
    fn link_nothing(&self) -> Result<()> {
        if let Some(queue) = self.queue.upgrade() {
            queue.link(&self.sink)?;
        }
        Ok(())
    }

    /// As [`Self::link`], as soon as the parser tells the format, before its first frame.
    fn link_when_known(self, queue: &gst::Element) -> Result<()> {
        let pad = queue.static_pad("sink");
        let pad = pad.ok_or_else(|| Error::internal("a queue without a sink"))?;
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            let linked = match info.event().map(|event| event.view()) {
                Some(gst::EventView::Caps(event)) => self.link(&event.caps_owned()),
                // There was not a single frame: the end is all that the sink hears of.
                Some(gst::EventView::Eos(_)) => self.link_nothing(),
                _ => return gst::PadProbeReturn::Ok,
            };
            if let (Err(error), Some(queue)) = (linked, self.queue.upgrade()) {
                let text = error.to_log();
                gst::element_error!(queue, gst::StreamError::CodecNotFound, ["{text}"]);
            }
            gst::PadProbeReturn::Remove
        });
        Ok(())
    }
}

/// Whatever channels come into a converter come out of it, into a sink that takes no others: they are
/// mixed behind that. Left to itself, a converter may choose one.
fn keep_channels(
    convert: &gst::Element,
    sink: &gst_app::AppSink,
    sample_rate_hz: u32,
) -> Result<()> {
    let pad = convert
        .static_pad("sink")
        .ok_or_else(|| Error::internal("a converter without a sink"))?;
    let sink = sink.downgrade();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let (Some(event), Some(sink)) = (info.event(), sink.upgrade())
            && let gst::EventView::Caps(event) = event.view()
            && let Some(found) = event.caps().structure(0)
            && let Ok(channels) = found.get::<i32>("channels")
        {
            let mut caps = pcm_caps(u32::try_from(channels).unwrap_or(1), sample_rate_hz);
            if let (Ok(mask), Some(wanted)) = (
                found.get::<gst::Bitmask>("channel-mask"),
                caps.make_mut().structure_mut(0),
            ) {
                wanted.set("channel-mask", mask);
            }
            sink.set_caps(Some(&caps));
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

fn is_raw(caps: &gst::Caps) -> bool {
    caps.structure(0)
        .is_some_and(|s| matches!(s.name().as_str(), "video/x-raw" | "audio/x-raw"))
}

/// The highest-ranked decoder that takes these caps. The plugin whitelist is what keeps others out.
fn decoder(caps: &gst::Caps, threads: u32) -> Result<gst::Element> {
    let kind = gst::ElementFactoryType::DECODER;
    let mut factories: Vec<_> = gst::ElementFactory::factories_with_type(kind, gst::Rank::MARGINAL)
        .into_iter()
        .collect();
    factories.sort_by_key(|factory| std::cmp::Reverse(factory.rank()));
    // A parser that has seen nothing yet says all that it could be: the one is wanted that takes all of it.
    let takes_all = |factory: &&gst::ElementFactory| factory.can_sink_all_caps(caps);
    let takes_some = |factory: &&gst::ElementFactory| factory.can_sink_any_caps(caps);
    let factory = factories
        .iter()
        .find(takes_all)
        .or_else(|| factories.iter().find(takes_some))
        .ok_or_else(|| {
            let message = format!(
                "This worker has no decoder for the format `{}`: convert the file to MP4 with H.264 \
                 and AAC, and upload that.",
                names::codec(caps)
            );
            Error::new(ErrorCode::Unsupported, message).because(caps.to_string())
        })?;
    // Its threads tell each other too late which encoder made the film, and with it which of several
    // transforms to use: the same frames came out with other pixels, by chance.
    let threads = if factory.name() == "avdec_mpeg4" {
        1
    } else {
        threads
    };
    let decoder = factory.create().build()?;
    // libav's decoders say `max-threads`, libvpx's and libaom's `threads`.
    for name in ["max-threads", "threads"] {
        let is_number = |pspec: gst::glib::ParamSpec| pspec.value_type() == i32::static_type();
        if decoder.find_property(name).is_some_and(is_number) {
            decoder.set_property(name, i32::try_from(threads).unwrap_or(1));
        }
    }
    Ok(decoder)
}
