//! Software that takes over for a device: what was listed stays, what follows is behind a discontinuity, at the
//! same place in all tracks.

mod subtitles;

use bus_schema::plan::Takeover;
use bus_schema::record::Task;

use super::*;
use crate::sample_job::SAMPLE_RATE;

impl SampleJob {
    /// The same job where every worker has a device.
    fn in_hardware(mut self) -> Self {
        let plan = self.record.plan.as_mut();
        let video = plan.and_then(|plan| plan.video.as_mut());
        for rendition in video.into_iter().flat_map(|video| &mut video.renditions) {
            "nvh264enc".clone_into(&mut rendition.encoder);
        }
        self
    }

    /// The device fails: software makes what is not listed yet, as the job machine plans it.
    fn take_over(&mut self) {
        let listed = self.record.chunk_prefix().len();
        let first = self.plan().first_chunk_task();
        for chunk in listed..self.plan().n_chunks() as usize {
            let number = TaskNumber(u32::try_from(first + chunk).expect("few tasks"));
            let task = self.record.tasks.get_mut(number).expect("the plan has it");
            *task = Task::waiting();
        }
        let takeover = Takeover {
            from_chunk: u32::try_from(listed).expect("few chunks"),
            encoder: "x264enc".to_owned(),
            crf: 23,
        };
        let plan = self.record.plan.as_mut().expect("a sample is planned");
        plan.video.as_mut().expect("a picture").takeover = Some(takeover);
        let n_tasks = plan.n_tasks();
        self.record.tasks.grow(n_tasks);
    }
}

/// A minute whose first two chunks, 20 s, are the device's.
fn taken_over() -> SampleJob {
    let mut job = SampleJob::running(60 * SECOND_NS, true).in_hardware();
    job.finish_chunk(0, 1);
    job.finish_chunk(1, 1);
    job.finish_chunk(3, 1);
    job.take_over();
    job
}

fn finish_sound(job: &mut SampleJob) {
    for _ in 0..3 {
        job.finish_part(1, &[192_512, 191_488, 192_512, 191_488, 192_000]);
    }
    job.finish_task(TaskNumber(1), 1);
}

fn whole() -> SampleJob {
    let mut job = taken_over();
    for chunk in 2..job.plan().n_chunks() {
        job.finish_chunk(chunk, 2);
    }
    finish_sound(&mut job);
    job
}

/// The lines around the discontinuity, of which there is one.
fn around(text: &str) -> Vec<&str> {
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| *line == "#EXT-X-DISCONTINUITY");
    let at = at.unwrap();
    lines[at - 1..at + 4].to_vec()
}

#[test]
fn what_follows_is_behind_a_discontinuity_in_all_tracks() {
    let job = whole();
    let files = finish(&job.record, &details(&job)).unwrap();
    for rendition in ["360p", "720p"] {
        assert_eq!(
            around(text_of(&files, &format!("{rendition}.m3u8"))),
            [
                &format!("t3a1/{rendition}/000004.m4s"),
                "#EXT-X-DISCONTINUITY",
                &format!("#EXT-X-MAP:URI=\"t4a2/{rendition}/init.mp4\""),
                "#EXTINF:4.000000,",
                &format!("t4a2/{rendition}/000005.m4s"),
            ]
        );
    }
    assert_eq!(
        around(text_of(&files, "720p-iframes.m3u8"))[2..4],
        ["#EXT-X-MAP:URI=\"t4a2/720p/init.mp4\"", "#EXTINF:4.000000,"]
    );
    // The sound goes on as before, and has the same number of discontinuities before the same time.
    assert_eq!(
        around(text_of(&files, "audio.m3u8")),
        [
            "t1a1/audio/000004.m4s",
            "#EXT-X-DISCONTINUITY",
            "#EXT-X-MAP:URI=\"t1a1/audio/init.mp4\"",
            "#EXTINF:4.010667,",
            "t1a1/audio/000005.m4s",
        ]
    );
    let master = text_of(&files, "master.m3u8");
    let codecs = "CODECS=\"avc1.64001f,avc1.42c01f,mp4a.40.2\",RESOLUTION=1280x720";
    assert!(master.contains(codecs), "{master}");
    let codecs = "CODECS=\"avc1.64001f,avc1.42c01f\",RESOLUTION=1280x720,URI=\"720p-iframes.m3u8\"";
    assert!(master.contains(codecs), "{master}");
}

