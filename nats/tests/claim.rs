//! A claim keeps a delivery for longer than its ack wait, and lets it go when it is dropped.

use std::time::Duration;

use async_nats::jetstream::consumer::AckPolicy;
use nats::Subscription;
use nats::server::TestServer;

use crate::fixture::{count, own_stream, within};

const ACK_WAIT: Duration = Duration::from_millis(900);

#[tokio::test]
async fn outlasts_the_ack_wait_then_is_acked() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    own_stream(&bus, AckPolicy::Explicit, ACK_WAIT).await;
    bus.publish("own.1", "x").await.expect("published");
    let mut own = Subscription::open(&bus, "OWN", "own").await.expect("open");
    let claim = within("a delivery", own.next(1))
        .await
        .expect("a delivery")
        .claim();
    let none = own.next_batch(1, ACK_WAIT * 3).await.expect("a pull");
    assert!(none.is_empty(), "given to another while claimed: {none:?}");
    assert_eq!(claim.subject, "own.1");
    claim.release().ack().await.expect("acked");
    let stream = bus.js.get_stream("OWN").await.expect("there");
    assert_eq!(
        stream
            .consumer_info("own")
            .await
            .expect("there")
            .num_ack_pending,
        0
    );
    assert_eq!(count(&bus, "OWN").await, 1, "a limits stream keeps it");
}

#[tokio::test]
async fn dropped_it_returns_by_itself() {
    let server = TestServer::start().await.expect("a server");
    let bus = server.bus().await.expect("a bus");
    own_stream(&bus, AckPolicy::Explicit, ACK_WAIT).await;
    bus.publish("own.1", "x").await.expect("published");
    let mut own = Subscription::open(&bus, "OWN", "own").await.expect("open");
    let claim = within("a delivery", own.next(1))
        .await
        .expect("a delivery")
        .claim();
    drop(claim);
    let again = within("the redelivery", own.next(1))
        .await
        .expect("a delivery");
    assert_eq!(again.delivered, 2);
    again.ack().await.expect("acked");
}

/// The server goes and comes back within the ack wait of 30 s: the claim still holds.
#[tokio::test]
async fn survives_a_restart_of_the_server() {
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    bus.publish("task.cpu.chunk.j1.1", "x")
        .await
        .expect("published");
    let worker = server.worker_bus(2).await.expect("a worker");
    let mut tasks = Subscription::open(&worker, "TASKS", "workers-cpu")
        .await
        .expect("open");
    let claim = within("a task", tasks.next(1))
        .await
        .expect("a task")
        .claim();
    server.kill_9().await.expect("killed");
    server.restart().await.expect("restarted");
    // The server writes down deliveries lazily: one that it forgot takes no ack, and comes again.
    if within("an answer", claim.release().ack()).await.is_err() {
        let again = within("it again", tasks.next(1)).await.expect("a task");
        within("acked", again.ack()).await.expect("acked");
    }
    assert_eq!(count(&bus, "TASKS").await, 0);
}
