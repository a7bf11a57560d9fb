//! Playlists must grow and never change, and add up to what was encoded.

mod dash;

mod empty;

mod hours;

mod hostile;

mod sound;

mod subtitles;

mod takeover;

use bus_schema::id::{RenditionName, TaskNumber};
use proptest::prelude::*;

use super::*;
use crate::sample_job::{SECOND_NS, SampleJob};

fn name(text: &str) -> RenditionName {
    text.parse().unwrap()
}

fn details(job: &SampleJob) -> Details {
    Details::read(&job.record, |key| job.details.get(key).map(Vec::as_slice)).unwrap()
}

fn media_of(job: &SampleJob, rendition: &str) -> Result<String, Error> {
    media(&job.record, &details(job), &name(rendition))
}

/// The final file of this name.
fn text_of<'a>(files: &'a [FinalFile], name: &str) -> &'a str {
    let found = files.iter().find(|file| file.name == name);
    &found.unwrap_or_else(|| panic!("there is no {name}")).text
}

/// Sum of all EXTINF, in microseconds.
fn seconds(text: &str) -> u64 {
    let extinf = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"));
    extinf
        .map(|line| {
            let (whole, rest) = line.trim_end_matches(',').split_once('.').unwrap();
            assert_eq!(rest.len(), 6, "{line}");
            whole.parse::<u64>().unwrap() * 1_000_000 + rest.parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn a_running_job_lists_its_longest_whole_prefix() {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    assert_eq!(media_of(&job, "720p"), Err(Error::NotReady));
    assert_eq!(
        multivariant(&job.record, &details(&job)),
        Err(Error::NotReady)
    );
    job.finish_chunk(0, 2);
    job.finish_chunk(2, 1);
    assert_eq!(
        multivariant(&job.record, &details(&job)),
        Err(Error::NotReady),
        "no sound yet"
    );
    job.finish_part(1, &[192_512, 191_488]);
    let text = media_of(&job, "720p").unwrap();
    assert_eq!(
        text,
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MAP:URI=\"t2a2/720p/init.mp4\"\n#EXTINF:4.000000,\nt2a2/720p/000000.m4s\n"
    );
    let sound = media_of(&job, "audio").unwrap();
    assert!(
        sound.contains("#EXTINF:4.010667,\nt1a1/audio/000000.m4s\n#EXTINF:3.989333,\n"),
        "{sound}"
    );
    assert_eq!(
        multivariant(&job.record, &details(&job)).unwrap(),
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",LANGUAGE=\"de\",DEFAULT=YES,\
         AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=1128000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=640x360,\
         FRAME-RATE=25.000,AUDIO=\"audio\"\n360p.m3u8\n\
         #EXT-X-STREAM-INF:BANDWIDTH=4628000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,\
         FRAME-RATE=25.000,AUDIO=\"audio\"\n720p.m3u8\n"
    );
}

#[test]
fn what_is_not_offered_is_not_there() {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.finish_all();
    assert_eq!(
        media_of(&job, "480p"),
        Err(Error::UnknownRendition("480p".to_owned()))
    );
    job.record.dropped.push(name("720p"));
    assert_eq!(
        media_of(&job, "720p"),
        Err(Error::UnknownRendition("720p".to_owned()))
    );
    assert!(
        !multivariant(&job.record, &details(&job))
            .unwrap()
            .contains("720p")
    );
    job.record.dropped.push(name("audio"));
    let text = multivariant(&job.record, &details(&job)).unwrap();
    assert!(!text.contains("AUDIO") && !text.contains("mp4a"), "{text}");
    let files = finish(&job.record, &details(&job)).unwrap();
    assert!(
        files
            .iter()
            .all(|file| !file.text.contains("720p") && !file.text.contains("audio"))
    );
}

#[test]
fn a_chunk_without_details_ends_the_prefix_and_forbids_the_end() {
    let mut job = SampleJob::running(60 * SECOND_NS, false);
    job.finish_all();
    let key = Details::keys(&job.record)[1].key.clone();
    let kept = job.details.remove(&key).unwrap();
    assert!(!media_of(&job, "360p").unwrap().contains("ENDLIST"));
    assert!(matches!(
        finish(&job.record, &details(&job)),
        Err(Error::Incomplete { n_found: 1, .. })
    ));
    job.details.insert(key, kept);
    assert!(
        media_of(&job, "360p")
            .unwrap()
            .ends_with("#EXT-X-ENDLIST\n")
    );
    assert!(finish(&job.record, &details(&job)).is_ok());
}

#[test]
fn nobody_writes_into_a_playlist_but_us() {
    let mut job = SampleJob::running(60 * SECOND_NS, false);
    job.finish_chunk(0, 1);
    let key = Details::keys(&job.record)[0].key.clone();
    let good: bus_schema::attempt::ChunkResult =
        serde_json::from_slice(&job.details[&key]).unwrap();
    let mut odd = good.clone();
    odd.renditions[0].codecs = "avc1\"\n#EXT-X-ENDLIST".to_owned();
    let mut short = good;
    short.renditions[1].bytes.pop();
    for details in [odd, short] {
        job.details
            .insert(key.clone(), serde_json::to_vec(&details).unwrap());
        let read = Details::read(&job.record, |key| job.details.get(key).map(Vec::as_slice));
        assert!(matches!(read, Err(Error::Damaged { .. })), "{read:?}");
    }
    job.finish_chunk_as(
        TaskNumber(1),
        1,
        &bus_schema::attempt::ChunkResult {
            frames: 1,
            held: 0,
            start: 0,
            durations: vec![512],
            renditions: Vec::new(),
            cpu_ms: 0,
            scenes: Vec::new(),
        },
    );
    assert!(
        matches!(media_of(&job, "360p"), Err(Error::Damaged { .. })),
        "a rendition is missing"
    );
}

#[test]
fn final_files_name_every_segment_and_measure() {
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.finish_all();
    let files = finish(&job.record, &details(&job)).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "360p.m3u8",
            "720p.m3u8",
            "audio.m3u8",
            "360p-iframes.m3u8",
            "720p-iframes.m3u8",
            "manifest.mpd",
            "master.m3u8"
        ]
    );
    assert!(
        files[0].text.contains("#EXT-X-PLAYLIST-TYPE:VOD")
            && files[0].text.ends_with("#EXT-X-ENDLIST\n")
    );
    assert_eq!(seconds(&files[0].text), 60_000_000);
    let dash = text_of(&files, "manifest.mpd");
    for file in &files[..3] {
        for uri in file.text.lines().filter(|line| !line.starts_with('#')) {
            assert!(
                dash.contains(&format!("<SegmentURL media=\"{uri}\"/>")),
                "{uri}"
            );
        }
    }
    assert!(
        dash.contains("mediaPresentationDuration=\"PT60.000000S\""),
        "{dash}"
    );
    assert!(dash.contains("<S t=\"0\" d=\"51200\" r=\"14\"/>"), "{dash}");
    // 204,801 bytes of picture and 64,001 of sound in every 4 s.
    let rates = "BANDWIDTH=537604,AVERAGE-BANDWIDTH=537604,";
    let master = text_of(&files, "master.m3u8");
    assert!(master.contains(rates), "{master}");
}

#[test]
fn keyframes_have_playlists_of_their_own() {
    let mut job = SampleJob::running(20 * SECOND_NS, true);
    job.finish_all();
    let files = finish(&job.record, &details(&job)).unwrap();
    let text = |name: &str| text_of(&files, name);
    let keyframes = text("720p-iframes.m3u8");
    assert!(
        keyframes.starts_with(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n\
             #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-MAP:URI=\"t2a1/720p/init.mp4\"\n\
             #EXTINF:4.000000,\n#EXT-X-BYTERANGE:101@0\nt2a1/720p/000000.m4s\n#EXTINF:4.000000,\n"
        ),
        "{keyframes}"
    );
    assert!(keyframes.ends_with("#EXT-X-ENDLIST\n"));
    assert_eq!(seconds(keyframes), 20_000_000);
    // 101 bytes in every 4 s.
    let line = "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=202,AVERAGE-BANDWIDTH=202,CODECS=\"avc1.64001f\",\
                RESOLUTION=1280x720,URI=\"720p-iframes.m3u8\"\n";
    assert!(text("master.m3u8").contains(line));
}

#[test]
fn without_the_keyframes_of_one_chunk_there_is_no_playlist_of_them() {
    let mut job = SampleJob::running(20 * SECOND_NS, false);
    job.finish_all();
    let key = Details::keys(&job.record)[1].key.clone();
    let mut chunk: bus_schema::attempt::ChunkResult =
        serde_json::from_slice(&job.details[&key]).unwrap();
    chunk.renditions[1].keyframe_bytes.clear();
    job.details.insert(key, serde_json::to_vec(&chunk).unwrap());
    let files = finish(&job.record, &details(&job)).unwrap();
    let has = |name: &str| files.iter().any(|file| file.name == name);
    assert!(has("360p-iframes.m3u8") && !has("720p-iframes.m3u8"));
    let master = &files.last().unwrap().text;
    assert!(!master.contains("720p-iframes"), "{master}");
}

proptest! {
    // Each case renders up to 120 playlists.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever order chunks and parts end in, what was listed stays as it was, byte by byte.
    #[test]
    fn growth_never_changes_what_was_listed(
        duration_ms in 1_u64..200_000,
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let mut job = SampleJob::running(duration_ms * 1_000_000, true);
        let mut waiting: Vec<u32> = (0..job.plan().n_chunks()).collect();
        let mut listed: Vec<(&str, String)> = vec![("360p", String::new()), ("audio", String::new())];
        for index in order {
            if waiting.is_empty() || index.index(4) == 0 {
                job.finish_part(1, &[192_512, 191_488, 192_512, 191_488, 192_000]);
            } else {
                let chunk = waiting.remove(index.index(waiting.len()));
                job.finish_chunk(chunk, 1);
            }
            for (rendition, before) in &mut listed {
                let Ok(now) = media_of(&job, rendition) else {
                    prop_assert!(before.is_empty(), "{rendition} was there and is not");
                    continue;
                };
                let body = now.trim_end_matches("#EXT-X-ENDLIST\n").to_owned();
                prop_assert!(body.starts_with(before.as_str()), "{rendition} changed");
                let is_whole = *rendition == "360p" && waiting.is_empty();
                prop_assert_eq!(now.ends_with("#EXT-X-ENDLIST\n"), is_whole);
                *before = body;
            }
        }
    }

    /// EXTINF adds up to the frames, however the durations fall between microseconds.
    #[test]
    fn durations_add_up(units in prop::collection::vec(1_u32..400_000, 1..500)) {
        let mut job = SampleJob::running(60 * SECOND_NS, true);
        job.finish_part(1, &units);
        let text = media_of(&job, "audio").unwrap();
        let total: u64 = units.iter().map(|units| u64::from(*units)).sum();
        let exact = (u128::from(total) * 1_000_000 + 24_000) / 48_000;
        prop_assert_eq!(u128::from(seconds(&text)), exact);
    }
}
