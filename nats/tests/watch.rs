//! A watch tells everything that is there, then every change, through restarts.

use nats::server::TestServer;
use nats::{Register, WatchEvent};

use crate::fixture::within;

#[tokio::test]
async fn goes_on_after_kill_9_without_a_gap() {
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<u32> = Register::new(&bus, "jobs");
    let mut revision = jobs.create("old", &0).await.expect("created");
    let mut watch = jobs.watch_all().await.expect("watching");
    let first = within("what is there", watch.next())
        .await
        .expect("decoded");
    assert_eq!(
        first,
        WatchEvent::Put {
            key: "old".to_owned(),
            value: 0,
            revision
        }
    );
    assert_eq!(
        within("the news begin", watch.next()).await.expect("it"),
        WatchEvent::CaughtUp
    );
    for round in 1..=3 {
        revision = jobs.update("old", &round, revision).await.expect("updated");
        let change = within("a change", watch.next()).await.expect("decoded");
        assert_eq!(
            change,
            WatchEvent::Put {
                key: "old".to_owned(),
                value: round,
                revision
            }
        );
        server.kill_9().await.expect("killed");
        server.restart().await.expect("restarted");
    }
    jobs.delete("old", revision).await.expect("deleted");
    let gone = within("the deletion", watch.next()).await.expect("decoded");
    assert!(
        matches!(&gone, WatchEvent::Gone { key, .. } if key == "old"),
        "{gone:?}"
    );
}

/// A stream that was made anew counts from one again: a reader that goes on after the old end would
/// wait for ever.
#[tokio::test]
async fn a_bucket_made_anew_is_read_anew() {
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<u32> = Register::new(&bus, "jobs");
    for n in 0..20 {
        jobs.create(&format!("j{n}"), &n).await.expect("created");
    }
    let mut watch = jobs.watch_all().await.expect("watching");
    while within("caught up", watch.next()).await.expect("decoded") != WatchEvent::CaughtUp {}
    bus.js.delete_stream("KV_jobs").await.expect("deleted");
    nats::topology::apply(&bus.js, nats::topology::Replicas::One)
        .await
        .expect("made anew");
    jobs.create("new", &1).await.expect("created");
    // The reader notices with its connection, at the latest.
    server.restart().await.expect("restarted");
    let mut events = Vec::new();
    while events.last() != Some(&WatchEvent::CaughtUp) {
        events.push(within("read anew", watch.next()).await.expect("decoded"));
    }
    assert_eq!(events.first(), Some(&WatchEvent::Restarted), "{events:?}");
    assert!(
        matches!(&events[1..], [WatchEvent::Put { key, value: 1, .. }, WatchEvent::CaughtUp] if key == "new"),
        "{events:?}"
    );
}

#[tokio::test]
async fn an_empty_bucket_is_caught_up_at_once() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<u32> = Register::new(&bus, "jobs");
    let mut watch = jobs.watch_all().await.expect("watching");
    assert_eq!(
        within("told", watch.next()).await.expect("it"),
        WatchEvent::CaughtUp
    );
}

#[tokio::test]
async fn a_value_of_another_shape_does_not_end_it() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let (numbers, texts): (Register<u32>, Register<String>) =
        (Register::new(&bus, "jobs"), Register::new(&bus, "jobs"));
    texts
        .create("a", &"text".to_owned())
        .await
        .expect("created");
    numbers.create("b", &2).await.expect("created");
    let mut watch = numbers.watch_all().await.expect("watching");
    let error = within("the text", watch.next())
        .await
        .expect_err("no number");
    assert_eq!(error.kind(), nats::ErrorKind::Malformed);
    let next = within("the number", watch.next()).await.expect("decoded");
    assert!(matches!(next, WatchEvent::Put { value: 2, .. }), "{next:?}");
    assert_eq!(numbers.list().await.expect("listed").len(), 1);
}
