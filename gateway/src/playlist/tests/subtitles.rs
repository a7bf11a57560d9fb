//! Subtitles are offered once their files are there, whole, each under a name of its own.

use bus_schema::attempt::{self, SubtitleResult, SubtitlesResult};
use bus_schema::id::Attempt;
use bus_schema::plan::subtitles::{SubtitlePlan, subtitle_names};
use bus_schema::record::Tasks;

use super::{Error, details, finish, media_of, multivariant, text_of};
use crate::sample_job::{SECOND_NS, SampleJob};

/// Language and title.
type Named<'a> = (Option<&'a str>, Option<&'a str>);

/// A job with subtitles of these languages and titles; the third is the default, the second forced.
fn job(tracks: &[Named<'_>]) -> SampleJob {
    let mut job = SampleJob::running(60 * SECOND_NS + 500_000_000, true);
    let plan = job.record.plan.as_mut().unwrap();
    let named = (0..).zip(tracks).zip(subtitle_names());
    let track = |((track, (language, title)), name): ((u32, &Named<'_>), _)| SubtitlePlan {
        name,
        track,
        language: language.map(ToOwned::to_owned),
        title: title.map(ToOwned::to_owned),
        is_default: track == 2,
        is_forced: track == 1,
    };
    plan.subtitles = named.map(track).collect();
    job.record.tasks = Tasks::waiting(plan.n_tasks());
    job
}

/// They are in storage: bytes and cues of each.
fn finish_subtitles(job: &mut SampleJob, tracks: &[(u32, u32)]) {
    let task = job.plan().subtitles_task().unwrap();
    let track = |&(bytes, cues): &(u32, u32)| SubtitleResult {
        bytes,
        cues,
        left_out: 0,
    };
    let result = SubtitlesResult {
        tracks: tracks.iter().map(track).collect(),
        cpu_ms: 0,
    };
    job.finish_task(task, 2);
    let key = attempt::key(&job.record.id, task, Attempt(2), None);
    let value = serde_json::to_vec(&result).unwrap();
    job.details.insert(key, value);
}

/// The lines of the group.
fn group(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("#EXT-X-MEDIA:TYPE=SUBTITLES"))
        .collect()
}

const TRACKS: [Named<'_>; 4] = [
    (Some("de"), None),
    (Some("de"), Some("Schilder & <mehr>")),
    (Some("de"), None),
    (None, None),
];

#[test]
fn nobody_waits_for_subtitles_and_they_are_offered_when_they_are_there() {
    let mut job = job(&TRACKS);
    job.finish_chunk(0, 1);
    job.finish_part(1, &[192_000; 5]);
    let before = multivariant(&job.record, &details(&job)).unwrap();
    assert!(!before.contains("SUBTITLES"), "{before}");
    assert_eq!(media_of(&job, "subtitles"), Err(Error::NotReady));
    finish_subtitles(&mut job, &[(1_000, 3), (50, 1), (70, 1), (0, 0)]);
    let text = multivariant(&job.record, &details(&job)).unwrap();
    assert_eq!(
        group(&text),
        [
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"de\",LANGUAGE=\"de\",DEFAULT=NO,\
             AUTOSELECT=YES,FORCED=NO,URI=\"subtitles.m3u8\"",
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"Schilder & <mehr>\",LANGUAGE=\"de\",\
             DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,URI=\"subtitles-2.m3u8\"",
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"de (subtitles-3)\",LANGUAGE=\"de\",\
             DEFAULT=YES,AUTOSELECT=YES,FORCED=NO,URI=\"subtitles-3.m3u8\"",
        ],
        "one without a cue is none"
    );
    let variants: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("#EXT-X-STREAM-INF:"))
        .collect();
    assert_eq!(variants.len(), 2);
    assert!(
        variants
            .iter()
            .all(|line| line.ends_with(",AUDIO=\"audio\",SUBTITLES=\"subs\""))
    );
    let playlist = media_of(&job, "subtitles").unwrap();
    let task = job.plan().subtitles_task().unwrap();
    assert_eq!(
        playlist,
        format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:61\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:60.500,\nt{task}a2/subtitles.vtt\n#EXT-X-ENDLIST\n"
        )
    );
}

#[test]
fn final_files_hold_them_and_what_was_listed_is_as_it_was() {
    let mut job = job(&TRACKS);
    finish_subtitles(&mut job, &[(1_000, 3), (50, 1), (70, 1), (0, 0)]);
    let growing = media_of(&job, "subtitles-2").unwrap();
    job.finish_all();
    let files = finish(&job.record, &details(&job)).unwrap();
    assert_eq!(text_of(&files, "subtitles-2.m3u8"), growing);
    assert!(files.iter().all(|file| file.name != "subtitles-4.m3u8"));
    assert_eq!(group(text_of(&files, "master.m3u8")).len(), 3);
    let manifest = text_of(&files, "manifest.mpd");
    let task = job.plan().subtitles_task().unwrap();
    let expected = format!(
        "<AdaptationSet id=\"3\" contentType=\"text\" mimeType=\"text/vtt\" lang=\"de\">\n\
         <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"forced-subtitle\"/>\n\
         <Label>Schilder &amp; &lt;mehr&gt;</Label>\n\
         <Representation id=\"subtitles-2\" bandwidth=\"7\"><BaseURL>t{task}a2/subtitles-2.vtt</BaseURL>\
         </Representation>\n</AdaptationSet>\n"
    );
    assert!(manifest.contains(&expected), "{manifest}");
    assert!(manifest.contains(
        "value=\"subtitle\"/>\n<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>"
    ));
    assert_eq!(manifest.matches("text/vtt").count(), 3);
}

#[test]
fn subtitles_that_were_given_up_are_in_no_playlist() {
    let mut job = job(&TRACKS);
    job.finish_all();
    let files = finish(&job.record, &details(&job)).unwrap();
    assert!(files.iter().all(|file| !file.text.contains("subtitles")));
}

#[test]
fn a_worker_s_numbers_and_a_stranger_s_words_are_looked_at() {
    let mut job = job(&[(Some("de\"\n#EXT"), Some("a\"\nb"))]);
    finish_subtitles(&mut job, &[(1_000, 3)]);
    job.finish_chunk(0, 1);
    job.finish_part(1, &[192_000; 5]);
    let text = multivariant(&job.record, &details(&job)).unwrap();
    assert_eq!(
        group(&text),
        [
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"subs\",NAME=\"subtitles\",DEFAULT=NO,AUTOSELECT=YES,\
          FORCED=NO,URI=\"subtitles.m3u8\""
        ]
    );
    finish_subtitles(&mut job, &[(u32::MAX, 3)]);
    let read = super::Details::read(&job.record, |key| job.details.get(key).map(Vec::as_slice));
    assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
}
