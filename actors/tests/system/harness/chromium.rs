//! A real Chromium, which scripts of the page's own tests drive.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{DEADLINE, find_program, skipped};

/// The page's checkout.
pub(crate) fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/web")
}

/// Whether it can be driven; what is missing is told.
pub(crate) fn is_here(test: &str) -> bool {
    let packages = web().join("node_modules/playwright-core");
    for (name, is_here) in [
        ("chromium", find_program("chromium").is_some()),
        ("node", find_program("node").is_some()),
        ("playwright", packages.is_dir()),
    ] {
        if !is_here {
            skipped(test, &format!("{name} is not here (run the set-up)"));
            return false;
        }
    }
    true
}

/// Lets a script of the page's tests drive it against the gateway at this address; gives what it prints. Fails the
/// test where the script ends with anything but 0.
pub(crate) async fn run(
    script: &str,
    url: &str,
    told: impl IntoIterator<Item = (&str, String)>,
) -> String {
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
