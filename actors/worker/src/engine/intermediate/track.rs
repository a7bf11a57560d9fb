//! One stream on its way into the intermediate: from buffers to samples.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::clock::{Clock, Place};
use super::coding::{Coding, Form, is_dependent};
use super::order::{Decoded, Order, Shown};
use super::output::Output;
use super::parameters::Parameters;
use super::picture::{self, Picture};
use super::{Stop, gives_up};
use crate::engine::demux::Stream;
use crate::mp4::intermediate::{NewSample, Tables};

/// Units per second of pictures' times in broadcasts: their stamps' own.
const STAMP_TIMESCALE: u32 = 90_000;
/// A timescale that is made of a frame rate has at least so many units per second: a player's clock.
const TIMESCALE_MIN: u32 = 1_000;
/// How long a picture lasts whose rate nobody tells.
const FRAME_NS_UNKNOWN: u64 = 40_000_000;
/// Stamps of sound that are off by no more than this are rounded, and follow the packet before exactly.
const ROUNDING_MS: u64 = 1;
/// How much of the first packet is kept: configurations lie at its beginning.
const FIRST_BYTES_MAX: usize = 4_096;
/// Sound without coding whose stamps leave more than this between two buffers has a hole, for which its
/// table has no word.
const PCM_HOLE_MS: u64 = 100;

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
    /// The last picture, where it may be the first field of a frame.
    half: Option<Coded>,
}

/// A coded picture that is not appended yet.
#[derive(Debug)]
struct Coded {
    bytes: Vec<u8>,
    picture: Picture,
    time_ns: Option<i64>,
    duration_ns: u64,
}

