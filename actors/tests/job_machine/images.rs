//! Still images are a task beside the others: nothing waits for them but the end, and their failure is a
//! warning.

use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::record::JobState;
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::Preset;
use bus_schema::request::images::{ImageFormat, ImagesRequest, Poster, Thumbnails};
use bus_schema::task::{TaskClass, TaskKind};

use crate::world::{World, copied, facts, pictured};
use actors::job::Event;
use actors::job::spec::spec;

fn worker() -> WorkerName {
    "w1".parse().expect("a worker's name")
}

/// A job of two seconds with a poster, whose probe was heard and whose tasks are released.
fn probed(preset: Preset) -> (World, TaskNumber) {
    let images = ImagesRequest {
        format: ImageFormat::Jpeg,
        widths: vec![320],
        poster: Poster::Automatic,
        thumbnails: Thumbnails::None,
        has_storyboard: false,
    };
    let mut world = World::with(preset, 2, Some(images));
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
    world.release_all();
    let probe = TaskNumber(0);
    let held = world.claim(probe, &worker()).expect("the probe");
    world.report(probe, &held, Outcome::Probed(facts(2)));
    world.release_all();
    let plan = world.job.record.plan.as_ref().expect("a plan");
    let images = plan.images_task().expect("images");
    assert_eq!(images.index() + 1, plan.n_tasks(), "the last task");
    (world, images)
}

#[test]
fn images_are_made_beside_the_copy_and_the_end_waits_for_them() {
    let (mut world, images) = probed(Preset::Default);
    let role = world.job.role(images).expect("a role");
    assert_eq!(
        (role.kind(), role.class()),
        (TaskKind::Images, TaskClass::Light)
    );
    let task = spec(&world.job.record, images, role).expect("a specification");
    assert_eq!(task.kind(), TaskKind::Images);
    let copy = TaskNumber(1);
    let held = world.claim(copy, &worker()).expect("the copy");
    world.report(copy, &held, Outcome::Remuxed(copied()));
    assert_eq!(
        world.job.record.state,
        JobState::Playable,
        "images are not waited for"
    );
    assert!(!world.has_finish);
    let held = world.claim(images, &worker()).expect("the images");
    world.report(images, &held, Outcome::Pictured(pictured()));
    assert!(world.has_finish);
    world.apply(Event::Finished {
        outputs: Vec::new(),
        warnings: Vec::new(),
    });
    assert_eq!(world.job.record.state, JobState::Completed);
    assert_eq!(world.job.record.warnings, Vec::<String>::new());
}

#[test]
fn images_that_cannot_be_made_are_a_warning() {
    for preset in [Preset::Default, Preset::HlsAdaptive] {
        let (mut world, images) = probed(preset);
        let held = world.claim(images, &worker()).expect("the images");
        let error = TaskError {
            code: ErrorCode::Unsupported,
            message: "This cannot be shown.".to_owned(),
        };
        world.report(images, &held, Outcome::Failed(error));
        world.run_to_the_end(2);
        let record = &world.job.record;
        assert_eq!(record.state, JobState::Completed, "{preset}");
        assert_eq!(
            record.warnings,
            ["The images were given up: This cannot be shown."]
        );
    }
}
