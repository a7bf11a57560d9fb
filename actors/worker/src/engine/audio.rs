//! One audio track as AAC, in segments and parts.
//!
//! Sound lives on an absolute grid: access unit `i` has the decode time `1024 * i`, whatever part
//! and attempt it comes from. The first one is the encoder's priming, which an edit list takes off: it
//! is decoded and not shown, so that sound begins as clear as it goes on. An attempt that goes on behind the parts of
//! another starts a few units early, so that the encoder has what it overlaps with, and drops those units: the seam
//! is the same windowed samples, encoded by the same encoder.

mod aac;
mod grid;
mod level;
mod parts;
mod timeline;

use std::sync::Arc;
use std::time::Duration;

use bus_schema::report::ErrorCode;
use bus_schema::request::loudness::{Loudness, LoudnessResult};
use bus_schema::task::AudioSpec;
use tokio::time::Instant;

use self::aac::Aac;
use self::grid::{Grid, UNIT_SAMPLES};
use self::level::{Meter, amplify};
use self::parts::Parts;
use self::timeline::Timeline;
use super::decode::{Decode, Want};
use super::frame::Frame;
use super::results::Results;
use super::source::Source;
use super::{Error, Result};
use crate::protocol::Position;

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Decoding begins this much before the first sample that is needed: codecs need a few frames
/// before what they give is right (AAC two, MP3 a reservoir of up to nine).
const LEAD_NS: u64 = 500_000_000;

/// How much of a track's end may be missing before its container's duration counts as broken.
const TAIL_NS_MAX: u64 = 500_000_000;

/// Of an attempt that also measures, this part of its progress is the measuring, which is decoding
/// alone.
const MEASURING_SHARE: u64 = 8;

/// Transcodes a track; returns the number of parts there are in all, and what was measured where a
/// level is wished for.
///
/// # Errors
/// [`ErrorCode::NoAudio`] without the track, [`ErrorCode::Damaged`] when nothing comes out of it,
/// and what decoder, encoder or the parent say.
pub fn run(
    spec: &AudioSpec,
    source: &Source,
    results: &Arc<Results>,
    threads: u32,
) -> Result<(u32, Option<LoudnessResult>)> {
    let plan = &spec.audio;
    let (loudness, measured_ns) = match plan.loudness {
        Some(wish) => {
            let (loudness, measured_ns) = measure(spec, wish, source, results, threads)?;
            (Some(loudness), Some(measured_ns))
        }
        None => (None, None),
    };
    let grid = Grid::new(plan.sample_rate_hz, spec.segment_ns, plan.part_segments);
    let first_unit = grid.first_unit_of_part(spec.parts_done);
    let first_block = grid.first_block(first_unit);
    let from_ns = grid.block_ns(first_block);
    let decode = open(spec, source, results, threads, from_ns)?;
    let mut work = Work {
        timeline: Timeline::new(
            plan.channels,
            plan.sample_rate_hz,
            first_block * UNIT_SAMPLES,
        ),
        encoder: Aac::start(plan)?,
        parts: Parts::new(spec, grid, first_unit, first_unit - first_block),
        results,
        told: None,
        total_ns: spec.facts.duration_ns,
        is_clip: spec.clip.is_some(),
        measured_ns,
        gain_centidb: loudness.map_or(0, |loudness| loudness.gain_centidb),
    };
    while let Some(frame) = decode.next()? {
        work.feed(&frame)?;
    }
    Ok((work.finish()?, loudness))
}

/// Measures the whole track; also says how long it is.
fn measure(
    spec: &AudioSpec,
    wish: Loudness,
    source: &Source,
    results: &Arc<Results>,
    threads: u32,
) -> Result<(LoudnessResult, u64)> {
    let decode = open(spec, source, results, threads, 0)?;
    let (mut reached_ns, mut told) = (0_u64, None);
    let loudness = Meter::new(spec)?.measure(&decode, wish, |time_ns| {
        reached_ns = reached_ns.max(time_ns);
        if !is_due(&mut told) {
            return Ok(());
        }
        results.progress(Position {
            done_ns: vec![reached_ns / MEASURING_SHARE],
            total_ns: spec.facts.duration_ns,
            frames_per_s: 0,
        })
    })?;
    Ok((loudness, reached_ns))
}

