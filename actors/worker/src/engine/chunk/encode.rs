//! One encode pipeline for all renditions of a chunk: raw frames in, access units out.
//!
//! Each rendition is scaled from the source, in a thread of its own: one that is scaled from another
//! is softer. Only where both sides are a whole part of a larger rendition's, it is made from that.
//! Everything between two elements is a queue of a few frames, since a frame of 1080p has 3 MB.

mod keyframes;

use std::sync::{Arc, Mutex, PoisonError};

use bus_schema::plan::{VideoPlan, VideoRendition};
use bus_schema::source::VideoFacts;
use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use self::keyframes::Keyframes;
use super::super::feed::Feed;
use super::super::pipeline::{Pipeline, element, queue};
use super::super::{Error, Result};
use super::encoder::{Coding, Suspect};
use super::scale;
use super::watermark::{Drawing, Overlay};

/// Frames that wait in front of the first scaler.
const INPUT_FRAMES_MAX: u64 = 2;
/// Frames that wait in front of each encoder and each next scaler.
const BRANCH_FRAMES_MAX: u32 = 2;

/// Where our time 0 lies on the pipeline's time line, as time stamp and as running time alike.
/// x264enc wants room for negative decode times and shifts what has less by 1,000 hours; and until
/// its first frame is out it takes time stamps for running times. Without this it compares one with
/// the other, and forgets requests for keyframes.
const ORIGIN: gst::ClockTime = gst::ClockTime::from_seconds(1000 * 3600);

/// What comes out of an encoder.
#[derive(Debug, Clone)]
pub struct AccessUnit {
    /// Its frame's time, as pushed.
    pub time_ns: u64,
    /// Whether decoding can begin here.
    pub is_sync: bool,
    /// As the encoder's caps say.
    pub data: Bytes,
}

/// Takes what an encoder makes: its decoder configuration first, then access units in decode order.
pub trait Sink: Send + Sync {
    /// One access unit, with the caps that describe it.
    ///
    /// # Errors
    /// What keeps it from being stored; the pipeline stops then.
    fn access_unit(&self, caps: &gst::CapsRef, unit: AccessUnit) -> Result<()>;
}

/// The pipeline.
#[derive(Debug)]
pub struct Encode {
    pipeline: Pipeline,
    input: Feed,
    keyframes: Arc<Keyframes>,
    failure: Arc<Mutex<Option<Error>>>,
    frame_caps: Option<(gst::Caps, gst::Caps)>,
    frame_rate: gst::Fraction,
    watermark: Option<Drawing>,
    suspect: Suspect,
}

impl Encode {
    /// A running pipeline that gives what it makes to one sink per rendition, in the plan's order.
    ///
    /// # Errors
    /// When an encoder or converter is missing or refuses its settings.
    pub fn start(
        facts: &VideoFacts,
        plan: &VideoPlan,
        sinks: Vec<Arc<dyn Sink>>,
        watermark: Option<Drawing>,
        threads: u32,
    ) -> Result<Self> {
        let pipeline = Pipeline::new()?;
        let input = Feed::new(INPUT_FRAMES_MAX);
        let mut encode = Self {
            pipeline,
            input,
            keyframes: Arc::default(),
            failure: Arc::default(),
            frame_caps: None,
            frame_rate: frame_rate(facts),
            watermark,
            suspect: Suspect::of(&plan.renditions),
        };
        let built = encode.build(facts, plan, sinks, threads);
        built.map_err(|error| encode.suspect.blame(error))?;
        Ok(encode)
    }

    fn build(
        &mut self,
        facts: &VideoFacts,
        plan: &VideoPlan,
        sinks: Vec<Arc<dyn Sink>>,
        threads: u32,
    ) -> Result<()> {
        let source = self.prepare(facts)?;
        let mut larger: Vec<(&VideoRendition, gst::Element)> = Vec::new();
        // Lowest first in the plan; the largest is scaled first.
        for (rendition, sink) in plan.renditions.iter().zip(sinks).rev() {
            let whole = larger.iter().rev().find(|(of, _)| is_part(rendition, of));
            let above = whole.map_or(&source, |(_, tee)| tee);
            let tee = self.add_rendition(above, rendition, sink, threads)?;
            larger.push((rendition, tee));
        }
        self.pipeline.set_state(gst::State::Playing)
    }

    /// Elements that make the picture what is shown: upright. Returns the last of them.
    fn prepare(&self, facts: &VideoFacts) -> Result<gst::Element> {
        let mut chain = vec![self.input.element().clone()];
        chain.extend(upright(facts.rotation_deg)?);
        // The scaler knows fewer formats than decoders have.
        chain.extend([scale::converter()?, element("tee")?]);
        self.pipeline.chain(&chain.iter().collect::<Vec<_>>())?;
        chain.pop().ok_or_else(|| Error::internal("an empty chain"))
    }

