//! Nothing is lost, whenever the Notifier or the bus dies.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fixture::{World, until};
use crate::receiver::{Answer, Receiver, ok};

#[tokio::test]
async fn a_delivery_in_the_hands_of_a_killed_notifier_is_made_by_the_next() {
    let world = World::start_impatient().await;
    let receiver = Receiver::start(|nth| if nth == 0 { Answer::Hang } else { ok() });
    let first = world.notifier().await;
    let id = world.completed_job(&receiver.url()).await;
    receiver.until(1).await;
    first.kill_and_wait(None).await.unwrap();
    let _second = world.notifier().await;
    let received = receiver.until(2).await;
    world.until_count("WEBHOOKS", 0).await;
    assert!(received.iter().all(|attempt| attempt.id() == id));
}

#[tokio::test]
async fn a_notifier_that_stops_puts_down_what_it_has_in_hand() {
    let world = World::start().await;
    let receiver = Receiver::start(|nth| if nth == 0 { Answer::Hang } else { ok() });
    let first = world.notifier().await;
    let id = world.completed_job(&receiver.url()).await;
    receiver.until(1).await;
    // Sooner than the receiver's 20 s are over, and than the bus would notice.
    let patience = Some(Duration::from_secs(15));
    first.stop_and_wait(None, patience).await.unwrap();
    let _second = world.notifier().await;
    let received = receiver.until(2).await;
    world.until_count("WEBHOOKS", 0).await;
    assert!(received.iter().all(|attempt| attempt.id() == id));
}

#[tokio::test]
async fn every_stage_arrives_though_notifiers_and_the_bus_are_killed_again_and_again() {
    let mut world = World::start_impatient().await;
    // Every third request is refused.
    let receiver = Receiver::start(|nth| {
        if nth % 3 == 2 {
            Answer::Status(503, String::new())
        } else {
            ok()
        }
    });
    let mut expected = BTreeSet::new();
    for round in 0..5 {
        let notifier = world.notifier().await;
        for _ in 0..12 {
            expected.insert(world.completed_job(&receiver.url()).await);
        }
        // Progress between the blows: something of this round has arrived.
        let before = receiver.all().len();
        receiver.until(before + 3).await;
        if round == 2 {
            world.server.kill_9().await.unwrap();
            world.server.restart().await.unwrap();
            world.bus.ready(Duration::from_secs(30)).await.unwrap();
        }
        notifier.kill_and_wait(None).await.unwrap();
    }
    let _last = world.notifier().await;
    until("every stage", || async {
        let ids: BTreeSet<String> = receiver
            .all()
            .iter()
            .map(|attempt| attempt.id().to_owned())
            .collect();
        expected.is_subset(&ids).then_some(())
    })
    .await;
    world.until_count("WEBHOOKS", 0).await;
    world.until_count("TIMERS", 0).await;
    assert_eq!(world.count("DEAD").await, 0);
}
