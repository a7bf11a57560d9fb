//! The longest films: what is kept of them and what is sent stays far below the bus's limits.

use actors::job::Event;
use actors::job::spec::{Segments, assemble};
use bus_schema::claim::{ClaimReply, Go, Held};
use bus_schema::codec::{Envelope, decode, encode};
use bus_schema::id::{Attempt, TaskNumber, Token, WorkerName};
use bus_schema::record::{JobRecord, JobState, PartRun, TaskState};
use bus_schema::report::{ErrorCode, Outcome};
use bus_schema::task::TaskSpec;

use crate::reported::facts;
use crate::world::World;

const HOUR_S: u64 = 3_600;
/// Design: a record of eight hours takes less.
const RECORD_BYTES: usize = 20_000;
/// Tasks out at once: of four slots.
const IN_FLIGHT: usize = 8;
/// Segments of a part of the sound.
const PART_SEGMENTS: u32 = 5;

/// The specification of the first file, with as many segments as an even film has in its pieces.
fn file(record: &JobRecord) -> TaskSpec {
    let plan = record.plan.as_ref().expect("it is planned");
    let video: Vec<Segments> = (0..plan.n_chunks())
        .map(|chunk| {
            let first = plan.first_segment(chunk);
            let n = plan.first_segment(chunk + 1) - first;
            Segments { first, n }
        })
        .collect();
    let audio: Vec<Vec<Segments>> = record
        .audio_tracks()
        .map(|(track, _)| {
            let parts = record.audio_prefix(track).into_iter();
            let segments = parts.map(|(part, ..)| Segments {
                first: part * PART_SEGMENTS,
                n: PART_SEGMENTS,
            });
            segments.collect()
        })
        .collect();
    assemble(record, plan, 0, &video, &audio).expect("the first file is assembled")
}

/// The answer that grants it, as it is sent and as the worker reads it.
fn answer(spec: TaskSpec) -> usize {
    let held = Held {
        attempt: Attempt(1),
        token: Token::random(),
    };
    let reply = ClaimReply::Go(Go {
        held,
        deadline_ms: 1,
        spec: Some(Box::new(spec)),
        addresses: Vec::new(),
        intermediate: None,
    });
    let bytes = encode(&Envelope::new("m".to_owned(), 1, &reply)).expect("it can be sent");
    let read = decode::<ClaimReply>(&bytes).expect("it can be read");
    assert_eq!(read.body, reply);
    bytes.len()
}

/// As with Admission, who lets no more go than can be at work soon.
fn run_in_turns(world: &mut World, duration_s: u64) {
    let worker: WorkerName = "w1".parse().expect("a worker's name");
    while !world.job.record.state.is_terminal() {
        let ready = world.job.releasable(world.now_ms).into_iter();
        let ready = ready.take(IN_FLIGHT).map(|(task, _)| task).collect();
        world.now_ms += 1_000;
        world.apply(Event::Released(ready));
        let invited = std::mem::take(&mut world.invited);
        let held: Vec<_> = invited
            .into_iter()
            .map(|task| (task, world.claim(task, &worker).expect("it is free")))
            .collect();
        for (task, held) in held {
            world.work(task, &held, duration_s);
        }
    }
}

#[test]
fn eight_hours_take_a_small_record_and_small_messages() {
    let mut world = World::uploaded(8 * HOUR_S);
    world.n_audio = 2;
    run_in_turns(&mut world, 8 * HOUR_S);
    let record = &world.job.record;
    assert_eq!(record.state, JobState::Completed);
    let plan = record.plan.as_ref().expect("it is planned");
    assert_eq!(plan.n_chunks(), 1_801);
    assert_eq!(record.chunk_prefix().len(), 1_801);
    assert_eq!(record.audio_prefix(1).len(), 1_440);
    let spec = file(record);
    let TaskSpec::Assemble(files) = &spec else {
        unreachable!("a file is assembled");
    };
    assert_eq!(
        (files.video.len(), files.audio[1].pieces.len()),
        (1_801, 1_440)
    );
    assert_eq!(spec.check_size(), Ok(()));
    let bytes = answer(spec);
    assert!(bytes < 2_000, "{bytes} bytes to assemble a file");
    let largest = world.record_bytes_max;
    assert!(largest < RECORD_BYTES, "a record of {largest} bytes");
}

/// A day with as many tracks of sound as there can be, of which every `nth` task was done at the second try.
fn a_day(nth: u32) -> JobRecord {
    let mut world = World::uploaded(24 * HOUR_S);
    world.n_audio = 8;
    let worker: WorkerName = "w1".parse().expect("a worker's name");
    world.release_all();
    let held = world.claim(TaskNumber(0), &worker).expect("the probe");
    let mut facts = facts(24 * HOUR_S);
    let first = facts.audio[0].clone();
    for track in 1..8 {
        let mut audio = first.clone();
        audio.track = track;
        facts.audio.push(audio);
    }
    world.report(TaskNumber(0), &held, Outcome::Probed(facts));
    let mut record = world.job.record;
    for (number, task) in record.tasks.iter_mut() {
        let attempt = Attempt(1 + u16::from(number.0.is_multiple_of(nth)));
        task.attempts = attempt.0;
        task.state = TaskState::Done { attempt };
        if (1..=8).contains(&number.0) {
            let run = PartRun { attempt, n: 4_320 };
            task.parts = vec![run];
        }
    }
    record
}

#[test]
fn a_day_in_eight_tongues_can_be_sent_to_be_assembled() {
    let spec = file(&a_day(50));
    assert_eq!(spec.check_size(), Ok(()));
    answer(spec);
}

/// What cannot be sent is said to be so: its task ends with a reason, and does not wait for ever.
#[test]
fn a_list_too_long_to_be_sent_is_refused_by_name() {
    let error = file(&a_day(2)).check_size().unwrap_err();
    assert_eq!(error.code, ErrorCode::LimitExceeded);
    assert!(error.message.contains("128 KiB"), "{error:?}");
}
