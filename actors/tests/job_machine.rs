//! Whatever happens to a job, in whatever order and however often: facts are numbered without gaps,
//! an end is final, nothing is done twice, and while the world lets it, the job gets on.

use std::collections::{BTreeMap, BTreeSet};

use actors::job::new::NewJob;
use actors::job::{
    CLAIM_DEADLINE_MS, ClaimVerdict, Event, Job, LOSS_PAUSE_MAX_MS, LOSSES_AT_ONCE, ReportVerdict,
    TASK_FAILURES_MAX, TASK_LOSSES_MAX,
};
use actors::planner;
use actors::workers::Holder;
use bus_schema::attempt::{AssembleResult, AudioPart, ChunkResult};
use bus_schema::claim::Held;
use bus_schema::fact::{Fact, FactKind};
use bus_schema::id::{Attempt, JobId, TaskNumber, TenantId, Token, WorkerName};
use bus_schema::plan::TaskRole;
use bus_schema::record::{Effect, JobState, SourceObject, TaskState};
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::request::{JobRequest, Preset};
use bus_schema::source::{AudioFacts, SourceFacts, VideoFacts};
use proptest::prelude::*;

const SECOND_NS: u64 = 1_000_000_000;
const START_MS: u64 = 1_000_000;
const RUN: &str = "a run";
/// 20 s of sound make one part.
const PART_NS: u64 = 20 * SECOND_NS;

/// A job in a world without IO, that notes every fact as the bus would: once for ever by number.
struct World {
    job: Job,
    now_ms: u64,
    facts: BTreeMap<u64, Fact>,
    invited: BTreeSet<TaskNumber>,
    has_finish: bool,
    events: Vec<Event>,
}

impl World {
    fn new(duration_s: u64) -> Self {
        let request = JobRequest {
            filename: "film.mp4".to_owned(),
            content_type: "video/mp4".to_owned(),
            preset: Preset::HlsAdaptive,
            qualities: Vec::new(),
            webhook_url: None,
            metadata: BTreeMap::new(),
            external_id: None,
        };
        let new = NewJob {
            id: JobId::from_parts(START_MS, [duration_s.to_le_bytes()[0]; 10]),
            tenant: TenantId::default(),
            request,
            priority: 50,
            source: SourceObject {
                key: "inputs/x".to_owned(),
                bytes: 1_000,
                etag: None,
            },
            upload_expires_ms: Some(START_MS + 3_600_000),
        };
        let (job, effects) = Job::begin(new, START_MS);
        let mut world = Self {
            job,
            now_ms: START_MS,
            facts: BTreeMap::new(),
            invited: BTreeSet::new(),
            has_finish: false,
            events: Vec::new(),
        };
        world.perform(effects);
        world
    }

