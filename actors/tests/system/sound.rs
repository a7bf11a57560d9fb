//! Several tracks of sound come out of it as several, each with its language, and none takes the place
//! of another.

use serde_json::{Value, json};

use crate::harness::facts::whole_story;
use crate::harness::{System, clips, films};

/// Hertz of the sine of each track of [`clips::tongues`], with the language and the name that a player
/// shows: the one that the source marks as default is the first.
const TRACKS: [(f64, &str, &str); 3] = [
    (880.0, "eng", "Original"),
    (440.0, "deu", "de"),
    (1_760.0, "und", "audio-3"),
];

#[tokio::test]
async fn every_track_of_sound_is_there_in_its_language() {
    if !clips::has_ffmpeg("every_track_of_sound_is_there_in_its_language") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let wishes = json!({"preset": "hls", "qualities": ["144p", "audio"]});
    let id = client.upload_file(&clips::tongues().await, &wishes).await;
    let job = client.completed(&id).await;
    let folder = tempfile::tempdir().expect("a folder");
    let files = client.save_files(&job, folder.path()).await;
    assert_eq!(files.len(), 2, "{files:?}");
    for name in files {
        let path = folder.path().join(name);
        let path = path.to_str().expect("a plain path");
        let probed = films::probe(path);
        let streams = probed["streams"].as_array().expect("streams");
        let sound = streams
            .iter()
            .filter(|stream| stream["codec_type"] == "audio");
        let told: Vec<(&str, bool)> = sound.map(language_and_default).collect();
        let expected = [("eng", true), ("deu", false), ("und", false)];
        assert_eq!(told, expected, "{path}: {probed:#}");
        for (track, (hertz, ..)) in TRACKS.iter().enumerate() {
            check_tone(path, track, *hertz);
        }
    }
    let master = job["playback"]["hls"].as_str().expect("a playlist");
    let text = client.text(master).await;
    for (place, (hertz, language, name)) in TRACKS.iter().enumerate() {
        let line = text
            .lines()
            .filter(|line| line.starts_with("#EXT-X-MEDIA:"))
            .nth(place);
        let line = line.expect("a line for each track");
        assert!(line.contains(&format!("NAME=\"{name}\"")), "{text}");
        assert_eq!(line.contains("DEFAULT=YES"), place == 0, "{text}");
        assert_eq!(line.contains("LANGUAGE="), *language != "und", "{text}");
        let (_, uri) = line.split_once("URI=\"").expect("an address");
        let base = master.trim_end_matches("master.m3u8");
        let playlist = client.url(&format!("{base}{}", uri.trim_end_matches('"')));
        check_tone(&playlist, 0, *hertz);
    }
    let shown: Vec<(&str, Option<&str>)> = job["renditions"]
        .as_array()
        .expect("renditions")
        .iter()
        .filter(|one| one["is_audio"] == true)
        .map(|one| {
            (
                one["name"].as_str().expect("a name"),
                one["language"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("audio", Some("en")),
            ("audio-2", Some("de")),
            ("audio-3", None)
        ]
    );
    whole_story(&system.bus().await, &job).await;
}

fn language_and_default(stream: &Value) -> (&str, bool) {
    let language = stream["tags"]["language"].as_str().unwrap_or("und");
    (language, stream["disposition"]["default"] == 1)
}

/// The pitch of a track, by how often its samples cross zero in a second of its middle.
fn check_tone(film: &str, track: usize, hertz: f64) {
    let after = format!("-map 0:a:{track} -ac 1 -ar 48000 -ss 1 -t 1 -f s16le -");
    let bytes = films::run("ffmpeg", "-v error -i", film, &after);
    let samples: Vec<i16> = bytes
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect();
    assert_eq!(samples.len(), 48_000, "{film}");
    let crossings = samples
        .windows(2)
        .filter(|pair| (pair[0] < 0) != (pair[1] < 0))
        .count();
    let heard = crossings as f64 / 2.0;
    assert!(
        (heard - hertz).abs() < 10.0,
        "{film}, track {track}: {heard} Hz in place of {hertz}"
    );
}
