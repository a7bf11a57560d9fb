//! Any plan and any details: playlists that can be read, or an error; never a panic, never without end.

use bus_schema::attempt::{AudioPart, ChunkResult, RenditionResult, key};
use bus_schema::id::{Attempt, TaskNumber};
use proptest::test_runner::TestCaseResult;

use super::*;
use crate::sample_job::LADDER;

fn n32() -> impl Strategy<Value = u32> {
    let edges = prop::sample::select(vec![0, 1, 2, u32::MAX - 1, u32::MAX]);
    prop_oneof![1 => edges, 1 => any::<u32>(), 2 => 1_u32..400_000]
}

fn n64() -> impl Strategy<Value = u64> {
    let edges = prop::sample::select(vec![0, 1, SECOND_NS, u64::MAX / 2, u64::MAX - 1, u64::MAX]);
    prop_oneof![1 => edges, 1 => any::<u64>(), 2 => 0..100 * SECOND_NS]
}

fn chunk() -> impl Strategy<Value = ChunkResult> {
    let sizes = prop::collection::vec((n32(), n32()), 0..4);
    let keyframes = prop::collection::vec(n32(), 0..4);
    (sizes, keyframes, n64(), any::<bool>()).prop_map(|(sizes, keyframes, start, is_odd)| {
        let (durations, bytes): (Vec<u32>, Vec<u32>) = sizes.into_iter().unzip();
        // Most often as many as there are segments.
        let keyframe_bytes = match keyframes.len() {
            0 => Vec::new(),
            3 => keyframes,
            _ => bytes.iter().map(|bytes| bytes / 2).collect(),
        };
        let rendition = |(name, ..): &(&str, u32, u32, u32)| RenditionResult {
            name: name.parse().unwrap(),
            bytes: bytes.clone(),
            keyframe_bytes: keyframe_bytes.clone(),
            init_bytes: 1,
            samples_bytes: 1,
            codecs: if is_odd && durations.is_empty() {
                ""
            } else {
                "avc1.64001f"
            }
            .to_owned(),
            config: String::new(),
        };
        ChunkResult {
            frames: u64::from(!durations.is_empty()),
            held: 0,
            start,
            renditions: LADDER.iter().map(rendition).collect(),
            durations,
            cpu_ms: 0,
            scenes: Vec::new(),
        }
    })
}

fn part() -> impl Strategy<Value = AudioPart> {
    let sizes = prop::collection::vec((n32(), n32()), 0..4);
    (sizes, n64(), n32(), n32()).prop_map(|(sizes, start, part, first_segment)| {
        let (durations, bytes) = sizes.into_iter().unzip();
        AudioPart {
            part,
            first_segment,
            start,
            durations,
            bytes,
            init_bytes: 1,
            samples_bytes: 1,
            codecs: "mp4a.40.2".to_owned(),
        }
    })
}

/// A job whose plan's numbers are anything, with these pieces.
fn job(
    [segment_ns, first_chunk_ns, chunk_ns, end_ns]: [u64; 4],
    [timescale, sample_rate_hz, bitrate_bps, fps_num, fps_den]: [u32; 5],
    chunks: &[ChunkResult],
    parts: &[AudioPart],
) -> SampleJob {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    let facts = job.record.facts.as_mut().unwrap().video.as_mut().unwrap();
    (facts.fps_num, facts.fps_den) = (fps_num, fps_den);
    let plan = job.record.plan.as_mut().unwrap();
    (plan.segment_ns, plan.first_chunk_ns, plan.chunk_ns) = (segment_ns, first_chunk_ns, chunk_ns);
    let video = plan.video.as_mut().unwrap();
    (video.timescale, video.end_ns) = (timescale, end_ns);
    for rendition in &mut video.renditions {
        rendition.bitrate_max_bps = bitrate_bps;
    }
    let audio = &mut plan.audio[0];
    (audio.sample_rate_hz, audio.bitrate_bps) = (sample_rate_hz, bitrate_bps);
    for (task, chunk) in (2..).map(TaskNumber).zip(chunks) {
        if job.record.tasks.get(task).is_some() {
            job.finish_chunk_as(task, 1, chunk);
        }
    }
    let sound = TaskNumber(1);
    for (n, part) in (0..).zip(parts) {
        let task = job.record.tasks.get_mut(sound).unwrap();
        task.push_part(Attempt(1));
        let key = key(&job.record.id, sound, Attempt(1), Some(n));
        job.details.insert(key, serde_json::to_vec(part).unwrap());
    }
    job.finish_task(sound, 1);
    job
}

fn check_hls(text: &str) -> TestCaseResult {
    prop_assert!(text.starts_with("#EXTM3U\n") && text.ends_with('\n'));
    let target = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:"));
    if let Some(target) = target {
        prop_assert!(
            target.parse::<u64>().is_ok_and(|seconds| seconds >= 1),
            "{}",
            target
        );
        let is_media = |line: &&str| !line.starts_with('#');
        let n_lengths = text
            .lines()
            .filter(|line| line.starts_with("#EXTINF:"))
            .count();
        prop_assert_eq!(text.lines().filter(is_media).count(), n_lengths);
        prop_assert!(n_lengths > 0);
    }
    Ok(())
}

/// As many durations as segments, in each representation.
fn check_dash(text: &str) -> TestCaseResult {
    for representation in text.split("<Representation ").skip(1) {
        let repeats = representation
            .lines()
            .filter(|line| line.starts_with("<S "));
        let n: u64 = repeats
            .map(|line| {
                let repeat = line
                    .split_once(" r=\"")
                    .and_then(|(_, rest)| rest.split_once('"'));
                1 + repeat.map_or(0, |(n, _)| n.parse::<u64>().unwrap())
            })
            .sum();
        let n_uris = representation.matches("<SegmentURL ").count() as u64;
        prop_assert_eq!(n, n_uris);
        prop_assert!(n > 0);
    }
    Ok(())
}

proptest! {
    #[test]
    fn playlists_survive_any_plan_and_any_details(
        times in prop::array::uniform4(n64()),
        numbers in prop::array::uniform5(n32()),
        chunks in prop::collection::vec(chunk(), 0..5),
        parts in prop::collection::vec(part(), 0..3),
    ) {
        let job = job(times, numbers, &chunks, &parts);
        let read = Details::read(&job.record, |key| job.details.get(key).map(Vec::as_slice));
        let details = match read {
            Ok(details) => details,
            Err(error) => {
                prop_assert!(matches!(error, Error::Damaged { .. }), "{}", error);
                return Ok(());
            }
        };
        if let Ok(text) = multivariant(&job.record, &details) {
            check_hls(&text)?;
        }
        for rendition in ["360p", "720p", "audio"] {
            if let Ok(text) = media(&job.record, &details, &name(rendition)) {
                check_hls(&text)?;
            }
        }
        for file in finish(&job.record, &details).unwrap_or_default() {
            if file.content_type == DASH_TYPE {
                check_dash(&file.text)?;
            } else {
                check_hls(&file.text)?;
            }
        }
    }
}