#[test]
fn a_manifest_has_two_periods_with_all_tracks_in_both() {
    let job = whole();
    let files = finish(&job.record, &details(&job)).unwrap();
    let dash = text_of(&files, "manifest.mpd");
    let periods: Vec<&str> = dash.split("<Period ").skip(1).collect();
    assert_eq!(periods.len(), 2, "{dash}");
    assert!(periods[0].starts_with("id=\"0\" start=\"PT0S\">"));
    assert!(periods[1].starts_with("id=\"1\" start=\"PT20.000000S\">"));
    assert!(!periods[0].contains("presentationTimeOffset"));
    // 20 s of 12,800 units, and of 48,000.
    assert_eq!(
        periods[1]
            .matches(" presentationTimeOffset=\"256000\"")
            .count(),
        2
    );
    assert_eq!(
        periods[1]
            .matches(" presentationTimeOffset=\"960000\"")
            .count(),
        1
    );
    for (period, codec, init, n_segments) in [
        (periods[0], "avc1.64001f", "t2a1/720p/init.mp4", 5),
        (periods[1], "avc1.42c01f", "t4a2/720p/init.mp4", 10),
    ] {
        assert_eq!(period.matches(&format!("codecs=\"{codec}\"")).count(), 2);
        assert!(period.contains(&format!("<Initialization sourceURL=\"{init}\"/>")));
        assert!(period.contains("<Initialization sourceURL=\"t1a1/audio/init.mp4\"/>"));
        assert_eq!(period.matches("<SegmentURL ").count(), 3 * n_segments);
    }
    assert!(periods[1].contains("<S t=\"256000\" d=\"51200\" r=\"9\"/>"));
    assert!(periods[1].contains("<S t=\"960000\""), "{}", periods[1]);
    assert!(dash.contains("mediaPresentationDuration=\"PT60.000000S\""));
}

#[test]
fn sound_is_not_listed_where_the_picture_may_still_be_cut() {
    let mut job = SampleJob::running(60 * SECOND_NS, true).in_hardware();
    finish_sound(&mut job);
    job.finish_chunk(0, 1);
    let listed = |job: &SampleJob| media_of(job, "audio").unwrap();
    assert_eq!(listed(&job).matches("#EXTINF").count(), 1);
    job.finish_chunk(1, 1);
    assert_eq!(listed(&job).matches("#EXTINF").count(), 5);
    job.finish_chunk(2, 1);
    job.finish_chunk(3, 1);
    assert!(!listed(&job).contains("#EXT-X-ENDLIST"));
    job.finish_chunk(4, 1);
    assert_eq!(listed(&job).matches("#EXTINF").count(), 15);
    assert!(listed(&job).ends_with("#EXT-X-ENDLIST\n"));
    // Software is not replaced: nobody waits.
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    finish_sound(&mut job);
    assert_eq!(listed(&job).matches("#EXTINF").count(), 15);
}

/// A clock for chapters goes on behind the discontinuity.
#[test]
fn dates_go_on_behind_a_discontinuity() {
    let mut job = whole();
    job.record.request.chapters = Some(bus_schema::request::chapters::ChaptersRequest {
        score_permille: 100,
        length_ms_min: 10_000,
    });
    // A scene begins 12 s into the first chunk of software.
    let key = Details::keys(&job.record)[2].key.clone();
    let mut chunk: bus_schema::attempt::ChunkResult =
        serde_json::from_slice(&job.details[&key]).unwrap();
    chunk.scenes.push(bus_schema::attempt::SceneChange {
        at: chunk.start + 12 * 12_800,
        score_permille: 500,
    });
    job.details.insert(key, serde_json::to_vec(&chunk).unwrap());
    let files = finish(&job.record, &details(&job)).unwrap();
    let lines = around(text_of(&files, "720p.m3u8"));
    assert_eq!(
        lines[3],
        "#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:20.000Z"
    );
}

