//! What is published once is there once: twice sent, two minutes later, through kill -9.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::consumer::AckPolicy;
use nats::server::TestServer;
use nats::{ErrorKind, Published, Subscription};
use tokio::task::JoinSet;

use crate::fixture::{count, eventually, own_stream, within};

#[tokio::test]
async fn kill_9_in_the_middle_of_publishing_leaves_each_fact_once() {
    const FACTS: usize = 1_000;
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let mut publishing = JoinSet::new();
    for n in 0..FACTS {
        let bus = bus.clone();
        // Two publishers for every fact, as after a takeover.
        for _twin in 0..2 {
            let bus = bus.clone();
            publishing.spawn(async move {
                bus.publish_once(format!("job.j1.queued.{n}"), format!("fact {n}"))
                    .await
            });
        }
    }
    eventually("some are stored", async || count(&bus, "JOBS").await > 50).await;
    server.kill_9().await.expect("killed");
    server.restart().await.expect("restarted");
    let mut stored = 0;
    while let Some(published) = within("all are published", publishing.join_next()).await {
        match published.expect("no panic").expect("published in the end") {
            Published::Stored(_) => stored += 1,
            Published::AlreadyThere => {}
        }
    }
    // Fewer where the kill took the answer; never more.
    assert!(stored <= FACTS, "{stored} of {FACTS} were stored anew");
    let stream = bus.js.get_stream("JOBS").await.expect("the stream");
    let mut subjects = stream
        .info_with_subjects("job.>")
        .await
        .expect("its subjects");
    let mut counts = BTreeMap::new();
    while let Some(subject) = futures_util::StreamExt::next(&mut subjects).await {
        let (subject, n) = subject.expect("a subject");
        counts.insert(subject, n);
    }
    assert_eq!(counts.len(), FACTS);
    assert!(counts.values().all(|n| *n == 1), "{counts:?}");
}

#[tokio::test]
async fn a_twin_is_recognised_without_a_window() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let subject = "job.j1.queued.1";
    let first = bus.publish_once(subject, "a").await.expect("published");
    // The dedupe window knows message ids alone; none is sent, so this is not its doing.
    for _ in 0..3 {
        assert_eq!(
            bus.publish_once(subject, "a").await.expect("known"),
            Published::AlreadyThere
        );
    }
    let stream = bus.js.get_stream("JOBS").await.expect("the stream");
    assert_eq!(
        (stream.cached_info().state.messages, first),
        (1, Published::Stored(1))
    );
}

#[tokio::test]
async fn limits_are_named() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let error = bus
        .publish("progress.w1.j1.1", vec![0; 20_000])
        .await
        .expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let error = bus
        .publish("job.j1.queued.1", vec![0; 2_000_000])
        .await
        .expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}

/// A full work queue refuses what is new; it never drops what waits.
#[tokio::test]
async fn a_full_queue_refuses_and_keeps() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let mut config = bus
        .js
        .get_stream("TASKS")
        .await
        .expect("there")
        .cached_info()
        .config
        .clone();
    config.max_messages = 2;
    bus.js.update_stream(config).await.expect("a smaller queue");
    for n in 1..=2 {
        bus.publish_once(format!("task.cpu.chunk.j1.{n}"), "x")
            .await
            .expect("published");
    }
    let error = bus
        .publish_once("task.cpu.chunk.j1.3", "x")
        .await
        .expect_err("full");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert_eq!(count(&bus, "TASKS").await, 2);
}

/// A stream that keeps what was acked looks like a work queue whose server was killed between writing
/// down an ack and removing the message.
#[tokio::test]
async fn what_its_consumer_has_finished_and_still_lies_there_is_forgotten() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    own_stream(&bus, AckPolicy::Explicit, Duration::from_secs(3_600)).await;
    let is_forgotten = |subject: &'static str| bus.is_forgotten("OWN", "own", subject);
    assert!(!is_forgotten("own.1").await.expect("an answer"), "nothing");
    for n in 1..=3 {
        bus.publish(format!("own.{n}"), "x")
            .await
            .expect("published");
    }
    let mut own = Subscription::open(&bus, "OWN", "own").await.expect("open");
    let first = within("a delivery", own.next(1)).await.expect("a delivery");
    assert!(!is_forgotten("own.1").await.expect("an answer"), "in hand");
    first.ack().await.expect("acked");
    let second = within("a delivery", own.next(1)).await.expect("a delivery");
    assert!(is_forgotten("own.1").await.expect("an answer"));
    assert!(!is_forgotten("own.2").await.expect("an answer"), "in hand");
    assert!(!is_forgotten("own.3").await.expect("an answer"), "waits");
    second.ack().await.expect("acked");
}
