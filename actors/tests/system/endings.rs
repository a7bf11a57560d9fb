//! Cancelling stops the work; deleting leaves nothing.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::facts::{chunk_in_hand, whole_story};
use crate::harness::{System, clips, process, until};

/// Processes that work on something for this worker.
async fn at_work(system: &System, worker: &str) -> Vec<u32> {
    process::children(System::worker_pid(&system.bus().await, worker).await)
}

async fn objects_of(system: &System, job: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for prefix in ["inputs/", "outputs/"] {
        let prefix = format!("{prefix}default/{job}/");
        let page = system
            .storage()
            .list(&prefix, 1_000, None)
            .await
            .expect("listed");
        keys.extend(page.objects.into_iter().map(|object| object.key));
    }
    keys
}

#[tokio::test]
async fn cancelling_stops_the_work() {
    if !clips::has_ffmpeg("cancelling_stops_the_work") {
        return;
    }
    let system = System::start().await;
    let (client, bus) = (system.client(), system.bus().await);
    let id = client.upload_file(&clips::long().await, &json!({})).await;
    let worker = chunk_in_hand(&bus, &id).await;
    let children = until("a child works", async || {
        let children = at_work(&system, &worker).await;
        (!children.is_empty()).then_some(children)
    })
    .await;
    let path = format!("/v1/jobs/{id}/cancel");
    let (status, job) = client.ask(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::OK, "{job}");
    assert_eq!(job["state"], "cancelled", "{job}");
    let gone = async || (!children.iter().any(|pid| process::is_running(*pid))).then_some(());
    until("the child is stopped", gone).await;
    // A second wish is told how it stands, and nothing more is said of the job.
    let (status, problem) = client.ask(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::OK, "cancelled is cancelled: {problem}");
    whole_story(&bus, &client.job(&id).await).await;
    // The worker is well.
    let next = client.upload_file(&clips::silent().await, &json!({})).await;
    client.completed(&next).await;
}

/// Nobody plays what was cancelled: its source alone stays, until the job is deleted.
#[tokio::test]
async fn cancelling_leaves_no_segments() {
    if !clips::has_ffmpeg("cancelling_leaves_no_segments") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let id = client.upload_file(&clips::long().await, &json!({})).await;
    let segments = async || {
        let mut keys = objects_of(&system, &id).await;
        keys.retain(|key| key.ends_with(".m4s"));
        keys
    };
    let some = async || Some(segments().await).filter(|keys| !keys.is_empty());
    let before = until("something is there", some).await;
    let path = format!("/v1/jobs/{id}/cancel");
    let (status, job) = client.ask(Method::POST, &path, None).await;
    assert_eq!(status, StatusCode::OK, "{job}");
    let gone = async || {
        let left = segments().await;
        (!before.iter().any(|key| left.contains(key))).then_some(())
    };
    until("what was there is gone", gone).await;
    let left = objects_of(&system, &id).await;
    assert!(
        left.iter().any(|key| key.starts_with("inputs/")),
        "{left:?}"
    );
}

#[tokio::test]
async fn deleting_removes_objects_and_record() {
    if !clips::has_ffmpeg("deleting_removes_objects_and_record") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let id = client.upload_file(&clips::silent().await, &json!({})).await;
    client.completed(&id).await;
    assert!(!objects_of(&system, &id).await.is_empty());
    delete(&system, &id).await;
    assert_eq!(objects_of(&system, &id).await, Vec::<String>::new());
}

#[tokio::test]
async fn deleting_in_the_middle_leaves_nothing_behind() {
    if !clips::has_ffmpeg("deleting_in_the_middle_leaves_nothing_behind") {
        return;
    }
    let system = System::start().await;
    let (client, bus) = (system.client(), system.bus().await);
    let id = client.upload_file(&clips::long().await, &json!({})).await;
    let worker = chunk_in_hand(&bus, &id).await;
    delete(&system, &id).await;
    let idle = async || at_work(&system, &worker).await.is_empty().then_some(());
    until("the work is stopped", idle).await;
    let empty = async || objects_of(&system, &id).await.is_empty().then_some(());
    until("what was still under way is removed too", empty).await;
}

async fn delete(system: &System, id: &str) {
    let client = system.client();
    let path = format!("/v1/jobs/{id}");
    let (status, answer) = client.ask(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    let (status, problem) = client.ask(Method::GET, &path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    let records: nats::Register<Value> = nats::Register::new(&system.bus().await, "jobs");
    let found = records.load(id).await.expect("the bus answers");
    assert!(found.is_none(), "{found:?}");
}
