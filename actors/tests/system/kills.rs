//! Any process may die, or stand still, in the middle of a job: the job completes, its facts are told
//! once each, and its frames are those of a job that nothing happened to.

use std::collections::BTreeMap;

use bus_schema::fact::Fact;
use bus_schema::report::ErrorCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::harness::facts::{chunk_in_hand, facts, n_claims, whole_story};
use crate::harness::{Client, System, clips, films, process, until};

/// By rendition, every frame with its time.
pub(crate) type Pictures = BTreeMap<String, String>;

/// What a job gives that nothing happens to, and how many attempts that takes.
static UNDISTURBED: OnceCell<(Pictures, usize)> = OnceCell::const_new();

/// Two renditions are enough to be cut alike, and small enough to be quick.
pub(crate) fn wishes() -> Value {
    json!({"qualities": ["144p", "360p"]})
}

pub(crate) async fn undisturbed() -> &'static (Pictures, usize) {
    let look = async || {
        let system = System::shared().await;
        let client = system.client();
        let id = client.upload_file(&clips::long().await, &wishes()).await;
        let job = client.completed(&id).await;
        let facts = whole_story(&system.bus().await, &job).await;
        (pictures(&client, &job).await, n_claims(&facts))
    };
    UNDISTURBED.get_or_init(look).await
}

async fn pictures(client: &Client, job: &Value) -> Pictures {
    let folder = tempfile::tempdir().expect("a folder");
    let names = client.save_files(job, folder.path()).await;
    let mut pictures = Pictures::new();
    for name in names {
        let text = films::pictures(&folder.path().join(&name));
        let n_frames = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(n_frames as u64, clips::LONG_FRAMES, "{name}");
        pictures.insert(name, text);
    }
    pictures
}

/// A job with a chunk in a worker's hand, and that worker's name.
async fn half_done(system: &System) -> (String, String) {
    let client = system.client();
    let id = client.upload_file(&clips::long().await, &wishes()).await;
    let worker = chunk_in_hand(&system.bus().await, &id).await;
    (id, worker)
}

/// The job ends as if nothing had happened, but for attempts that were made again.
async fn check(system: &System, id: &str) {
    let n_claims = check_story_and_pictures(system, id).await;
    let (_, n_attempts) = undisturbed().await;
    assert!(n_claims > *n_attempts, "nothing was lost");
}

/// The job ends as if nothing had happened; tells how many attempts it took.
async fn check_story_and_pictures(system: &System, id: &str) -> usize {
    undisturbed().await;
    let client = system.client();
    let job = client.completed(id).await;
    let facts = whole_story(&system.bus().await, &job).await;
    check_pictures(&client, &job).await;
    n_claims(&facts)
}

/// Its frames are those of a job that nothing happened to.
pub(crate) async fn check_pictures(client: &Client, job: &Value) {
    let (expected, _) = undisturbed().await;
    for (name, found) in pictures(client, job).await {
        assert!(expected.get(&name) == Some(&found), "{name}: other frames");
    }
}

#[tokio::test]
async fn a_killed_worker_is_replaced() {
    if !clips::has_ffmpeg("a_killed_worker_is_replaced") {
        return;
    }
    let system = System::start().await;
    let (id, worker) = half_done(&system).await;
    let pid = System::worker_pid(&system.bus().await, &worker).await;
    let children = process::children(pid);
    assert!(process::signal(pid, Signal::KILL));
    check(&system, &id).await;
    let gone = async || (!children.iter().any(|pid| process::is_running(*pid))).then_some(());
    until("what the worker had started ends with it", gone).await;
}

#[tokio::test]
async fn a_worker_that_stood_still_changes_nothing_when_it_goes_on() {
    if !clips::has_ffmpeg("a_worker_that_stood_still_changes_nothing_when_it_goes_on") {
        return;
    }
    let system = System::start().await;
    let (id, worker) = half_done(&system).await;
    let bus = system.bus().await;
    let pid = System::worker_pid(&bus, &worker).await;
    assert!(process::signal(pid, Signal::STOP));
    // Longer than its claim: until the task is taken from it.
    let lost = async || {
        let facts = facts(&bus, &id).await;
        let is_lost = |fact: &Fact| matches!(fact, Fact::TaskFailed { error, .. } if error.code == ErrorCode::WorkerLost);
        facts.iter().any(|(_, fact)| is_lost(fact)).then_some(())
    };
    until("the task is taken from the worker", lost).await;
    // It goes on with what is no longer its own; unless the pool, on a slow day, has replaced it.
    process::signal(pid, Signal::CONT);
    check(&system, &id).await;
}

#[tokio::test]
async fn a_killed_control_plane_goes_on_where_it_was() {
    if !clips::has_ffmpeg("a_killed_control_plane_goes_on_where_it_was") {
        return;
    }
    let mut system = System::start().await;
    let (id, worker) = half_done(&system).await;
    let worker = System::worker_pid(&system.bus().await, &worker).await;
    let server = system.run.pids.nats_server.expect("a server of its own");
    system.kill_control_plane();
    let gone =
        async || (!process::is_running(worker) && !process::is_running(server)).then_some(());
    until("its children end with it", gone).await;
    system.start_again().await;
    check(&system, &id).await;
}

#[tokio::test]
async fn a_killed_bus_loses_nothing() {
    if !clips::has_ffmpeg("a_killed_bus_loses_nothing") {
        return;
    }
    let system = System::start().await;
    let (id, _) = half_done(&system).await;
    let server = system.run.pids.nats_server.expect("a server of its own");
    assert!(process::signal(server, Signal::KILL));
    // It is started again, and what was at work goes on: attempts need not even be lost.
    check_story_and_pictures(&system, &id).await;
    let next = system.server_now();
    assert_ne!(next, Some(server), "`run.json` names the new server");
}