/// The track, decoded from a time on and a little before.
fn open(
    spec: &AudioSpec,
    source: &Source,
    results: &Results,
    threads: u32,
    from_ns: u64,
) -> Result<Decode> {
    let want = Want::Audio {
        track: spec.audio.track,
        stream: spec.facts.stream.clone(),
        channels: spec.audio.channels,
        sample_rate_hz: spec.audio.sample_rate_hz,
    };
    let decode = Decode::open(source, want, threads)?.clipped(spec.clip);
    if !decode.seek_before(from_ns, LEAD_NS) {
        results.log(
            true,
            "this container cannot be sought in: decoding from its start",
        )?;
    }
    decode.play()?;
    Ok(decode)
}

/// Whether it is time to tell progress again.
fn is_due(told: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    let is_due = told.is_none_or(|at| now.duration_since(at) >= PROGRESS_INTERVAL);
    if is_due {
        *told = Some(now);
    }
    is_due
}

/// A track at work.
struct Work<'a> {
    timeline: Timeline,
    encoder: Aac,
    parts: Parts,
    results: &'a Arc<Results>,
    told: Option<Instant>,
    total_ns: u64,
    /// Whether that is of a clip, in which there may be no sound at all.
    is_clip: bool,
    /// How much was measured before, where a level is wished for.
    measured_ns: Option<u64>,
    gain_centidb: i32,
}

impl Work<'_> {
    fn feed(&mut self, frame: &Frame) -> Result<()> {
        let samples = frame.buffer.map_readable().map_err(|_| unreadable())?;
        let Self {
            timeline,
            encoder,
            parts,
            results,
            gain_centidb,
            ..
        } = self;
        timeline.push(frame.time_ns, &samples, &mut |mut blocks| {
            amplify(&mut blocks, *gain_centidb);
            encode(encoder, parts, results, blocks)
        })?;
        self.tell()
    }

    fn finish(mut self) -> Result<u32> {
        let Self {
            timeline,
            encoder,
            parts,
            results,
            gain_centidb,
            ..
        } = &mut self;
        parts.end_at(timeline.end_sample());
        timeline.end(&mut |mut blocks| {
            amplify(&mut blocks, *gain_centidb);
            encode(encoder, parts, results, blocks)
        })?;
        encoder.end();
        while let Some(unit) = encoder.pull_to_end()? {
            parts.push(unit, results)?;
        }
        self.told = None;
        self.tell()?;
        check_end(self.parts.position_ns(), self.total_ns, self.is_clip)?;
        let n_parts = self.parts.finish(self.results)?;
        if n_parts == 0 {
            let message = "No sound came out of the file's audio track: it is damaged. Upload it \
                           again, or without that track.";
            return Err(Error::new(ErrorCode::Damaged, message));
        }
        Ok(n_parts)
    }

    fn tell(&mut self) -> Result<()> {
        if !is_due(&mut self.told) {
            return Ok(());
        }
        let encoded_ns = self.parts.position_ns();
        let done_ns = match self.measured_ns {
            Some(measured_ns) => {
                measured_ns / MEASURING_SHARE + (encoded_ns - encoded_ns / MEASURING_SHARE)
            }
            None => encoded_ns,
        };
        self.results.progress(Position {
            done_ns: vec![done_ns],
            total_ns: self.total_ns,
            frames_per_s: 0,
        })
    }
}

/// Samples in, and whatever units are ready out.
fn encode(encoder: &Aac, parts: &mut Parts, results: &Results, blocks: Vec<u8>) -> Result<()> {
    encoder.push(blocks)?;
    while let Some(unit) = encoder.pull()? {
        parts.push(unit, results)?;
    }
    Ok(())
}

/// A clean end of the stream says nothing: a file that was cut has one too.
fn check_end(reached_ns: u64, promised_ns: u64, is_clip: bool) -> Result<()> {
    if reached_ns.saturating_add(TAIL_NS_MAX) >= promised_ns {
        return Ok(());
    }
    if is_clip && reached_ns == 0 {
        let message =
            "There is no sound within the clip: ask for one that begins earlier or ends later.";
        return Err(Error::new(ErrorCode::NoAudio, message));
    }
    let [reached_s, promised_s] =
        [reached_ns, promised_ns].map(|ns| Duration::from_nanos(ns).as_secs_f64());
    let message = format!(
        "The sound ends at {reached_s:.3} s, where the file promises {promised_s:.3} s: it is not \
         whole. Upload it again."
    );
    Err(Error::new(ErrorCode::Truncated, message))
}

fn unreadable() -> Error {
    Error::internal("decoded sound cannot be read")
}
