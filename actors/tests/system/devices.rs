//! A worker with a device that fails: by a stand-in, whose trial goes well and whose tasks do not.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::system::worker_program;
use crate::harness::{System, clips, films};

/// Where the stand-in has its place.
const DEVICE: &str = "nvh264enc";

/// A worker's program whose children have a device with this fault in tasks alone. `None` where the stand-in,
/// which only the worker's own tests build, is not there.
#[expect(clippy::print_stderr, reason = "tells what is skipped")]
fn worker(folder: &TempDir, fault: &str) -> Option<PathBuf> {
    let real = worker_program();
    let stand_in = real.with_file_name("tcoder-worker-stand-in");
    if !stand_in.is_file() {
        eprintln!("SKIPPED devices: build the stand-in by `cargo test -p worker --no-run`");
        return None;
    }
    let (child, worker) = (folder.path().join("child"), folder.path().join("worker"));
    let stand_in = stand_in.display();
    let text = format!(
        "#!/bin/sh\ncase $1 in task) export STAND_IN={fault} ;; esac\nexec '{stand_in}' \"$@\"\n"
    );
    write(&child, &text);
    let (real, child) = (real.display(), child.display());
    let text = format!(
        "#!/bin/sh\ncase $1 in serve) exec '{real}' \"$@\" --program '{child}' ;; esac\n\
         exec '{real}' \"$@\"\n"
    );
    write(&worker, &text);
    Some(worker)
}

/// By another process: a program that is open for writing in any cannot be run.
fn write(path: &Path, text: &str) {
    let written = Command::new("/bin/sh")
        .args(["-c", "printf '%s' \"$1\" > \"$0\" && chmod 700 \"$0\""])
        .arg(path)
        .arg(text)
        .status();
    assert!(written.expect("a shell").success());
}

/// One film through a system whose workers have such a device; then another one.
async fn films_with(fault: &str) -> Option<[Value; 2]> {
    let film = clips::Real::find("films_with")?;
    let folder = tempfile::tempdir().expect("a folder");
    let worker = worker(&folder, fault)?;
    let worker = worker.to_str().expect("a plain path");
    let variables = [
        ("TCODER_POOL_WORKER", worker),
        ("TCODER_POOL_MACHINES_MAX", "1"),
    ];
    let system = System::start_with(&variables).await;
    let client = system.client();
    let mut jobs = Vec::new();
    for name in ["one", "two"] {
        let wish = json!({ "preset": "hls", "qualities": ["240p"] });
        let id = client.upload_file(&film.path, &wish).await;
        let job = client.ended(&id).await;
        assert_eq!(job["state"], "completed", "{job:#}");
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        assert_eq!(client.save_files(&job, &folder).await, ["240p.mp4"]);
        let probed = films::probe(folder.join("240p.mp4").to_str().expect("a plain path"));
        assert_eq!(films::frames(&probed), clips::Real::FRAMES, "{fault}");
        jobs.push(job);
    }
    jobs.try_into().ok()
}

fn encoder(job: &Value) -> &str {
    job["renditions"][0]["encoder"].as_str().expect("a picture")
}

#[tokio::test]
async fn a_device_that_works_is_used() {
    let Some(jobs) = films_with("none").await else {
        return;
    };
    for job in jobs {
        assert_eq!(encoder(&job), DEVICE, "{job:#}");
        assert_eq!(job["warnings"], json!([]));
    }
}

#[tokio::test]
async fn a_device_that_fails_leaves_the_film_to_software() {
    for fault in ["open", "middle", "crash"] {
        let Some([first, second]) = films_with(fault).await else {
            return;
        };
        assert_eq!(encoder(&first), "x264enc", "{fault}: {first:#}");
        let warning = first["warnings"][0].as_str().expect("a warning");
        assert!(warning.contains(DEVICE), "{warning}");
        // It is not planned with again.
        assert_eq!(encoder(&second), "x264enc", "{fault}");
        assert_eq!(second["warnings"], json!([]), "{fault}");
    }
}
