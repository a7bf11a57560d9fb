//! A worker with a device that fails: by a stand-in, whose trial goes well and whose tasks do not.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::system::worker_program;
use crate::harness::{Client, System, captions, clips, films};
use crate::players;

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

/// A system of one machine with such a device.
async fn system_with(folder: &TempDir, fault: &str) -> Option<System> {
    let worker = worker(folder, fault)?;
    let worker = worker.to_str().expect("a plain path");
    let variables = [
        ("TCODER_POOL_WORKER", worker),
        ("TCODER_POOL_MACHINES_MAX", "1"),
    ];
    Some(System::start_with(&variables).await)
}

/// One film through a system whose workers have such a device; then another one.
async fn films_with(fault: &str) -> Option<[Value; 2]> {
    let film = clips::Real::find("films_with")?;
    let folder = tempfile::tempdir().expect("a folder");
    let system = system_with(&folder, fault).await?;
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

/// Times that the film is shown after itself: its first chunk of 4 s, and another that the device does not end.
const N_TIMES: u32 = captions::N_TIMES;
const FRAMES: u64 = clips::Real::FRAMES * N_TIMES as u64;

/// What the playlist of a rendition names, edition by edition: the init segment, and segments.
async fn editions(client: &Client, job: &Value, playlist: &str) -> Vec<Vec<String>> {
    let text = client.text(&played(job, playlist)).await;
    let parts: Vec<&str> = text.split("#EXT-X-DISCONTINUITY\n").collect();
    let named = |part: &&str| {
        let init = part
            .split_once("#EXT-X-MAP:URI=\"")
            .expect("an init segment")
            .1;
        let init = init.split_once('"').expect("a quoted name").0;
        let segments = part.lines().filter(|line| !line.starts_with('#'));
        std::iter::once(init)
            .chain(segments)
            .map(str::to_owned)
            .collect()
    };
    parts.iter().map(named).collect()
}

fn played(job: &Value, name: &str) -> String {
    format!(
        "/v1/jobs/{}/play/{name}",
        job["id"].as_str().expect("an id")
    )
}

/// Frames of one edition, each decoded behind its own init segment.
async fn frames_of(client: &Client, job: &Value, edition: &[String], folder: &TempDir) -> u64 {
    let mut file = Vec::new();
    for name in edition {
        file.extend(client.fetch(&played(job, name)).await);
    }
    let path = folder.path().join("edition.mp4");
    std::fs::write(&path, file).expect("written");
    films::frames(&films::probe(path.to_str().expect("a plain path")))
}

#[tokio::test]
async fn a_device_that_fails_when_something_is_listed_leaves_the_rest_to_software() {
    let test = "a_device_that_fails_when_something_is_listed_leaves_the_rest_to_software";
    let Some(film) = clips::Real::find(test) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let Some(system) = system_with(&folder, "late").await else {
        return;
    };
    let client = system.client();
    let film = captions::film(&film, captions::N_TIMES).await;
    let wish = json!({ "preset": "hls-adaptive", "qualities": ["144p", "240p"] });
    let id = client.upload_file(&film, &wish).await;
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "completed", "{job:#}");
    assert_eq!(encoder(&job), "x264enc", "{job:#}");
    let warning = job["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.contains("From second 4 on") && warning.contains(DEVICE),
        "{warning}"
    );

    for rendition in ["144p", "240p"] {
        let editions = editions(&client, &job, &format!("{rendition}.m3u8")).await;
        assert_eq!(editions.len(), 2, "{editions:?}");
        assert_ne!(editions[0][0], editions[1][0], "an init segment each");
        let first = frames_of(&client, &job, &editions[0], &folder).await;
        let second = frames_of(&client, &job, &editions[1], &folder).await;
        assert_eq!((first, first + second), (100, FRAMES), "{rendition}");
        let keyframes = client
            .text(&played(&job, &format!("{rendition}-iframes.m3u8")))
            .await;
        assert_eq!(
            keyframes.matches("#EXT-X-DISCONTINUITY\n").count(),
            1,
            "{keyframes}"
        );
    }
    let sound = client.text(&played(&job, "audio.m3u8")).await;
    assert_eq!(
        sound.matches("#EXT-X-DISCONTINUITY\n").count(),
        1,
        "{sound}"
    );

    let subtitles = client.text(&played(&job, "subtitles.m3u8")).await;
    assert_eq!(
        subtitles.matches("#EXT-X-DISCONTINUITY\n").count(),
        1,
        "{subtitles}"
    );

    // Files are of one make from the first frame on.
    let names = client.save_files(&job, folder.path()).await;
    assert_eq!(names, ["144p.mp4", "240p.mp4"]);
    for name in names {
        let file = folder.path().join(name);
        let probed = films::probe(file.to_str().expect("a plain path"));
        assert_eq!(films::frames(&probed), FRAMES);
    }
    if players::are_here(test) {
        players::play(&system.run.url, &job, "240p", N_TIMES).await;
        players::show_captions(&system.run.url, &job).await;
    }
}
