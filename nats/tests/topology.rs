//! What the files say is what the server has: after the first apply, the second, and a change.

use std::collections::BTreeSet;
use std::path::Path;

use async_nats::jetstream::stream::{Config, StorageType};
use bus_schema::JobId;
use bus_schema::fact::FactKind;
use bus_schema::record::RECORD_BYTES_MAX;
use bus_schema::subject::Subject;
use futures_util::StreamExt;
use nats::server::TestServer;
use nats::topology::{self, BUCKETS, CONSUMERS, Replicas, STREAMS};
use nats::{ErrorKind, Published, Subscription};

use crate::fixture::within;

#[tokio::test]
async fn applied_twice_it_changes_nothing_and_nothing_drifts() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    let all = STREAMS.len() + BUCKETS.len() + CONSUMERS.len();
    assert_eq!(
        topology::drift(&bus.js, Replicas::One)
            .await
            .expect("compared")
            .len(),
        all
    );
    let first = topology::apply(&bus.js, Replicas::One)
        .await
        .expect("applied");
    assert_eq!(
        (first.created.len(), first.updated.len()),
        (all, 0),
        "{first:?}"
    );
    let drift = topology::drift(&bus.js, Replicas::One)
        .await
        .expect("compared");
    assert!(drift.is_empty(), "{drift:?}");
    let second = topology::apply(&bus.js, Replicas::One)
        .await
        .expect("applied");
    assert_eq!(second.unchanged.len(), all, "{second:?}");
}

#[tokio::test]
async fn a_change_is_made_in_place_and_keeps_the_messages() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    bus.publish("report.w1.j1.1", "r").await.expect("published");
    let mut config = bus
        .js
        .get_stream("REPORTS")
        .await
        .expect("there")
        .cached_info()
        .config
        .clone();
    config.max_bytes = 1 << 20;
    config.max_message_size = 1 << 10;
    bus.js.update_stream(config).await.expect("changed by hand");
    let reports = bus
        .js
        .get_stream_no_info("REPORTS")
        .await
        .expect("a handle");
    let mut consumer = reports
        .consumer_info("reports")
        .await
        .expect("there")
        .config;
    consumer.max_ack_pending = 7;
    reports
        .update_consumer(consumer)
        .await
        .expect("changed by hand");
    let drift = topology::drift(&bus.js, Replicas::One)
        .await
        .expect("compared");
    assert_eq!(drift.len(), 3, "{drift:?}");
    let report = topology::apply(&bus.js, Replicas::One)
        .await
        .expect("applied");
    assert_eq!(report.updated, ["REPORTS", "REPORTS/reports"]);
    assert!(
        topology::drift(&bus.js, Replicas::One)
            .await
            .expect("compared")
            .is_empty()
    );
    let info = bus.js.get_stream("REPORTS").await.expect("there");
    assert_eq!(info.cached_info().state.messages, 1);
}

/// A server of an earlier version reads every fact; its consumer becomes what the file says, and goes on
/// where it was.
#[tokio::test]
async fn a_consumer_with_one_filter_becomes_one_with_several() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs = bus.js.get_stream_no_info("JOBS").await.expect("a handle");
    let consumer = async || jobs.consumer_info("notifier").await.expect("there");
    let mut config = consumer().await.config;
    config.filter_subjects = Vec::new();
    config.filter_subject = "job.*.*.*".to_owned();
    jobs.update_consumer(config).await.expect("changed by hand");
    for n in 1..=3 {
        bus.publish_once(format!("job.j1.started.{n}"), "f")
            .await
            .expect("published");
    }
    let mut facts = Subscription::open(&bus, "JOBS", "notifier")
        .await
        .expect("open");
    let first = within("a fact", facts.next(1)).await.expect("a fact");
    first.ack().await.expect("acked");
    let report = topology::apply(&bus.js, Replicas::One)
        .await
        .expect("applied");
    assert_eq!(report.updated, ["JOBS/notifier"]);
    let drift = topology::drift(&bus.js, Replicas::One)
        .await
        .expect("compared");
    assert!(drift.is_empty(), "{drift:?}");
    assert_eq!(consumer().await.ack_floor.stream_sequence, 1);
}

/// Webhooks are sent for stages, and most facts are none: the Notifier is not woken for them.
#[tokio::test]
async fn the_notifier_reads_the_stages_and_nothing_else() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let job = JobId::random(1);
    for (&kind, n) in FactKind::ALL.iter().zip(1..) {
        let subject = Subject::Fact { job, kind, n };
        bus.publish_once(subject.to_string(), "f")
            .await
            .expect("published");
    }
    let stages: Vec<&str> = FactKind::ALL
        .iter()
        .filter(|kind| kind.stage().is_some())
        .map(|kind| kind.as_str())
        .collect();
    assert_eq!(stages.len(), 6, "{stages:?}");
    let mut facts = Subscription::open(&bus, "JOBS", "notifier")
        .await
        .expect("open");
    let mut read = Vec::new();
    for _ in &stages {
        let fact = within("a stage", facts.next(1)).await.expect("a stage");
        read.push(
            fact.subject
                .split('.')
                .nth(2)
                .unwrap_or_default()
                .to_owned(),
        );
        fact.ack().await.expect("acked");
    }
    assert_eq!(read, stages);
    let jobs = bus.js.get_stream_no_info("JOBS").await.expect("a handle");
    let consumer = jobs.consumer_info("notifier").await.expect("there");
    assert_eq!(consumer.num_pending, 0, "nothing else is waiting for it");
}

