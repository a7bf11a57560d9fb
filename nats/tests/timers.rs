//! A timer fires once it is due, whatever was down then, and only as it was armed last.

use std::time::{Duration, SystemTime};

use nats::server::TestServer;
use nats::{Bus, ErrorKind, Subscription, Timers};

use crate::fixture::{count, within};

fn now_ms() -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    u64::try_from(now.as_millis()).expect("before the year 500 million")
}

async fn due(bus: &Bus) -> Subscription {
    Subscription::open(bus, Timers::STREAM, Timers::CONSUMER)
        .await
        .expect("open")
}

#[tokio::test]
async fn a_past_time_fires_at_once() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let timers = Timers::new(&bus);
    timers
        .arm("t-1", now_ms() - 60_000, "look")
        .await
        .expect("armed");
    let fired = within("fired", due(&bus).await.next(1))
        .await
        .expect("a timer");
    assert_eq!(
        (fired.subject.as_str(), fired.payload.as_ref()),
        ("due.t-1", b"look".as_slice())
    );
    fired.ack().await.expect("acked");
    assert_eq!(count(&bus, "TIMERS").await, 0, "nothing of it is left");
}

#[tokio::test]
async fn it_does_not_fire_before() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let at_ms = now_ms() + 400;
    Timers::new(&bus)
        .arm("t-1", at_ms, "look")
        .await
        .expect("armed");
    let fired = within("fired", due(&bus).await.next(1))
        .await
        .expect("a timer");
    assert!(
        fired.stored_ms >= at_ms,
        "{} before {at_ms}",
        fired.stored_ms
    );
    fired.ack().await.expect("acked");
}

#[tokio::test]
async fn due_while_the_server_was_down_it_fires_after_the_restart() {
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let at_ms = now_ms() + 300;
    Timers::new(&bus)
        .arm("t-1", at_ms, "look")
        .await
        .expect("armed");
    let mut due = due(&bus).await;
    server.kill_9().await.expect("killed");
    while now_ms() <= at_ms {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.restart().await.expect("restarted");
    let fired = within("fired", due.next(1)).await.expect("a timer");
    assert_eq!(fired.payload.as_ref(), b"look");
    fired.ack().await.expect("acked");
}

/// Under a message id the second arming would be a duplicate, acknowledged and dropped.
#[tokio::test]
async fn armed_again_it_is_replaced() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let timers = Timers::new(&bus);
    timers
        .arm("t-1", now_ms() + 3_600_000, "an hour")
        .await
        .expect("armed");
    timers
        .arm("t-1", now_ms() + 3_600_000, "an hour")
        .await
        .expect("armed the same");
    assert_eq!(count(&bus, "TIMERS").await, 1);
    timers
        .arm("t-1", now_ms(), "now")
        .await
        .expect("armed again");
    let fired = within("fired", due(&bus).await.next(1))
        .await
        .expect("a timer");
    assert_eq!(fired.payload.as_ref(), b"now");
    fired.ack().await.expect("acked");
    assert_eq!(count(&bus, "TIMERS").await, 0);
}

#[tokio::test]
async fn cancelled_it_is_gone_and_the_others_stay() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let timers = Timers::new(&bus);
    for id in ["t-1", "t-2"] {
        timers
            .arm_after(id, Duration::from_secs(3600), "later")
            .await
            .expect("armed");
    }
    timers.cancel("t-1").await.expect("cancelled");
    timers.cancel("t-1").await.expect("cancelled twice");
    assert_eq!(count(&bus, "TIMERS").await, 1);
    for id in ["", "*", ">", "a.b", "t 1"] {
        let error = timers.cancel(id).await.expect_err("no id");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{id:?}");
        let error = timers.arm(id, now_ms(), "x").await.expect_err("no id");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{id:?}");
    }
    assert_eq!(count(&bus, "TIMERS").await, 1);
}

/// A schedule in a stream with a max age below its delay is deleted unfired; ours must have none,
/// and hold the target too, for a target in another stream is refused.
#[test]
fn the_stream_of_timers_forgets_nothing() {
    let file = nats::topology::STREAMS
        .iter()
        .find(|file| file.name == Timers::STREAM);
    let config: serde_json::Value =
        serde_json::from_str(file.expect("in the topology").json).expect("JSON");
    assert_eq!(config["max_age"], 0);
    assert_eq!(config["retention"], "workqueue");
    assert_eq!(config["subjects"], serde_json::json!(["timer.*", "due.*"]));
}
