//! A source that was remuxed: every later task reads the intermediate, and it goes when the job ends.

use actors::job::Event;
use actors::job::spec::{intermediate, spec};
use bus_schema::id::{Attempt, TaskNumber, WorkerName};
use bus_schema::intermediate::{Intermediate, IntermediatePlace, PIECE_BYTES};
use bus_schema::record::{Effect, JobState, Output, OutputKind};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::Preset;
use bus_schema::source::SourceFacts;
use bus_schema::task::TaskSpec;

use crate::reported::facts;
use crate::world::World;

const PROBE: TaskNumber = TaskNumber(0);
const REMUXED: Intermediate = Intermediate {
    head_bytes: 300,
    media_bytes: 900,
    piece_bytes: PIECE_BYTES,
};

fn worker() -> WorkerName {
    "w1".parse().expect("a worker's name")
}

fn broadcast() -> SourceFacts {
    SourceFacts {
        container: "mpegts".to_owned(),
        intermediate: Some(REMUXED),
        ..facts(60)
    }
}

/// A job whose probe is in hand.
fn begun(preset: Preset) -> (World, bus_schema::claim::Held) {
    let mut world = World::of(preset, 60);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
    world.release_all();
    let held = world.claim(PROBE, &worker()).expect("the probe");
    (world, held)
}

fn removes(world: &World) -> bool {
    let outbox = &world.job.record.outbox;
    outbox.contains(&Effect::RemoveIntermediate {})
}

fn source_bytes(spec: &TaskSpec) -> u64 {
    match spec {
        TaskSpec::Probe(spec) => spec.source_bytes,
        TaskSpec::Chunk(spec) => spec.source_bytes,
        TaskSpec::Audio(spec) => spec.source_bytes,
        TaskSpec::Remux(spec) => spec.source_bytes,
        TaskSpec::Images(spec) => spec.source_bytes,
        TaskSpec::Subtitles(spec) => spec.source_bytes,
        TaskSpec::Assemble(_) => 0,
    }
}

#[test]
fn every_task_but_the_probe_reads_the_intermediate() {
    for preset in [Preset::HlsAdaptive, Preset::Default] {
        let (mut world, held) = begun(preset);
        world.report(PROBE, &held, Outcome::Probed(broadcast()));
        let record = &world.job.record;
        let plan = record.plan.as_ref().expect("a plan");
        // What was remuxed can be copied as any MP4 can.
        assert_eq!(plan.copy.is_some(), preset == Preset::Default);
        let place = IntermediatePlace {
            task: PROBE,
            attempt: Attempt(1),
            intermediate: REMUXED,
        };
        for (number, _) in record.tasks.iter() {
            let role = world.job.role(number).expect("a role");
            let Some(spec) = spec(record, number, role) else {
                continue;
            };
            let (expected, bytes) = if number == PROBE {
                (None, 1_000)
            } else {
                (Some(place), 1_200)
            };
            assert_eq!(source_bytes(&spec), bytes, "{number}");
            assert_eq!(intermediate(record, number), expected, "{number}");
        }
    }
}

#[test]
fn the_intermediate_goes_however_the_job_ends() {
    let (mut world, held) = begun(Preset::HlsAdaptive);
    world.report(PROBE, &held, Outcome::Probed(broadcast()));
    assert!(!removes(&world));
    world.run_to_the_end(60);
    assert_eq!(world.job.record.state, JobState::Completed);
    assert!(removes(&world));

    let (mut world, held) = begun(Preset::HlsAdaptive);
    world.report(PROBE, &held, Outcome::Probed(broadcast()));
    world.apply(Event::FinishFailed(TaskError {
        code: ErrorCode::Internal,
        message: "It does not fit together.".to_owned(),
    }));
    assert_eq!(world.job.record.state, JobState::Failed);
    assert!(removes(&world));

    // The probe may have been remuxing for minutes.
    let (mut world, _) = begun(Preset::HlsAdaptive);
    world.apply(Event::Cancel);
    assert!(removes(&world));

    // Nothing was written for it.
    let mut world = World::of(Preset::HlsAdaptive, 60);
    world.apply(Event::Cancel);
    assert!(!removes(&world));
}