#[test]
fn the_largest_record_of_a_job_leaves_room_for_its_end() {
    // The last facts, a reason, and what workers and storage are told.
    const END_BYTES: usize = 8 * 1024;
    // What the register keeps for headers and subject.
    const HEADER_BYTES: usize = 1024;
    let bucket = BUCKETS.iter().find(|file| file.name == "KV_jobs");
    let config: serde_json::Value =
        serde_json::from_str(bucket.expect("a bucket").json).expect("JSON");
    let needed = u64::try_from(RECORD_BYTES_MAX + END_BYTES + HEADER_BYTES).expect("small");
    assert!(config["max_msg_size"].as_u64() >= Some(needed), "{config}");
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_by_name_and_left_alone() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    let foreign = Config {
        name: "TASKS".to_owned(),
        subjects: vec!["task.*.*.*.*".to_owned()],
        storage: StorageType::Memory,
        ..Config::default()
    };
    bus.js
        .create_stream(foreign)
        .await
        .expect("somebody's stream");
    let published = bus
        .publish_once("task.cpu.chunk.j1.1", "x")
        .await
        .expect("published");
    assert_eq!(published, Published::Stored(1));
    let error = topology::apply(&bus.js, Replicas::One)
        .await
        .expect_err("memory is not file");
    assert_eq!(error.kind(), ErrorKind::CannotUpdate, "{error}");
    assert!(
        error.to_string().contains("TASKS") && error.to_string().contains("storage"),
        "{error}"
    );
    let there = bus.js.get_stream("TASKS").await.expect("still there");
    assert_eq!(there.cached_info().state.messages, 1);
}

#[tokio::test]
async fn three_replicas_need_three_servers() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    let error = topology::apply(&bus.js, Replicas::Three)
        .await
        .expect_err("one server");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("replicas"), "{error}");
}

/// Republished facts carry the stream's sequence; copies that JetStream rejected never appear.
#[tokio::test]
async fn facts_come_alive_with_their_sequence() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let mut live = bus
        .client
        .subscribe("live.job.>")
        .await
        .expect("subscribed");
    bus.settle(crate::fixture::DEADLINE).await.expect("settled");
    for n in [1, 1, 2] {
        bus.publish_once(format!("job.j1.queued.{n}"), "f")
            .await
            .expect("published");
    }
    for n in [1, 2] {
        let fact = crate::fixture::within("a fact", live.next())
            .await
            .expect("a fact");
        assert_eq!(fact.subject.as_str(), format!("live.job.j1.queued.{n}"));
        let headers = fact.headers.expect("headers");
        assert_eq!(
            headers.get("Nats-Sequence").map(|n| n.as_str().to_owned()),
            Some(n.to_string())
        );
    }
}

#[test]
fn every_file_is_embedded_and_no_limit_is_left_to_the_server() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("topology");
    let mut on_disk = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(&root).expect("below the root");
                on_disk.insert(path.to_string_lossy().into_owned());
            }
        }
    }
    let streams = STREAMS
        .iter()
        .chain(BUCKETS)
        .map(|file| (file.path, file.json));
    let consumers = CONSUMERS.iter().map(|file| (file.path, file.json));
    let embedded: BTreeSet<String> = streams
        .clone()
        .chain(consumers.clone())
        .map(|(path, _)| path.to_owned())
        .collect();
    assert_eq!(embedded, on_disk);
    let has = |path: &str, json: &str, fields: &[&str]| {
        let config: serde_json::Value = serde_json::from_str(json).expect("JSON");
        for field in fields {
            assert!(
                config.get(field).is_some(),
                "{path} says nothing of {field}"
            );
        }
        config
    };
    for (path, json) in streams {
        let fields = [
            "max_bytes",
            "max_msg_size",
            "max_age",
            "duplicate_window",
            "discard",
            "description",
        ];
        let config = has(path, json, &fields);
        assert!(
            config["max_bytes"].as_i64() > Some(0),
            "{path} has no max_bytes"
        );
        // Dropping the oldest of a work queue would lose work; timers cannot refuse (see ops.md).
        if config["retention"] == "workqueue" && config["name"] != "TIMERS" {
            assert_eq!(config["discard"], "new", "{path}");
        }
    }
    for (path, json) in consumers {
        let fields = [
            "ack_wait",
            "max_ack_pending",
            "max_deliver",
            "max_waiting",
            "max_batch",
            "max_expires",
        ];
        has(path, json, &fields);
    }
}
