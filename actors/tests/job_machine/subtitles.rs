//! Subtitles are a task beside the others: nothing waits for them but the end, and their failure is a
//! warning.

use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::plan::TaskRole;
use bus_schema::record::JobState;
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::Preset;
use bus_schema::source::{SourceFacts, SubtitleFacts};
use bus_schema::task::{TaskClass, TaskKind, TaskSpec};

use crate::world::{World, copied, facts, subtitled};
use actors::job::Event;
use actors::job::spec::spec;

fn worker() -> WorkerName {
    "w1".parse().expect("a worker's name")
}

/// The facts of two seconds with pictures of subtitles, and with text.
fn source() -> SourceFacts {
    let track = |(track, codec): (u32, &str)| SubtitleFacts {
        track,
        stream: (track + 3).to_string(),
        codec: codec.to_owned(),
        language: Some("deu".to_owned()),
        title: None,
        is_default: false,
        is_forced: false,
    };
    SourceFacts {
        subtitles: [(0, "hdmv_pgs_subtitle"), (1, "subrip")].map(track).into(),
        ..facts(2)
    }
}

/// A job whose probe was heard and whose tasks are released.
fn probed(preset: Preset) -> (World, TaskNumber) {
    let mut world = World::with(preset, 2, None);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
    world.release_all();
    let probe = TaskNumber(0);
    let held = world.claim(probe, &worker()).expect("the probe");
    world.report(probe, &held, Outcome::Probed(source()));
    world.release_all();
    let plan = world.job.record.plan.as_ref().expect("a plan");
    let subtitles = plan.subtitles_task().expect("subtitles");
    assert_eq!(subtitles.index() + 1, plan.n_tasks(), "the last task");
    assert_eq!(plan.role(subtitles), Some(TaskRole::Subtitles));
    (world, subtitles)
}

const PICTURES: &str = "The subtitles in track 1 (hdmv_pgs_subtitle, de) are pictures of text, and are left out: \
                        to keep them, have them converted to text first.";

#[test]
fn subtitles_are_made_beside_the_copy_and_the_end_waits_for_them() {
    let (mut world, subtitles) = probed(Preset::Default);
    let role = world.job.role(subtitles).expect("a role");
    assert_eq!(
        (role.kind(), role.class()),
        (TaskKind::Subtitles, TaskClass::Light)
    );
    let task = spec(&world.job.record, subtitles, role).expect("a specification");
    let TaskSpec::Subtitles(task) = task else {
        unreachable!("{task:?}");
    };
    assert_eq!(task.facts.len(), 1);
    assert_eq!(task.facts[0].stream, "4", "the text, and not the pictures");
    let copy = TaskNumber(1);
    let held = world.claim(copy, &worker()).expect("the copy");
    world.report(copy, &held, Outcome::Remuxed(copied()));
    assert_eq!(
        world.job.record.state,
        JobState::Playable,
        "subtitles are not waited for"
    );
    assert!(!world.has_finish);
    let held = world.claim(subtitles, &worker()).expect("the subtitles");
    world.report(subtitles, &held, Outcome::Subtitled(subtitled()));
    assert!(world.has_finish);
    world.apply(Event::Finished {
        outputs: Vec::new(),
        warnings: Vec::new(),
    });
    assert_eq!(world.job.record.state, JobState::Completed);
    assert_eq!(world.job.record.warnings, [PICTURES]);
}

#[test]
fn subtitles_that_cannot_be_made_are_a_warning() {
    for preset in [Preset::Default, Preset::HlsAdaptive] {
        let (mut world, subtitles) = probed(preset);
        let held = world.claim(subtitles, &worker()).expect("the subtitles");
        let error = TaskError {
            code: ErrorCode::Unsupported,
            message: "These cannot be read.".to_owned(),
        };
        world.report(subtitles, &held, Outcome::Failed(error));
        world.run_to_the_end(2);
        let record = &world.job.record;
        assert_eq!(record.state, JobState::Completed, "{preset}");
        assert_eq!(
            record.warnings,
            [
                PICTURES,
                "The subtitles were given up: These cannot be read."
            ]
        );
    }
}
