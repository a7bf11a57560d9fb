//! A film goes in, and every rendition comes out whole.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::facts::whole_story;
use crate::harness::{Client, System, beeps, clips, films};

/// How far sound and picture may be apart.
const APART_MAX_S: f64 = 0.025;
/// How far a beep may move: two periods of it.
const KEPT_S: f64 = 0.002;

/// Every rendition of the ladder that a 1280x720 source gets.
const LADDER: [(&str, u64, u64); 5] = [
    ("144p", 256, 144),
    ("240p", 426, 240),
    ("360p", 640, 360),
    ("480p", 854, 480),
    ("720p", 1280, 720),
];

#[tokio::test]
async fn a_film_is_whole_in_every_rendition() {
    let Some(film) = clips::Real::find("a_film_is_whole_in_every_rendition") else {
        return;
    };
    let system = System::shared().await;
    let client = system.client();
    let id = client.upload_file(&film.path, &json!({})).await;
    let job = client.completed(&id).await;
    let folder = tempfile::tempdir().expect("a folder");

    let mut names = client.save_files(&job, folder.path()).await;
    names.sort();
    let expected: Vec<String> = LADDER
        .iter()
        .map(|(name, ..)| format!("{name}.mp4"))
        .collect();
    assert_eq!(names, expected);
    for (name, width, height) in LADDER {
        let path = folder.path().join(format!("{name}.mp4"));
        check_file(&path, width, height);
        let shown = rendition(&job, name);
        assert_eq!(
            (&shown["width"], &shown["height"]),
            (&json!(width), &json!(height))
        );
        assert_eq!(shown["percent"], 100.0, "{shown}");
    }
    check_playlists(&client, &job).await;
    whole_story(&system.bus().await, &job).await;
}

/// An MP4: index in front, every frame there, the right size, with sound.
fn check_file(path: &Path, width: u64, height: u64) {
    let shown = path.display();
    let bytes = std::fs::read(path).expect("a file");
    let boxes = films::boxes(&bytes);
    let place = |name: &str| boxes.iter().position(|(found, _)| found == name);
    let (index, media) = (place("moov"), place("mdat"));
    assert!(
        index.is_some() && index < media,
        "{shown}: no index in front"
    );
    let probed = films::probe(path.to_str().expect("a plain path"));
    assert_eq!(films::frames(&probed), clips::Real::FRAMES, "{shown}");
    let picture = films::stream(&probed, "video").expect("a picture");
    assert_eq!(picture["width"], width, "{shown}");
    assert_eq!(picture["height"], height, "{shown}");
    assert!(
        films::stream(&probed, "audio").is_some(),
        "{shown}: no sound"
    );
}

/// Every playlist is read by ffprobe, frame by frame, and cut where the others are.
async fn check_playlists(client: &Client, job: &Value) {
    let master = job["playback"]["hls"].as_str().expect("a playlist");
    let base = master.trim_end_matches("master.m3u8");
    let text = client.text(master).await;
    let variants: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert_eq!(variants.len(), LADDER.len(), "{text}");
    let mut cuts = Vec::new();
    for variant in variants {
        let path = format!("{base}{variant}");
        let playlist = client.text(&path).await;
        assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
        cuts.push(durations(&playlist));
        let probed = films::probe(&client.url(&path));
        assert_eq!(films::frames(&probed), clips::Real::FRAMES, "{path}");
    }
    let first = cuts.first().expect("a rendition");
    assert!(cuts.iter().all(|other| other == first), "{cuts:?}");
    let (last, whole) = first.split_last().expect("a segment");
    assert!(whole.iter().all(|duration| *duration == 4.0), "{first:?}");
    assert!(*last <= 4.0, "{first:?}");
    let sum: f64 = first.iter().sum();
    assert!((sum - 5.28).abs() < 0.001, "{first:?}");
    let probed = films::probe(&client.url(master));
    assert!(films::stream(&probed, "audio").is_some(), "{probed:#}");
}

fn durations(playlist: &str) -> Vec<f64> {
    let texts = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:"));
    texts
        .map(|text| text.trim_end_matches(',').parse().expect("seconds"))
        .collect()
}

fn rendition<'a>(job: &'a Value, name: &str) -> &'a Value {
    let renditions = job["renditions"].as_array().expect("renditions");
    let found = renditions
        .iter()
        .find(|rendition| rendition["name"] == name);
    found.expect("the rendition")
}

#[tokio::test]
async fn the_sound_stays_with_the_picture() {
    if !clips::has_ffmpeg("the_sound_stays_with_the_picture") {
        return;
    }
    let clip = clips::beeps().await;
    let source = clip.to_str().expect("a plain path");
    // The instrument first: a film in which they are together.
    let beeps_of_source = beeps::beeps(source);
    check_together(&flashes_of(source), &beeps_of_source);
    let system = System::shared().await;
    let client = system.client();
    let wishes = json!({"qualities": ["144p"]});
    let id = client.upload_file(&clip, &wishes).await;
    let job = client.completed(&id).await;
    let folder = tempfile::tempdir().expect("a folder");
    client.save_files(&job, folder.path()).await;
    let file = folder.path().join("144p.mp4");
    let file = file.to_str().expect("a plain path");
    let beeps_of_file = beeps::beeps(file);
    check_together(&flashes_of(file), &beeps_of_file);
    check_kept(&beeps_of_source, &beeps_of_file);

    let base = format!("/v1/jobs/{id}/play");
    let playlist = client.text(&format!("{base}/144p.m3u8")).await;
    let first = playlist.lines().find(|line| line.ends_with(".m4s"));
    let segment = client
        .fetch(&format!("{base}/{}", first.expect("a segment")))
        .await;
    assert_eq!(
        films::first_time(&segment),
        0,
        "the first frame is shown at once"
    );
    // ffmpeg moves frames that are shown before their decode time; a browser does not.
    let shown = beeps::flashes(&client.url(&format!("{base}/144p.m3u8")));
    let flashes: Vec<f64> = shown.at_s.iter().map(|at_s| at_s - shown.begin_s).collect();
    let beeps_of_stream = beeps::beeps(&client.url(&format!("{base}/audio.m3u8")));
    check_together(&flashes, &beeps_of_stream);
    check_kept(&beeps_of_source, &beeps_of_stream);
}

/// Of a film that begins at its beginning.
fn flashes_of(film: &str) -> Vec<f64> {
    let shown = beeps::flashes(film);
    assert!(shown.begin_s.abs() < 0.001, "{film}: {shown:?}");
    shown.at_s
}

/// Each beep where the source has it: what a coder smears in front of the loud is less than this.
fn check_kept(before: &[f64], after: &[f64]) {
    let off = before.iter().zip(after).map(|(a, b)| (a - b).abs());
    let most = off.fold(0.0, f64::max);
    assert!(most < KEPT_S, "{most} s apart: {before:?} and {after:?}");
}

/// From start to end, each flash with its beep.
fn check_together(flashes: &[f64], beeps: &[f64]) {
    assert_eq!(flashes.len(), 24, "{flashes:?}");
    assert_eq!(beeps.len(), 24, "{beeps:?}");
    for (flash, beep) in flashes.iter().zip(beeps) {
        assert!(
            (flash - beep).abs() <= APART_MAX_S,
            "{flashes:?} and {beeps:?}"
        );
    }
}
