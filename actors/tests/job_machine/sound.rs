//! Several tracks of sound: a task each, of which the first alone decides when a film can be played.

use actors::job::spec::{Segments, assemble, ingredients};
use bus_schema::fact::FactKind;
use bus_schema::id::TaskNumber;
use bus_schema::plan::TaskRole;
use bus_schema::record::JobState;
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::task::TaskSpec;

use super::reported::audio_part;
use super::world::World;

/// A job whose probe found three tracks of sound, with everything released.
fn probed() -> World {
    let mut world = World::uploaded(60);
    world.n_audio = 3;
    step(&mut world, TaskNumber(0));
    world.release_all();
    world
}

fn step(world: &mut World, task: TaskNumber) {
    world.release_all();
    let held = world
        .claim(task, &"w1".parse().expect("a worker name"))
        .expect("as the test made it");
    world.work(task, &held, 60);
}

fn fail(world: &mut World, task: TaskNumber) {
    let held = world
        .claim(task, &"w1".parse().expect("a worker name"))
        .expect("as the test made it");
    let error = TaskError {
        code: ErrorCode::Unsupported,
        message: "This worker has no decoder for it.".to_owned(),
    };
    world.report(task, &held, Outcome::Failed(error));
}

fn assembled(world: &World) -> Vec<(String, u32)> {
    let record = &world.job.record;
    let plan = record.plan.as_ref().expect("as the test made it");
    let some = Segments { first: 0, n: 1 };
    let tracks = ingredients(record, plan, 0).audio;
    let audio: Vec<Vec<Segments>> = tracks
        .iter()
        .map(|(_, parts)| vec![some; parts.len()])
        .collect();
    let video = vec![some; plan.n_chunks() as usize];
    let Some(TaskSpec::Assemble(spec)) = assemble(record, plan, 0, &video, &audio) else {
        unreachable!("the first file is assembled");
    };
    let of = spec.audio.iter();
    of.map(|track| (track.name.to_string(), track.pieces[0].task.0))
        .collect()
}

#[test]
fn every_track_is_a_task_and_goes_into_every_file() {
    let mut world = probed();
    for (task, track) in [(1, 0), (2, 1), (3, 2)] {
        assert_eq!(
            world.job.role(TaskNumber(task)),
            Some(TaskRole::Audio(track))
        );
    }
    world.run_to_the_end(60);
    assert_eq!(world.job.record.state, JobState::Completed);
    assert_eq!(
        assembled(&world),
        [
            ("audio".to_owned(), 1),
            ("audio-2".to_owned(), 2),
            ("audio-3".to_owned(), 3)
        ]
    );
}

#[test]
fn nobody_waits_for_the_other_tracks() {
    let mut world = probed();
    step(&mut world, TaskNumber(4));
    let second = world.claim(TaskNumber(2), &"w1".parse().unwrap()).unwrap();
    world.report(TaskNumber(2), &second, Outcome::AudioPart(audio_part(0)));
    assert_eq!(
        world.count(FactKind::Playable),
        0,
        "the first sound is missing"
    );
    let first = world.claim(TaskNumber(1), &"w1".parse().unwrap()).unwrap();
    world.report(TaskNumber(1), &first, Outcome::AudioPart(audio_part(0)));
    assert_eq!(world.count(FactKind::Playable), 1);
}

#[test]
fn a_track_that_cannot_be_decoded_is_a_warning() {
    let mut world = probed();
    fail(&mut world, TaskNumber(1));
    assert_eq!(world.job.record.dropped, ["audio".parse().unwrap()]);
    assert_eq!(world.job.record.warnings.len(), 1);
    world.run_to_the_end(60);
    assert_eq!(world.job.record.state, JobState::Completed);
    assert_eq!(
        assembled(&world),
        [("audio-2".to_owned(), 2), ("audio-3".to_owned(), 3)]
    );
}

#[test]
fn sound_alone_goes_on_until_its_last_track_is_given_up() {
    let mut world = World::uploaded(60);
    world.n_audio = 2;
    world.job.record.request.qualities = vec!["audio".to_owned()];
    step(&mut world, TaskNumber(0));
    world.release_all();
    fail(&mut world, TaskNumber(1));
    assert_eq!(world.job.record.state, JobState::Running);
    fail(&mut world, TaskNumber(2));
    assert_eq!(world.job.record.state, JobState::Failed);
}