    fn apply(&mut self, event: Event) {
        let before = self.job.clone();
        let (mut after, effects) = before.clone().apply(event.clone(), self.now_ms);
        self.events.push(event);
        if before.record.state.is_terminal() {
            assert_eq!(after, before, "an end is final");
            assert!(effects.is_empty());
        }
        after.record.outbox.clone_from(&effects);
        let json = serde_json::to_vec(&after.record).expect("as the test made it");
        assert_eq!(
            serde_json::from_slice::<bus_schema::record::JobRecord>(&json)
                .expect("as the test made it"),
            after.record
        );
        self.job = after;
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Fact { n, fact, .. } => {
                    assert_eq!(n, self.facts.len() as u64 + 1, "numbered without gaps");
                    assert!(
                        self.facts.insert(n, fact).is_none(),
                        "a number is used once"
                    );
                }
                Effect::Invite { task } => {
                    self.invited.insert(task);
                }
                Effect::Finish {} => self.has_finish = true,
                Effect::Timer { at_ms, .. } => assert!(at_ms > self.now_ms),
                Effect::Tell { .. } | Effect::AbortUpload { .. } => {}
            }
        }
    }

    fn count(&self, kind: FactKind) -> usize {
        self.facts
            .values()
            .filter(|fact| fact.kind() == kind)
            .count()
    }

    fn release_all(&mut self) {
        let tasks = self
            .job
            .releasable(self.now_ms)
            .into_iter()
            .map(|(task, _)| task)
            .collect();
        self.apply(Event::Released(tasks));
    }

    fn claim(&mut self, task: TaskNumber, worker: &WorkerName) -> Option<Held> {
        let verdict = self
            .job
            .claim_verdict(task, worker, None, |_, _| false, self.now_ms);
        if verdict != ClaimVerdict::Grant {
            return None;
        }
        let token = Token::random();
        let event = Event::Claimed {
            task,
            worker: worker.clone(),
            run: RUN.to_owned(),
            token: token.clone(),
            upload_id: None,
        };
        self.apply(event);
        match &self.job.record.tasks.get(task)?.state {
            TaskState::Claimed {
                attempt,
                token: current,
                ..
            } if *current == token => Some(Held {
                attempt: *attempt,
                token,
            }),
            _ => None,
        }
    }

    /// Whatever this worker has in hand is lost.
    fn lose(&mut self, worker: &WorkerName) {
        let tasks = self.job.record.tasks.iter();
        let holders = tasks.filter_map(|(number, task)| match &task.state {
            TaskState::Claimed {
                attempt,
                worker: holder,
                ..
            } => (holder == worker).then_some((number, *attempt, Holder::Silent)),
            _ => None,
        });
        let holders = holders.collect();
        self.apply(Event::Look { holders });
    }

    fn report(&mut self, task: TaskNumber, held: &Held, outcome: Outcome) -> ReportVerdict {
        let verdict = self.job.report_verdict(task, held, &outcome);
        if verdict == ReportVerdict::Accept {
            let plan = match &outcome {
                Outcome::Probed(facts) => Some(planner::plan(facts, &self.job.record.request)),
                _ => None,
            };
            self.apply(Event::Reported {
                task,
                attempt: held.attempt,
                outcome,
                plan,
            });
        }
        verdict
    }

    /// All that a faultless worker would report of a task.
    fn work(&mut self, task: TaskNumber, held: &Held, duration_s: u64) {
        match self.job.role(task) {
            Some(TaskRole::Probe) => {
                self.report(task, held, Outcome::Probed(facts(duration_s)));
            }
            Some(TaskRole::Chunk(_)) => {
                self.report(task, held, Outcome::Transcoded(chunk()));
            }
            Some(TaskRole::Audio) => {
                let n_parts = u32::try_from((duration_s * SECOND_NS).div_ceil(PART_NS))
                    .expect("as the test made it");
                let done = self
                    .job
                    .record
                    .tasks
                    .get(task)
                    .expect("as the test made it")
                    .n_parts();
                for part in done..n_parts {
                    self.report(task, held, Outcome::AudioPart(audio_part(part)));
                }
                self.report(task, held, Outcome::AudioDone { n_parts });
            }
            Some(TaskRole::Assemble(_)) => {
                let result = AssembleResult {
                    bytes: 1,
                    n_parts: 1,
                    frames: 1,
                    duration_ms: 1,
                };
                self.report(task, held, Outcome::Assembled(result));
            }
            None => {}
        }
        if self.has_finish {
            self.apply(Event::Finished {
                outputs: Vec::new(),
                warnings: Vec::new(),
            });
        }
    }

    /// Time passes, workers are honest: the job must end.
    fn run_to_the_end(&mut self, duration_s: u64) {
        let worker: WorkerName = "w9".parse().expect("as the test made it");
        for _ in 0..10_000 {
            if self.job.record.state.is_terminal() {
                return;
            }
            self.now_ms += CLAIM_DEADLINE_MS + 1_000;
            self.apply(Event::Look {
                holders: Vec::new(),
            });
            self.release_all();
            for task in std::mem::take(&mut self.invited) {
                if let Some(held) = self.claim(task, &worker) {
                    self.work(task, &held, duration_s);
                }
            }
        }
        unreachable!("the job does not end: {:#?}", self.job.record);
    }
}

fn facts(duration_s: u64) -> SourceFacts {
    let duration_ns = duration_s * SECOND_NS;
    let video = VideoFacts {
        codec: "h264".to_owned(),
        width: 640,
        height: 360,
        coded_width: 640,
        coded_height: 360,
        rotation_deg: 0,
        fps_num: 25,
        fps_den: 1,
        timescale: 90_000,
        frames: None,
        bit_depth: 8,
        is_interlaced: false,
        start_ns: 0,
        duration_ns,
    };
    let audio = AudioFacts {
        track: 0,
        codec: "aac".to_owned(),
        channels: 2,
        sample_rate_hz: 48_000,
        language: None,
        duration_ns,
    };
    SourceFacts {
        container: "mp4".to_owned(),
        duration_ns,
        video: Some(video),
        audio: vec![audio],
    }
}

fn chunk() -> ChunkResult {
    ChunkResult {
        frames: 1,
        start: 0,
        durations: vec![1],
        renditions: Vec::new(),
        cpu_ms: 1,
    }
}

fn audio_part(part: u32) -> AudioPart {
    AudioPart {
        part,
        first_segment: part * 5,
        start: 0,
        durations: vec![1],
        bytes: vec![1],
        init_bytes: 1,
        samples_bytes: 1,
        codecs: "mp4a.40.2".to_owned(),
    }
}

