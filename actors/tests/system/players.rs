//! Films in the players that people use: hls.js, dash.js and Shaka Player, each in a real Chromium,
//! from the first frame to the last, and with the track of sound and the subtitles that are chosen.

use serde_json::{Value, json};

use crate::harness::{System, captions, chromium, clips, skipped};

/// Players, each with what it plays.
const N_PLAYS: usize = 4;

#[tokio::test]
async fn players_show_every_frame() {
    let test = "players_show_every_frame";
    let Some(film) = clips::Real::find(test) else {
        return;
    };
    if !are_here(test) {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    // Those that Chromium decodes on any machine: HEVC it leaves to the hardware.
    for codec in ["h264", "vp9", "av1"] {
        let wishes =
            json!({"preset": "hls-adaptive", "qualities": ["144p", "240p"], "codec": codec});
        let id = client.upload_file(&film.path, &wishes).await;
        let job = client.completed(&id).await;
        play(&system.run.url, &job, "240p", 1).await;
    }
}

#[tokio::test]
async fn players_change_to_another_track_of_sound() {
    let test = "players_change_to_another_track_of_sound";
    if !clips::has_ffmpeg(test) || !are_here(test) {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let wishes = json!({"preset": "hls", "qualities": ["144p"]});
    let id = client.upload_file(&clips::duet().await, &wishes).await;
    let job = client.completed(&id).await;
    let told = [
        ("TCODER_TONES", "en:440,de:1000".to_owned()),
        ("TCODER_SECONDS", clips::DUET_S.to_string()),
    ];
    run("tracks.mjs", &system.run.url, &job, told).await;
}

#[tokio::test]
async fn players_show_the_subtitles_that_are_chosen() {
    let test = "players_show_the_subtitles_that_are_chosen";
    let Some(film) = clips::Real::find(test) else {
        return;
    };
    if !are_here(test) {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let wishes = json!({"preset": "hls", "qualities": ["144p"]});
    let id = client
        .upload_file(&captions::film(&film, captions::N_TIMES).await, &wishes)
        .await;
    let job = client.completed(&id).await;
    show_captions(&system.run.url, &job).await;
}

/// Plays a completed job of the film with captions everywhere, and changes from one language to the other.
pub(crate) async fn show_captions(url: &str, job: &Value) {
    let seconds = clips::Real::SECONDS * f64::from(captions::N_TIMES);
    let told = [
        ("TCODER_CUES", captions::cues().to_string()),
        ("TCODER_SWITCH_AT_S", captions::CHANGE_AT_S.to_string()),
        ("TCODER_SECONDS", seconds.to_string()),
    ];
    run("subtitles.mjs", url, job, told).await;
}

/// Whether the players can be run; what is missing is told.
pub(crate) fn are_here(test: &str) -> bool {
    let packages = chromium::web().join("tests/players/node_modules/dashjs");
    if !packages.is_dir() {
        skipped(test, "the players are not here (run the set-up)");
        return false;
    }
    chromium::is_here(test)
}

/// Plays a rendition of a completed job everywhere: of the real film, so often after itself.
pub(crate) async fn play(url: &str, job: &Value, rendition: &str, n_times: u32) {
    let frames = clips::Real::FRAMES * u64::from(n_times);
    let seconds = clips::Real::SECONDS * f64::from(n_times);
    let told = [
        ("TCODER_RENDITION", rendition.to_owned()),
        ("TCODER_FRAMES", frames.to_string()),
        ("TCODER_SECONDS", seconds.to_string()),
    ];
    run("players.mjs", url, job, told).await;
}

/// Plays a completed job everywhere by one of the scripts, which is told this.
async fn run<const N: usize>(script: &str, url: &str, job: &Value, told: [(&str, String); N]) {
    let script = format!("players/{script}");
    let id = job["id"].as_str().expect("an id").to_owned();
    let told = told.into_iter().chain([("TCODER_JOB", id)]);
    let out = chromium::run(&script, url, told).await;
    assert_eq!(out.lines().count(), N_PLAYS, "{out}");
}
