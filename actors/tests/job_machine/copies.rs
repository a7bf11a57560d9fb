//! A source that is copied: the probe, the copy, the end.

use bus_schema::fact::{Fact, FactKind};
use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::record::{JobState, OutputKind};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::Preset;
use bus_schema::task::TaskKind;

use crate::reported::{copied, facts};
use crate::world::World;
use actors::job::Event;
use actors::job::spec::spec;

const COPY: TaskNumber = TaskNumber(1);

fn worker() -> WorkerName {
    "w1".parse().expect("a worker's name")
}

/// A job whose probe was heard.
fn probed() -> World {
    let mut world = World::of(Preset::Default, 2);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
    world.release_all();
    let probe = TaskNumber(0);
    let held = world.claim(probe, &worker()).expect("the probe");
    world.report(probe, &held, Outcome::Probed(facts(2)));
    world
}

#[test]
fn a_copy_is_playable_when_it_is_there_and_then_the_job_is_done() {
    let mut world = probed();
    let planned = world.facts.values().find_map(|fact| match fact {
        Fact::Planned {
            renditions,
            n_tasks,
            n_chunks,
            encode_reason,
            ..
        } => Some((
            renditions.clone(),
            *n_tasks,
            *n_chunks,
            encode_reason.clone(),
        )),
        _ => None,
    });
    let (renditions, n_tasks, n_chunks, encode_reason) = planned.expect("it is planned");
    assert_eq!((renditions.len(), n_tasks, n_chunks), (1, 2, 0));
    assert_eq!(
        (renditions[0].name.as_str(), renditions[0].height),
        ("360p", 360)
    );
    assert_eq!(encode_reason, None);
    assert_eq!(
        world.job.record.state,
        JobState::Running,
        "nothing is there yet"
    );

    world.release_all();
    let role = world.job.role(COPY).expect("the copy");
    let spec = spec(&world.job.record, COPY, role).expect("a specification");
    assert_eq!(spec.kind(), TaskKind::Remux);
    let held = world.claim(COPY, &worker()).expect("the copy");
    assert!(!world.has_finish);
    world.report(COPY, &held, Outcome::Remuxed(copied()));
    assert_eq!(world.job.record.state, JobState::Playable);
    assert!(world.has_finish);
    world.apply(Event::Finished {
        outputs: Vec::new(),
        warnings: Vec::new(),
    });
    let record = &world.job.record;
    assert_eq!(record.state, JobState::Completed);
    let [output] = record.outputs.as_slice() else {
        unreachable!("one file: {:?}", record.outputs);
    };
    assert_eq!(output.kind, OutputKind::Mp4);
    assert_eq!(output.name, "t1a1/360p.mp4");
    assert_eq!((output.bytes, output.frames), (900, Some(50)));
    let kinds: Vec<FactKind> = world.facts.values().map(Fact::kind).collect();
    let end = &kinds[kinds.len() - 4..];
    assert_eq!(
        end,
        [
            FactKind::TaskDone,
            FactKind::FileDone,
            FactKind::Playable,
            FactKind::Completed
        ]
    );
}

#[test]
fn a_copy_that_cannot_be_made_fails_the_job_for_its_reason() {
    let mut world = probed();
    world.release_all();
    let held = world.claim(COPY, &worker()).expect("the copy");
    let error = TaskError {
        code: ErrorCode::Truncated,
        message: "The upload is not whole.".to_owned(),
    };
    world.report(COPY, &held, Outcome::Failed(error.clone()));
    assert_eq!(world.job.record.state, JobState::Failed);
    assert_eq!(world.job.record.error, Some(error));
}

#[test]
fn a_lost_copy_is_made_again_and_another_task_s_result_is_none() {
    let mut world = probed();
    world.release_all();
    let held = world.claim(COPY, &worker()).expect("the copy");
    world.lose(&worker());
    world.report(COPY, &held, Outcome::Remuxed(copied()));
    assert!(world.job.record.outputs.is_empty(), "it was given up");
    world.release_all();
    let held = world.claim(COPY, &worker()).expect("the copy again");
    world.report(COPY, &held, Outcome::Assembled(copied()));
    assert!(
        world.job.record.outputs.is_empty(),
        "that was not asked for"
    );
    world.run_to_the_end(2);
    assert_eq!(world.job.record.state, JobState::Completed);
    assert_eq!(world.job.record.outputs[0].name, "t1a3/360p.mp4");
}
