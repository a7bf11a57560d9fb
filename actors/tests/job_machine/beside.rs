//! Still images and subtitles are each a task beside the others: nothing waits for them but the end, and their failure
//! is a warning.

use actors::job::spec::spec;
use actors::job::{CLAIM_DEADLINE_MS, Event};
use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::plan::TaskRole;
use bus_schema::record::{JobState, OutputKind};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::Preset;
use bus_schema::request::images::{ImageFormat, ImagesRequest, Poster, Thumbnails};
use bus_schema::source::{SourceFacts, SubtitleFacts};
use bus_schema::task::{TaskClass, TaskSpec};

use crate::reported::{copied, facts, pictured, subtitled};
use crate::world::World;

/// A task beside the others, as a job of two seconds comes to it.
struct Beside {
    role: TaskRole,
    /// What the client asks for.
    images: Option<ImagesRequest>,
    /// What the probe finds.
    facts: SourceFacts,
    /// What the task reports.
    outcome: Outcome,
    /// What the job warns of, whatever becomes of the task.
    warnings: &'static [&'static str],
    /// How its failure is told.
    given_up: &'static str,
}

impl Beside {
    fn images() -> Self {
        Self {
            role: TaskRole::Images,
            images: Some(ImagesRequest {
                format: ImageFormat::Jpeg,
                widths: vec![320],
                poster: Poster::Automatic,
                thumbnails: Thumbnails::None,
                has_storyboard: false,
            }),
            facts: facts(2),
            outcome: Outcome::Pictured(pictured()),
            warnings: &[],
            given_up: "The images were given up: This cannot be read.",
        }
    }

    /// Of a source with pictures of subtitles, and with text.
    fn subtitles() -> Self {
        let track = |(track, codec): (u32, &str)| SubtitleFacts {
            track,
            stream: (track + 3).to_string(),
            codec: codec.to_owned(),
            language: Some("deu".to_owned()),
            title: None,
            is_default: false,
            is_forced: false,
        };
        Self {
            role: TaskRole::Subtitles,
            images: None,
            facts: SourceFacts {
                subtitles: [(0, "hdmv_pgs_subtitle"), (1, "subrip")].map(track).into(),
                ..facts(2)
            },
            outcome: Outcome::Subtitled(subtitled()),
            warnings: &[
                "The subtitles in track 1 (hdmv_pgs_subtitle, de) are pictures of text, and are left out: to keep \
                 them, have them converted to text first.",
            ],
            given_up: "The subtitles were given up: This cannot be read.",
        }
    }

    /// A job whose probe was heard and whose tasks are released, and the task.
    fn released(&self, preset: Preset) -> (World, TaskNumber) {
        let mut world = World::with(preset, 2, self.images.clone());
        world.apply(Event::Uploaded {
            bytes: 1_000,
            etag: "e".to_owned(),
        });
        world.release_all();
        let probe = TaskNumber(0);
        let held = world.claim(probe, &worker()).expect("the probe");
        world.report(probe, &held, Outcome::Probed(self.facts.clone()));
        world.release_all();
        let plan = world.job.record.plan.as_ref().expect("a plan");
        let task = match self.role {
            TaskRole::Images => plan.images_task(),
            _ => plan.subtitles_task(),
        };
        let task = task.expect("it is planned");
        assert_eq!(task.index() + 1, plan.n_tasks(), "the last task");
        assert_eq!(plan.role(task), Some(self.role));
        (world, task)
    }
}

fn worker() -> WorkerName {
    "w1".parse().expect("a worker's name")
}

