//! The page in a real Chromium: upload, watch every bar rise, watch the film before it is done, with its subtitles.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::json;

use crate::harness::{DEADLINE, System, captions, clips, find_program, skipped};

#[tokio::test]
async fn the_page_shows_the_film_before_it_is_done() {
    let test = "the_page_shows_the_film_before_it_is_done";
    let Some(film) = clips::Real::find(test) else {
        return;
    };
    if !is_here(test) {
        return;
    }
    let system = System::start().await;
    // Long enough that it is still at work when the picture moves.
    let clip = captions::film(&film, 4).await;
    let told = [
        ("TCODER_CLIP", clip.display().to_string()),
        ("TCODER_SUBTITLES", captions::LABELS.to_owned()),
    ];
    let out = run("browser.mjs", &system.run.url, told).await;
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
    if !is_here(test) {
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
        let out = run("subtitles.mjs", &system.run.url, told).await;
        assert_eq!(out.lines().count(), 2, "{preset}: {out}");
    }
}

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/web")
}

/// Whether a browser can be run; what is missing is told.
fn is_here(test: &str) -> bool {
    for (name, is_here) in [
        ("chromium", find_program("chromium").is_some()),
        ("node", find_program("node").is_some()),
        (
            "the page's packages",
            web().join("node_modules/playwright-core").is_dir(),
        ),
    ] {
        if !is_here {
            skipped(test, &format!("{name} is not here (run the set-up)"));
            return false;
        }
    }
    true
}

/// Drives the page by one of the scripts, which is told this; gives what it prints.
async fn run<const N: usize>(script: &str, url: &str, told: [(&str, String); N]) -> String {
    // Where browser and sound library put what they leave behind.
    let scratch = tempfile::tempdir().expect("a folder");
    let mut node = tokio::process::Command::new(find_program("node").expect("found above"));
    let node = node
        .arg(web().join("tests").join(script))
        .env("TCODER_URL", url)
        .envs(told)
        .env("TMPDIR", scratch.path())
        .env("XDG_RUNTIME_DIR", scratch.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, node).await.expect("it ends");
    let output = output.expect("node runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{out}{err}");
    out
}
