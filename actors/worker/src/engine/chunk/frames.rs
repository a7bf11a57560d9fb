//! A decoder's frames on their way into a chunk's encoders.

use std::time::Duration;

use bus_schema::report::ErrorCode;

use super::deinterlace::Pictures;
use super::due::Due;
use super::window::{Place, to_ns, to_units};
use super::{Chunk, frame_ns, range};
use crate::engine::decode::Decode;
use crate::engine::frame::Frame;
use crate::engine::{Error, Result};

/// How much of a track's end may be missing before its container's duration counts as broken:
/// containers round, and some declare the longest track's duration for all.
const TAIL_NS_MAX: u64 = 500_000_000;

impl Chunk<'_> {
    /// Decodes and pushes every frame of the window; returns where the last one ends.
    pub(super) fn feed(&mut self, decode: &Decode) -> Result<u64> {
        let mut next_ns = None;
        let mut pictures = Pictures::new(decode);
        while let Some(frame) = pictures.next()? {
            let Some(time_ns) = frame.time_ns.or(next_ns) else {
                continue;
            };
            next_ns = Some(
                time_ns
                    + frame
                        .duration_ns
                        .unwrap_or_else(|| frame_ns(&self.spec.facts)),
            );
            let place = self.window.place(time_ns);
            if let Some(scenes) = &mut self.scenes {
                scenes.look(frame, place.inside())?;
            }
            match place {
                Place::Before => {}
                Place::Inside {
                    units,
                    begins_segment,
                } => self.push(pictures.whole()?, units, begins_segment)?,
                Place::Behind { units } => return Ok(units),
            }
            self.tell()?;
        }
        let of_clip = self.spec.clip.and_then(|clip| {
            let span = clip.span();
            Some(span.end_ns?.saturating_sub(span.start_ns))
        });
        if let Some(clip_ns) = of_clip.filter(|_| decode.is_behind_clip()) {
            return self.end_of_clip(clip_ns);
        }
        let end = self.end_of_source(next_ns);
        self.check_end(end)?;
        Ok(end)
    }

    /// Where a clip of this length ends, of which the source goes on: with its last frame, however long that is
    /// shown.
    fn end_of_clip(&self, clip_ns: u64) -> Result<u64> {
        // Who begins with the clip has seen all of it.
        if self.frames == 0 && self.spec.span.start_ns == 0 {
            return Err(between_frames());
        }
        let end = to_units(clip_ns, self.spec.video.timescale);
        Ok(self.window.last().map_or(end, |last| end.max(last + 1)))
    }

    /// The same of a broadcast: a picture for every time that its table has, be it that of another one.
    /// Returns where the last one ends.
    pub(super) fn feed_due(&mut self, decode: &Decode, mut due: Due) -> Result<u64> {
        if self.spec.clip.is_some() && self.spec.span.start_ns == 0 && due.is_none() {
            return Err(between_frames());
        }
        let mut last: Option<Frame> = None;
        let mut pictures = Pictures::new(decode);
        while !due.is_over() && pictures.next()?.is_some() {
            let Some(time_ns) = pictures.now_ns() else {
                continue;
            };
            if due.is_early(time_ns) {
                let picture = pictures.whole()?;
                if let Some(scenes) = &mut self.scenes {
                    scenes.look(&picture, None)?;
                }
                last = Some(picture);
                continue;
            }
            let picture = pictures.whole()?;
            while let Some(missed_ns) = due.missed(time_ns) {
                self.show(last.as_ref().unwrap_or(&picture), missed_ns, true)?;
            }
            if let Some(due_ns) = due.take(time_ns) {
                self.show(&picture, due_ns, false)?;
            }
            last = Some(picture);
            self.tell()?;
        }
        let end = to_units(due.end_ns(), self.spec.video.timescale);
        while let Some(missed_ns) = due.missed(u64::MAX) {
            let Some(last) = &last else {
                return Err(none_decoded());
            };
            self.show(last, missed_ns, true)?;
            self.tell()?;
        }
        Ok(self.window.last().map_or(end, |last| end.max(last + 1)))
    }

    /// Shows a picture at a time; `is_held` where it is that of another.
    fn show(&mut self, picture: &Frame, time_ns: u64, is_held: bool) -> Result<()> {
        let Place::Inside {
            units,
            begins_segment,
        } = self.window.place(time_ns)
        else {
            return Ok(());
        };
        if is_held {
            self.held += 1;
        } else if let Some(scenes) = &mut self.scenes {
            scenes.look(picture, Some(units))?;
        }
        self.push(picture.clone(), units, begins_segment)
    }

    fn push(&mut self, frame: Frame, units: u64, begins_segment: bool) -> Result<()> {
        if begins_segment {
            self.cuts.begin(units);
        }
        self.frames += 1;
        let time_ns = to_ns(units, self.spec.video.timescale);
        let frame = range::limited(self.grade.apply(frame)?)?;
        self.encode
            .push(frame.buffer, &frame.caps, time_ns, begins_segment)
    }

    /// Where the last frame of the source ends: its own duration, at least one unit.
    fn end_of_source(&self, next_ns: Option<u64>) -> u64 {
        let end = next_ns.map_or(0, |ns| to_units(ns, self.spec.video.timescale));
        self.window.last().map_or(end, |last| end.max(last + 1))
    }

    /// A clean end of the stream says nothing: a file that was cut has one too.
    fn check_end(&self, end: u64) -> Result<()> {
        let facts = &self.spec.facts;
        let promised_ns = facts.start_ns + facts.duration_ns;
        let needed_ns = self
            .spec
            .span
            .end_ns
            .map_or(promised_ns, |end_ns| end_ns.min(promised_ns));
        let reached_ns = to_ns(end, self.spec.video.timescale);
        let has_to_be_there = promised_ns > self.spec.span.start_ns;
        if has_to_be_there && reached_ns.saturating_add(TAIL_NS_MAX) < needed_ns {
            return Err(Error::new(
                ErrorCode::Truncated,
                format!(
                    "The picture ends at {:.3} s, where the file promises {:.3} s: it is not whole. \
                     Upload it again.",
                    Duration::from_nanos(reached_ns).as_secs_f64(),
                    Duration::from_nanos(needed_ns).as_secs_f64(),
                ),
            ));
        }
        Ok(())
    }
}

/// Of a clip in which no picture begins.
fn between_frames() -> Error {
    let message = "The clip lies between two frames of the picture: ask for one that begins earlier or ends \
                   later.";
    Error::new(ErrorCode::Unsupported, message)
}

/// Of a broadcast, in whose chunk there is not a picture to hold.
fn none_decoded() -> Error {
    let message = "No picture of a part of the file can be decoded: it is damaged. Upload it again, or a \
                   repaired copy.";
    Error::new(ErrorCode::Damaged, message)
}
