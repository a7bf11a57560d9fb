//! One dead receiver blocks nobody, and is itself not overrun.

use std::collections::BTreeSet;

use crate::fixture::World;
use crate::receiver::{Answer, Receiver, ok};

#[tokio::test]
async fn receivers_that_answer_are_served_while_another_hangs_with_a_hundred() {
    let world = World::start().await;
    let hanging = Receiver::start(|_| Answer::Hang);
    let well = Receiver::start(|_| ok());
    let _notifier = world.notifier().await;
    for _ in 0..100 {
        world.completed_job(&hanging.url()).await;
    }
    hanging.until(4).await;
    let mut expected = BTreeSet::new();
    for _ in 0..20 {
        expected.insert(world.completed_job(&well.url()).await);
    }
    let received = well.until(20).await;
    let ids: BTreeSet<String> = received.iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(ids, expected);
    assert_eq!(hanging.hanging_max(), 4);
}

#[tokio::test]
async fn what_was_put_off_is_delivered_in_the_end() {
    let world = World::start().await;
    let receiver = Receiver::start(|_| ok());
    let _notifier = world.notifier().await;
    let mut expected = BTreeSet::new();
    for _ in 0..60 {
        expected.insert(world.completed_job(&receiver.url()).await);
    }
    receiver.until(60).await;
    world.until_count("WEBHOOKS", 0).await;
    world.until_count("TIMERS", 0).await;
    let ids: BTreeSet<String> = receiver
        .all()
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    assert_eq!((ids, receiver.all().len()), (expected, 60), "once each");
}
