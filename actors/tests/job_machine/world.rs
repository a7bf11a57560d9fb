//! A job in a world without IO: everything that its actor and honest workers would do.

use std::collections::{BTreeMap, BTreeSet};

use actors::job::new::NewJob;
use actors::job::spec::spec;
use actors::job::{CLAIM_DEADLINE_MS, ClaimVerdict, Event, Job, ReportVerdict};
use actors::planner::{self, Means};
use actors::workers::Holder;
use bus_schema::attempt::AssembleResult;
use bus_schema::claim::Held;
use bus_schema::fact::{Fact, FactKind};
use bus_schema::id::{JobId, TaskNumber, TenantId, Token, WorkerName};
use bus_schema::ladder::Ladder;
use bus_schema::plan::TaskRole;
use bus_schema::record::{Effect, SourceObject, TaskState};
use bus_schema::report::Outcome;
use bus_schema::request::images::ImagesRequest;
use bus_schema::request::{JobRequest, Preset};
use bus_schema::source::AudioFacts;
use bus_schema::video_codec::VideoCodec;

use crate::reported::{SECOND_NS, audio_part, chunk, copied, facts, pictured, subtitled};

/// When a job begins, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_000_000;
const RUN: &str = "a run";
/// 20 s of sound make one part.
const PART_NS: u64 = 20 * SECOND_NS;

/// A job in a world without IO, that notes every fact as the bus would: once for ever by number.
pub(crate) struct World {
    pub(crate) job: Job,
    /// Tracks of sound that its probe finds.
    pub(crate) n_audio: u32,
    pub(crate) now_ms: u64,
    pub(crate) facts: BTreeMap<u64, Fact>,
    pub(crate) invited: BTreeSet<TaskNumber>,
    pub(crate) has_finish: bool,
    /// What every worker has, as the planner is told.
    pub(crate) encoders: BTreeSet<String>,
    pub(crate) events: Vec<Event>,
    /// Bytes of the largest record that was written.
    pub(crate) record_bytes_max: usize,
}

impl World {
    pub(crate) fn new(duration_s: u64) -> Self {
        Self::of(Preset::HlsAdaptive, duration_s)
    }

    /// Of a preset, for a source that may be copied.
    pub(crate) fn of(preset: Preset, duration_s: u64) -> Self {
        Self::with(preset, duration_s, None)
    }

    /// The same, with still images.
    pub(crate) fn with(preset: Preset, duration_s: u64, images: Option<ImagesRequest>) -> Self {
        let request = JobRequest {
            filename: "film.mp4".to_owned(),
            content_type: "video/mp4".to_owned(),
            preset,
            qualities: Vec::new(),
            codec: VideoCodec::H264,
            webhook_url: None,
            metadata: BTreeMap::new(),
            external_id: None,
            watermark: None,
            images,
            loudness: None,
            chapters: None,
            clip: None,
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
            n_audio: 1,
            now_ms: START_MS,
            facts: BTreeMap::new(),
            invited: BTreeSet::new(),
            has_finish: false,
            encoders: BTreeSet::new(),
            events: Vec::new(),
            record_bytes_max: 0,
        };
        world.perform(effects);
        world
    }

    /// A job whose source is in storage.
    pub(crate) fn uploaded(duration_s: u64) -> Self {
        let mut world = Self::new(duration_s);
        world.apply(Event::Uploaded {
            bytes: 1_000,
            etag: "e".to_owned(),
        });
        world
    }

    pub(crate) fn apply(&mut self, event: Event) {
        let before = self.job.clone();
        let (mut after, effects) = before.clone().apply(event.clone(), self.now_ms);
        self.events.push(event);
        if before.record.state.is_terminal() {
            assert_eq!(after, before, "an end is final");
            assert!(effects.is_empty());
        }
        after.record.outbox.clone_from(&effects);
        let json = serde_json::to_vec(&after.record).expect("as the test made it");
        self.record_bytes_max = self.record_bytes_max.max(json.len());
        assert_eq!(
            serde_json::from_slice::<bus_schema::record::JobRecord>(&json)
                .expect("as the test made it"),
            after.record
        );
        let (listed, lists) = (self.job.record.chunk_prefix(), after.record.chunk_prefix());
        assert!(lists.starts_with(&listed), "what is listed never changes");
        self.job = after;
        self.perform(effects);
    }

