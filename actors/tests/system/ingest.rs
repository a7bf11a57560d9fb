//! A broadcast, which has no index: it is remuxed once, and then treated as any film.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{System, clips, films, until};

/// What lies in storage of a job that a name has in it.
async fn objects(system: &System, job: &str, part: &str) -> Vec<String> {
    let prefix = format!("outputs/default/{job}/");
    let page = system.storage().list(&prefix, 1_000, None).await;
    let keys = page.expect("listed").objects.into_iter();
    keys.map(|object| object.key)
        .filter(|key| key.contains(part))
        .collect()
}

fn remuxed(film: &Path, folder: &Path, name: &str) -> std::path::PathBuf {
    let to = folder.join(name);
    let film = film.to_str().expect("a plain path");
    let arguments = format!("-c copy -y {}", to.display());
    films::run("ffmpeg", "-v error -i", film, &arguments);
    to
}

/// A hash of the pixels of each frame.
fn pictures(film: &Path) -> Vec<String> {
    let film = film.to_str().expect("a plain path");
    let all = "-map 0:v -fps_mode passthrough -f framemd5 -";
    let text = films::run("ffmpeg", "-v error -i", film, all);
    let text = String::from_utf8(text).expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.rsplit_once(", ")?.1.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_broadcast_goes_the_way_of_every_film() {
    if !clips::has_ffmpeg("a_broadcast_goes_the_way_of_every_film") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let folder = tempfile::tempdir().expect("a folder");
    let film = clips::beeps().await;
    let broadcast = remuxed(&film, folder.path(), "film.ts");
    let wishes = json!({"preset": "web-optimized", "qualities": ["144p"]});
    let mut frames = Vec::new();
    for source in [&film, &broadcast] {
        let id = client.upload_file(source, &wishes).await;
        let job = client.completed(&id).await;
        let names = client.save_files(&job, folder.path()).await;
        assert_eq!(names, ["144p.mp4"]);
        let file = folder.path().join("144p.mp4");
        frames.push(films::frames(&films::probe(file.to_str().expect("a path"))));
        let gone = async || {
            objects(&system, &id, "/intermediate/")
                .await
                .is_empty()
                .then_some(())
        };
        until("the intermediate is removed", gone).await;
        // Nothing is streamed: the file is all that is kept.
        let alone = async || {
            let keys = objects(&system, &id, "").await;
            let is_file = |key: &String| key.ends_with("/144p.mp4");
            (keys.len() == 1 && keys.iter().all(is_file)).then_some(())
        };
        until("what the file was made of is removed", alone).await;
        assert_eq!(client.save_files(&job, folder.path()).await, ["144p.mp4"]);
        assert!(!job.to_string().contains("intermediate/"), "{job:#}");
    }
    assert_eq!(frames[0], frames[1]);
    assert_eq!(frames[0], 600);
}

#[tokio::test]
async fn a_web_safe_broadcast_is_copied() {
    if !clips::has_ffmpeg("a_web_safe_broadcast_is_copied") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let folder = tempfile::tempdir().expect("a folder");
    let broadcast = remuxed(&clips::beeps().await, folder.path(), "film.ts");
    let id = client
        .upload_file(&broadcast, &json!({"preset": "default"}))
        .await;
    let job = client.completed(&id).await;
    assert_eq!(job["encode_reason"], Value::Null, "{job:#}");
    assert_eq!(job["is_copied"], true, "{job:#}");
    let names = client.save_files(&job, folder.path()).await;
    let copy = folder.path().join(&names[0]);
    let (ours, theirs) = (pictures(&copy), pictures(&broadcast));
    assert_eq!(theirs.len(), 600);
    assert!(ours == theirs, "{} of 600 frames", ours.len());
}

#[tokio::test]
async fn a_broadcast_that_is_cancelled_leaves_no_intermediate() {
    if !clips::has_ffmpeg("a_broadcast_that_is_cancelled_leaves_no_intermediate") {
        return;
    }
    let system = System::start().await;
    let client = system.client();
    let folder = tempfile::tempdir().expect("a folder");
    let broadcast = remuxed(&clips::long().await, folder.path(), "long.ts");
    let id = client.upload_file(&broadcast, &json!({})).await;
    let there = async || {
        let found = objects(&system, &id, "/intermediate/").await;
        (!found.is_empty()).then_some(())
    };
    until("the intermediate is there", there).await;
    let path = format!("/v1/jobs/{id}/cancel");
    let (status, answer) = client.ask(Method::POST, &path, None).await;
    assert!(status.is_success(), "{answer}");
    let gone = async || {
        let found = objects(&system, &id, "/intermediate/").await;
        found.is_empty().then_some(())
    };
    until("the intermediate is removed", gone).await;
}

/// A broadcast of the film in MPEG-2, of which one packet in a hundred was lost on its way.
fn with_losses(film: &Path, folder: &Path) -> std::path::PathBuf {
    const PACKET_BYTES: usize = 188;
    let (whole, lost) = (folder.join("whole.ts"), folder.join("lost.ts"));
    let coding = format!(
        "-c:v mpeg2video -bf 2 -g 25 -c:a mp2 -y {}",
        whole.display()
    );
    films::run(
        "ffmpeg",
        "-v error -i",
        film.to_str().expect("a plain path"),
        &coding,
    );
    let bytes = std::fs::read(whole).expect("it was made");
    let packets = bytes.chunks(PACKET_BYTES).enumerate();
    let kept = packets.filter(|(n, _)| n % 100 != 50);
    let kept: Vec<u8> = kept.flat_map(|(_, packet)| packet.to_vec()).collect();
    assert!(kept.len() < bytes.len());
    std::fs::write(&lost, kept).expect("written");
    lost
}

#[tokio::test]
async fn a_broadcast_that_lost_packets_completes_and_says_what_is_missing() {
    if !clips::has_ffmpeg("a_broadcast_that_lost_packets_completes_and_says_what_is_missing") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let folder = tempfile::tempdir().expect("a folder");
    let broadcast = with_losses(&clips::beeps().await, folder.path());
    let wishes = json!({"preset": "web-optimized", "qualities": ["144p"]});
    let id = client.upload_file(&broadcast, &wishes).await;
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "completed", "{job:#}");
    assert_eq!(client.save_files(&job, folder.path()).await, ["144p.mp4"]);
    let file = folder.path().join("144p.mp4");
    let frames = films::frames(&films::probe(file.to_str().expect("a path")));
    let warnings: Vec<&str> = job["warnings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let [lost, held] = warnings.as_slice() else {
        panic!("{warnings:#?}");
    };
    assert!(
        lost.contains("packets of the broadcast are missing or unreadable in"),
        "{lost}"
    );
    let of = format!("of {frames} could not be decoded: the one before is shown");
    assert!(held.contains(&of), "{held}");
    assert!((590..=600).contains(&frames), "{frames}");
}
