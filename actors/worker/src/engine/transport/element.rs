//! The demuxer as an element of a pipeline, which `parsebin` finds by the type of what it reads.
//!
//! Not GStreamer's own (`tsdemux`, seen in 1.22): it believes the broadcast's clock, takes a hole in it for a new
//! clock, and moves all stamps behind it; it gives a packet that is sent twice twice; it knows no sound that only a
//! look into it tells of, and begins each stream late by what the clock is ahead. Here stamps are what they say, the
//! clock is not read, and there are no seeks: a stream without an index is read from its start.

use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use bus_schema::language;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use gstreamer_base as gst_base;

use super::demuxer::{Demuxer, Output, Shown};
use super::framing::Frame;
use crate::engine::{Error, Result};

/// What it is called.
const NAME: &str = "tcodertsdemux";
/// How far from zero a film's beginning is: pictures are decoded before they are shown.
const ORIGIN: gst::ClockTime = gst::ClockTime::from_seconds(10);

glib::wrapper! {
    /// The element.
    pub(super) struct Element(ObjectSubclass<Imp>) @extends gst::Element, gst::Object;
}

/// Makes the element known to this process, before whatever else there is for such streams.
///
/// # Errors
/// When GStreamer does not take it.
pub(in crate::engine) fn register() -> Result<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let rank = gst::Rank::PRIMARY + 100;
    let register = || gst::Element::register(None, NAME, rank, Element::static_type()).is_ok();
    if *REGISTERED.get_or_init(register) {
        Ok(())
    } else {
        Err(Error::internal("a demuxer that cannot be registered"))
    }
}

/// Its inside.
#[derive(Debug)]
pub(super) struct Imp {
    sink: gst::Pad,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    demuxer: Demuxer,
    pads: Vec<gst::Pad>,
    flows: gst_base::UniqueFlowCombiner,
    group: Option<gst::GroupId>,
}

#[glib::object_subclass]
impl ObjectSubclass for Imp {
    const NAME: &'static str = "TcoderTransportDemuxer";
    type Type = Element;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let template = class.pad_template("sink");
        let sink = template.map_or_else(
            || gst::Pad::new(gst::PadDirection::Sink),
            |template| {
                gst::Pad::builder_from_template(&template)
                    .chain_function(|_, parent, buffer| {
                        Self::catch_panic_pad_function(
                            parent,
                            || Err(gst::FlowError::Error),
                            |imp| imp.chain(&buffer),
                        )
                    })
                    .event_function(|pad, parent, event| {
                        Self::catch_panic_pad_function(
                            parent,
                            || false,
                            |imp| imp.sink_event(pad, event),
                        )
                    })
                    .build()
            },
        );
        Self {
            sink,
            state: Mutex::default(),
        }
    }
}

impl ObjectImpl for Imp {
    fn constructed(&self) {
        self.parent_constructed();
        // A new element has no pad of that name.
        drop(self.obj().add_pad(&self.sink));
    }
}

impl GstObjectImpl for Imp {}

impl ElementImpl for Imp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Transport stream demuxer",
                "Codec/Demuxer",
                "Takes a transport stream apart",
                "tcoder",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let takes = gst::Caps::builder("video/mpegts")
                .field("systemstream", true)
                .build();
            let template = |name, direction, presence, caps: &gst::Caps| {
                gst::PadTemplate::new(name, direction, presence, caps).ok()
            };
            let (sink, src) = (gst::PadDirection::Sink, gst::PadDirection::Src);
            let sink = template("sink", sink, gst::PadPresence::Always, &takes);
            let any = gst::Caps::new_any();
            let src = template("stream_%s", src, gst::PadPresence::Sometimes, &any);
            [sink, src].into_iter().flatten().collect()
        });
        TEMPLATES.as_ref()
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> std::result::Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::PausedToReady {
            let pads = std::mem::take(&mut *self.state()).pads;
            for pad in pads {
                // It is there: it was added by this element.
                drop(self.obj().remove_pad(&pad));
            }
        }
        Ok(success)
    }
}

impl Imp {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chain(&self, buffer: &gst::Buffer) -> std::result::Result<gst::FlowSuccess, gst::FlowError> {
        let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        let outputs = self.state().demuxer.see(&bytes);
        self.give(outputs)
    }

    fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::StreamStart(start) => {
                self.state().group = start.group_id();
                true
            }
            // The streams have their own.
            gst::EventView::Caps(_) | gst::EventView::Segment(_) => true,
            gst::EventView::Eos(_) => {
                let outputs = self.state().demuxer.finish();
                let given = self.give(outputs);
                let pads = self.state().pads.clone();
                for pad in &pads {
                    pad.push_event(event.clone());
                }
                given.is_ok() && !pads.is_empty()
            }
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    /// Gives out what the demuxer found.
    fn give(
        &self,
        outputs: Result<Vec<Output>>,
    ) -> std::result::Result<gst::FlowSuccess, gst::FlowError> {
        let outputs = outputs.map_err(|error| {
            gst::element_imp_error!(self, gst::StreamError::Demux, ["{}", error.to_log()]);
            gst::FlowError::Error
        })?;
        for output in outputs {
            match output {
                Output::Streams(streams) if streams.is_empty() => {
                    gst::element_imp_error!(
                        self,
                        gst::StreamError::TypeNotFound,
                        ["a transport stream of nothing that is read"]
                    );
                    return Err(gst::FlowError::Error);
                }
                Output::Streams(streams) => self.open(&streams)?,
                Output::Caps(place, caps) => {
                    let pad = self.state().pads.get(place).cloned();
                    if let (Some(pad), Some(caps)) = (pad, parsed(&caps)) {
                        pad.push_event(gst::event::Caps::new(&caps));
                    }
                }
                Output::Frame(place, frame) => self.push(place, frame)?,
            }
        }
        Ok(gst::FlowSuccess::Ok)
    }

    /// Makes a pad for each stream.
    fn open(&self, streams: &[Shown]) -> std::result::Result<(), gst::FlowError> {
        let element = self.obj();
        let template = element.pad_template("stream_%s");
        let template = template.ok_or(gst::FlowError::Error)?;
        let group = self.state().group.unwrap_or_else(gst::GroupId::next);
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_start(ORIGIN);
        segment.set_time(gst::ClockTime::ZERO);
        segment.set_position(ORIGIN);
        for stream in streams {
            let caps = parsed(&stream.caps).ok_or(gst::FlowError::NotNegotiated)?;
            let name = format!("{:08x}", stream.pid);
            let pad = gst::Pad::builder_from_template(&template)
                .name(format!("stream_{name}"))
                .event_function(|pad, parent, event| match event.view() {
                    gst::EventView::Seek(_) => false,
                    _ => gst::Pad::event_default(pad, parent, event),
                })
                .build();
            pad.set_active(true).map_err(|_| gst::FlowError::Error)?;
            let id = pad.create_stream_id(&*element, Some(&name));
            pad.push_event(
                gst::event::StreamStart::builder(&id)
                    .group_id(group)
                    .build(),
            );
            pad.push_event(gst::event::Caps::new(&caps));
            pad.push_event(gst::event::Segment::new(&segment));
            let language = stream.language.as_deref().and_then(language::tag);
            if let Some(language) = language {
                let mut tags = gst::TagList::new();
                if let Some(tags) = tags.get_mut() {
                    tags.add::<gst::tags::LanguageCode>(
                        &language.as_str(),
                        gst::TagMergeMode::Replace,
                    );
                }
                pad.push_event(gst::event::Tag::new(tags));
            }
            let mut state = self.state();
            state.flows.add_pad(&pad);
            state.pads.push(pad.clone());
            drop(state);
            element.add_pad(&pad).map_err(|_| gst::FlowError::Error)?;
        }
        element.no_more_pads();
        Ok(())
    }

    fn push(&self, place: usize, frame: Frame) -> std::result::Result<(), gst::FlowError> {
        let Some(pad) = self.state().pads.get(place).cloned() else {
            return Ok(());
        };
        let mut buffer = gst::Buffer::from_mut_slice(frame.bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(frame.time.shown_ns.map(clock_time));
            buffer.set_dts(frame.time.decoded_ns.map(clock_time));
            if frame.is_behind_loss {
                buffer.set_flags(gst::BufferFlags::DISCONT);
            }
        }
        let flow = pad.push(buffer);
        self.state().flows.update_pad_flow(&pad, flow).map(drop)
    }
}

/// A time from the film's beginning as a stamp.
fn clock_time(ns: i64) -> gst::ClockTime {
    let origin = i64::try_from(ORIGIN.nseconds()).unwrap_or(0);
    let ns = ns.saturating_add(origin);
    gst::ClockTime::from_nseconds(u64::try_from(ns).unwrap_or(0))
}

fn parsed(caps: &str) -> Option<gst::Caps> {
    caps.parse().ok()
}
