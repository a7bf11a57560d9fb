//! What is no film, or not a whole one, fails with its reason; and does the next job no harm.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::facts::whole_story;
use crate::harness::{System, clips, films};

/// What the job of these bytes ends with.
async fn error_of(system: &System, bytes: Vec<u8>, wishes: &Value) -> String {
    let client = system.client();
    let id = client.upload(bytes, wishes).await;
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "failed", "{job:#}");
    assert_eq!(job["outputs"], json!([]), "{job:#}");
    let message = job["error"]["message"].as_str().expect("a sentence");
    assert_eq!(message.lines().count(), 1, "{message}");
    whole_story(&system.bus().await, &job).await;
    job["error"]["code"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn what_is_not_a_film_is_not_media() {
    let system = System::shared().await;
    let text = "Not a film, but a letter.\n".repeat(4_000).into_bytes();
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    for bytes in [text, noise, vec![0; 70_000], vec![b'x']] {
        assert_eq!(error_of(&system, bytes, &json!({})).await, "not_media");
    }
}

#[tokio::test]
async fn an_upload_without_bytes_is_empty() {
    let system = System::shared().await;
    let client = system.client();
    // The signed address takes exactly what was declared: nothing comes only by another hand.
    let authorized = client.authorize(1_000, &json!({})).await;
    let key = authorized["key"].as_str().expect("a key");
    let put = system
        .storage()
        .put_bytes(key, Vec::new().into(), "video/mp4", None)
        .await;
    put.expect("stored");
    let id = authorized["job_id"].as_str().expect("an id");
    let job = client.ended(id).await;
    assert_eq!(job["state"], "failed", "{job:#}");
    assert_eq!(job["error"]["code"], "empty", "{job:#}");
    whole_story(&system.bus().await, &job).await;

    let asked = json!({"filename": "a.mp4", "content_type": "video/mp4", "size": 0});
    let (status, problem) = client.ask(Method::POST, "/v1/uploads", Some(&asked)).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(problem["code"], "size_out_of_range", "{problem}");
}

#[tokio::test]
async fn a_film_that_was_cut_off_is_truncated() {
    if !clips::has_ffmpeg("a_film_that_was_cut_off_is_truncated") {
        return;
    }
    let system = System::shared().await;
    let whole = std::fs::read(clips::long().await).expect("a clip");
    // The index in front is whole and promises more than there is.
    let part = whole[..whole.len() * 2 / 5].to_vec();
    assert_eq!(error_of(&system, part, &json!({})).await, "truncated");
}

#[tokio::test]
async fn a_film_without_sound_completes_without_sound() {
    if !clips::has_ffmpeg("a_film_without_sound_completes_without_sound") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let id = client.upload_file(&clips::silent().await, &json!({})).await;
    let job = client.completed(&id).await;
    let folder = tempfile::tempdir().expect("a folder");
    for name in client.save_files(&job, folder.path()).await {
        let path = folder.path().join(name);
        let probed = films::probe(path.to_str().expect("a plain path"));
        assert_eq!(films::frames(&probed), 50);
        assert!(films::stream(&probed, "audio").is_none(), "{probed:#}");
    }
    whole_story(&system.bus().await, &job).await;
}

#[tokio::test]
async fn sound_alone_is_no_film_unless_asked_for() {
    if !clips::has_ffmpeg("sound_alone_is_no_film_unless_asked_for") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let clip = clips::sound().await;
    let bytes = std::fs::read(&clip).expect("a clip");
    assert_eq!(error_of(&system, bytes, &json!({})).await, "no_video");

    let id = client
        .upload_file(&clip, &json!({"qualities": ["audio"]}))
        .await;
    let job = client.completed(&id).await;
    let folder = tempfile::tempdir().expect("a folder");
    let names = client.save_files(&job, folder.path()).await;
    assert_eq!(names, ["audio.m4a"]);
    let path = folder.path().join("audio.m4a");
    let probed = films::probe(path.to_str().expect("a plain path"));
    assert!(films::stream(&probed, "audio").is_some(), "{probed:#}");
    whole_story(&system.bus().await, &job).await;
}

#[tokio::test]
async fn the_next_job_is_unaffected() {
    if !clips::has_ffmpeg("the_next_job_is_unaffected") {
        return;
    }
    // One machine, so that it is the same that has just refused.
    let system = System::start_with(&[("TCODER_POOL_MACHINES_MAX", "1")]).await;
    let client = system.client();
    let code = error_of(&system, b"no film".repeat(100), &json!({})).await;
    assert_eq!(code, "not_media");
    let pid = System::worker_pid(&system.bus().await, "w1").await;
    let id = client.upload_file(&clips::silent().await, &json!({})).await;
    client.completed(&id).await;
    assert_eq!(System::worker_pid(&system.bus().await, "w1").await, pid);
}