    pub(crate) fn perform(&mut self, effects: Vec<Effect>) {
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
                Effect::Tell { .. }
                | Effect::AbortUpload { .. }
                | Effect::RemoveIntermediate {}
                | Effect::RemoveSegments {} => {}
            }
        }
    }

    pub(crate) fn count(&self, kind: FactKind) -> usize {
        self.facts
            .values()
            .filter(|fact| fact.kind() == kind)
            .count()
    }

    pub(crate) fn release_all(&mut self) {
        let tasks = self
            .job
            .releasable(self.now_ms)
            .into_iter()
            .map(|(task, _)| task)
            .collect();
        self.apply(Event::Released(tasks));
    }

    pub(crate) fn claim(&mut self, task: TaskNumber, worker: &WorkerName) -> Option<Held> {
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
            } if *current == token => {
                self.check_spec(task);
                Some(Held {
                    attempt: *attempt,
                    token,
                })
            }
            _ => None,
        }
    }

    /// What a claim is answered with can be done.
    fn check_spec(&self, task: TaskNumber) {
        let role = self.job.role(task);
        let spec = role.and_then(|role| spec(&self.job.record, task, role));
        if let Some(spec) = spec {
            assert_eq!(spec.check(), Ok(()), "{spec:?}");
        }
    }

    /// Whatever this worker has in hand is lost.
    pub(crate) fn lose(&mut self, worker: &WorkerName) {
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

    pub(crate) fn report(
        &mut self,
        task: TaskNumber,
        held: &Held,
        outcome: Outcome,
    ) -> ReportVerdict {
        let verdict = self.job.report_verdict(task, held, &outcome);
        if verdict == ReportVerdict::Accept {
            let plan = match &outcome {
                Outcome::Probed(facts) => {
                    let means = Means {
                        ladder: &Ladder::default(),
                        encoders: &self.encoders,
                    };
                    Some(planner::plan(facts, &self.job.record.request, means))
                }
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
    pub(crate) fn work(&mut self, task: TaskNumber, held: &Held, duration_s: u64) {
        match self.job.role(task) {
            Some(TaskRole::Probe) => {
                let mut facts = facts(duration_s);
                let track = facts.audio.remove(0);
                let tracks = (0..self.n_audio).map(|n| AudioFacts {
                    track: n,
                    ..track.clone()
                });
                facts.audio.extend(tracks);
                self.report(task, held, Outcome::Probed(facts));
            }
            Some(TaskRole::Chunk(_) | TaskRole::FileChunk(_)) => {
                self.report(task, held, Outcome::Transcoded(chunk()));
            }
            Some(TaskRole::Audio(_)) => {
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
                self.report(
                    task,
                    held,
                    Outcome::AudioDone {
                        n_parts,
                        loudness: None,
                    },
                );
            }
            Some(TaskRole::Assemble(_)) => {
                let result = AssembleResult {
                    bytes: 1,
                    n_parts: 1,
                    frames: 1,
                    duration_ms: 1,
                    codecs: String::new(),
                };
                self.report(task, held, Outcome::Assembled(result));
            }
            Some(TaskRole::Remux) => {
                self.report(task, held, Outcome::Remuxed(copied()));
            }
            Some(TaskRole::Images) => {
                self.report(task, held, Outcome::Pictured(pictured()));
            }
            Some(TaskRole::Subtitles) => {
                self.report(task, held, Outcome::Subtitled(subtitled()));
            }
            None => {}
        }
        self.conclude();
    }

    /// The playlists are written, where that was asked for: the last task may as well have failed.
    fn conclude(&mut self) {
        if self.has_finish {
            self.apply(Event::Finished {
                outputs: Vec::new(),
                warnings: Vec::new(),
            });
        }
    }

    /// Time passes, workers are honest: the job must end.
    pub(crate) fn run_to_the_end(&mut self, duration_s: u64) {
        let worker: WorkerName = "w9".parse().expect("as the test made it");
        for _ in 0..10_000 {
            if self.job.record.state.is_terminal() {
                return;
            }
            self.now_ms += CLAIM_DEADLINE_MS + 1_000;
            self.apply(Event::Look {
                holders: Vec::new(),
            });
            self.conclude();
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
