//! Whatever happens to a job, in whatever order and however often: facts are numbered without gaps,
//! an end is final, nothing is done twice, and while the world lets it, the job gets on.

mod beside;
mod blows;
mod copies;
mod fallback;
mod hours;
mod ingest;
mod reported;
mod sound;
mod takeover;
mod waiting;
mod world;

use std::collections::BTreeSet;

use actors::job::spec::{Segments, assemble};
use actors::job::{
    CLAIM_DEADLINE_MS, ClaimVerdict, Event, LOSS_PAUSE_MAX_MS, LOSSES_AT_ONCE, ReportVerdict,
    TASK_FAILURES_MAX, TASK_LOSSES_MAX,
};
use bus_schema::fact::{Fact, FactKind};
use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::record::JobState;
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::task::TaskSpec;
use proptest::prelude::*;

use blows::{blow, strike};
use reported::facts;
use world::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_job_ends_and_its_facts_are_whole(
        blows in prop::collection::vec(blow(), 0..120),
        (duration_s, n_audio) in (1_u64..100, 0_u32..4),
    ) {
        let mut world = World::new(duration_s);
        world.n_audio = n_audio;
        let mut held = Vec::new();
        for blow in blows {
            strike(&mut world, &mut held, &blow, duration_s);
        }
        if world.job.record.state == JobState::Uploading {
            world.apply(Event::Uploaded { bytes: 1_000, etag: "e".to_owned() });
        }
        world.run_to_the_end(duration_s);
        let ends = [FactKind::Completed, FactKind::Failed, FactKind::Cancelled];
        let n_ends: usize = ends.iter().map(|&kind| world.count(kind)).sum();
        prop_assert_eq!(n_ends, 1);
        prop_assert_eq!(world.count(FactKind::Uploaded), 1);
        prop_assert!(world.count(FactKind::Playable) <= 1);
        let mut done = BTreeSet::new();
        for fact in world.facts.values() {
            if let Fact::TaskDone { task, .. } = fact {
                prop_assert!(done.insert(*task), "task {} is done once", task);
            }
        }
        if world.job.record.state == JobState::Completed {
            let plan = world.job.record.plan.as_ref().unwrap();
            let dropped = world.count(FactKind::RenditionDropped);
            prop_assert_eq!(done.len() + dropped, plan.n_tasks());
        }
    }
}

#[test]
fn without_faults_every_task_is_done_at_the_first_try() {
    let mut world = World::uploaded(60);
    world.run_to_the_end(60);
    assert_eq!(world.job.record.state, JobState::Completed);
    assert_eq!(world.count(FactKind::TaskFailed), 0);
    assert!(
        world
            .job
            .record
            .tasks
            .iter()
            .all(|(_, task)| task.attempts == 1)
    );
}

#[test]
fn a_task_that_fails_again_and_again_ends_the_job() {
    let mut world = World::uploaded(10);
    let worker: WorkerName = "w1".parse().unwrap();
    for _ in 0..TASK_FAILURES_MAX {
        world.now_ms += 60_000;
        world.release_all();
        let held = world.claim(TaskNumber(0), &worker).unwrap();
        let error = TaskError {
            code: ErrorCode::Crashed,
            message: "again".to_owned(),
        };
        world.report(TaskNumber(0), &held, Outcome::Failed(error));
    }
    assert_eq!(world.job.record.state, JobState::Failed);
    assert_eq!(
        world.job.record.error.as_ref().map(|e| e.code),
        Some(ErrorCode::Crashed)
    );
}

#[test]
fn a_job_whose_last_task_fails_completes_without_its_file() {
    let mut world = World::uploaded(10);
    let worker: WorkerName = "w1".parse().unwrap();
    for _ in 0..=TASK_FAILURES_MAX {
        world.now_ms += 60_000;
        world.release_all();
        // Everything else first, and then the last file, which never succeeds.
        while let Some(task) = world.invited.pop_first() {
            let plan = world.job.record.plan.as_ref();
            let last = plan.map(|plan| TaskNumber(u32::try_from(plan.n_tasks()).unwrap() - 1));
            let held = world.claim(task, &worker).unwrap();
            if Some(task) == last {
                let error = TaskError {
                    code: ErrorCode::Crashed,
                    message: "again".to_owned(),
                };
                world.report(task, &held, Outcome::Failed(error));
            } else {
                world.work(task, &held, 10);
            }
            world.release_all();
        }
    }
    world.run_to_the_end(10);
    let record = &world.job.record;
    assert_eq!(record.state, JobState::Completed);
    assert_eq!(world.count(FactKind::RenditionDropped), 1);
    assert_eq!(
        record.outputs.len() + 1,
        record.plan.as_ref().unwrap().files.len()
    );
}

#[test]
fn losses_of_machines_do_not_fail_a_job_until_there_are_very_many() {
    let mut world = World::uploaded(10);
    let worker: WorkerName = "w1".parse().unwrap();
    for n in 1..=TASK_LOSSES_MAX {
        assert!(!world.job.record.state.is_terminal(), "loss {n}");
        world.now_ms += LOSS_PAUSE_MAX_MS;
        world.release_all();
        world.claim(TaskNumber(0), &worker).unwrap();
        world.lose(&worker);
    }
    assert_eq!(
        world.job.record.error.as_ref().map(|e| e.code),
        Some(ErrorCode::WorkerLost)
    );
}

