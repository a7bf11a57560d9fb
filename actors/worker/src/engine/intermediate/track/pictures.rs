//! Coded pictures on their way: which of them can be shown, and when.

use super::stamps::{Stamps, signed};
use super::{Sink, Stop, Track};
use crate::engine::intermediate::coding::Coding;
use crate::engine::intermediate::gives_up;
use crate::engine::intermediate::order::{Decoded, Shown};
use crate::engine::intermediate::parameters::Parameters;
use crate::engine::intermediate::picture::{Picture, h264, hevc, mpeg2, mpeg4};
use crate::engine::intermediate::turns::Turn;
use crate::mp4::intermediate::NewSample;

/// How long a picture lasts whose rate nobody tells.
const FRAME_NS_UNKNOWN: u64 = 40_000_000;

/// A coded picture that is not appended yet.
#[derive(Debug)]
pub(super) struct Coded {
    bytes: Vec<u8>,
    picture: Picture,
    time_ns: Option<i64>,
    duration_ns: u64,
}

/// Pictures that are shown before the first keyframe, though they follow it: they refer to what is not
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    /// No keyframe has come.
    Everything,
    /// Those with stamps before this one.
    Before(i64),
    /// Those that nothing refers to, up to the next that something does.
    ShownAtOnce,
    Nothing,
}

impl Track {
    pub(super) fn take_picture(
        &mut self,
        bytes: &[u8],
        stamps: Stamps,
        sink: &mut Sink,
    ) -> Result<(), Stop> {
        if !sink.has_presentation {
            return self.take_in_turn(bytes, stamps, sink);
        }
        let Some((picture, bytes)) = self.picture(bytes, sink)? else {
            return Ok(());
        };
        if picture.is_blank {
            return Ok(());
        }
        let duration_ns = stamps.duration_ns.unwrap_or_else(|| self.frame_ns());
        let stamp_ns = stamps.shown_ns;
        let offset_ns = match stamps.decoded_ns.or(stamp_ns) {
            Some(ns) => sink.offset_ns(&mut self.place, signed(ns), signed(duration_ns))?,
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
        let time = time_ns.map(|ns| self.units(ns - self.base_ns));
        let duration = u32::try_from(self.units(signed(duration_ns))).unwrap_or(0);
        let is_ordered = matches!(self.coding, Coding::Mpeg(_));
        if time.is_none() && !is_ordered {
            // What said so was lost, and the picture with it.
            return match sink.is_damaged {
                true => Ok(()),
                false => gives_up("a picture does not say when it is shown"),
            };
        }
        sink.output.append(&bytes)?;
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
    pub(super) fn picture(
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
                    Coding::Hevc => hevc::of(bytes, length_bytes),
                    _ => h264::of(bytes, length_bytes, parameters.framing()),
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
                let (mut picture, is_closed) = mpeg2::of(bytes);
                picture.is_instant = is_closed == Some(true);
                Some((picture, bytes.to_vec()))
            }
            Coding::Mpeg4 => {
                let config = self.form.as_ref().map_or(&[][..], |form| &form.config);
                let now = mpeg4::time_bits(bytes);
                self.time_bits = now.or(self.time_bits).or_else(|| mpeg4::time_bits(config));
                match mpeg4::of(bytes, self.time_bits) {
                    Some(picture) => Some((picture, mpeg4::unpacked(bytes.to_vec()))),
                    None => return gives_up("several pictures lie in one packet"),
                }
            }
            _ => {
                let picture = Picture {
                    is_sync: true,
                    is_instant: true,
                    turn: Turn::AsDecoded,
                    ..Picture::default()
                };
                Some((picture, bytes.to_vec()))
            }
        })
    }

    /// Whether all that a picture refers to is there.
    pub(super) fn may_be_kept(&mut self, picture: Picture, time_ns: Option<i64>) -> bool {
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

    pub(super) fn frame_ns(&self) -> u64 {
        let rate = self
            .form
            .as_ref()
            .and_then(|form| form.fraction("framerate"));
        rate.map_or(FRAME_NS_UNKNOWN, |(num, den)| {
            u64::from(den) * 1_000_000_000 / u64::from(num)
        })
    }

    /// Gives the last pictures their times.
    pub(in crate::engine::intermediate) fn finish(&mut self, sink: &mut Sink) -> Result<(), Stop> {
        if let Some(table) = self.table {
            if let Some(alone) = self.half.take() {
                self.append(table, alone, sink)?;
            }
            let shown = self.order.finish();
            set_time(table, shown, sink);
            self.set_times(table, sink)?;
        }
        Ok(())
    }
}

fn set_time(table: usize, shown: Option<Shown>, sink: &mut Sink) {
    if let Some(shown) = shown {
        sink.tables
            .set_time(table, shown.sample, shown.time, shown.duration);
    }
}
