//! One live session, whatever carries it: hello, the facts that were missed, then live.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bus_schema::fact::Fact;
use bus_schema::id::JobId;
use bus_schema::live::{Hello, HelloType, JobProgress, LiveFact, LiveMessage};
use bus_schema::record::JobRecord;

use super::catch_up::{CatchUp, Position};
use super::end::End;
use super::feed::{Feed, Watch};
use crate::jobs::Jobs;

/// Tries to read missed facts before the client is asked to come back: with the pauses between them
/// about 15 s, in which a bus restarts and elects its leaders.
const READ_TRIES_MAX: u32 = 30;
/// Pause between two such tries.
const READ_PAUSE: Duration = Duration::from_millis(500);
/// Looks for a fact whose successor is there already before it counts as gone: two control planes may
/// publish their facts in either order, milliseconds apart.
const GAP_LOOKS_MAX: u32 = 5;
/// Pause between two such looks.
const GAP_PAUSE: Duration = Duration::from_millis(100);

/// What a session sends next.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A message.
    Message(Box<LiveMessage>),
    /// Nothing more.
    End(End),
}

/// A session in being. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Session {
    job: JobId,
    /// The last fact that was sent; while opening, the last one that the client has.
    n: u64,
    phase: Phase,
    /// The number of the last fact there will be, once it is known.
    last_n: Option<u64>,
    /// What follows a fact at once.
    queued: VecDeque<LiveMessage>,
    watch: Watch,
    feed: Feed,
    catch_up: CatchUp,
    jobs: Arc<dyn Jobs>,
    /// Failed looks since the last success.
    n_looks: u32,
    /// Whether the record must be read again for the meter.
    wants_record: bool,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was sent yet.
    Opening,
    /// Facts are missing; where they are is not known.
    Seeking,
    /// Reading missed facts, next from this stream sequence.
    Reading(u64),
    /// Nothing is missing.
    Live,
}

impl Session {
    /// Opens a session for a client that has every fact up to `n`. `None` when the gateway stops.
    pub(crate) async fn open(
        record: JobRecord,
        n: u64,
        feed: Feed,
        catch_up: CatchUp,
        jobs: Arc<dyn Jobs>,
    ) -> Option<Self> {
        let job = record.id;
        let last_n = record.state.is_terminal().then_some(record.n_facts);
        // First the subscription, then what was missed: nothing falls between.
        let watch = feed.watch(Arc::new(record)).await?;
        Some(Self {
            job,
            n,
            phase: Phase::Opening,
            last_n,
            queued: VecDeque::new(),
            watch,
            feed,
            catch_up,
            jobs,
            n_looks: 0,
            wants_record: false,
        })
    }

    /// The next frame. May be dropped while waiting, and called again: nothing is lost.
    pub(crate) async fn next(&mut self) -> Frame {
        loop {
            if let Some(message) = self.queued.pop_front() {
                return Frame::Message(Box::new(message));
            }
            if self.wants_record {
                self.refresh().await;
                continue;
            }
            let step = match self.phase {
                Phase::Opening | Phase::Seeking => self.seek().await,
                Phase::Reading(from) => self.read(from).await,
                Phase::Live => self.listen().await,
            };
            if let Some(end) = step {
                return Frame::End(end);
            }
        }
    }

    /// Finds where the missing facts are.
    async fn seek(&mut self) -> Option<End> {
        let is_opening = self.phase == Phase::Opening;
        match self.catch_up.locate(self.job, self.n).await {
            Err(error) => {
                return self
                    .pause(READ_TRIES_MAX, READ_PAUSE, &error.to_string())
                    .await;
            }
            Ok(Position::UpToDate) => self.phase = Phase::Live,
            Ok(Position::At(sequence)) => self.phase = Phase::Reading(sequence),
            Ok(Position::Gone { last }) => {
                if last > self.n && self.n_looks < GAP_LOOKS_MAX {
                    return self.pause(GAP_LOOKS_MAX, GAP_PAUSE, "a fact is late").await;
                }
                // The record tells the client the rest; the feed goes on from here.
                self.n = last;
                self.phase = Phase::Live;
                self.queued.push_back(self.hello(false));
            }
        }
        if is_opening && self.queued.is_empty() {
            self.queued.push_back(self.hello(true));
        }
        self.n_looks = 0;
        None
    }

