//! The page in a real Chromium: upload, watch every bar rise, watch the film before it is done, with its subtitles.

use serde_json::json;

use crate::harness::{System, captions, chromium, clips};

#[tokio::test]
async fn the_page_shows_the_film_before_it_is_done() {
    let test = "the_page_shows_the_film_before_it_is_done";
    let Some(film) = clips::Real::find(test) else {
        return;
    };
    if !chromium::is_here(test) {
        return;
    }
    let system = System::start().await;
    // Long enough that it is still at work when the picture moves.
    let clip = captions::film(&film, 4).await;
    let told = [
        ("TCODER_CLIP", clip.display().to_string()),
        ("TCODER_SUBTITLES", captions::LABELS.to_owned()),
    ];
    let out = chromium::run("browser.mjs", &system.run.url, told).await;
    assert!(out.contains("ok it played while the gateway"), "{out}");
    assert!(
        out.contains("ok the browser has nothing to complain of"),
        "{out}"
    );
}

#[tokio::test]
async fn the_page_shows_subtitles_beside_streams_and_files() {
    let test = "the_page_shows_subtitles_beside_streams_and_files";
    let Some(film) = clips::Real::find(test) else {
        return;
    };
    if !chromium::is_here(test) {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let clip = captions::film(&film, captions::N_TIMES).await;
    for preset in ["hls", "web-optimized"] {
        let wishes = json!({"preset": preset, "qualities": ["144p"]});
        let id = client.upload_file(&clip, &wishes).await;
        client.completed(&id).await;
        let told = [
            ("TCODER_JOB", id),
            ("TCODER_TRACKS", captions::labelled().to_string()),
        ];
        let out = chromium::run("subtitles.mjs", &system.run.url, told).await;
        assert_eq!(out.lines().count(), 2, "{preset}: {out}");
    }
}
