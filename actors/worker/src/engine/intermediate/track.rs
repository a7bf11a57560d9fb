//! One stream on its way into the intermediate: from buffers to samples.

mod in_turn;
mod pictures;
mod sound;
mod stamps;

use gstreamer as gst;
use gstreamer::prelude::*;

use self::pictures::{Coded, Lead};
use self::stamps::{STAMP_TIMESCALE, Stamps, scaled, timescale};

use super::coding::{Coding, Form};
use super::order::Order;
use super::output::Output;
use super::parameters::Parameters;
use super::turns::Turns;
use super::{Stop, gives_up};
use crate::engine::clock::{Clock, Place};
use crate::engine::demux::Stream;
use crate::mp4::intermediate::Tables;

/// How much of the first packet is kept: configurations lie at its beginning.
const FIRST_BYTES_MAX: usize = 4_096;

/// Where all streams write to.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) tables: Tables,
    pub(super) output: Output,
    pub(super) clock: Clock,
    /// Whether stamps are those of presentation; AVI has none of these.
    pub(super) has_presentation: bool,
    /// Whether anything was lost on the way, so that not every sample may become a picture.
    pub(super) is_damaged: bool,
}

impl Sink {
    /// As [`Clock::offset_ns`]; AVI counts its packets, so that time leaps nowhere, however long nothing comes.
    fn offset_ns(
        &mut self,
        place: &mut Place,
        stamp_ns: i64,
        duration_ns: i64,
    ) -> Result<i64, Stop> {
        if !self.has_presentation {
            return Ok(0);
        }
        Ok(self.clock.offset_ns(place, stamp_ns, duration_ns)?)
    }
}

/// A stream.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) stream: Stream,
    pub(super) coding: Coding,
    pub(super) form: Option<Form>,
    pub(super) table: Option<usize>,
    pub(super) first: Vec<u8>,
    /// The latest caps.
    seen: Option<gst::Caps>,
    parameters: Option<Parameters>,
    place: Place,
    base_ns: i64,
    timescale: u32,
    /// Units at which the next packet of sound is due.
    due: i64,
    /// Units at which the last one began.
    last_begin: i64,
    lead: Lead,
    order: Order,
    /// Where stamps are those of decoding alone.
    turns: Turns,
    /// Whether a picture does not tell its place among them.
    is_untold: bool,
    /// Bits of the time of a picture of MPEG-4.
    time_bits: Option<u32>,
    /// The last picture, where it may be the first field of a frame.
    half: Option<Coded>,
}

impl Track {
    pub(super) fn new(stream: &Stream, coding: Coding) -> Self {
        Self {
            stream: stream.clone(),
            coding,
            form: None,
            table: None,
            first: Vec::new(),
            seen: None,
            parameters: None,
            place: Place::default(),
            base_ns: 0,
            timescale: STAMP_TIMESCALE,
            due: 0,
            last_begin: 0,
            lead: Lead::Everything,
            order: Order::default(),
            turns: Turns::default(),
            is_untold: false,
            time_bits: None,
            half: None,
        }
    }

    /// Whether parameters changed on the way.
    pub(super) fn is_changed(&self) -> bool {
        self.parameters.as_ref().is_some_and(Parameters::is_changed)
    }

    /// Whether pictures are known to be shown in another order than that of decoding, or it cannot be told,
    /// in a container that does not say when they are shown.
    pub(super) fn is_out_of_order(&self) -> bool {
        self.is_untold || self.turns.is_reordered()
    }

    /// When the first sample is shown, in the demuxer's time stamps.
    pub(super) fn begin_ns(&self) -> u64 {
        u64::try_from(self.base_ns).unwrap_or(0)
    }

    /// Takes a buffer as its parser gives it.
    pub(super) fn take(
        &mut self,
        pad: &gst::Pad,
        buffer: &gst::BufferRef,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let flags = buffer.flags();
        let is_first = self.table.is_none();
        if flags.contains(gst::BufferFlags::CORRUPTED)
            || (!is_first && flags.contains(gst::BufferFlags::DISCONT))
        {
            sink.is_damaged = true;
        }
        if let Some(caps) = pad.current_caps() {
            self.see_caps(caps)?;
        }
        let Ok(bytes) = buffer.map_readable() else {
            return Ok(());
        };
        if bytes.is_empty() || self.form.is_none() {
            return Ok(());
        }
        if self.first.is_empty() {
            let end = bytes.len().min(FIRST_BYTES_MAX);
            self.first
                .extend_from_slice(bytes.get(..end).unwrap_or(&[]));
        }
        if self.coding.is_video() {
            self.take_picture(&bytes, Stamps::of(buffer), sink)
        } else {
            self.take_sound(&bytes, Stamps::of(buffer), sink)
        }
    }

    /// The first form is the one that is written; what changes of it later must be told in the stream.
    fn see_caps(&mut self, caps: gst::Caps) -> Result<(), Stop> {
        if self.seen.as_ref() == Some(&caps) {
            return Ok(());
        }
        self.seen = Some(caps.clone());
        let now = Form::of(caps);
        let Some(first) = &self.form else {
            // What a broadcast's parser says before it has seen anything is all that it could be.
            match Coding::of(&now.caps) {
                Some(coding) if coding.parser() == self.coding.parser() => self.coding = coding,
                _ => return gives_up("a stream is of another kind than it seemed"),
            }
            self.form = Some(now);
            return Ok(());
        };
        if let Some(parameters) = &mut self.parameters
            && !parameters.change(self.coding, &now.config)
        {
            return gives_up("a configuration changes into one that cannot be told");
        }
        if self.coding == Coding::Aac && now.config != first.config {
            return gives_up("the configuration of a sound changes");
        }
        let is_other = |name| now.number(name) != first.number(name);
        if !self.coding.is_video() && is_other("rate") {
            return gives_up("the sample rate of a sound changes");
        }
        if self.coding == Coding::Pcm && now.frame_bytes() != first.frame_bytes() {
            return gives_up("the form of a sound changes");
        }
        Ok(())
    }

    /// The first sample of the track, at this time.
    fn begin(&mut self, time_ns: i64, sink: &mut Sink) -> Result<usize, Stop> {
        if self.coding.is_video() && !sink.has_presentation {
            let rate = self
                .form
                .as_ref()
                .and_then(|form| form.fraction("framerate"));
            self.timescale = rate.map_or(STAMP_TIMESCALE, timescale);
        }
        self.base_ns = time_ns;
        let base_ns = u64::try_from(time_ns).unwrap_or(0);
        let table = sink
            .tables
            .add(self.coding.is_video(), self.timescale, base_ns)?;
        self.table = Some(table);
        Ok(table)
    }

    fn units(&self, ns: i64) -> i64 {
        scaled(ns, self.timescale)
    }
}