    /// Adds a scaler, an encoder and its sink behind `above`; returns what the next rendition is
    /// scaled from.
    fn add_rendition(
        &mut self,
        above: &gst::Element,
        rendition: &VideoRendition,
        sink: Arc<dyn Sink>,
        threads: u32,
    ) -> Result<gst::Element> {
        let (to_scaler, scaler) = (queue(BRANCH_FRAMES_MAX)?, scale::scaler());
        let size = scale::filter(&scale::caps(rendition))?;
        let (tee, to_encoder) = (element("tee")?, queue(BRANCH_FRAMES_MAX)?);
        let coding = Coding::new(rendition, self.frame_rate)?;
        let elements = coding.elements(threads)?;
        let out = self.output(sink);
        let mut chain = vec![&to_scaler, &scaler, &size, &tee, &to_encoder];
        chain.extend(elements.all());
        chain.push(out.upcast_ref());
        self.pipeline.chain(&chain)?;
        above.link(&to_scaler)?;
        match elements.behind.first() {
            Some(below) if !coding.takes_requests() => {
                let place = (&to_encoder, below);
                let renewal = keyframes::renewal(self, place, coding, threads);
                renewal.begin(elements.encoder.clone())?;
            }
            _ => keyframes::force(&elements.encoder, &self.keyframes)?,
        }
        if let Some(watermark) = &self.watermark {
            let overlay = watermark.over(rendition.width, rendition.height);
            self.draw_over(&to_encoder, overlay, &scale::caps(rendition))?;
        }
        Ok(tee)
    }

    /// Draws a mark over each frame on its way out of the queue in front of an encoder: behind the tee, so that the next
    /// rendition is scaled from a frame without one, and gets its own.
    fn draw_over(&self, queue: &gst::Element, overlay: Overlay, caps: &gst::Caps) -> Result<()> {
        let info = gst_video::VideoInfo::from_caps(caps)?;
        let failure = Arc::clone(&self.failure);
        let out = queue
            .static_pad("src")
            .ok_or_else(|| Error::internal("a queue without a source"))?;
        out.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
            let buffer = probe.buffer_mut().map(gst::Buffer::make_mut);
            if let Some(Err(error)) = buffer.map(|buffer| overlay.draw(buffer, &info)) {
                failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(error);
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// The end of a branch: hands every access unit over as soon as it is there.
    fn output(&self, sink: Arc<dyn Sink>) -> gst_app::AppSink {
        let failure = Arc::clone(&self.failure);
        let callbacks = gst_app::AppSinkCallbacks::builder().new_sample(move |out| {
            let sample = out.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            take(&sample, &*sink).map_err(|error| {
                gst::element_error!(out, gst::CoreError::Failed, ["{error}"]);
                failure
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(error);
                gst::FlowError::Error
            })
        });
        // Not prerolled: the smallest rendition's encoder may hold its first frame for long.
        gst_app::AppSink::builder()
            .sync(false)
            .async_(false)
            .callbacks(callbacks.build())
            .build()
    }

    /// Gives a frame to all renditions, as soon as there is room.
    ///
    /// # Errors
    /// What the pipeline or one of the sinks says.
    pub fn push(
        &mut self,
        frame: gst::Buffer,
        caps: &gst::Caps,
        time_ns: u64,
        is_key: bool,
    ) -> Result<()> {
        let time = ORIGIN + gst::ClockTime::from_nseconds(time_ns);
        if is_key {
            self.keyframes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(time);
        }
        let caps = self.input_caps(caps)?;
        let mut buffer = borrowed(frame)?;
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time);
            buffer.set_dts(None);
        }
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_start(ORIGIN);
        segment.set_base(ORIGIN);
        let sample = gst::Sample::builder()
            .buffer(&buffer)
            .caps(&caps)
            .segment(&segment)
            .build();
        self.input.push(&sample, || self.check())
    }

    /// Says that no more frames come, and waits until all are encoded and handed over.
    ///
    /// # Errors
    /// What the pipeline or one of the sinks says.
    pub fn finish(&self, mut each: impl FnMut() -> Result<()>) -> Result<()> {
        self.input.end();
        let mut elsewhere = None;
        let waited = self.pipeline.wait_eos(|| {
            self.check()?;
            each().inspect_err(|error| elsewhere = Some(error.clone()))
        });
        waited.map_err(|error| match (elsewhere, self.failure()) {
            (Some(error), _) => error,
            (None, Some(error)) => self.suspect.blame_for_defect(error),
            (None, None) => self.suspect.blame(error),
        })
    }

