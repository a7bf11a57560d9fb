//! Several tracks of sound: one group, one default, and nobody waits for the others.

use super::{Error, details, finish, media_of, multivariant, name};
use crate::sample_job::{SECOND_NS, SampleJob};

const PART: [u32; 5] = [192_000; 5];

fn job() -> SampleJob {
    let mut job = SampleJob::with_sound(60 * SECOND_NS, &["de", "en", "de"]);
    job.record.plan.as_mut().expect("a plan").audio[2].title =
        Some("Kommentar & <mehr>".to_owned());
    job
}

/// The lines of the group.
fn group(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("#EXT-X-MEDIA:"))
        .collect()
}

#[test]
fn a_film_is_played_as_soon_as_its_first_sound_is_heard() {
    let mut job = job();
    job.finish_chunk(0, 1);
    job.finish_part_of(1, 1, &PART);
    assert_eq!(
        multivariant(&job.record, &details(&job)),
        Err(Error::NotReady),
        "the first track decides"
    );
    job.finish_part_of(0, 1, &PART);
    let text = multivariant(&job.record, &details(&job)).expect("two tracks are heard");
    assert_eq!(
        group(&text),
        [
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"de\",LANGUAGE=\"de\",DEFAULT=YES,\
             AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio.m3u8\"",
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"en\",LANGUAGE=\"en\",DEFAULT=NO,\
             AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio-2.m3u8\"",
        ]
    );
    // Only one of them plays at a time.
    assert!(
        text.contains("BANDWIDTH=1128000,CODECS=\"avc1.64001f,mp4a.40.2\""),
        "{text}"
    );
    assert!(media_of(&job, "audio-2").is_ok_and(|text| text.contains("t2a1/audio-2/000000.m4s")));
    assert_eq!(media_of(&job, "audio-3"), Err(Error::NotReady));
}

#[test]
fn final_playlists_hold_every_track_under_a_name_of_its_own() {
    let mut job = job();
    job.finish_all();
    let files = finish(&job.record, &details(&job)).expect("it is whole");
    let text_of = |name: &str| {
        let file = files.iter().find(|file| file.name == name);
        file.expect("the file").text.as_str()
    };
    for name in ["audio.m3u8", "audio-2.m3u8", "audio-3.m3u8"] {
        assert!(text_of(name).ends_with("#EXT-X-ENDLIST\n"), "{name}");
    }
    let text = text_of("master.m3u8");
    let named: Vec<&str> = group(text)
        .iter()
        .filter_map(|line| line.split("NAME=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(named, ["de", "en", "Kommentar & <mehr>"]);
    assert_eq!(text.matches("DEFAULT=YES").count(), 1);
    let dash = text_of("manifest.mpd");
    assert_eq!(dash.matches("contentType=\"audio\"").count(), 3);
    assert_eq!(dash.matches("value=\"main\"").count(), 1);
    assert!(
        dash.contains("<Label>Kommentar &amp; &lt;mehr&gt;</Label>"),
        "{dash}"
    );
    for (id, language) in [(1, "de"), (2, "en"), (3, "de")] {
        let set = format!("<AdaptationSet id=\"{id}\" contentType=\"audio\"");
        let (_, rest) = dash.split_once(&set).expect("the set");
        let (attributes, _) = rest.split_once('>').expect("an element");
        assert!(
            attributes.ends_with(&format!(" lang=\"{language}\"")),
            "{attributes}"
        );
    }
}

#[test]
fn equal_names_are_told_apart_and_odd_ones_are_not_written() {
    let mut job = job();
    job.finish_all();
    let plan = job.record.plan.as_mut().expect("a plan");
    plan.audio[2].title = Some("x\"\n#EXT-X-ENDLIST".to_owned());
    let files = finish(&job.record, &details(&job)).expect("it is whole");
    let master = &files.last().expect("a playlist").text;
    assert!(master.contains("NAME=\"de (audio-3)\""), "{master}");
    let mut cunning = job.clone();
    let plan = cunning.record.plan.as_mut().expect("a plan");
    plan.audio[1].title = Some("de (audio-3)".to_owned());
    let cunning = finish(&cunning.record, &details(&cunning)).expect("it is whole");
    let name = "NAME=\"de (audio-3) (audio-3)\"";
    assert!(cunning.last().is_some_and(|file| file.text.contains(name)));
    assert!(files.iter().all(|file| !file.text.contains("x\"")));
}

#[test]
fn what_was_given_up_is_not_offered_and_the_next_is_the_default() {
    let mut job = job();
    job.finish_all();
    job.record.dropped.push(name("audio"));
    let files = finish(&job.record, &details(&job)).expect("it is whole");
    let master = &files.last().expect("a playlist").text;
    assert_eq!(group(master).len(), 2);
    assert!(
        group(master)[0].contains("LANGUAGE=\"en\",DEFAULT=YES"),
        "{master}"
    );
    assert!(!master.contains("audio.m3u8"), "{master}");
}

#[test]
fn sound_alone_is_one_variant_with_all_tracks_beside_it() {
    let mut job = job();
    let plan = job.record.plan.as_mut().expect("a plan");
    plan.video = None;
    job.finish_all();
    let files = finish(&job.record, &details(&job)).expect("it is whole");
    let master = &files.last().expect("a playlist").text;
    assert_eq!(group(master).len(), 3);
    let variants: Vec<&str> = master
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(variants, ["audio.m3u8"]);
    assert!(
        master.contains("CODECS=\"mp4a.40.2\",AUDIO=\"audio\""),
        "{master}"
    );
}

#[test]
fn a_track_without_details_forbids_the_end() {
    let mut job = job();
    job.finish_all();
    let sound = job
        .plan()
        .audio_task(1)
        .expect("a second track")
        .to_string();
    let lost = format!("{}.{sound}.1.1", job.record.id);
    assert!(job.details.remove(&lost).is_some());
    let found = finish(&job.record, &details(&job));
    let whole = Error::Incomplete {
        what: "the sound audio-2".to_owned(),
        n_found: 1,
        n_wanted: 3,
    };
    assert_eq!(found, Err(whole));
}
