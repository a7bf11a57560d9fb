//! Receiving goes on: through a killed server, a cancelled wait, thousands of single pulls.

use std::time::Duration;

use async_nats::jetstream::consumer::AckPolicy;
use futures_util::StreamExt;
use nats::server::TestServer;
use nats::{ErrorKind, Subscription};

use crate::fixture::{eventually, own_stream, within};

const ACK_WAIT: Duration = Duration::from_secs(30);

/// The client's endless pulls of one stall for 35 s here, sooner or later.
#[tokio::test]
async fn twenty_thousand_single_pulls_do_not_stall() {
    const MESSAGES: u64 = 20_000;
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    own_stream(&bus, AckPolicy::None, ACK_WAIT).await;
    let publisher = bus.clone();
    let publish = async move {
        for n in 0..MESSAGES {
            let ack = publisher
                .js
                .publish(format!("own.{n}"), "x".into())
                .await
                .expect("sent");
            // Every hundredth answer is awaited: enough to stay behind the server.
            if n % 100 == 0 {
                ack.await.expect("stored");
            }
        }
    };
    let receive = async {
        let mut own = Subscription::open(&bus, "OWN", "own").await.expect("open");
        for n in 1..=MESSAGES {
            // Below our own 32 s of patience with a pull, so that it cannot mend a stall unseen.
            let next = tokio::time::timeout(Duration::from_secs(25), own.next(1)).await;
            let delivery = next.expect("no stall").expect("a delivery");
            assert_eq!(delivery.stream_seq, n);
            delivery.abandon();
        }
    };
    tokio::join!(publish, receive);
}

#[tokio::test]
async fn goes_on_after_kill_9() {
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let worker = server.worker_bus(1).await.expect("a worker");
    let mut reports = Subscription::open(&bus, "REPORTS", "reports")
        .await
        .expect("open");
    let mut tasks = Subscription::open(&worker, "TASKS", "workers-light")
        .await
        .expect("open");
    for round in 1..=3 {
        let receive = async {
            let report = reports.next(4).await.expect("a report");
            assert_eq!(report.subject, format!("report.w1.j1.{round}"));
            report.ack().await.expect("acked");
            let task = tasks.next(1).await.expect("a task");
            assert_eq!(task.subject, format!("task.light.probe.j1.{round}"));
            task.ack().await.expect("acked");
        };
        let fail = async {
            server.kill_9().await.expect("killed");
            server.restart().await.expect("restarted");
            bus.publish(format!("report.w1.j1.{round}"), "r")
                .await
                .expect("published");
            bus.publish(format!("task.light.probe.j1.{round}"), "t")
                .await
                .expect("published");
        };
        // Below our own 32 s of patience with a pull: the loss must be noticed, not waited out.
        let both = Box::pin(async { tokio::join!(receive, fail) });
        let both = tokio::time::timeout(Duration::from_secs(25), both).await;
        assert!(
            both.is_ok(),
            "the pull that the dead server forgot was waited for"
        );
    }
}

/// What a cancelled call asked for must not be delivered to nobody: it would lie for an ack wait.
#[tokio::test]
async fn a_cancelled_wait_loses_nothing() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let mut reports = Subscription::open(&bus, "REPORTS", "reports")
        .await
        .expect("open");
    for n in 1..=200_u64 {
        tokio::select! {
            biased;
            early = reports.next(1) => {
                unreachable!("nothing was published: {early:?}");
            }
            () = tokio::time::sleep(Duration::from_micros(n * 10)) => {}
        }
        bus.publish(format!("report.w1.j1.{n}"), "r")
            .await
            .expect("published");
        let report = within("the report", reports.next(1))
            .await
            .expect("a report");
        assert_eq!(
            (report.stream_seq, report.delivered),
            (n, 1),
            "redelivered: it was lost first"
        );
        report.ack().await.expect("acked");
    }
}

#[tokio::test]
async fn a_batch_takes_what_is_there_and_does_not_wait_for_more() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let mut reports = Subscription::open(&bus, "REPORTS", "reports")
        .await
        .expect("open");
    assert!(
        reports
            .next_batch(8, Duration::from_millis(30))
            .await
            .expect("a pull")
            .is_empty()
    );
    for n in 1..=20 {
        bus.publish(format!("report.w1.j1.{n}"), "r")
            .await
            .expect("published");
    }
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let batch = within("a batch", reports.next_batch(8, ACK_WAIT))
            .await
            .expect("a pull");
        assert!((1..=8).contains(&batch.len()), "{}", batch.len());
        for report in batch {
            seen.push(report.stream_seq);
            report.ack().await.expect("acked");
        }
    }
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn as_a_stream() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let reports = Subscription::open(&bus, "REPORTS", "reports")
        .await
        .expect("open");
    for n in 1..=5 {
        bus.publish(format!("report.w1.j1.{n}"), "r")
            .await
            .expect("published");
    }
    let mut stream = std::pin::pin!(reports.into_stream(2).take(5));
    let mut seen = 0;
    while let Some(report) = within("a report", stream.next()).await {
        report.expect("a report").ack().await.expect("acked");
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[tokio::test]
async fn a_missing_consumer_is_an_error_and_not_a_wait() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let error = Subscription::open(&bus, "REPORTS", "nobody")
        .await
        .expect_err("not there");
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
    let mut reports = Subscription::open(&bus, "REPORTS", "reports")
        .await
        .expect("open");
    let delete = async {
        eventually("a pull waits", async || {
            let info = bus
                .js
                .get_stream_no_info("REPORTS")
                .await
                .expect("a handle");
            info.consumer_info("reports")
                .await
                .expect("there")
                .num_waiting
                > 0
        })
        .await;
        bus.js
            .delete_consumer_from_stream("reports", "REPORTS")
            .await
            .expect("deleted");
    };
    let (next, ()) = within("the deletion is told", async {
        tokio::join!(reports.next(1), delete)
    })
    .await;
    let error = next.expect_err("it was deleted");
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
}

/// What it was given and nobody has read, and what is still given to its last pull, goes to the next
/// subscription soon: the ack wait is far beyond the test's patience.
#[tokio::test]
async fn dropped_it_gives_back_what_nobody_read() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    own_stream(&bus, AckPolicy::Explicit, Duration::from_secs(3_600)).await;
    let mut first = Subscription::open(&bus, "OWN", "own").await.expect("open");
    for n in 1..=2 {
        bus.publish(format!("own.{n}"), "x")
            .await
            .expect("published");
    }
    let read = within("a delivery", first.next(10))
        .await
        .expect("a delivery");
    read.ack().await.expect("acked");
    let is_given = || async {
        let stream = bus.js.get_stream("OWN").await.expect("there");
        let info = stream.consumer_info("own").await.expect("there");
        info.delivered.consumer_sequence == 2
    };
    eventually("the second is given to the first subscription", is_given).await;
    drop(first);
    // Its pull of ten is still out.
    bus.publish("own.3", "x").await.expect("published");
    let mut second = Subscription::open(&bus, "OWN", "own").await.expect("open");
    let mut found = Vec::new();
    for _ in 0..2 {
        let delivery = within("the rest", second.next(1))
            .await
            .expect("a delivery");
        found.push(delivery.subject.clone());
        delivery.ack().await.expect("acked");
    }
    found.sort();
    assert_eq!(found, ["own.2", "own.3"]);
}