    /// Fails when the pipeline or one of the sinks has failed.
    ///
    /// # Errors
    /// That failure.
    pub fn check(&self) -> Result<()> {
        if let Some(error) = self.failure() {
            return Err(self.suspect.blame_for_defect(error));
        }
        match self.pipeline.take_error() {
            Some(error) => Err(self.suspect.blame(error)),
            None => Ok(()),
        }
    }

    /// Who is to blame where what it made is not right.
    pub(super) fn suspect(&self) -> Suspect {
        self.suspect
    }

    fn failure(&self) -> Option<Error> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Caps as the decoder says, but for the frame rate, which must be the same in every chunk
    /// since the encoder's rate control and headers depend on it, and for fields.
    fn input_caps(&mut self, caps: &gst::Caps) -> Result<gst::Caps> {
        if let Some((_, ours)) = self.frame_caps.as_ref().filter(|(seen, _)| seen == caps) {
            return Ok(ours.clone());
        }
        let mut ours = caps.copy();
        let structure = ours
            .make_mut()
            .structure_mut(0)
            .ok_or_else(|| Error::internal("frames without a format"))?;
        structure.set("framerate", self.frame_rate);
        // Frames that were not are whole by now.
        structure.set("interlace-mode", "progressive");
        structure.remove_field("field-order");
        self.frame_caps = Some((caps.clone(), ours.clone()));
        Ok(ours)
    }
}

/// A buffer of our own over a frame's bytes, for a time of our own. A copy that shares the frame's
/// memory would keep the decoder's pool from using that again: 760 new pages for each 1080p frame.
fn borrowed(frame: gst::Buffer) -> Result<gst::Buffer> {
    let of = frame.clone();
    let bytes = frame
        .into_mapped_buffer_readable()
        .map_err(|_| Error::internal("a frame that cannot be read"))?;
    let mut buffer = gst::Buffer::from_slice(bytes);
    if let Some(buffer) = buffer.get_mut() {
        let flags = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::META;
        of.copy_into(buffer, flags, ..)?;
    }
    Ok(buffer)
}

fn take(sample: &gst::Sample, sink: &dyn Sink) -> Result<gst::FlowSuccess> {
    let buffer = sample
        .buffer()
        .ok_or_else(|| Error::internal("an encoder's sample is empty"))?;
    let caps = sample
        .caps()
        .ok_or_else(|| Error::internal("an encoder's sample has no caps"))?;
    let time = sample
        .segment()
        .and_then(|segment| segment.downcast_ref::<gst::ClockTime>())
        .and_then(|segment| segment.to_running_time(buffer.pts()?)?.checked_sub(ORIGIN))
        .ok_or_else(|| Error::internal("an encoder's sample has no time"))?;
    let map = buffer.map_readable()?;
    let unit = AccessUnit {
        time_ns: time.nseconds(),
        is_sync: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
        data: Bytes::copy_from_slice(&map),
    };
    sink.access_unit(caps, unit)?;
    Ok(gst::FlowSuccess::Ok)
}

/// The mean rate as probed; 25 where it is not known, as x264 itself assumes.
pub(super) fn frame_rate(facts: &VideoFacts) -> gst::Fraction {
    match (i32::try_from(facts.fps_num), i32::try_from(facts.fps_den)) {
        (Ok(num), Ok(den)) if num > 0 && den > 0 => gst::Fraction::new(num, den),
        _ => gst::Fraction::new(25, 1),
    }
}

/// Elements that turn pictures clockwise; none where they stand upright.
///
/// # Errors
/// When a plugin is missing.
pub(in crate::engine) fn upright(rotation_deg: u16) -> Result<Vec<gst::Element>> {
    let mut chain = Vec::new();
    if rotation_deg != 0 {
        // Flips know fewer formats than decoders.
        let format = gst::Caps::builder("video/x-raw").field("format", "I420");
        chain.extend([scale::converter()?, scale::filter(&format.build())?]);
    }
    if let Some(method) = flip_method(rotation_deg) {
        let flip = element("videoflip")?;
        flip.set_property_from_str("method", method);
        chain.push(flip);
    }
    Ok(chain)
}

/// Whether a rendition has a whole part of another's columns and rows, at least twice: scaling twice
/// then blurs no more than scaling once.
fn is_part(rendition: &VideoRendition, of: &VideoRendition) -> bool {
    let times = |of: u32, one: u32| of.checked_div(one).filter(|n| n * one == of && *n >= 2);
    let (across, down) = (
        times(of.width, rendition.width),
        times(of.height, rendition.height),
    );
    across.is_some() && across == down
}

fn flip_method(rotation_deg: u16) -> Option<&'static str> {
    match rotation_deg {
        90 => Some("clockwise"),
        180 => Some("rotate-180"),
        270 => Some("counterclockwise"),
        _ => None,
    }
}
