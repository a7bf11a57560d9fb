//! One film, many hands: its chunks are made by several workers at the same time.

use std::collections::{BTreeMap, BTreeSet};

use bus_schema::fact::Fact;
use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::task::TaskKind;

use crate::harness::facts::whole_story;
use crate::harness::{System, clips};
use crate::kills::{check_pictures, undisturbed, wishes};

/// The most workers that held a chunk at the same time.
fn most_at_once(facts: &[(u64, Fact)]) -> usize {
    let mut held: BTreeMap<TaskNumber, WorkerName> = BTreeMap::new();
    let mut most = 0;
    for (_, fact) in facts {
        match fact {
            Fact::Claimed {
                task,
                kind: TaskKind::Chunk,
                worker,
                ..
            } => drop(held.insert(*task, worker.clone())),
            Fact::TaskDone { task, .. } | Fact::TaskFailed { task, .. } => drop(held.remove(task)),
            _ => {}
        }
        let workers: BTreeSet<&WorkerName> = held.values().collect();
        most = most.max(workers.len());
    }
    most
}

#[tokio::test]
async fn two_workers_make_chunks_of_one_film_at_once_and_nobody_can_tell() {
    if !clips::has_ffmpeg("two_workers_make_chunks_of_one_film_at_once_and_nobody_can_tell") {
        return;
    }
    let two = [
        ("TCODER_POOL_MACHINES_MAX", "2"),
        ("TCODER_POOL_CPU_SLOTS", "1"),
    ];
    undisturbed().await;
    let system = System::start_with(&two).await;
    let client = system.client();
    // A second machine starts for what waits, and is up before the second film at the latest.
    let mut most = 0;
    for _ in 0..2 {
        let id = client.upload_file(&clips::long().await, &wishes()).await;
        let job = client.completed(&id).await;
        check_pictures(&client, &job).await;
        let facts = whole_story(&system.bus().await, &job).await;
        most = most.max(most_at_once(&facts));
    }
    assert_eq!(most, 2);
}
