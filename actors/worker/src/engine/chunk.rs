//! A chunk: the frames of a span, decoded once, encoded into every rendition.

pub mod window;

pub mod encode;

pub mod collect;

mod due;

mod frames;

pub(in crate::engine) mod deinterlace;
pub(in crate::engine) mod encoder;
pub(in crate::engine) mod grade;
pub(in crate::engine) mod range;
pub(in crate::engine) mod scale;
mod scenes;
pub mod watermark;

use std::sync::Arc;
use std::time::Duration;

use bus_schema::attempt::{ChunkResult, RenditionResult};
use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use bus_schema::source::VideoFacts;
use bus_schema::task::ChunkSpec;
use gstreamer as gst;
use tokio::time::Instant;

use self::collect::{Collector, Cuts};
use self::due::Due;
use self::encode::{Encode, Sink};
use self::encoder::Coding;
use self::grade::Grade;
use self::scenes::Scenes;
use self::watermark::{Drawing, Font};
use self::window::Window;
use super::decode::{Decode, Want};
use super::probe::names;
use super::results::Results;
use super::source::Source;
use super::{Error, Result, table};
use crate::protocol::Position;

/// How often progress is told.
const PROGRESS_MS: u64 = 100;

/// Transcodes a chunk with so many threads; `font` is that of the watermark's text.
///
/// # Errors
/// [`ErrorCode::Truncated`] or [`ErrorCode::Damaged`] when the source gives fewer frames than it
/// promises; what decoder, encoders or the parent say.
pub fn run(
    spec: &ChunkSpec,
    source: &Source,
    results: &Arc<Results>,
    (threads, font): (u32, Option<&Font>),
) -> Result<ChunkResult> {
    let due = Due::of(spec, source)?;
    let promised = match due {
        Some(_) => None,
        None => promised(spec, source)?,
    };
    let watermark = spec.watermark.as_ref();
    let watermark = watermark
        .map(|asked| Drawing::new(asked, font))
        .transpose()?;
    let decode = Decode::open(source, Want::Video, threads)?.clipped(spec.clip);
    let for_scenes = spec.scene_score_permille.map(|_| scenes::LEAD_FRAMES);
    let lead_ns = lead_ns(&spec.facts).max(frame_ns(&spec.facts) * for_scenes.unwrap_or(0));
    if !is_seekable(&decode) || !decode.seek_before(spec.span.start_ns, lead_ns) {
        results.log(
            true,
            "this container cannot be sought in: decoding from its start",
        )?;
    }
    let mut chunk = Chunk::start(spec, results, watermark, threads)?;
    decode.play()?;
    let end = match due {
        Some(due) => chunk.feed_due(&decode, due)?,
        None => chunk.feed(&decode)?,
    };
    // The decoder's frames and threads are not needed while the encoders finish.
    drop(decode);
    check_count(chunk.frames, promised)?;
    chunk.finish(end)
}

/// How much earlier decoding begins than the first frame that is wanted: interlaced frames need the
/// one before them, which may belong to the group before.
pub(in crate::engine) fn lead_ns(facts: &VideoFacts) -> u64 {
    if facts.is_interlaced {
        frame_ns(facts) * 3 / 2
    } else {
        0
    }
}

/// Whether a seek leads to a keyframe, and to right pictures behind it.
pub(in crate::engine) fn is_seekable(decode: &Decode) -> bool {
    let container = decode.demux().container();
    container.is_some_and(|caps| !is_unfit(&caps)) && !decode.demux().is_lost_by_seeks()
}

/// Frames of the span by the container's table, where it has one.
fn promised(spec: &ChunkSpec, source: &Source) -> Result<Option<u64>> {
    if spec.facts.frames.is_none() {
        return Ok(None);
    }
    let table = table::read(source)?;
    Ok(table
        .as_ref()
        .and_then(|found| found.index.video())
        .map(|track| track.frames_in(in_source(spec))))
}

/// Where the chunk lies in the source.
fn in_source(spec: &ChunkSpec) -> Span {
    let Some(clip) = spec.clip.map(|clip| clip.span()) else {
        return spec.span;
    };
    let later = |ns: u64| clip.start_ns.saturating_add(ns);
    let ends = spec.span.end_ns.map(later).into_iter().chain(clip.end_ns);
    Span {
        start_ns: later(spec.span.start_ns),
        end_ns: ends.min(),
    }
}

/// Fewer frames than promised are lost frames. More are no loss: some tables are shorter than what
/// players show.
fn check_count(frames: u64, promised: Option<u64>) -> Result<()> {
    match promised {
        Some(promised) if frames < promised => {
            let message = format!(
                "Only {frames} of {promised} frames of a part of the file can be decoded: it is \
                 damaged. Upload it again, or a repaired copy."
            );
            Err(Error::new(ErrorCode::Damaged, message))
        }
        _ => Ok(()),
    }
}

/// Programme and transport streams have no index: a seek lands between keyframes, and the first
/// pictures after it are wrong. AVI has one, but its demuxer's seeks, some of them, give a picture of
/// before the seek, or decode the first of those behind it without what they refer to.
fn is_unfit(caps: &gst::CapsRef) -> bool {
    names::container(caps).is_none_or(|name| ["mpegts", "mpegps", "avi"].contains(&name.as_str()))
}