/// An answer that was lost on its way is no other worker's doing.
#[test]
fn a_loss_says_whether_its_worker_asked_again_or_another_took_over() {
    let mut world = World::uploaded(10);
    let workers: [WorkerName; 2] = ["w1".parse().unwrap(), "w2".parse().unwrap()];
    world.release_all();
    world.claim(TaskNumber(0), &workers[0]).unwrap();
    world.claim(TaskNumber(0), &workers[0]).unwrap();
    world.now_ms += CLAIM_DEADLINE_MS;
    world.claim(TaskNumber(0), &workers[1]).unwrap();
    let said: Vec<&str> = world
        .facts
        .values()
        .filter_map(|fact| match fact {
            Fact::TaskFailed { error, .. } => Some(error.message.as_str()),
            _ => None,
        })
        .collect();
    let expected = [
        "Worker w1 was lost: it asked for its task again.",
        "Worker w1 was lost: another worker took it over.",
    ];
    assert_eq!(said, expected);
}

#[test]
fn the_first_losses_are_replaced_at_once_and_a_failure_is_not() {
    let mut world = World::uploaded(10);
    let worker: WorkerName = "w1".parse().unwrap();
    for _ in 0..LOSSES_AT_ONCE {
        world.release_all();
        world.claim(TaskNumber(0), &worker).unwrap();
        world.lose(&worker);
        assert_eq!(world.job.releasable(world.now_ms).len(), 1);
    }
    world.release_all();
    world.claim(TaskNumber(0), &worker).unwrap();
    world.lose(&worker);
    assert_eq!(world.job.releasable(world.now_ms), Vec::new());
    assert_eq!(
        world.job.releasable(world.now_ms + LOSS_PAUSE_MAX_MS).len(),
        1
    );
}

#[test]
fn what_the_source_causes_is_not_tried_again() {
    let mut world = World::uploaded(10);
    world.release_all();
    let held = world.claim(TaskNumber(0), &"w1".parse().unwrap()).unwrap();
    let error = TaskError {
        code: ErrorCode::NotMedia,
        message: "no".to_owned(),
    };
    world.report(TaskNumber(0), &held, Outcome::Failed(error));
    assert_eq!(world.job.record.state, JobState::Failed);
}

#[test]
fn an_upload_that_never_comes_fails_with_its_reason() {
    let mut world = World::new(10);
    world.now_ms += 3_600_000;
    world.apply(Event::Look {
        holders: Vec::new(),
    });
    assert_eq!(
        world.job.record.state,
        JobState::Uploading,
        "a PUT may be under way"
    );
    world.now_ms += 600_000;
    world.apply(Event::Look {
        holders: Vec::new(),
    });
    assert_eq!(
        world.job.record.error.as_ref().map(|e| e.code),
        Some(ErrorCode::UploadExpired)
    );
}

#[test]
fn a_late_twin_is_told_gone_and_its_report_changes_nothing() {
    let mut world = World::uploaded(10);
    world.release_all();
    let (slow, quick) = ("w1".parse().unwrap(), "w2".parse().unwrap());
    let old = world.claim(TaskNumber(0), &slow).unwrap();
    world.lose(&slow);
    world.release_all();
    let new = world.claim(TaskNumber(0), &quick).unwrap();
    let verdict =
        world
            .job
            .claim_verdict(TaskNumber(0), &slow, Some(&old), |_, _| true, world.now_ms);
    assert!(matches!(verdict, ClaimVerdict::Gone(_)));
    assert_eq!(
        world.report(TaskNumber(0), &old, Outcome::Probed(facts(10))),
        ReportVerdict::Stale
    );
    assert_eq!(
        world.report(TaskNumber(0), &new, Outcome::Probed(facts(10))),
        ReportVerdict::Accept
    );
    assert_eq!(world.count(FactKind::Probed), 1);
}

#[test]
fn a_second_upload_does_not_replace_the_first() {
    let mut world = World::new(10);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "first".to_owned(),
    });
    world.apply(Event::Uploaded {
        bytes: 2_000,
        etag: "second".to_owned(),
    });
    assert_eq!(world.job.record.source.etag.as_deref(), Some("first"));
    assert_eq!(world.count(FactKind::Uploaded), 1);
}

/// A container may promise more time than there are frames for: the last chunk is then empty.
#[test]
fn pieces_without_segments_are_left_out_of_files() {
    let mut world = World::uploaded(60);
    world.run_to_the_end(60);
    let record = &world.job.record;
    let plan = record.plan.as_ref().unwrap();
    let some = Segments { first: 0, n: 1 };
    let mut video = vec![some; plan.n_chunks() as usize];
    video.last_mut().unwrap().n = 0;
    let Some(TaskSpec::Assemble(spec)) = assemble(record, plan, 0, &video, &[vec![some; 3]]) else {
        unreachable!("the first file is assembled");
    };
    assert_eq!(spec.video.len() + 1, video.len());
    assert_eq!(spec.audio[0].pieces.len(), 3);
}

#[test]
fn a_worker_s_endless_sentence_is_cut() {
    let mut world = World::uploaded(10);
    world.release_all();
    let held = world.claim(TaskNumber(0), &"w1".parse().unwrap()).unwrap();
    let error = TaskError {
        code: ErrorCode::NotMedia,
        message: "\u{e9}".repeat(100_000),
    };
    world.report(TaskNumber(0), &held, Outcome::Failed(error));
    let kept = world.job.record.error.as_ref().unwrap();
    assert_eq!(kept.message.chars().count(), 1_000);
}
