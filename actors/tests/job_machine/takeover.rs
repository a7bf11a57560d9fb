//! A device that fails when something is listed: software makes the rest, and all of what files hold.

use std::collections::BTreeMap;

use actors::job::spec::{Segments, assemble, spec};
use actors::job::{ReportVerdict, TASK_FAILURES_MAX};
use bus_schema::claim::Held;
use bus_schema::fact::{Fact, FactKind};
use bus_schema::id::TaskNumber;
use bus_schema::plan::{Takeover, TaskRole};
use bus_schema::record::{JobState, TaskState};
use bus_schema::report::ErrorCode;
use bus_schema::request::Preset;
use bus_schema::task::TaskSpec;
use proptest::prelude::*;

use crate::fallback::{CHUNKS, SECONDS, failed, in_hardware, of_preset_in_hardware, worker};
use crate::reported::chunk;
use crate::world::World;
use bus_schema::report::Outcome;

/// Fails this task until it is given up, from the attempt in hand on.
fn fail_finally(world: &mut World, task: TaskNumber, held: Held, code: ErrorCode) {
    let mut held = held;
    for failure in 1..=TASK_FAILURES_MAX {
        assert!(!world.job.record.state.is_terminal());
        world.report(task, &held, failed(code));
        if failure < TASK_FAILURES_MAX {
            world.now_ms += 60_000;
            world.release_all();
            held = world.claim(task, &worker()).expect("another try");
        }
    }
}

/// One whose first chunk is listed, whose second fails, and whose third is done.
fn taken_over(preset: Preset, code: ErrorCode) -> World {
    let (mut world, held) = of_preset_in_hardware(preset);
    let [first, second, third] = held;
    world.report(CHUNKS[0], &first, Outcome::Transcoded(chunk()));
    world.report(CHUNKS[2], &third, Outcome::Transcoded(chunk()));
    fail_finally(&mut world, CHUNKS[1], second, code);
    world
}

fn takeover(world: &World) -> Option<Takeover> {
    let plan = world.job.record.plan.as_ref().expect("it is planned");
    plan.video.as_ref().expect("a picture").takeover.clone()
}

/// The task that makes what files hold of the first chunk.
fn file_chunk(world: &World) -> TaskNumber {
    let plan = world.job.record.plan.as_ref().expect("it is planned");
    let task = plan.file_task_of_chunk(0).expect("a task");
    assert_eq!(world.job.role(task), Some(TaskRole::FileChunk(0)));
    task
}

/// Who makes what a task makes.
fn encoder(world: &World, task: TaskNumber) -> String {
    let role = world.job.role(task).expect("a role");
    let Some(TaskSpec::Chunk(chunk)) = spec(&world.job.record, task, role) else {
        unreachable!("a chunk is made");
    };
    let mut encoders = chunk.video.renditions.iter().map(|one| &one.encoder);
    let first = encoders.next().expect("a rendition").clone();
    assert!(encoders.all(|encoder| *encoder == first));
    first
}

#[test]
fn what_is_listed_stays_and_software_makes_the_rest() {
    for code in [
        ErrorCode::EncoderFailed,
        ErrorCode::CannotMatch,
        ErrorCode::Crashed,
        ErrorCode::LimitExceeded,
    ] {
        let mut world = taken_over(Preset::HlsAdaptive, code);
        let expected = Takeover {
            from_chunk: 1,
            encoder: "x264enc".to_owned(),
            crf: 23,
        };
        assert_eq!(takeover(&world), Some(expected), "{code:?}");
        let listed = world.job.record.chunk_prefix();
        assert_eq!(listed.len(), 1);
        let warnings = world.job.record.warnings.clone();
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].contains("From second 4 on") && warnings[0].contains("nvh264enc"),
            "{warnings:?}"
        );
        // The third chunk was done, by the device; the tries of the second are its own again.
        for chunk in &CHUNKS[1..] {
            let task = world.job.record.tasks.get(*chunk).unwrap();
            assert!(matches!(task.state, TaskState::Waiting { .. }), "{task:?}");
            assert_eq!(task.failures, 0);
            assert_eq!(encoder(&world, *chunk), "x264enc");
        }
        assert_eq!(encoder(&world, CHUNKS[0]), "nvh264enc");
        assert_eq!(encoder(&world, file_chunk(&world)), "x264enc");
        world.run_to_the_end(SECONDS);
        let record = &world.job.record;
        assert_eq!(record.state, JobState::Completed);
        assert_eq!(record.warnings, warnings);
        assert_eq!(record.chunk_prefix()[..1], listed);
        assert_eq!(world.count(FactKind::FileDone), record.outputs.len());
    }
}

#[test]
fn files_are_made_by_software_from_the_start() {
    let mut world = taken_over(Preset::HlsAdaptive, ErrorCode::EncoderFailed);
    let again = file_chunk(&world);
    world.run_to_the_end(SECONDS);
    let record = &world.job.record;
    let plan = record.plan.as_ref().unwrap();
    let some = Segments { first: 0, n: 1 };
    let Some(TaskSpec::Assemble(file)) = assemble(record, plan, 0, &[some; 3], &[vec![some; 2]])
    else {
        unreachable!("the first file is assembled");
    };
    let tasks: Vec<TaskNumber> = file.video.iter().map(|piece| piece.task).collect();
    assert_eq!(tasks, [again, CHUNKS[1], CHUNKS[2]]);
}

