//! The manifest is exact to the unit: segments lie where they are decoded, and it ends behind the last frame.

use bus_schema::attempt::{ChunkResult, RenditionResult};
use bus_schema::id::TaskNumber;

use super::{details, finish, text_of};
use crate::sample_job::{LADDER, SECOND_NS, SampleJob};

/// A job of one chunk whose picture has these segments.
fn manifest(timescale: u32, start: u64, durations: &[u32]) -> String {
    let mut job = SampleJob::running(4 * SECOND_NS, false);
    let plan = job.record.plan.as_mut().expect("it is planned");
    plan.video.as_mut().expect("it has a picture").timescale = timescale;
    let rendition = |(name, ..): &(&str, u32, u32, u32)| RenditionResult {
        name: name.parse().expect("a rendition name"),
        bytes: durations.to_vec(),
        keyframe_bytes: Vec::new(),
        init_bytes: 700,
        samples_bytes: 100,
        codecs: "avc1.64001f".to_owned(),
        config: "same".to_owned(),
    };
    let chunk = ChunkResult {
        frames: 1,
        held: 0,
        start,
        durations: durations.to_vec(),
        renditions: LADDER.iter().map(rendition).collect(),
        cpu_ms: 1,
        scenes: Vec::new(),
    };
    job.finish_chunk_as(TaskNumber(1), 1, &chunk);
    let files = finish(&job.record, &details(&job)).expect("it is whole");
    let manifest = files.into_iter().find(|file| file.name == "manifest.mpd");
    manifest.expect("a manifest").text
}

fn duration(manifest: &str) -> &str {
    let (_, rest) = manifest
        .split_once("mediaPresentationDuration=\"")
        .expect("it says how long it is");
    rest.split_once('"').expect("a quoted text").0
}

/// 630 frames of NTSC film end at 26.27625 s: what says 26.276 cuts into the last one.
#[test]
fn the_end_is_never_before_the_last_frame_s() {
    let frames = |n: u32| n * 1_001;
    let segments = [96, 96, 96, 96, 96, 96, 54].map(frames);
    assert_eq!(duration(&manifest(24_000, 0, &segments)), "PT26.276250S");
    assert_eq!(duration(&manifest(90_000, 0, &[1])), "PT0.000012S");
    assert_eq!(duration(&manifest(30_000, 0, &[30_000])), "PT1.000000S");
}

#[test]
fn a_track_that_begins_late_ends_late() {
    let text = manifest(90_000, 7_200, &[360_000, 360_000]);
    assert!(
        text.contains("<S t=\"7200\" d=\"360000\" r=\"1\"/>"),
        "{text}"
    );
    assert_eq!(duration(&text), "PT8.080000S");
}

#[test]
fn a_gap_between_segments_is_told() {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.finish_all();
    // The second part begins one access unit late.
    let key = super::Details::keys(&job.record)
        .into_iter()
        .map(|key| key.key)
        .find(|key| key.ends_with(".1.1.1"))
        .expect("a second part");
    let mut part: bus_schema::attempt::AudioPart =
        serde_json::from_slice(&job.details[&key]).expect("a part");
    part.start += 1_024;
    let part = serde_json::to_vec(&part).expect("JSON");
    job.details.insert(key, part);
    let files = finish(&job.record, &details(&job)).expect("it is whole");
    let text = text_of(&files, "manifest.mpd");
    let times = "<S t=\"0\" d=\"192000\" r=\"4\"/>\n<S t=\"961024\" d=\"192000\" r=\"4\"/>\n\
                 <S t=\"1920000\" d=\"192000\" r=\"4\"/>\n";
    assert!(text.contains(times), "{text}");
    assert_eq!(duration(text), "PT60.000000S");
}
