//! A stage is delivered once, signed, and everything else is not.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus_schema::fact::Fact;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::fixture::{SECRET_BYTES, World, completed};
use crate::receiver::{Receiver, ok};

#[tokio::test]
async fn a_stage_is_delivered_once_with_a_signature_that_verifies() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| ok());
    let _notifier = world.notifier().await;
    let job = world.job(Some(&receiver.url())).await;
    world.fact(job, 1, &Fact::Started {}).await;
    world.until_facts_done().await;
    world.fact(job, 7, &completed()).await;
    world.until_facts_done().await;
    let received = receiver.until(2).await;
    world.until_count("WEBHOOKS", 0).await;
    assert_eq!(receiver.all().len(), 2, "once each");
    let last = received
        .iter()
        .find(|one| one.id() == format!("{job}-7"))
        .unwrap();
    assert_eq!(last.headers["content-type"], "application/json");
    assert!(last.headers["user-agent"].starts_with("tcoder/"));

    // As a receiver does it, by the text of Standard Webhooks.
    let timestamp = &last.headers["webhook-timestamp"];
    let signed = format!("{}.{timestamp}.{}", last.id(), last.body);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET_BYTES).unwrap();
    mac.update(signed.as_bytes());
    let signature = last.headers["webhook-signature"]
        .strip_prefix("v1,")
        .unwrap();
    mac.verify_slice(&STANDARD.decode(signature).unwrap())
        .unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let age = now.abs_diff(Duration::from_secs(timestamp.parse().unwrap()));
    assert!(
        age < Duration::from_secs(300),
        "receivers refuse what is older: {age:?}"
    );

    let body: Value = serde_json::from_str(&last.body).unwrap();
    let expected = json!({
        "type": "job.completed",
        "timestamp": "2023-11-14T22:13:20Z",
        "data": {
            "job": job, "n": 7, "state": "completed", "external_id": "film-7",
            "metadata": {"order": "7"}, "after_ms": 5_000,
        },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn nobody_is_told_of_what_is_no_stage_or_was_not_asked_for() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| ok());
    let _notifier = world.notifier().await;
    let authorized = Fact::Authorized {
        filename: "film.mp4".to_owned(),
        bytes: 1,
    };
    let job = world.job(Some(&receiver.url())).await;
    world.fact(job, 1, &authorized).await;
    world
        .fact(
            job,
            2,
            &Fact::FileDone {
                rendition: "720p".parse().unwrap(),
                bytes: 1,
            },
        )
        .await;
    let silent = world.job(None).await;
    world.fact(silent, 1, &completed()).await;
    let unknown = bus_schema::JobId::random(1);
    world.fact(unknown, 1, &completed()).await;
    world.until_facts_done().await;
    // The one that is told of comes last: had there been others, they would be there.
    world.fact(job, 3, &completed()).await;
    let received = receiver.until(1).await;
    world.until_count("WEBHOOKS", 0).await;
    assert_eq!(received[0].id(), format!("{job}-3"));
    assert_eq!((receiver.all().len(), world.count("DEAD").await), (1, 0));
}

#[tokio::test]
async fn a_fact_that_comes_twice_is_told_once() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| ok());
    let notifier = world.notifier().await;
    let job = world.job(Some(&receiver.url())).await;
    world.fact(job, 1, &completed()).await;
    receiver.until(1).await;
    world.until_count("WEBHOOKS", 0).await;
    notifier.stop_and_wait(None, None).await.unwrap();
    // The consumer starts anew, as after an ack that was lost.
    let stream = world.bus.js.get_stream("JOBS").await.unwrap();
    let mut consumer = stream
        .get_consumer::<async_nats::jetstream::consumer::pull::Config>("notifier")
        .await
        .unwrap();
    let config = consumer.info().await.unwrap().config.clone();
    stream.delete_consumer("notifier").await.unwrap();
    let config = async_nats::jetstream::consumer::pull::Config {
        durable_name: config.durable_name,
        filter_subject: config.filter_subject,
        ..Default::default()
    };
    stream.create_consumer(config).await.unwrap();
    let _notifier = world.notifier().await;
    let other = world.job(Some(&receiver.url())).await;
    world.fact(other, 1, &completed()).await;
    world.until_facts_done().await;
    receiver.until(2).await;
    world.until_count("WEBHOOKS", 0).await;
    let ids: Vec<String> = receiver
        .all()
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    assert_eq!(ids, [format!("{job}-1"), format!("{other}-1")]);
}