#[test]
fn it_is_done_beside_the_copy_and_the_end_waits_for_it() {
    for beside in [Beside::images(), Beside::subtitles()] {
        let (mut world, task) = beside.released(Preset::Default);
        assert_eq!(beside.role.class(), TaskClass::Light);
        let made = spec(&world.job.record, task, beside.role).expect("a specification");
        assert_eq!(made.kind(), beside.role.kind());
        assert_eq!(made.check(), Ok(()));
        if let TaskSpec::Subtitles(made) = made {
            let streams: Vec<_> = made.facts.iter().map(|one| one.stream.as_str()).collect();
            assert_eq!(streams, ["4"], "the text, and not the pictures");
        }
        let copy = TaskNumber(1);
        let held = world.claim(copy, &worker()).expect("the copy");
        world.report(copy, &held, Outcome::Remuxed(copied()));
        assert_eq!(
            world.job.record.state,
            JobState::Playable,
            "nothing waits for {:?}",
            beside.role
        );
        assert!(!world.has_finish);
        let held = world.claim(task, &worker()).expect("the task");
        world.report(task, &held, beside.outcome);
        assert!(world.has_finish);
        world.apply(Event::Finished {
            outputs: Vec::new(),
            warnings: Vec::new(),
        });
        assert_eq!(world.job.record.state, JobState::Completed);
        assert_eq!(world.job.record.warnings, beside.warnings);
    }
}

#[test]
fn its_failure_is_a_warning() {
    for beside in [Beside::images(), Beside::subtitles()] {
        for preset in [Preset::Default, Preset::HlsAdaptive] {
            let (mut world, task) = beside.released(preset);
            let held = world.claim(task, &worker()).expect("the task");
            let error = TaskError {
                code: ErrorCode::Unsupported,
                message: "This cannot be read.".to_owned(),
            };
            world.report(task, &held, Outcome::Failed(error));
            world.run_to_the_end(2);
            let record = &world.job.record;
            assert_eq!(record.state, JobState::Completed, "{preset}");
            let warnings = [beside.warnings, &[beside.given_up]].concat();
            assert_eq!(record.warnings, warnings, "{preset}");
        }
    }
}

#[test]
fn subtitles_are_listed_when_they_are_there_and_are_no_film() {
    let beside = Beside::subtitles();
    for preset in [Preset::Default, Preset::HlsAdaptive] {
        let (mut world, task) = beside.released(preset);
        let held = world.claim(task, &worker()).expect("the task");
        world.report(task, &held, beside.outcome.clone());
        let names = |world: &World| -> Vec<String> {
            let outputs = world.job.record.outputs.iter();
            let files = outputs.filter(|output| output.kind == OutputKind::Subtitles);
            files.map(|output| output.name.clone()).collect()
        };
        let expected = vec![format!("t{}a1/subtitles.vtt", task.index())];
        assert_eq!(names(&world), expected, "{preset}");
        assert_eq!(world.job.record.state, JobState::Running, "{preset}");
        world.run_to_the_end(2);
        assert_eq!(world.job.record.state, JobState::Completed, "{preset}");
        assert_eq!(names(&world), expected, "{preset}");
    }
}

#[test]
fn a_job_that_keeps_subtitles_alone_has_failed() {
    let beside = Beside::subtitles();
    let (mut world, task) = beside.released(Preset::WebOptimized);
    let held = world.claim(task, &worker()).expect("the task");
    world.report(task, &held, beside.outcome);
    // More rounds than it may take.
    for _ in 0..20 {
        world.now_ms += CLAIM_DEADLINE_MS;
        world.release_all();
        for task in std::mem::take(&mut world.invited) {
            // Some were done before.
            let Some(held) = world.claim(task, &worker()) else {
                continue;
            };
            if let Some(TaskRole::Assemble(_)) = world.job.role(task) {
                let error = TaskError {
                    code: ErrorCode::Unsupported,
                    message: "This cannot be put together.".to_owned(),
                };
                world.report(task, &held, Outcome::Failed(error));
            } else {
                world.work(task, &held, 2);
            }
        }
    }
    let record = &world.job.record;
    assert_eq!(record.state, JobState::Failed);
    let message = record.error.as_ref().map(|error| error.message.as_str());
    assert_eq!(message, Some("No file could be made of it."));
}