/// Pictures that are shown before the first keyframe, though they follow it: they refer to what is not
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// No keyframe has come.
    Everything,
    /// Those with stamps before this one.
    Before(i64),
    /// Those that nothing refers to, up to the next that something does.
    ShownAtOnce,
    Nothing,
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
            half: None,
        }
    }

    /// Whether parameters changed on the way.
    pub(super) fn is_changed(&self) -> bool {
        self.parameters.as_ref().is_some_and(Parameters::is_changed)
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

    // === pictures ===

    fn take_picture(&mut self, bytes: &[u8], stamps: Stamps, sink: &mut Sink) -> Result<(), Stop> {
        let Some((picture, bytes)) = self.picture(bytes, sink)? else {
            return Ok(());
        };
        if picture.is_shown_at_once && !sink.has_presentation {
            return gives_up(
                "pictures are out of order, and the container does not say when they are shown",
            );
        }
        let duration_ns = stamps.duration_ns.unwrap_or_else(|| self.frame_ns());
        let stamp_ns = if sink.has_presentation {
            stamps.shown_ns
        } else {
            stamps.shown_ns.or(stamps.decoded_ns)
        };
        let offset_ns = match stamps.decoded_ns.or(stamp_ns) {
            Some(ns) => sink
                .clock
                .offset_ns(&mut self.place, signed(ns), signed(duration_ns))?,
            None => 0,
        };
        let time_ns = stamp_ns.map(|ns| signed(ns) + offset_ns);
        if !self.may_be_kept(picture, time_ns) {
            return Ok(());
        }
        let table = match self.table {
            Some(table) => table,
            None => {
                let Some(time_ns) = time_ns else {
                    // Nothing says yet when it is shown.
                    self.lead = Lead::Everything;
                    return Ok(());
                };
                self.begin(time_ns, sink)?
            }
        };
        let coded = Coded {
            bytes,
            picture,
            time_ns,
            duration_ns,
        };
        self.pair(table, coded, sink)
    }

    /// Makes one sample of both fields of a frame; a frame of one piece goes on as it is.
    fn pair(&mut self, table: usize, coded: Coded, sink: &mut Sink) -> Result<(), Stop> {
        let before = self.half.take();
        let fields = before.as_ref().and_then(|before| before.picture.field);
        let completes = fields.zip(coded.picture.field);
        match before {
            Some(mut first) if completes.is_some_and(|(one, other)| other.completes(one)) => {
                first.bytes.extend_from_slice(&coded.bytes);
                first.duration_ns += coded.duration_ns;
                return self.append(table, first, sink);
            }
            Some(alone) => self.append(table, alone, sink)?,
            None => {}
        }
        if coded.picture.field.is_some() {
            self.half = Some(coded);
            return Ok(());
        }
        self.append(table, coded, sink)
    }

    /// Appends a picture, whose time may be known later.
    fn append(&mut self, table: usize, coded: Coded, sink: &mut Sink) -> Result<(), Stop> {
        let Coded {
            bytes,
            picture,
            time_ns,
            duration_ns,
        } = coded;
        sink.output.append(&bytes)?;
        let time = time_ns.map(|ns| self.units(ns - self.base_ns));
        let duration = u32::try_from(self.units(signed(duration_ns))).unwrap_or(0);
        let is_ordered = matches!(self.coding, Coding::Mpeg(_));
        if time.is_none() && !is_ordered {
            return gives_up("a picture does not say when it is shown");
        }
        let sample = sink.tables.n_samples(table);
        sink.tables.push(
            table,
            NewSample {
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                time: time.unwrap_or(0),
                duration,
                is_sync: picture.is_sync,
            },
        )?;
        if is_ordered {
            let decoded = Decoded {
                sample,
                time,
                duration,
            };
            let shown = self.order.push(decoded, picture.is_shown_at_once);
            set_time(table, shown, sink);
        }
        Ok(())
    }

    /// What a picture is, and its bytes as they are written; `None` for what is none.
    fn picture(
        &mut self,
        bytes: &[u8],
        sink: &mut Sink,
    ) -> Result<Option<(Picture, Vec<u8>)>, Stop> {
        let coding = self.coding;
        Ok(match coding {
            Coding::H264 | Coding::Hevc => {
                if self.parameters.is_none() {
                    let config = self.form.as_ref().map_or(&[][..], |form| &form.config);
                    self.parameters = Parameters::of(coding, config);
                }
                let Some(parameters) = &mut self.parameters else {
                    return gives_up("a configuration cannot be read");
                };
                let length_bytes = parameters.length_bytes();
                let picture = match coding {
                    Coding::Hevc => picture::of_hevc(bytes, length_bytes),
                    _ => picture::of_h264(bytes, length_bytes, parameters.framing()),
                };
                if picture.is_none() {
                    sink.is_damaged = true;
                }
                picture.map(|picture| {
                    let bytes = parameters.rewrite(coding, bytes, picture.is_sync);
                    (picture, bytes)
                })
            }
            Coding::Mpeg(_) => {
                let (mut picture, is_closed) = picture::of_mpeg2(bytes);
                picture.is_instant = is_closed == Some(true);
                Some((picture, bytes.to_vec()))
            }
            Coding::Mpeg4 => match picture::of_mpeg4(bytes) {
                Some(picture) => Some((picture, bytes.to_vec())),
                None => return gives_up("several pictures lie in one packet"),
            },
            _ => {
                let picture = Picture {
                    is_sync: true,
                    is_instant: true,
                    ..Picture::default()
                };
                Some((picture, bytes.to_vec()))
            }
        })
    }

    /// Whether all that a picture refers to is there.
    fn may_be_kept(&mut self, picture: Picture, time_ns: Option<i64>) -> bool {
        if self.lead == Lead::Everything {
            if !picture.is_sync {
                return false;
            }
            self.lead = match (self.coding, picture.is_instant) {
                (_, true) => Lead::Nothing,
                (Coding::H264, false) => Lead::Before(time_ns.unwrap_or(i64::MIN)),
                (_, false) => Lead::ShownAtOnce,
            };
            return true;
        }
        match self.lead {
            Lead::Before(first_ns) if picture.is_sync => {
                self.lead = Lead::Nothing;
                time_ns.is_none_or(|ns| ns > first_ns)
            }
            Lead::Before(first_ns) => time_ns.is_none_or(|ns| ns > first_ns),
            Lead::ShownAtOnce if picture.is_shown_at_once || picture.is_leading => false,
            // HEVC's leading pictures may come among others.
            Lead::ShownAtOnce if self.coding == Coding::Hevc && !picture.is_sync => true,
            _ => {
                self.lead = Lead::Nothing;
                true
            }
        }
    }

    fn frame_ns(&self) -> u64 {
        let rate = self
            .form
            .as_ref()
            .and_then(|form| form.fraction("framerate"));
        rate.map_or(FRAME_NS_UNKNOWN, |(num, den)| {
            u64::from(den) * 1_000_000_000 / u64::from(num)
        })
    }

    // === sound ===

    fn take_sound(&mut self, bytes: &[u8], stamps: Stamps, sink: &mut Sink) -> Result<(), Stop> {
        if self.coding == Coding::Eac3 && is_dependent(bytes) {
            return gives_up("a sound has streams that depend on one another");
        }
        let form = self.form.as_ref();
        let rate_hz = form.map_or(0, |form| form.number("rate")).max(1);
        let duration = match stamps.duration_ns {
            Some(ns) if ns > 0 => scaled(signed(ns), rate_hz),
            _ => i64::from(self.coding.usual_samples()),
        };
        let duration_ns = duration * 1_000_000_000 / i64::from(rate_hz);
        let stamp_ns = stamps.shown_ns.or(stamps.decoded_ns);
        let time_ns = match stamp_ns {
            Some(ns) => {
                let offset_ns = sink
                    .clock
                    .offset_ns(&mut self.place, signed(ns), duration_ns)?;
                Some(signed(ns) + offset_ns)
            }
            None => None,
        };
        let table = match (self.table, time_ns) {
            (Some(table), _) => table,
            (None, Some(time_ns)) => {
                self.timescale = rate_hz;
                self.begin(time_ns, sink)?
            }
            // Nothing says yet when it is heard.
            (None, None) => return Ok(()),
        };
        let rounding = i64::try_from(ROUNDING_MS * u64::from(rate_hz) / 1_000).unwrap_or(0);
        let time = match time_ns.map(|ns| self.units(ns - self.base_ns)) {
            Some(time) if time.abs_diff(self.due) > rounding.unsigned_abs() => time,
            _ => self.due,
        };
        if self.coding == Coding::Pcm {
            return self.take_samples(bytes, table, time, sink);
        }
        // What overlaps the packet before begins with it at the earliest.
        let time = time.max(self.last_begin);
        self.last_begin = time;
        self.due = time + duration;
        sink.output.append(bytes)?;
        sink.tables.push(
            table,
            NewSample {
                bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                time,
                duration: u32::try_from(duration).unwrap_or(0),
                is_sync: true,
            },
        )?;
        Ok(())
    }

    fn take_samples(
        &mut self,
        bytes: &[u8],
        table: usize,
        time: i64,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        let hole = PCM_HOLE_MS * u64::from(self.timescale) / 1_000;
        if time.abs_diff(self.due) > hole {
            return gives_up("a sound without coding has a hole");
        }
        let frame_bytes = self.form.as_ref().map_or(0, Form::frame_bytes);
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let n = size.checked_div(frame_bytes).unwrap_or(0);
        let whole = bytes.get(..(n * frame_bytes) as usize).unwrap_or(&[]);
        if whole.is_empty() {
            return Ok(());
        }
        sink.output.append(whole)?;
        sink.tables.push_pcm(table, n, frame_bytes)?;
        self.due += i64::from(n);
        Ok(())
    }

    // === both ===

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

    /// Gives the last pictures their times.
    pub(super) fn finish(&mut self, sink: &mut Sink) -> Result<(), Stop> {
        if let Some(table) = self.table {
            if let Some(alone) = self.half.take() {
                self.append(table, alone, sink)?;
            }
            let shown = self.order.finish();
            set_time(table, shown, sink);
        }
        Ok(())
    }

    fn units(&self, ns: i64) -> i64 {
        scaled(ns, self.timescale)
    }
}

