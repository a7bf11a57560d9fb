//! A delivery is finished in one of four ways, and an unfinished one is noticed.

use std::time::Duration;

use async_nats::jetstream::consumer::AckPolicy;
use nats::delivery::header;
use nats::server::TestServer;
use nats::{Bus, HeaderMap, Subscription, unfinished_deliveries};

use crate::fixture::{count, own_stream, within};

async fn reports(bus: &Bus) -> Subscription {
    Subscription::open(bus, "REPORTS", "reports")
        .await
        .expect("open")
}

#[tokio::test]
async fn an_ack_removes_it_and_is_confirmed() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    bus.publish("report.w1.j1.1", "r").await.expect("published");
    let report = within("a report", reports(&bus).await.next(1))
        .await
        .expect("a report");
    assert_eq!(
        (report.stream.as_str(), report.consumer.as_str()),
        ("REPORTS", "reports")
    );
    assert!(report.stored_ms > 1_600_000_000_000 && !report.exhausted(2) && report.exhausted(1));
    report.ack().await.expect("acked");
    // Confirmed means gone: no waiting here.
    assert_eq!(count(&bus, "REPORTS").await, 0);
}

#[tokio::test]
async fn a_retry_comes_back_counted() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    bus.publish("report.w1.j1.1", "r").await.expect("published");
    let mut reports = reports(&bus).await;
    for delivered in 1..=3 {
        let report = within("the report", reports.next(1))
            .await
            .expect("a report");
        assert_eq!(report.delivered, delivered);
        report
            .retry_after(Duration::from_millis(20))
            .await
            .expect("given back");
    }
    let report = within("the report", reports.next(1))
        .await
        .expect("a report");
    assert!(report.exhausted(4));
    report.ack().await.expect("acked");
}

#[tokio::test]
async fn a_dead_letter_keeps_reason_and_origin_and_no_instructions() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", "00-1-2-03");
    headers.insert("Nats-Msg-Id", "guess");
    headers.insert("Nats-Expected-Last-Sequence", "0");
    bus.publish_with("report.w1.j1.7", headers, "poison")
        .await
        .expect("published");
    let report = within("a report", reports(&bus).await.next(1))
        .await
        .expect("a report");
    report.dead("cannot be\r\nread").await.expect("buried");
    assert_eq!(count(&bus, "REPORTS").await, 0);
    let dead = bus.js.get_stream("DEAD").await.expect("the stream");
    let letter = dead
        .get_last_raw_message_by_subject("dead.reports.1")
        .await
        .expect("a letter");
    let get = |name: &str| letter.headers.get(name).map(|value| value.as_str());
    assert_eq!(letter.payload.as_ref(), b"poison");
    assert_eq!(get(header::REASON), Some("cannot be  read"));
    assert_eq!(get(header::SUBJECT), Some("report.w1.j1.7"));
    assert_eq!(get(header::CONSUMER), Some("REPORTS/reports"));
    assert_eq!(get(header::DELIVERED), Some("1"));
    assert_eq!(get("traceparent"), Some("00-1-2-03"));
    assert_eq!(get("Nats-Msg-Id"), None);
}

/// A crash between the copy and the end must not make two; a stream made anew must not hide one.
#[tokio::test]
async fn a_dead_letter_is_copied_once_but_never_confused_with_another() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    bus.publish("report.w1.j1.1", "poison")
        .await
        .expect("published");
    let report = within("a report", reports(&bus).await.next(1))
        .await
        .expect("a report");
    let mut headers = HeaderMap::new();
    headers.insert(header::SUBJECT, "report.w1.j1.1");
    bus.publish_with("dead.reports.1", headers, "poison")
        .await
        .expect("the earlier try's copy");
    report.dead("again").await.expect("buried");
    assert_eq!(count(&bus, "DEAD").await, 1);

    bus.js.delete_stream("REPORTS").await.expect("deleted");
    nats::topology::apply(&bus.js, nats::topology::Replicas::One)
        .await
        .expect("made anew");
    bus.publish("report.w1.j2.1", "another")
        .await
        .expect("published");
    let report = within("a report", reports(&bus).await.next(1))
        .await
        .expect("a report");
    assert_eq!(report.stream_seq, 1, "the same sequence as the first");
    report.dead("other").await.expect("buried");
    assert_eq!(count(&bus, "DEAD").await, 2);
}

#[tokio::test]
async fn an_unfinished_one_is_counted() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    bus.publish("report.w1.j1.1", "r").await.expect("published");
    let report = within("a report", reports(&bus).await.next(1))
        .await
        .expect("a report");
    let before = unfinished_deliveries();
    drop(report);
    // Other tests of this process may drop some, too.
    assert!(unfinished_deliveries() > before);
}

/// What one part of a process lost, by a defect, another gets soon: not after the ack wait, which is
/// for dead processes and here far beyond the test's patience.
#[tokio::test]
async fn an_unfinished_one_is_given_back() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    own_stream(&bus, AckPolicy::Explicit, Duration::from_secs(3_600)).await;
    bus.publish("own.1", "x").await.expect("published");
    let mut own = Subscription::open(&bus, "OWN", "own").await.expect("open");
    drop(within("a delivery", own.next(1)).await.expect("a delivery"));
    let again = within("it again", own.next(1)).await.expect("a delivery");
    assert_eq!(again.delivered, 2);
    again.ack().await.expect("acked");
}

/// Why a task message is no authority: the late ack of the first owner succeeds, and takes the
/// message away from the second. Whoever builds on acks as proof must see this fail.
#[tokio::test]
async fn an_ack_does_not_fence() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    own_stream(&bus, AckPolicy::Explicit, Duration::from_secs(1)).await;
    bus.publish("own.1", "x").await.expect("published");
    let mut own = Subscription::open(&bus, "OWN", "own").await.expect("open");
    assert_eq!(own.ack_wait(), Duration::from_secs(1));
    let first = within("a delivery", own.next(1)).await.expect("a delivery");
    let second = within("the redelivery", own.next(1))
        .await
        .expect("a delivery");
    assert_eq!((first.delivered, second.delivered), (1, 2));
    assert_eq!(
        (first.stream_seq, &first.payload),
        (second.stream_seq, &second.payload)
    );
    first.ack().await.expect("late, and confirmed all the same");
    second
        .ack()
        .await
        .expect("of a message that was acked, and confirmed");
}
