//! Subtitles of a film that software took over: with the same discontinuity, once its place is known.

use bus_schema::attempt::{SubtitleResult, SubtitlesResult};
use bus_schema::id::Attempt;
use bus_schema::plan::subtitles::SubtitlePlan;

use super::*;

/// A job with German subtitles, which are there.
fn titled(mut job: SampleJob) -> SampleJob {
    let plan = job.record.plan.as_mut().unwrap();
    let name = bus_schema::plan::subtitles::subtitle_names().next();
    plan.subtitles.push(SubtitlePlan {
        name: name.unwrap(),
        track: 0,
        language: Some("de".to_owned()),
        title: None,
        is_default: false,
        is_forced: false,
    });
    let n_tasks = plan.n_tasks();
    job.record.tasks.grow(n_tasks);
    let task = job.plan().subtitles_task().unwrap();
    let tracks = vec![SubtitleResult {
        bytes: 1_000,
        cues: 3,
        left_out: 0,
    }];
    let result = SubtitlesResult { tracks, cpu_ms: 0 };
    job.finish_task(task, 1);
    let key = bus_schema::attempt::key(&job.record.id, task, Attempt(1), None);
    let value = serde_json::to_vec(&result).unwrap();
    job.details.insert(key, value);
    job
}

#[test]
fn subtitles_have_the_same_discontinuity_and_are_in_both_periods() {
    let mut job = titled(SampleJob::running(60 * SECOND_NS, true).in_hardware());
    let task = job.plan().subtitles_task().unwrap();
    finish_sound(&mut job);
    job.finish_chunk(0, 1);
    job.finish_chunk(1, 1);
    assert_eq!(media_of(&job, "subtitles"), Err(Error::NotReady));
    let master = multivariant(&job.record, &details(&job)).unwrap();
    assert!(!master.contains("SUBTITLES"), "{master}");

    job.take_over();
    let listed = media_of(&job, "subtitles").unwrap();
    assert_eq!(
        listed,
        format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:40\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:20.000,\nt{task}a1/subtitles.vtt\n\
             #EXT-X-DISCONTINUITY\n#EXTINF:40.000,\nt{task}a1/subtitles.vtt\n#EXT-X-ENDLIST\n"
        )
    );
    for chunk in 2..job.plan().n_chunks() {
        job.finish_chunk(chunk, 2);
    }
    let files = finish(&job.record, &details(&job)).unwrap();
    assert_eq!(text_of(&files, "subtitles.m3u8"), listed);
    let dash = text_of(&files, "manifest.mpd");
    let url = format!("<SegmentURL media=\"t{task}a1/subtitles.vtt\"/>");
    for (period, list) in dash.split("<Period ").skip(1).zip([
        "<SegmentList timescale=\"1000000\" duration=\"20000000\">",
        "<SegmentList timescale=\"1000000\" duration=\"40000000\" presentationTimeOffset=\"20000000\">",
    ]) {
        assert!(period.contains("<AdaptationSet id=\"2\" contentType=\"text\""));
        assert!(period.contains(&format!("{list}\n{url}\n")), "{dash}");
    }
}

#[test]
fn subtitles_of_a_device_that_did_not_fail_are_offered_in_one_piece() {
    let mut job = titled(SampleJob::running(60 * SECOND_NS, true).in_hardware());
    finish_sound(&mut job);
    for chunk in 0..job.plan().n_chunks() {
        assert_eq!(media_of(&job, "subtitles"), Err(Error::NotReady));
        job.finish_chunk(chunk, 1);
    }
    let listed = media_of(&job, "subtitles").unwrap();
    assert!(listed.contains("#EXTINF:60.000,\n"), "{listed}");
    assert!(!listed.contains("DISCONTINUITY"), "{listed}");
}