fn set_time(table: usize, shown: Option<Shown>, sink: &mut Sink) {
    if let Some(shown) = shown {
        sink.tables
            .set_time(table, shown.sample, shown.time, shown.duration);
    }
}

/// Stamps of a buffer.
#[derive(Debug, Clone, Copy)]
struct Stamps {
    shown_ns: Option<u64>,
    decoded_ns: Option<u64>,
    duration_ns: Option<u64>,
}

impl Stamps {
    fn of(buffer: &gst::BufferRef) -> Self {
        let ns = |time: Option<gst::ClockTime>| time.map(gst::ClockTime::nseconds);
        Self {
            shown_ns: ns(buffer.pts()),
            decoded_ns: ns(buffer.dts()),
            duration_ns: ns(buffer.duration()),
        }
    }
}

/// Nanoseconds that may be subtracted from others: three centuries are enough.
fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

/// Nanoseconds in units of a timescale, to the nearest.
fn scaled(ns: i64, timescale: u32) -> i64 {
    let product = i128::from(ns) * i128::from(timescale) + 500_000_000;
    i64::try_from(product.div_euclid(1_000_000_000)).unwrap_or(i64::MAX / 4)
}

/// Units per second in which every frame of a constant rate lasts a whole number of them.
fn timescale((num, den): (u32, u32)) -> u32 {
    let is_whole = u64::from(STAMP_TIMESCALE) * u64::from(den) % u64::from(num.max(1)) == 0;
    if is_whole {
        return STAMP_TIMESCALE;
    }
    num.saturating_mul(TIMESCALE_MIN.div_ceil(num.max(1)))
}
