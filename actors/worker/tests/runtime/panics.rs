//! Every actor of a worker may panic, whatever it is at: it is started anew, the worker is the same run
//! as before, and no task waits for anybody to notice.

use bus_schema::report::{ErrorCode, Outcome};
use worker::runtime::{Child, Message};

use super::plane::{Plane, until};
use super::running::{self, SLOT, children, panic_child, task_processes};
use super::storage::Mood;

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_that_panics_goes_on_as_the_same_run() {
    let plane = Plane::start().await;
    let running = running::start(&plane, 1).await;
    plane.storage.be(Mood::Holding);
    let job = plane.invite().await;
    let is_busy = |busy: &[bus_schema::heartbeat::Busy]| busy.iter().any(|one| one.job == job);
    let run = plane
        .heartbeat("the task is named", |beat| is_busy(&beat.busy))
        .await;
    panic_child(&running, Child::Beat).await;
    let after = plane
        .heartbeat("it is named again", |beat| is_busy(&beat.busy))
        .await;
    assert_eq!(after, run);
    plane.storage.be(Mood::Serving);
    assert!(matches!(plane.outcome(job, 0).await, Outcome::Probed(_)));
    let runs: Vec<String> = plane.heard().claims.iter().map(|c| c.run.clone()).collect();
    assert!(runs.iter().all(|claimed| *claimed == run), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_panics_hears_the_next_cancel() {
    let plane = Plane::start().await;
    let running = running::start(&plane, 1).await;
    panic_child(&running, Child::Listener).await;
    plane.storage.be(Mood::Holding);
    let job = plane.invite().await;
    let at_work = async || (!task_processes(&plane).is_empty()).then_some(());
    until("the task is at work", at_work).await;
    plane.cancel(&running::name(), job).await;
    let gone = async || task_processes(&plane).is_empty().then_some(());
    until("its process is gone", gone).await;
    plane.no_invitation_is_left().await;
    assert_eq!(plane.heard().reports, [], "nobody asked for a word");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_panics_while_it_looks_takes_the_next_task() {
    let plane = Plane::start().await;
    let running = running::start(&plane, 1).await;
    panic_child(&running, SLOT).await;
    let job = plane.invite().await;
    assert!(matches!(plane.outcome(job, 0).await, Outcome::Probed(_)));
    plane.no_invitation_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_panics_while_it_claims_gives_the_invitation_back() {
    let plane = Plane::start().await;
    plane.heard().is_mute = true;
    let running = running::start(&plane, 1).await;
    let job = plane.invite().await;
    plane
        .until("it claims", |heard| heard.claims.first().map(|_| ()))
        .await;
    panic_child(&running, SLOT).await;
    plane.heard().is_mute = false;
    // The invitation lies for ten minutes unless it is given back.
    assert!(matches!(plane.outcome(job, 0).await, Outcome::Probed(_)));
    plane.no_invitation_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_panics_at_work_reports_it_and_does_it_again_when_asked() {
    let plane = Plane::start().await;
    let running = running::start(&plane, 2).await;
    plane.storage.be(Mood::Holding);
    let job = plane.invite().await;
    let reading = async || (plane.storage.n_asked() > 0).then_some(());
    until("its process reads the source", reading).await;
    // Which of the two has it is theirs to settle.
    for slot in [SLOT, running::OTHER_SLOT] {
        panic_child(&running, slot).await;
    }
    match plane.outcome(job, 0).await {
        Outcome::Failed(error) => {
            assert_eq!(error.code, ErrorCode::Internal);
            assert!(error.message.ends_with("log."), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    let gone = async || task_processes(&plane).is_empty().then_some(());
    until("its process is gone", gone).await;
    plane.no_invitation_is_left().await;
    plane
        .heartbeat("it is not named any more", |beat| beat.busy.is_empty())
        .await;
    plane.storage.be(Mood::Serving);
    plane.invite_again(job).await;
    assert!(matches!(plane.outcome(job, 1).await, Outcome::Probed(_)));
    let reports: Vec<u16> = plane
        .heard()
        .reports
        .iter()
        .map(|report| report.held.attempt.0)
        .collect();
    assert_eq!(reports, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_panics_takes_all_with_it_and_the_next_run_works() {
    let plane = Plane::start().await;
    let mut running = running::start(&plane, 1).await;
    plane.storage.be(Mood::Holding);
    let job = plane.invite().await;
    let reading = async || (plane.storage.n_asked() > 0).then_some(());
    until("its process reads the source", reading).await;
    running
        .actor()
        .cast(Message::Panic)
        .expect("the root lives");
    assert!(running.ended().await.is_err(), "its program ends, too");
    assert_eq!(children(&running), []);
    let gone = async || task_processes(&plane).is_empty().then_some(());
    until("its process is gone", gone).await;
    plane.storage.be(Mood::Serving);
    let before: Vec<String> = plane
        .heard()
        .heartbeats
        .iter()
        .map(|beat| beat.run.clone())
        .collect();
    let _again = running::start(&plane, 1).await;
    let run = plane.heartbeat("it lives", |_| true).await;
    assert!(!before.contains(&run), "another run has another name");
    // As the control plane does with what a lost run had in hand.
    plane.invite_again(job).await;
    assert!(matches!(plane.outcome(job, 0).await, Outcome::Probed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_panics_again_and_again_is_given_up_and_the_worker_with_it() {
    let plane = Plane::start().await;
    let mut running = running::start(&plane, 1).await;
    let root = running.actor().clone();
    let mut panics = tokio::task::JoinSet::new();
    panics.spawn(async move {
        // Between an end and the next beginning there is nobody to panic.
        while root.cast(Message::PanicChild(Child::Beat)).is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    let what = "the worker gives up";
    let ended = tokio::time::timeout(super::plane::DEADLINE, running.ended()).await;
    assert!(ended.expect(what).is_err());
    assert_eq!(plane.heard().claims, []);
}
