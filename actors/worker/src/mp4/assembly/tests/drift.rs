//! Eight hours as tables alone: whatever the rate, no frame drifts from its time by a unit, and chunks follow
//! one another without a gap from the first to the last.

use bus_schema::plan::Span;

use super::*;
use crate::engine::chunk::window::{Place, Window};
use crate::mp4::schedule;

const SECOND_NS: u64 = 1_000_000_000;
const HOURS_S: u64 = 8 * 3_600;
const SEGMENT_NS: u64 = 4 * SECOND_NS;
const CHUNK_NS: u64 = 16 * SECOND_NS;

/// What a chunk's task makes of the frames that it decodes, which are told in nanoseconds, rounded down as
/// demuxers do: the table of its samples.
fn table(track: &Track, span: Span, frames: &[u64], end: u64) -> SampleTable {
    let scale = track.timescale;
    let mut window = Window::new(span, scale, SEGMENT_NS);
    let mut segments: Vec<Vec<u64>> = Vec::new();
    let mut behind = end;
    for units in frames {
        let ns = u128::from(*units) * u128::from(SECOND_NS) / u128::from(scale);
        match window.place(u64::try_from(ns).unwrap()) {
            Place::Before => {}
            Place::Behind { units } => {
                behind = units;
                break;
            }
            Place::Inside {
                units,
                begins_segment,
            } => {
                if begins_segment {
                    segments.push(Vec::new());
                }
                segments.last_mut().unwrap().push(units);
            }
        }
    }
    let starts = segments.iter().map(|segment| segment[0]);
    let ends: Vec<u64> = starts.skip(1).chain([behind]).collect();
    let first = segments.first().map_or(behind, |segment| segment[0]);
    let mut table = SampleTable::new(track.clone(), first);
    for (segment, end) in segments.iter().zip(ends) {
        let timings = schedule(segment, end).unwrap();
        let samples: Vec<Sample> = timings
            .iter()
            .enumerate()
            .map(|(n, timing)| Sample {
                duration: timing.duration,
                composition_offset: timing.composition_offset,
                is_sync: n == 0,
                data: Bytes::from_static(b"x"),
            })
            .collect();
        table.push(&samples, samples.len() + 500).unwrap();
    }
    table
}

/// Eight hours of these frames in a plan's chunks, and the file of them all.
fn film(timescale: u32, frames: &[u64], end: u64) -> Assembly {
    let track = video_track(timescale);
    let mut pieces = Vec::new();
    let (mut first_frame, mut first_segment) = (0, 0);
    let starts = (0..).map(|n| {
        if n == 0 {
            0
        } else {
            SEGMENT_NS + (n - 1) * CHUNK_NS
        }
    });
    let starts = starts.take_while(|start_ns| *start_ns < HOURS_S * SECOND_NS);
    let starts: Vec<u64> = starts.collect();
    for (n, start_ns) in starts.iter().enumerate() {
        let end_ns = starts.get(n + 1).copied();
        let span = Span {
            start_ns: *start_ns,
            end_ns,
        };
        // From a keyframe some frames before it, as decoders begin.
        let from = frames.get(usize::saturating_sub(first_frame, 7)..).unwrap();
        let table = table(&track, span, from, end);
        let first = frames.get(first_frame).copied().unwrap_or(end);
        assert_eq!(table.start(), first, "chunk {n}");
        first_frame += table.n_samples() as usize;
        let n_segments = u32::try_from(table.segments().len()).unwrap();
        let place = Piece {
            task: TaskNumber(u32::try_from(n).unwrap() + 2),
            attempt: Attempt(1),
            part: None,
            first_segment,
            n_segments,
        };
        first_segment += n_segments;
        pieces.push((place, table));
    }
    assert_eq!(first_frame, frames.len(), "each frame once");
    let name = "x".parse().unwrap();
    Assembly::new(Some(TrackPieces { name, pieces }), []).unwrap()
}

/// Runs of equal durations, as the file's index has them.
fn durations(assembly: &Assembly) -> Vec<(u32, u32)> {
    let mut rest = assembly.header();
    mp4_atom::Ftyp::decode(&mut rest).unwrap();
    let moov = Moov::decode(&mut rest).unwrap();
    let entries = &moov.trak[0].mdia.minf.stbl.stts.entries;
    let runs = entries
        .iter()
        .map(|run| (run.sample_count, run.sample_delta));
    runs.collect()
}

#[test]
fn broadcast_rates_do_not_drift() {
    for (timescale, frame) in [(30_000, 1_001), (24_000, 1_001), (90_000, 3_003)] {
        let n = HOURS_S * u64::from(timescale) / frame;
        let frames: Vec<u64> = (0..n).map(|n| n * frame).collect();
        let assembly = film(timescale, &frames, n * frame);
        let run = (u32::try_from(n).unwrap(), u32::try_from(frame).unwrap());
        assert_eq!(durations(&assembly), [run], "{timescale}");
        assert_eq!(assembly.frames(), n);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn frames_that_come_when_they_like_do_not_drift(
        steps in proptest::collection::vec(1u64..200_000, 1..50),
        timescale in proptest::sample::select(vec![1_000u32, 12_800, 30_000, 90_000]),
    ) {
        let scale = u64::from(timescale);
        // Up to four seconds, and three frames a second in the mean: most chunks hold many.
        let steps: Vec<u64> = steps.iter().map(|step| (step * step / 10_000 * scale / 1_000_000).max(2)).collect();
        let mut at = 0;
        let mut frames = Vec::new();
        for step in steps.iter().cycle() {
            if at >= HOURS_S * scale || frames.len() > 200_000 {
                break;
            }
            frames.push(at);
            at += step;
        }
        let assembly = film(timescale, &frames, at);
        let read: u64 = durations(&assembly).iter().map(|(n, units)| u64::from(*n) * u64::from(*units)).sum();
        prop_assert_eq!(read, at);
        prop_assert_eq!(assembly.frames(), frames.len() as u64);
    }
}