/// What may happen to a job, by numbers that are taken modulo what there is.
#[derive(Debug, Clone)]
enum Blow {
    Uploaded,
    Release,
    Claim(u8, u8),
    Work(u8),
    Fail(u8, bool),
    StaleReport(u8),
    Lose(u8),
    Wait(u16),
    Look,
    Repeat(u8),
    Return(u8),
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        2 => Just(Blow::Uploaded),
        4 => Just(Blow::Release),
        8 => (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Blow::Claim(a, b)),
        8 => any::<u8>().prop_map(Blow::Work),
        2 => (any::<u8>(), prop::bool::weighted(0.9)).prop_map(|(a, b)| Blow::Fail(a, b)),
        2 => any::<u8>().prop_map(Blow::StaleReport),
        1 => any::<u8>().prop_map(Blow::Lose),
        2 => any::<u16>().prop_map(Blow::Wait),
        2 => Just(Blow::Look),
        3 => any::<u8>().prop_map(Blow::Repeat),
        1 => any::<u8>().prop_map(Blow::Return),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table of blows")]
fn strike(world: &mut World, held: &mut Vec<(TaskNumber, Held)>, blow: &Blow, duration_s: u64) {
    let pick = |n: u8, len: usize| usize::from(n).checked_rem(len);
    let worker = |n: u8| {
        format!("w{}", n % 3 + 1)
            .parse::<WorkerName>()
            .expect("as the test made it")
    };
    match *blow {
        Blow::Uploaded => {
            world.apply(Event::Uploaded {
                bytes: 1_000,
                etag: "e".to_owned(),
            });
        }
        Blow::Release => world.release_all(),
        Blow::Claim(n, who) => {
            let tasks = world.job.record.tasks.len();
            if let Some(n) = pick(n, tasks) {
                let task = TaskNumber(u32::try_from(n).expect("as the test made it"));
                held.extend(world.claim(task, &worker(who)).map(|held| (task, held)));
            }
        }
        Blow::Work(n) => {
            if let Some(n) = pick(n, held.len()) {
                let (task, held) = held[n].clone();
                world.work(task, &held, duration_s);
            }
        }
        Blow::Fail(n, is_passing) => {
            if let Some(n) = pick(n, held.len()) {
                let (task, held) = held[n].clone();
                let code = if is_passing {
                    ErrorCode::Crashed
                } else {
                    ErrorCode::Unsupported
                };
                let error = TaskError {
                    code,
                    message: "a blow".to_owned(),
                };
                world.report(task, &held, Outcome::Failed(error));
            }
        }
        Blow::StaleReport(n) => {
            if let Some(n) = pick(n, held.len()) {
                let task = held[n].0;
                let stale = Held {
                    attempt: Attempt(900),
                    token: Token::random(),
                };
                let verdict = world.report(task, &stale, Outcome::Transcoded(chunk()));
                assert_eq!(verdict, ReportVerdict::Stale);
            }
        }
        Blow::Lose(who) => world.lose(&worker(who)),
        Blow::Wait(ms) => world.now_ms += u64::from(ms),
        Blow::Look => world.apply(Event::Look {
            holders: Vec::new(),
        }),
        Blow::Repeat(n) => {
            if let Some(n) = pick(n, world.events.len()) {
                let event = world.events[n].clone();
                // Claims and reports are asked for their verdict first, and never applied twice.
                if !matches!(event, Event::Claimed { .. } | Event::Reported { .. }) {
                    world.apply(event);
                }
            }
        }
        Blow::Return(n) => {
            if let Some(n) = pick(n, held.len()) {
                let (task, held) = held[n].clone();
                world.report(
                    task,
                    &held,
                    Outcome::Returned {
                        reason: "drain".to_owned(),
                    },
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_job_ends_and_its_facts_are_whole(
        blows in prop::collection::vec(blow(), 0..120),
        duration_s in 1_u64..100,
    ) {
        let mut world = World::new(duration_s);
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
    let mut world = World::new(60);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
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
    let mut world = World::new(10);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
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
fn losses_of_machines_do_not_fail_a_job_until_there_are_very_many() {
    let mut world = World::new(10);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
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

#[test]
fn the_first_losses_are_replaced_at_once_and_a_failure_is_not() {
    let mut world = World::new(10);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
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
    let mut world = World::new(10);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
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
    let mut world = World::new(10);
    world.apply(Event::Uploaded {
        bytes: 1_000,
        etag: "e".to_owned(),
    });
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