    /// Sends the next missed fact.
    async fn read(&mut self, from: u64) -> Option<End> {
        match self.catch_up.next(self.job, from).await {
            Err(error) => {
                return self
                    .pause(READ_TRIES_MAX, READ_PAUSE, &error.to_string())
                    .await;
            }
            Ok(None) => self.phase = Phase::Live,
            Ok(Some((fact, sequence))) => {
                self.phase = Phase::Reading(sequence + 1);
                if fact.n > self.n + 1 {
                    self.phase = Phase::Seeking;
                } else if fact.n == self.n + 1 {
                    self.push(fact);
                }
            }
        }
        self.n_looks = 0;
        None
    }

    /// Waits for what comes.
    async fn listen(&mut self) -> Option<End> {
        if self.last_n.is_some_and(|last_n| self.n >= last_n) {
            return Some(End::Finished);
        }
        tokio::select! {
            biased;
            fact = self.watch.facts.recv() => match fact {
                None => return Some(End::Slow),
                Some(fact) if fact.n == self.n + 1 => self.push(Arc::unwrap_or_clone(fact)),
                // A gap: the fact itself is in the stream, with those before it.
                Some(fact) if fact.n > self.n => self.phase = Phase::Seeking,
                Some(_) => {}
            },
            changed = self.watch.connection.changed() => match changed {
                Ok(()) if self.watch.connection.borrow_and_update().since.is_some() => {
                    self.phase = Phase::Seeking;
                }
                Ok(()) => {}
                Err(_) => return Some(End::Restart),
            },
            changed = self.watch.progress.changed() => match changed {
                Ok(()) => {
                    let latest = self.watch.progress.borrow_and_update().clone();
                    if let Some(latest) = latest {
                        let latest = JobProgress { n: self.n, ..Arc::unwrap_or_clone(latest) };
                        self.queued.push_back(LiveMessage::Progress(latest));
                    }
                }
                Err(_) => return Some(End::Restart),
            },
        }
        None
    }

    fn push(&mut self, fact: LiveFact) {
        self.n = fact.n;
        match fact.fact {
            Fact::Planned { .. } | Fact::RenditionDropped { .. } => self.wants_record = true,
            Fact::Completed { .. } | Fact::Failed { .. } | Fact::Cancelled {} => {
                self.last_n = Some(fact.n);
                self.wants_record = true;
            }
            _ => {}
        }
        self.queued.push_back(LiveMessage::Fact(fact));
    }

    fn hello(&self, recovered: bool) -> LiveMessage {
        LiveMessage::Hello(Hello {
            r#type: HelloType::Hello,
            job: self.job,
            n: self.n,
            recovered,
        })
    }

    /// Reads the record again when facts say that it holds more than they do: the plan, what was given
    /// up, the end. After the last fact the bars are told where they ended.
    async fn refresh(&mut self) {
        // A job that was just deleted has no record: its facts are all there is.
        if let Ok(record) = self.jobs.get(self.job).await {
            let record = Arc::new(record);
            if self.last_n == Some(self.n) {
                let last = self.feed.gauge(vec![record]).await.pop();
                let n = self.n;
                self.queued
                    .extend(last.map(|last| LiveMessage::Progress(JobProgress { n, ..last })));
            } else {
                self.feed.load(record).await;
            }
        }
        self.wants_record = false;
    }

    async fn pause(&mut self, tries_max: u32, pause: Duration, reason: &str) -> Option<End> {
        self.n_looks += 1;
        if self.n_looks > tries_max {
            tracing::warn!(job = %self.job, n = self.n, reason, "live session given up");
            return Some(End::Lost);
        }
        tokio::time::sleep(pause).await;
        None
    }
}
