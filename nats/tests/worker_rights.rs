//! A worker's own work goes through the door between the accounts: pulls, acks, reports, claims,
//! orders.

use std::time::Duration;

use futures_util::StreamExt;
use nats::Subscription;
use nats::server::TestServer;

use crate::fixture::{DEADLINE, count, eventually, within};

#[tokio::test]
async fn what_it_says_is_kept_and_confirmed() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let worker = server.worker_bus(1).await.expect("a worker");
    // A report is confirmed across the accounts.
    let report = worker
        .publish("report.w1.j1.1", "done")
        .await
        .expect("confirmed");
    assert_eq!(report, 1);
    // A heartbeat and progress may be confirmed or just told.
    worker
        .publish("heartbeat.w1", "alive")
        .await
        .expect("confirmed");
    worker.tell("progress.w1.j1.1", "50").await.expect("told");
    eventually("progress is kept", async || {
        count(&bus, "PROGRESS").await == 1
    })
    .await;
}

#[tokio::test]
async fn it_pulls_and_finishes_in_its_classes() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let worker = server.worker_bus(1).await.expect("a worker");
    // Both classes: pull, keep, finish in every way.
    for class in ["cpu", "light"] {
        let subject = format!("task.{class}.chunk.j1.1");
        bus.publish(subject.clone(), "t").await.expect("published");
        let name = format!("workers-{class}");
        let mut tasks = Subscription::open(&worker, "TASKS", &name)
            .await
            .expect("open");
        let task = within("a task", tasks.next(1)).await.expect("a task");
        assert_eq!(task.subject, subject);
        task.progress().await.expect("told");
        task.retry_after(Duration::from_millis(10))
            .await
            .expect("given back");
        let task = within("again", tasks.next(1)).await.expect("a task");
        assert_eq!(task.delivered, 2);
        task.ack().await.expect("acked");
    }
    // One pull may be answered by several tasks: each is heard, and none lies for an ack wait.
    for n in 1..=4 {
        bus.publish(format!("task.cpu.chunk.j2.{n}"), "t")
            .await
            .expect("published");
    }
    let mut tasks = Subscription::open(&worker, "TASKS", "workers-cpu")
        .await
        .expect("open");
    for n in 1..=4 {
        let task = within("a task", tasks.next(4)).await.expect("a task");
        assert_eq!(
            (task.subject.clone(), task.delivered),
            (format!("task.cpu.chunk.j2.{n}"), 1)
        );
        task.ack().await.expect("acked");
    }
    assert_eq!(count(&bus, "TASKS").await, 0);
}

#[tokio::test]
async fn it_claims_and_is_told() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let worker = server.worker_bus(1).await.expect("a worker");
    // Claims are asked and answered; orders arrive.
    let mut claims = bus
        .client
        .queue_subscribe("claim.>", "control-plane".to_owned())
        .await
        .expect("subscribed");
    let mut orders = worker
        .client
        .subscribe("control.w1")
        .await
        .expect("subscribed");
    bus.settle(DEADLINE).await.expect("settled");
    worker.settle(DEADLINE).await.expect("settled");
    let answer = async {
        let claim = claims.next().await.expect("a claim");
        assert_eq!(claim.subject.as_str(), "claim.w1.j1.1");
        bus.client
            .publish(claim.reply.expect("an inbox"), "go".into())
            .await
            .expect("answered");
    };
    let ask = worker.request("claim.w1.j1.1", "may I?", DEADLINE);
    let (answered, ()) = within("a claim", async { tokio::join!(ask, answer) }).await;
    assert_eq!(answered.expect("an answer").as_ref(), b"go");
    bus.tell("control.w1", "drain").await.expect("told");
    let order = within("an order", orders.next()).await.expect("an order");
    assert_eq!(order.payload.as_ref(), b"drain");
}
