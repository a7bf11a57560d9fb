//! A register loses no write and takes no stale one, whatever happens to the answers.

use nats::server::TestServer;
use nats::{ErrorKind, Register, Revision};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::fixture::{eventually, within};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Counter {
    count: u32,
    notes: Vec<String>,
}

fn counter(count: u32) -> Counter {
    Counter {
        count,
        notes: Vec::new(),
    }
}

#[tokio::test]
async fn compare_and_set() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<Counter> = Register::new(&bus, "jobs");
    assert!(jobs.load("j1").await.expect("read").is_none());
    let first = jobs.create("j1", &counter(1)).await.expect("created");
    assert!(
        jobs.create("j1", &counter(9))
            .await
            .expect_err("there")
            .is_conflict()
    );
    let second = jobs
        .update("j1", &counter(2), first)
        .await
        .expect("updated");
    assert!(
        jobs.update("j1", &counter(9), first)
            .await
            .expect_err("stale")
            .is_conflict()
    );
    assert_eq!(
        jobs.load("j1").await.expect("read"),
        Some((counter(2), second))
    );
    assert!(
        jobs.delete("j1", first)
            .await
            .expect_err("stale")
            .is_conflict()
    );
    jobs.delete("j1", second).await.expect("deleted");
    assert!(jobs.load("j1").await.expect("read").is_none());
    let third = jobs
        .create("j1", &counter(3))
        .await
        .expect("created on top of the marker");
    assert!(third > second);
    assert!(
        jobs.update("j2", &counter(1), Revision(0)).await.is_ok(),
        "zero means: not there"
    );
}

/// Twenty writers, each adding one a few times, while the server is killed twice: every success is
/// counted exactly once. A lost answer taken for a failure would count twice, for a success never.
#[tokio::test]
async fn kill_9_among_writers_counts_every_success_once() {
    const WRITERS: u32 = 20;
    const ADDS: u32 = 15;
    let (mut server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<Counter> = Register::new(&bus, "jobs");
    jobs.create("j1", &counter(0)).await.expect("created");
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let jobs = jobs.clone();
        writers.spawn(async move {
            for add in 0..ADDS {
                let note = format!("{writer}-{add}");
                loop {
                    let (mut value, revision) =
                        jobs.load("j1").await.expect("read").expect("there");
                    // Ours, though it said conflict: somebody wrote on top before we could look.
                    if value.notes.contains(&note) {
                        break;
                    }
                    value.count += 1;
                    value.notes.push(note.clone());
                    match jobs.update("j1", &value, revision).await {
                        Ok(_) => break,
                        Err(error) => assert!(error.is_conflict(), "{error}"),
                    }
                }
            }
        });
    }
    for at in [40, 160] {
        eventually("progress between faults", async || {
            jobs.load("j1").await.expect("read").expect("there").0.count > at
        })
        .await;
        server.kill_9().await.expect("killed");
        server.restart().await.expect("restarted");
    }
    while let Some(writer) = within("the writers end", writers.join_next()).await {
        writer.expect("no panic");
    }
    let (value, _) = jobs.load("j1").await.expect("read").expect("there");
    let mut notes = value.notes.clone();
    notes.sort();
    notes.dedup();
    let all = usize::try_from(WRITERS * ADDS).expect("small");
    assert_eq!((value.count, notes.len()), (WRITERS * ADDS, all));
}

#[tokio::test]
async fn listing_and_purging_below_a_key() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let attempts: Register<u32> = Register::new(&bus, "attempts");
    for job in 0..3 {
        for task in 0..400 {
            attempts
                .create(&format!("j{job}.{task}.1"), &task)
                .await
                .expect("created");
        }
    }
    assert_eq!(attempts.keys().await.expect("listed").len(), 1200);
    let some = attempts.list_under("j1").await.expect("listed");
    assert_eq!(some.len(), 400);
    assert!(
        some.iter()
            .all(|(key, value, _)| *key == format!("j1.{value}.1"))
    );
    assert_eq!(attempts.purge_under("j1").await.expect("purged"), 400);
    let left = attempts.list().await.expect("listed");
    assert_eq!(left.len(), 800);
    assert!(left.iter().all(|(key, ..)| !key.starts_with("j1.")));
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let (_server, bus) = TestServer::start_with_topology().await.expect("a server");
    let jobs: Register<String> = Register::new(&bus, "jobs");
    let long = "k".repeat(600);
    for key in [
        "",
        ".",
        "a..b",
        "a.",
        "*",
        "a.>",
        "a b",
        "a\r\nPUB x 0",
        "ü",
        long.as_str(),
    ] {
        let error = jobs.create(key, &String::new()).await.expect_err(key);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{key:?}: {error}");
    }
    assert_eq!(
        jobs.purge_under(">").await.expect_err("all of it").kind(),
        ErrorKind::Invalid
    );
    let error = jobs
        .create("j1", &"x".repeat(300_000))
        .await
        .expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    // The largest that is allowed really fits.
    let largest = "x".repeat(nats::register::VALUE_BYTES_MAX - 2);
    jobs.create("j1", &largest).await.expect("created");
    let numbers: Register<u32> = Register::new(&bus, "jobs");
    let error = numbers.load("j1").await.expect_err("a string");
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
    let nowhere: Register<u32> = Register::new(&bus, "nowhere");
    let error = nowhere.load("j1").await.expect_err("no such bucket");
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
}