/// A chunk at work.
struct Chunk<'a> {
    spec: &'a ChunkSpec,
    window: Window,
    cuts: Arc<Cuts>,
    collectors: Vec<Arc<Collector>>,
    grade: Grade,
    scenes: Option<Scenes>,
    encode: Encode,
    results: &'a Arc<Results>,
    frames: u64,
    held: u64,
    started: Instant,
    told: Option<Instant>,
}

impl<'a> Chunk<'a> {
    fn start(
        spec: &'a ChunkSpec,
        results: &'a Arc<Results>,
        watermark: Option<Drawing>,
        threads: u32,
    ) -> Result<Self> {
        let timescale = spec.video.timescale;
        let cuts = Arc::new(Cuts::default());
        let frame_rate = encode::frame_rate(&spec.facts);
        let collect = |rendition| {
            let (cuts, results) = (Arc::clone(&cuts), Arc::clone(results));
            Ok(Arc::new(Collector::new(
                Coding::new(rendition, frame_rate)?,
                timescale,
                spec.first_segment,
                cuts,
                results,
            )))
        };
        let collectors = spec.video.renditions.iter().map(collect);
        let collectors = collectors.collect::<Result<Vec<_>>>()?;
        let sinks = collectors
            .iter()
            .map(|one| Arc::clone(one) as Arc<dyn Sink>)
            .collect();
        let encode = Encode::start(&spec.facts, &spec.video, sinks, watermark, threads)?;
        let window = Window::new(spec.span, timescale, spec.segment_ns);
        let started = Instant::now();
        Ok(Self {
            spec,
            window,
            cuts,
            collectors,
            grade: Grade::default(),
            scenes: spec.scene_score_permille.map(Scenes::new),
            encode,
            results,
            frames: 0,
            held: 0,
            started,
            told: None,
        })
    }

    fn finish(mut self, end: u64) -> Result<ChunkResult> {
        let (encode, results) = (&self.encode, self.results);
        let (collectors, started, spec) = (&self.collectors, self.started, self.spec);
        let told = &mut self.told;
        encode.finish(|| tell(told, collectors, started, spec, results))?;
        // The last word: all of it.
        *told = None;
        tell(told, collectors, started, spec, results)?;
        let frames = self.frames;
        let renditions = self
            .collectors
            .iter()
            .map(|one| one.finish(frames, end))
            .collect::<Result<Vec<RenditionResult>>>()
            .map_err(|error| self.encode.suspect().blame_for_defect(error))?;
        let starts = self.cuts.starts();
        let ends = starts.iter().skip(1).copied().chain([end]);
        let durations = starts
            .iter()
            .zip(ends)
            .map(|(start, end)| u32::try_from(end - start))
            .collect::<Result<Vec<u32>, _>>()
            .map_err(|_| {
                let message = "The file shows one frame for longer than half a day: upload a copy with \
                               right time stamps.";
                Error::new(ErrorCode::Unsupported, message)
            })?;
        Ok(ChunkResult {
            frames,
            held: self.held,
            start: starts.first().copied().unwrap_or(end),
            durations,
            renditions,
            cpu_ms: super::cpu_ms(),
            scenes: self.scenes.map(Scenes::finish).unwrap_or_default(),
        })
    }

    fn tell(&mut self) -> Result<()> {
        tell(
            &mut self.told,
            &self.collectors,
            self.started,
            self.spec,
            self.results,
        )
    }
}

/// The length of a frame at the mean rate.
fn frame_ns(facts: &VideoFacts) -> u64 {
    let second_ns = 1_000_000_000 * u64::from(facts.fps_den);
    second_ns
        .checked_div(u64::from(facts.fps_num))
        .unwrap_or(40_000_000)
}

/// Tells how far each rendition is, at most ten times a second.
fn tell(
    told: &mut Option<Instant>,
    collectors: &[Arc<Collector>],
    started: Instant,
    spec: &ChunkSpec,
    results: &Results,
) -> Result<()> {
    let now = Instant::now();
    if told.is_some_and(|at| now.duration_since(at) < Duration::from_millis(PROGRESS_MS)) {
        return Ok(());
    }
    *told = Some(now);
    let positions: Vec<(u64, u64)> = collectors.iter().map(|one| one.position()).collect();
    let frames = positions
        .iter()
        .map(|(frames, _)| *frames)
        .min()
        .unwrap_or(0);
    let elapsed_ms = u64::try_from(now.duration_since(started).as_millis()).unwrap_or(u64::MAX);
    let promised_ns = spec.facts.start_ns + spec.facts.duration_ns;
    let end_ns = spec.span.end_ns.unwrap_or(promised_ns).min(promised_ns);
    let from_start = |ns: u64| ns.saturating_sub(spec.span.start_ns);
    results.progress(Position {
        done_ns: positions
            .iter()
            .map(|(_, done_ns)| from_start(*done_ns))
            .collect(),
        total_ns: from_start(end_ns),
        frames_per_s: u32::try_from(frames * 1000 / elapsed_ms.max(1)).unwrap_or(u32::MAX),
    })
}