/// Frames that the first chunks do not have cannot be listed before a discontinuity.
#[test]
fn without_a_frame_before_it_there_is_no_discontinuity() {
    let mut job = SampleJob::running(60 * SECOND_NS, true).in_hardware();
    let empty = bus_schema::attempt::ChunkResult {
        frames: 0,
        held: 0,
        start: 0,
        durations: Vec::new(),
        renditions: Vec::new(),
        cpu_ms: 0,
        scenes: Vec::new(),
    };
    job.finish_chunk_as(TaskNumber(2), 1, &empty);
    job.take_over();
    for chunk in 1..job.plan().n_chunks() {
        job.finish_chunk(chunk, 1);
    }
    finish_sound(&mut job);
    let files = finish(&job.record, &details(&job)).unwrap();
    assert!(
        files
            .iter()
            .all(|file| !file.text.contains("DISCONTINUITY"))
    );
    assert_eq!(
        text_of(&files, "manifest.mpd").matches("<Period ").count(),
        1
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whenever software takes over, and in whatever order pieces end before and behind that, what was listed
    /// stays as it was, byte by byte, and all tracks have as many discontinuities at the end.
    #[test]
    fn a_takeover_never_changes_what_was_listed(
        duration_ms in 5_000_u64..120_000,
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        at in 0_usize..40,
    ) {
        let mut job = SampleJob::running(duration_ms * 1_000_000, true).in_hardware();
        let n_parts = (duration_ms * 1_000_000).div_ceil(20 * SECOND_NS);
        let mut parts = 0;
        let mut waiting: Vec<u32> = (0..job.plan().n_chunks()).collect();
        let mut listed: Vec<(&str, String)> = vec![("360p", String::new()), ("audio", String::new())];
        let mut steps: Vec<Option<prop::sample::Index>> = order.into_iter().map(Some).collect();
        // Then everything else, in order.
        steps.extend(vec![None; 64]);
        let mut is_taken_over = false;
        for (n, index) in steps.into_iter().enumerate() {
            let n_listed = u32::try_from(job.record.chunk_prefix().len()).unwrap();
            if n >= at && !is_taken_over && n_listed > 0 && n_listed < job.plan().n_chunks() {
                job.take_over();
                waiting = (n_listed..job.plan().n_chunks()).collect();
                is_taken_over = true;
            }
            let pick = index.map_or(0, |index| index.index(waiting.len().max(1)));
            let is_sound = index.map_or(waiting.is_empty(), |index| index.index(3) == 0);
            if is_sound && parts < n_parts {
                job.finish_part(1, &[4 * SAMPLE_RATE; 5]);
                parts += 1;
                if parts == n_parts {
                    job.finish_task(TaskNumber(1), 1);
                }
            } else if !waiting.is_empty() {
                let chunk = waiting.remove(pick);
                job.finish_chunk(chunk, 1 + u16::from(is_taken_over));
            }
            for (rendition, before) in &mut listed {
                let Ok(now) = media_of(&job, rendition) else {
                    prop_assert!(before.is_empty(), "{rendition} was there and is not");
                    continue;
                };
                let body = now.trim_end_matches("#EXT-X-ENDLIST\n").to_owned();
                prop_assert!(body.starts_with(before.as_str()), "{rendition} changed");
                *before = body;
            }
        }
        let n_cuts = |text: &str| text.matches("#EXT-X-DISCONTINUITY\n").count();
        prop_assert_eq!(n_cuts(&listed[0].1), usize::from(is_taken_over));
        prop_assert_eq!(n_cuts(&listed[1].1), usize::from(is_taken_over));
        prop_assert!(finish(&job.record, &details(&job)).is_ok());
    }
}
