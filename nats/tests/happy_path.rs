//! A message goes all the way: published once, pulled, claimed, acked; state is kept beside it.

use std::time::Duration;

use nats::server::TestServer;
use nats::{Leases, Published, Register, Subscription, Timers};

#[tokio::test]
async fn from_publish_to_ack() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let subject = "task.cpu.chunk.job1.1";
    let first = bus.publish_once(subject, "work").await.expect("published");
    assert!(matches!(first, Published::Stored(1)), "{first:?}");
    let again = bus.publish_once(subject, "work").await.expect("published");
    assert_eq!(again, Published::AlreadyThere);

    let worker = server.worker_bus(1).await.expect("a worker's connection");
    let mut tasks = Subscription::open(&worker, "TASKS", "workers-cpu")
        .await
        .expect("open");
    let delivery = tasks.next(1).await.expect("a delivery");
    assert_eq!(
        (delivery.subject.as_str(), delivery.delivered),
        (subject, 1)
    );
    let claim = delivery.claim();
    claim.release().ack().await.expect("acked");
    let none = tasks
        .next_batch(1, Duration::from_millis(50))
        .await
        .expect("a pull");
    assert!(none.is_empty(), "acked, and here again: {none:?}");

    let register: Register<Vec<u32>> = Register::new(&bus, "jobs");
    let made = register.create("job1", &vec![1]).await.expect("created");
    register
        .update("job1", &vec![1, 2], made)
        .await
        .expect("updated");
    let (value, _) = register.load("job1").await.expect("loaded").expect("there");
    assert_eq!(value, [1, 2]);

    let mut lease = Leases::new(&bus, "control")
        .acquire("leader", "me", Duration::from_secs(5))
        .await
        .expect("acquired");
    lease.renew("me").await.expect("renewed");

    Timers::new(&bus)
        .arm_after("t1", Duration::from_millis(50), "look")
        .await
        .expect("armed");
    let mut due = Subscription::open(&bus, Timers::STREAM, Timers::CONSUMER)
        .await
        .expect("open");
    let fired = due.next(1).await.expect("a timer");
    assert_eq!(
        (fired.subject.as_str(), fired.payload.as_ref()),
        ("due.t1", b"look".as_slice())
    );
    fired.ack().await.expect("acked");
}
