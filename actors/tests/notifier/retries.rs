//! What fails is tried again by timers, under the same id, until it is delivered or dead.

use actors::notifier::queue::{PutBack, enqueue, put_back};
use actors::notifier::{Options, WAITS};
use bus_schema::JobId;
use bus_schema::webhook::Delivery;
use nats::Subscription;

use crate::fixture::{World, until};
use crate::receiver::{Answer, Closed, Receiver, ok};

#[tokio::test]
async fn a_receiver_that_is_down_gets_it_later_under_the_same_id() {
    let world = World::start().await;
    let down = Closed::new();
    let _notifier = world.notifier().await;
    let id = world.completed_job(&down.url()).await;
    // Refused at least once: it waits as a timer.
    until("a timer", || async {
        (world.count("TIMERS").await > 0).then_some(())
    })
    .await;
    let receiver = down.open(|nth| match nth {
        0 => Answer::HangUp,
        1 => Answer::Status(500, String::new()),
        _ => ok(),
    });
    let received = receiver.until(3).await;
    world.until_count("WEBHOOKS", 0).await;
    world.until_count("TIMERS", 0).await;
    assert_eq!((receiver.all().len(), world.count("DEAD").await), (3, 0));
    for attempt in &received {
        assert_eq!(
            (attempt.id(), &attempt.body),
            (id.as_str(), &received[0].body)
        );
    }
}

#[tokio::test]
async fn after_the_last_attempt_it_is_a_dead_letter_with_the_reason() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| Answer::Status(500, String::new()));
    // Three days become a quarter of a second.
    let options = Options {
        allow_loopback: true,
        time_scale: 1e-6,
    };
    let _notifier = world.notifier_with(options).await;
    let id = world.completed_job(&receiver.url()).await;
    world.until_count("DEAD", 1).await;
    world.until_count("WEBHOOKS", 0).await;
    world.until_count("TIMERS", 0).await;
    let received = receiver.all();
    assert_eq!(received.len(), WAITS.len() + 1);
    assert!(received.iter().all(|attempt| attempt.id() == id));
    let reason = world.dead_reason(1).await;
    assert_eq!(
        reason,
        "given up after 10 attempts: answered 500 Internal Server Error: no"
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| Answer::Status(410, String::new()));
    let _notifier = world.notifier().await;
    world.completed_job(&receiver.url()).await;
    world.until_count("DEAD", 1).await;
    world.until_count("WEBHOOKS", 0).await;
    assert_eq!((receiver.all().len(), world.count("TIMERS").await), (1, 0));
    assert!(world.dead_reason(1).await.contains("410"));
}

#[tokio::test]
async fn a_timer_that_is_due_before_its_predecessor_is_acked_does_not_end_both() {
    let world = World::start().await;
    let webhook = Delivery {
        endpoint: "e1".parse().unwrap(),
        url: "http://127.0.0.1:1/".to_owned(),
        job: JobId::random(1),
        n: 1,
        attempt: 0,
        payload: "{}".to_owned(),
    };
    let next = Delivery {
        attempt: 1,
        ..webhook.clone()
    };
    let mut queue = Subscription::open(&world.bus, "WEBHOOKS", "webhooks")
        .await
        .unwrap();
    enqueue(&world.bus, &webhook).await.unwrap();
    let first = queue.next(1).await.unwrap();
    assert_eq!(put_back(&world.bus, &next).await.unwrap(), PutBack::NotYet);
    first.ack().await.unwrap();
    assert_eq!(put_back(&world.bus, &next).await.unwrap(), PutBack::Done);
    let second = queue.next(1).await.unwrap();
    let body = bus_schema::decode::<Delivery>(&second.payload)
        .unwrap()
        .body;
    assert_eq!(body, next, "and not taken for the first within the window");
    second.ack().await.unwrap();
    // The first one's fact, redelivered within the window, brings nothing back.
    enqueue(&world.bus, &webhook).await.unwrap();
    assert_eq!(world.count("WEBHOOKS").await, 0);
}
