//! A device that fails while nothing is listed: then everything is planned anew in software.

use actors::job::{Event, ReportVerdict};
use bus_schema::claim::Held;
use bus_schema::fact::Fact;
use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::record::{JobState, TaskState};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::Preset;

use crate::reported::{chunk, facts};
use crate::world::World;

/// Long enough for a first chunk and two others.
pub(crate) const SECONDS: u64 = 30;
/// Behind the probe and one track of sound.
pub(crate) const CHUNKS: [TaskNumber; 3] = [TaskNumber(2), TaskNumber(3), TaskNumber(4)];

pub(crate) fn worker() -> WorkerName {
    "w1".parse().expect("a worker's name")
}

pub(crate) fn failed(code: ErrorCode) -> Outcome {
    Outcome::Failed(TaskError {
        code,
        message: "The device went away.".to_owned(),
    })
}

/// A job that was planned where every worker has a device, and whose chunks are all in hand.
pub(crate) fn in_hardware() -> (World, [Held; 3]) {
    of_preset_in_hardware(Preset::HlsAdaptive)
}

pub(crate) fn of_preset_in_hardware(preset: Preset) -> (World, [Held; 3]) {
    let mut world = World::of(preset, SECONDS);
    world.encoders = ["x264enc", "nvh264enc"].map(str::to_owned).into();
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
    world.release_all();
    let probe = world.claim(TaskNumber(0), &worker()).expect("the probe");
    world.report(TaskNumber(0), &probe, Outcome::Probed(facts(SECONDS)));
    assert!(
        encoders(&world)
            .iter()
            .all(|encoder| encoder == "nvh264enc")
    );
    world.release_all();
    let held = CHUNKS.map(|chunk| world.claim(chunk, &worker()).expect("a chunk"));
    (world, held)
}

/// Of the two largest renditions.
pub(crate) fn encoders(world: &World) -> Vec<String> {
    let plan = world.job.record.plan.as_ref().expect("it is planned");
    let renditions = &plan.video.as_ref().expect("a picture").renditions;
    let names = renditions.iter().rev().take(2);
    names.map(|rendition| rendition.encoder.clone()).collect()
}

fn is_waiting(world: &World, task: TaskNumber) -> bool {
    let state = &world.job.record.tasks.get(task).expect("a task").state;
    matches!(
        state,
        TaskState::Waiting {
            not_before_ms: None
        }
    )
}

#[test]
fn before_anything_is_listed_everything_is_encoded_in_software() {
    for code in [
        ErrorCode::EncoderFailed,
        ErrorCode::CannotMatch,
        ErrorCode::Crashed,
        ErrorCode::LimitExceeded,
    ] {
        let (mut world, held) = in_hardware();
        // A later chunk is done already: by the device, which is another make.
        world.report(CHUNKS[1], &held[1], Outcome::Transcoded(chunk()));
        world.report(CHUNKS[0], &held[0], failed(code));
        assert_eq!(encoders(&world), ["x264enc"; 2], "{code:?}");
        assert!(CHUNKS.iter().all(|chunk| is_waiting(&world, *chunk)));
        let failures = CHUNKS.map(|chunk| world.job.record.tasks.get(chunk).unwrap().failures);
        assert_eq!(failures, [0; 3]);
        // What the device makes after that is of no use.
        let verdict = world.report(CHUNKS[2], &held[2], Outcome::Transcoded(chunk()));
        assert_eq!(verdict, ReportVerdict::Stale);
        let warnings = &world.job.record.warnings;
        assert!(
            warnings.iter().any(|text| text.contains("nvh264enc")),
            "{warnings:?}"
        );
        world.run_to_the_end(SECONDS);
        assert_eq!(world.job.record.state, JobState::Completed);
        let done = world.job.record.tasks.get(CHUNKS[1]).unwrap();
        assert_eq!(done.done_attempt().map(|attempt| attempt.0), Some(2));
    }
}

#[test]
fn each_attempt_that_is_thrown_away_is_a_fact() {
    let (mut world, held) = in_hardware();
    world.report(CHUNKS[1], &held[1], Outcome::Transcoded(chunk()));
    world.report(CHUNKS[2], &held[2], failed(ErrorCode::EncoderFailed));
    let thrown: Vec<(TaskNumber, bool)> = world
        .facts
        .values()
        .filter_map(|fact| match fact {
            Fact::TaskFailed {
                task, will_retry, ..
            } => Some((*task, *will_retry)),
            _ => None,
        })
        .collect();
    assert_eq!(
        thrown,
        [(CHUNKS[2], true), (CHUNKS[0], true), (CHUNKS[1], true)]
    );
}

#[test]
fn in_software_nothing_falls_back() {
    let mut world = World::uploaded(SECONDS);
    world.release_all();
    let probe = world.claim(TaskNumber(0), &worker()).expect("the probe");
    world.report(TaskNumber(0), &probe, Outcome::Probed(facts(SECONDS)));
    world.release_all();
    let held = world.claim(CHUNKS[0], &worker()).expect("a chunk");
    world.report(CHUNKS[0], &held, failed(ErrorCode::Crashed));
    let task = world.job.record.tasks.get(CHUNKS[0]).expect("a task");
    assert_eq!(task.failures, 1);
    assert_eq!(world.job.record.warnings, Vec::<String>::new());
}
