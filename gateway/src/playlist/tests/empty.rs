//! A chunk that no frame fell into is a chunk all the same: a container promised more time than there are
//! frames for, or a slide is shown for longer than a chunk lasts.

use bus_schema::attempt::{ChunkResult, RenditionResult};
use bus_schema::id::TaskNumber;

use super::*;
use crate::sample_job::LADDER;

/// What a worker reports of it: nothing was written, not even an init segment.
fn empty(start: u64) -> ChunkResult {
    let rendition = |(name, ..): &(&str, u32, u32, u32)| RenditionResult {
        name: name.parse().unwrap(),
        bytes: Vec::new(),
        keyframe_bytes: Vec::new(),
        init_bytes: 0,
        samples_bytes: 0,
        codecs: String::new(),
        config: String::new(),
    };
    ChunkResult {
        frames: 0,
        held: 0,
        start,
        durations: Vec::new(),
        renditions: LADDER.iter().map(rendition).collect(),
        cpu_ms: 1,
        scenes: Vec::new(),
    }
}

/// Chunks of 4, 16 and 16 s; the one of this task came out empty.
fn job_with_empty(task: u32) -> SampleJob {
    let mut job = SampleJob::running(36 * SECOND_NS, false);
    for chunk in (0..3).filter(|chunk| chunk + 1 != task) {
        job.finish_chunk(chunk, 1);
    }
    job.finish_chunk_as(TaskNumber(task), 1, &empty(0));
    job
}

fn uris(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn an_empty_last_chunk_completes_the_film() {
    let job = job_with_empty(3);
    let growing = media_of(&job, "720p").unwrap();
    assert!(growing.ends_with("#EXT-X-ENDLIST\n"), "{growing}");
    let files = finish(&job.record, &details(&job)).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "360p.m3u8",
            "720p.m3u8",
            "360p-iframes.m3u8",
            "720p-iframes.m3u8",
            "manifest.mpd",
            "master.m3u8"
        ]
    );
    assert_eq!(uris(&files[1].text), uris(&growing));
    assert_eq!(uris(&growing).last(), Some(&"t2a1/720p/000004.m4s"));
    assert_eq!(seconds(&growing), 20_000_000);
    let dash = text_of(&files, "manifest.mpd");
    assert!(dash.contains("\"PT20.000000S\""), "{dash}");
    assert!(dash.contains("<S t=\"0\" d=\"51200\" r=\"4\"/>"), "{dash}");
}

#[test]
fn an_empty_chunk_before_others_lists_nothing_and_hides_nothing() {
    let job = job_with_empty(2);
    let text = media_of(&job, "360p").unwrap();
    let numbers: Vec<&str> = uris(&text);
    assert_eq!(numbers.len(), 5, "{text}");
    assert_eq!(numbers[1], "t3a1/360p/000005.m4s");
    // The first writes no init segment; the next one's is the same.
    let job = job_with_empty(1);
    let text = media_of(&job, "360p").unwrap();
    assert!(
        text.contains("#EXT-X-MAP:URI=\"t2a1/360p/init.mp4\""),
        "{text}"
    );
    assert!(text.ends_with("#EXT-X-ENDLIST\n"));
    assert!(finish(&job.record, &details(&job)).is_ok());
}

#[test]
fn nothing_is_listed_until_there_is_a_segment() {
    let mut job = SampleJob::running(36 * SECOND_NS, false);
    job.finish_chunk_as(TaskNumber(1), 1, &empty(0));
    assert_eq!(media_of(&job, "360p"), Err(Error::NotReady));
    assert_eq!(
        multivariant(&job.record, &details(&job)),
        Err(Error::NotReady)
    );
}

#[test]
fn a_film_without_any_frame_is_refused_by_name() {
    let mut job = SampleJob::running(3 * SECOND_NS, false);
    job.finish_chunk_as(TaskNumber(1), 1, &empty(0));
    assert_eq!(
        finish(&job.record, &details(&job)),
        Err(Error::Empty("360p".to_owned()))
    );
}

#[test]
fn frames_without_a_segment_are_damage() {
    let mut job = SampleJob::running(3 * SECOND_NS, false);
    let lost = ChunkResult {
        frames: 75,
        held: 0,
        ..empty(0)
    };
    job.finish_chunk_as(TaskNumber(1), 1, &lost);
    let read = Details::read(&job.record, |key| job.details.get(key).map(Vec::as_slice));
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
}
