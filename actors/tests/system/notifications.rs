//! Storage may say the same thing again and again.

use std::collections::BTreeMap;

use async_nats::jetstream::consumer::pull;
use bytes::Bytes;
use nats::Bus;
use serde_json::json;

use crate::harness::facts::{n_claims, whole_story};
use crate::harness::{System, clips, until};

#[tokio::test]
async fn a_notification_that_comes_again_changes_nothing() {
    if !clips::has_ffmpeg("a_notification_that_comes_again_changes_nothing") {
        return;
    }
    let system = System::start().await;
    let (client, bus) = (system.client(), system.bus().await);
    let id = client.upload_file(&clips::silent().await, &json!({})).await;
    let notification = notification(&bus, &id).await;
    // At once, while the job runs; without an id, as after the window in which ids count.
    for _ in 0..2 {
        say_again(&bus, &notification).await;
    }
    let job = client.completed(&id).await;
    let before = whole_story(&bus, &job).await;
    let objects = objects(&system).await;
    assert!(!objects.is_empty());

    for _ in 0..3 {
        say_again(&bus, &notification).await;
    }
    let look = async || (unheard(&bus).await == 0).then_some(());
    until("all notifications are handled", look).await;

    assert_eq!(client.job(&id).await, job);
    let after = whole_story(&bus, &job).await;
    assert_eq!(after, before);
    assert_eq!(n_claims(&after), n_claims(&before));
    assert_eq!(self::objects(&system).await, objects);
    let jobs: serde_json::Value =
        serde_json::from_slice(&client.fetch("/v1/jobs").await).expect("JSON");
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(1), "{jobs:#}");
}

/// No notification is the only word of an upload: storage is asked, too.
#[tokio::test]
async fn a_notification_that_is_lost_is_not_missed() {
    if !clips::has_ffmpeg("a_notification_that_is_lost_is_not_missed") {
        return;
    }
    let system = System::start().await;
    let (client, bus) = (system.client(), system.bus().await);
    let storage = bus.js.get_stream("STORAGE").await.expect("the stream");
    let until_then = time::OffsetDateTime::now_utc() + time::Duration::HOUR;
    let paused = storage.pause_consumer("intake", until_then).await;
    assert!(paused.expect("an answer").paused);
    let id = client.upload_file(&clips::silent().await, &json!({})).await;
    notification(&bus, &id).await;
    storage.purge().await.expect("lost");
    storage.resume_consumer("intake").await.expect("resumed");
    assert_eq!(unheard(&bus).await, 0);
    let job = client.completed(&id).await;
    whole_story(&bus, &job).await;
}

/// What storage said of a job's upload, byte for byte.
async fn notification(bus: &Bus, job: &str) -> Bytes {
    let stream = bus.js.get_stream("STORAGE").await.expect("the stream");
    let look = async || {
        let message = stream
            .get_last_raw_message_by_subject("storage.embedded")
            .await
            .ok()?;
        Some(message.payload)
    };
    let payload = until("storage has spoken", look).await;
    let text = String::from_utf8_lossy(&payload);
    assert!(text.contains(job), "of another job: {text}");
    payload
}

async fn say_again(bus: &Bus, notification: &Bytes) {
    let published = bus
        .js
        .publish("storage.embedded", notification.clone())
        .await;
    let stored = published.expect("published").await.expect("stored");
    assert!(!stored.duplicate, "it was heard as another one");
}

/// Notifications that wait or are in hand.
async fn unheard(bus: &Bus) -> u64 {
    let stream = bus.js.get_stream("STORAGE").await.expect("the stream");
    let consumer = stream.get_consumer::<pull::Config>("intake").await;
    let mut consumer = consumer.expect("the consumer");
    let info = consumer.info().await.expect("its state");
    info.num_pending + info.num_ack_pending as u64
}

/// Every object that was written, with what identifies its content.
async fn objects(system: &System) -> BTreeMap<String, String> {
    let page = system
        .storage()
        .list("outputs/", 1_000, None)
        .await
        .expect("listed");
    assert!(page.next.is_none(), "more than a page");
    page.objects
        .into_iter()
        .map(|object| (object.key, object.etag))
        .collect()
}
