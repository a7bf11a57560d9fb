//! Eight hours: 7,200 segments a rendition, each listed once and none a microsecond off its place.

use super::*;
use crate::sample_job::SAMPLE_RATE;

const HOURS_NS: u64 = 8 * 3_600 * SECOND_NS;
const N_SEGMENTS: usize = 7_200;

/// Each segment once and in order, and the sum of their lengths to the microsecond.
fn check(text: &str, rendition: &str) {
    let uris: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(uris.len(), N_SEGMENTS);
    for (number, uri) in uris.iter().enumerate() {
        assert!(
            uri.ends_with(&format!("/{rendition}/{number:06}.m4s")),
            "{uri}"
        );
    }
    assert_eq!(seconds(text), HOURS_NS / 1_000);
    assert!(text.ends_with("#EXT-X-ENDLIST\n"));
}

#[test]
fn eight_hours_are_listed_whole() {
    let mut job = SampleJob::running(HOURS_NS, true);
    for chunk in 0..job.plan().n_chunks() {
        job.finish_chunk(chunk, 1);
    }
    job.finish_part(1, &[4 * SAMPLE_RATE; N_SEGMENTS]);
    job.finish_task(TaskNumber(1), 1);
    check(&media_of(&job, "360p").unwrap(), "360p");
    let files = finish(&job.record, &details(&job)).unwrap();
    for rendition in ["360p", "720p", "audio"] {
        check(text_of(&files, &format!("{rendition}.m3u8")), rendition);
    }
    let keyframes = text_of(&files, "720p-iframes.m3u8");
    assert_eq!(keyframes.matches("#EXT-X-BYTERANGE").count(), N_SEGMENTS);
    let dash = text_of(&files, "manifest.mpd");
    assert!(dash.contains("mediaPresentationDuration=\"PT28800.000000S\""));
    assert_eq!(dash.matches("<SegmentURL ").count(), 3 * N_SEGMENTS);
    // Equal lengths are one element, however many there are.
    assert_eq!(
        dash.matches("<S t=\"0\" d=\"51200\" r=\"7199\"/>").count(),
        2
    );
}