#[test]
fn what_is_made_once_more_waits_for_what_nobody_can_play_yet() {
    let mut world = taken_over(Preset::HlsAdaptive, ErrorCode::EncoderFailed);
    world.now_ms += 60_000;
    let tasks = world.job.releasable(world.now_ms);
    let roles: Vec<TaskRole> = tasks.iter().map(|(_, role)| *role).collect();
    assert_eq!(roles.last(), Some(&TaskRole::FileChunk(0)));
    assert!(roles.contains(&TaskRole::Chunk(1)) && roles.contains(&TaskRole::Chunk(2)));
    let is_file = |role: &TaskRole| matches!(role, TaskRole::Assemble(_));
    assert!(!roles.iter().any(is_file));
}

#[test]
fn an_attempt_by_the_device_comes_too_late() {
    let (mut world, held) = in_hardware();
    let [first, second, third] = held;
    world.report(CHUNKS[0], &first, Outcome::Transcoded(chunk()));
    fail_finally(&mut world, CHUNKS[1], second, ErrorCode::EncoderFailed);
    let verdict = world.report(CHUNKS[2], &third, Outcome::Transcoded(chunk()));
    assert_eq!(verdict, ReportVerdict::Stale);
}

#[test]
fn software_that_fails_fails_the_job() {
    let mut world = taken_over(Preset::HlsAdaptive, ErrorCode::EncoderFailed);
    world.now_ms += 60_000;
    world.release_all();
    let held = world.claim(CHUNKS[1], &worker()).expect("a try of its own");
    fail_finally(&mut world, CHUNKS[1], held, ErrorCode::Crashed);
    assert_eq!(world.job.record.state, JobState::Failed);
    let error = world.job.record.error.as_ref().map(|error| error.code);
    assert_eq!(error, Some(ErrorCode::Crashed));
}

/// Gives up what files hold of the first chunk, and lets everything else go well.
fn without_files(preset: Preset) -> World {
    let mut world = taken_over(preset, ErrorCode::EncoderFailed);
    let task = file_chunk(&world);
    world.now_ms += 60_000;
    world.release_all();
    let held = world.claim(task, &worker()).expect("a try");
    fail_finally(&mut world, task, held, ErrorCode::Crashed);
    world.run_to_the_end(SECONDS);
    world
}

#[test]
fn files_that_cannot_be_made_are_refused_by_name_and_the_stream_stays() {
    let world = without_files(Preset::HlsAdaptive);
    let record = &world.job.record;
    assert_eq!(record.state, JobState::Completed);
    let n_files = record.plan.as_ref().unwrap().files.len();
    assert_eq!(world.count(FactKind::RenditionDropped), n_files);
    assert_eq!(world.count(FactKind::FileDone), 0);
    assert!(record.outputs.is_empty() && record.dropped.is_empty());
    let warning = record.warnings.last().unwrap();
    assert!(
        warning.starts_with("The MP4s of the picture were given up:"),
        "{warning}"
    );
    assert_eq!(record.chunk_prefix().len(), 3);
}

#[test]
fn where_nothing_is_streamed_the_job_fails_without_its_files() {
    let world = without_files(Preset::WebOptimized);
    assert_eq!(world.job.record.state, JobState::Failed);
    let error = world.job.record.error.as_ref().map(|error| error.code);
    assert_eq!(error, Some(ErrorCode::Crashed));
}

proptest! {
    /// Whenever a device fails, and whatever is at work then: there is one end, nothing that is listed changes (the
    /// world looks after that), no chunk is done more than once by each encoder, and software is never replaced.
    #[test]
    fn whenever_a_device_fails_the_job_ends(
        steps in prop::collection::vec((any::<u8>(), prop::bool::weighted(0.6), any::<bool>()), 0..60),
    ) {
        let (mut world, held) = in_hardware();
        let mut held: BTreeMap<TaskNumber, Held> = CHUNKS.into_iter().zip(held).collect();
        let mut seen = None;
        for (pick, is_failed, is_lost) in steps {
            if world.job.record.state.is_terminal() {
                break;
            }
            world.now_ms += 60_000;
            world.release_all();
            let n_tasks = world.job.record.tasks.len();
            let task = TaskNumber(u32::try_from(usize::from(pick) % n_tasks).unwrap());
            let Some(held) = held.remove(&task).or_else(|| world.claim(task, &worker())) else {
                continue;
            };
            match (is_failed, is_lost) {
                (true, true) => world.lose(&worker()),
                (true, false) => drop(world.report(task, &held, failed(ErrorCode::EncoderFailed))),
                (false, _) => world.work(task, &held, SECONDS),
            }
            let now = takeover(&world);
            prop_assert!(seen.is_none() || seen == now);
            seen = now;
        }
        world.run_to_the_end(SECONDS);
        let ends = [FactKind::Completed, FactKind::Failed, FactKind::Cancelled];
        let n_ends: usize = ends.iter().map(|&kind| world.count(kind)).sum();
        prop_assert_eq!(n_ends, 1);
        let mut done: BTreeMap<TaskNumber, u32> = BTreeMap::new();
        for fact in world.facts.values() {
            if let Fact::TaskDone { task, .. } = fact {
                *done.entry(*task).or_default() += 1;
            }
        }
        for (task, n) in done {
            let is_chunk = matches!(world.job.role(task), Some(TaskRole::Chunk(_)));
            prop_assert!(n <= 1 + u32::from(is_chunk), "task {} was done {} times", task, n);
        }
        if world.job.record.state == JobState::Completed {
            let plan = world.job.record.plan.as_ref().unwrap();
            prop_assert_eq!(world.job.record.chunk_prefix().len(), plan.n_chunks() as usize);
            prop_assert_eq!(world.job.record.tasks.len(), plan.n_tasks());
        }
    }
}
