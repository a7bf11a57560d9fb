//! The page in a real Chromium: upload, watch every bar rise, watch the film before it is done.

use std::path::Path;
use std::process::Stdio;

use crate::harness::{DEADLINE, System, clips, find_program, skipped};

#[tokio::test]
async fn the_page_shows_the_film_before_it_is_done() {
    let test = "the_page_shows_the_film_before_it_is_done";
    let Some(film) = clips::Real::find(test) else {
        return;
    };
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/web");
    for (name, is_here) in [
        ("chromium", find_program("chromium").is_some()),
        ("node", find_program("node").is_some()),
        (
            "the page's packages",
            web.join("node_modules/playwright-core").is_dir(),
        ),
    ] {
        if !is_here {
            return skipped(test, &format!("{name} is not here (run the set-up)"));
        }
    }
    let system = System::start().await;
    // Long enough that it is still at work when the picture moves.
    let clip = clips::looped(&film.path, 4).await;
    // Where browser and sound library put what they leave behind.
    let scratch = tempfile::tempdir().expect("a folder");
    let mut node = tokio::process::Command::new(find_program("node").expect("found above"));
    let node = node
        .arg(web.join("tests/browser.mjs"))
        .env("TCODER_URL", &system.run.url)
        .env("TCODER_CLIP", &clip)
        .env("TMPDIR", scratch.path())
        .env("XDG_RUNTIME_DIR", scratch.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(DEADLINE, node).await.expect("it ends");
    let output = output.expect("node runs");
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("ok it played while the gateway"), "{out}");
    assert!(
        out.contains("ok the browser has nothing to complain of"),
        "{out}"
    );
}
