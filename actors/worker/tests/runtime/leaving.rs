//! A worker that leaves gives back what it has, and takes nothing more.

use std::time::Duration;

use bus_schema::report::Outcome;
use nats::Subscription;

use super::plane::{DEADLINE, Plane, until};
use super::running;
use super::storage::Mood;

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_is_given_back() {
    let plane = Plane::start().await;
    let running = running::start(&plane, 1).await;
    plane.storage.be(Mood::Holding);
    let job = plane.invite().await;
    let reading = async || (plane.storage.n_asked() > 0).then_some(());
    until("its process reads the source", reading).await;
    running.drain(Duration::ZERO).await;
    assert!(matches!(
        plane.outcome(job, 0).await,
        Outcome::Returned { .. }
    ));
    assert_eq!(plane.n_invitations().await, 0);
    assert!(running::task_processes(&plane).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_in_time_is_finished_and_what_comes_meanwhile_is_left_to_others() {
    let plane = Plane::start().await;
    let running = running::start(&plane, 2).await;
    plane.storage.be(Mood::Holding);
    let first = plane.invite().await;
    let reading = async || (plane.storage.n_asked() > 0).then_some(());
    until("its process reads the source", reading).await;
    let drained = tokio::spawn(running.drain(DEADLINE));
    plane
        .heartbeat("it says that it drains", |beat| beat.is_draining)
        .await;
    let second = plane.invite().await;
    // The other slot had asked for an invitation before: it must not lie with it.
    let other = plane.server.worker_bus(2).await.expect("another worker");
    let mut tasks = Subscription::open(&other, "TASKS", "workers-light")
        .await
        .expect("opened");
    let task = tokio::time::timeout(DEADLINE, tasks.next(1)).await;
    let task = task.expect("it comes to another").expect("a task");
    assert!(task.subject.contains(second.as_str()), "{}", task.subject);
    task.ack().await.expect("acked");
    plane.storage.be(Mood::Serving);
    assert!(matches!(plane.outcome(first, 0).await, Outcome::Probed(_)));
    drained.await.expect("it leaves");
    let claimed = plane.heard().claims.iter().any(|claim| claim.job == second);
    assert!(!claimed, "nothing more is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_is_not_granted_yet_goes_to_another() {
    let plane = Plane::start().await;
    plane.heard().is_mute = true;
    let running = running::start(&plane, 1).await;
    plane.invite().await;
    plane
        .until("it claims", |heard| heard.claims.first().map(|_| ()))
        .await;
    running.drain(Duration::ZERO).await;
    assert_eq!(plane.n_invitations().await, 1, "nobody did the task");
    let other = plane.server.worker_bus(2).await.expect("another worker");
    let mut tasks = Subscription::open(&other, "TASKS", "workers-light")
        .await
        .expect("opened");
    let task = tokio::time::timeout(DEADLINE, tasks.next(1)).await;
    let task = task.expect("it comes to another").expect("a task");
    task.ack().await.expect("acked");
}