/// What is not streamed is of no use once its file is there.
#[test]
fn segments_go_where_nothing_is_streamed() {
    for (preset, expected) in [
        (Preset::WebOptimized, true),
        (Preset::Hls, false),
        (Preset::HlsAdaptive, false),
    ] {
        let (mut world, held) = begun(preset);
        world.report(PROBE, &held, Outcome::Probed(facts(60)));
        world.run_to_the_end(60);
        let record = &world.job.record;
        assert_eq!(record.state, JobState::Completed);
        assert!(record.plan.as_ref().is_some_and(|plan| plan.copy.is_none()));
        let is_told = record.outbox.contains(&Effect::RemoveSegments {});
        assert_eq!(is_told, expected, "{preset:?}");
    }
    // A copy has none.
    let (mut world, held) = begun(Preset::Default);
    world.report(PROBE, &held, Outcome::Probed(broadcast()));
    world.run_to_the_end(60);
    let record = &world.job.record;
    assert!(record.plan.as_ref().is_some_and(|plan| plan.copy.is_some()));
    assert!(!record.outbox.contains(&Effect::RemoveSegments {}));
}

/// Nobody plays what did not come to its end; what was listed as a file stays.
#[test]
fn segments_go_where_the_job_is_not_completed() {
    let removes = |world: &World| world.job.record.outbox.contains(&Effect::RemoveSegments {});
    let planned = || {
        let (mut world, held) = begun(Preset::HlsAdaptive);
        world.report(PROBE, &held, Outcome::Probed(facts(60)));
        world
    };
    let mut world = planned();
    world.apply(Event::Cancel);
    assert!(!removes(&world), "nothing was begun");

    let mut world = planned();
    world.release_all();
    world.claim(TaskNumber(1), &worker()).expect("a task");
    world.apply(Event::Cancel);
    assert!(removes(&world));

    let mut world = planned();
    world.release_all();
    world.claim(TaskNumber(1), &worker()).expect("a task");
    world.apply(Event::FinishFailed(TaskError {
        code: ErrorCode::Internal,
        message: "It does not fit together.".to_owned(),
    }));
    assert!(removes(&world));
    let mut record = world.job.record.clone();
    let plan = record.plan.clone().expect("a plan");
    let chunk = plan.first_chunk_task();
    let file = plan.first_file_task();
    assert!(record.is_unread(&format!("t{chunk}a2/360p/000001.m4s")));
    assert!(record.is_unread(&format!("t{file}a1/360p.mp4")));
    assert!(!record.is_unread("master.m3u8") && !record.is_unread("t0a1/intermediate/0"));
    record.outputs.push(Output {
        kind: OutputKind::Mp4,
        rendition: None,
        name: format!("t{file}a1/360p.mp4"),
        bytes: 1,
        frames: None,
        duration_ms: None,
        codecs: None,
    });
    assert!(!record.is_unread(&format!("t{file}a1/360p.mp4")));
    assert!(record.is_unread(&format!("t{file}a2/360p.mp4")));
    record.state = JobState::Completed;
    assert!(!record.is_unread(&format!("t{chunk}a2/360p/000001.m4s")));
}

#[test]
fn a_source_with_an_index_has_nothing_to_remove() {
    let (mut world, held) = begun(Preset::HlsAdaptive);
    world.report(PROBE, &held, Outcome::Probed(facts(60)));
    world.apply(Event::Cancel);
    assert!(!removes(&world));
    // But for what a lost attempt may have written of it.
    let (mut world, _) = begun(Preset::HlsAdaptive);
    world.lose(&worker());
    world.release_all();
    let held = world.claim(PROBE, &worker()).expect("the probe again");
    world.report(PROBE, &held, Outcome::Probed(facts(60)));
    world.apply(Event::Cancel);
    assert!(removes(&world));
}
