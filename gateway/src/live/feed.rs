//! The one place per process that hears facts and progress from the bus, and fans them out.
//!
//! A tokio task owns all of it; sessions and requests talk to it through a bounded mailbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use bus_schema::codec;
use bus_schema::fact::Fact;
use bus_schema::id::JobId;
use bus_schema::live::{JobProgress, LiveFact};
use bus_schema::progress::Progress;
use bus_schema::record::JobRecord;
use bus_schema::subject::{LIVE_ALL, PROGRESS_ALL, Subject};
use futures_util::StreamExt as _;
use nats::{Bus, Connection};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior};

use super::catch_up;
use super::followed::Followed;
use crate::clock::now_ms;
use crate::progress::{INTERVAL_MS, Meter};

/// Questions waiting for the task; each is answered in microseconds.
const MAILBOX_MAX: usize = 1_024;
/// Jobs that are followed at once, with or without sessions: about 2 KB each while nobody watches.
const JOBS_MAX: usize = 4_096;
/// How often the forgettable are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Talks to the task; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    mailbox: mpsc::Sender<Command>,
}

/// The feed could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot subscribe to the live feed: {0}")]
pub struct Error(#[from] async_nats::SubscribeError);

/// What a session hears.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Facts from now on. Closed when the session was too slow to take them.
    pub(crate) facts: mpsc::Receiver<Arc<LiveFact>>,
    /// The latest progress.
    pub(crate) progress: watch::Receiver<Option<Arc<JobProgress>>>,
    /// Changes when the connection was lost and is back: facts may have been missed.
    pub(crate) connection: watch::Receiver<Connection>,
}

#[derive(Debug)]
enum Command {
    Watch {
        record: Arc<JobRecord>,
        reply: oneshot::Sender<Watch>,
    },
    Load {
        record: Arc<JobRecord>,
    },
    Gauge {
        records: Vec<Arc<JobRecord>>,
        reply: oneshot::Sender<Vec<JobProgress>>,
    },
}

// === impl Feed ===

impl Feed {
    /// Hears a job from now on. `None` when the gateway stops.
    pub(crate) async fn watch(&self, record: Arc<JobRecord>) -> Option<Watch> {
        let (reply, answer) = oneshot::channel();
        self.mailbox
            .send(Command::Watch { record, reply })
            .await
            .ok()?;
        answer.await.ok()
    }

    /// Hands over a newer record: what it plans, what was given up.
    pub(crate) async fn load(&self, record: Arc<JobRecord>) {
        // Without the task there is nobody to tell.
        drop(self.mailbox.send(Command::Load { record }).await);
    }

    /// The progress of these jobs as it is now, in the same order; empty when the gateway stops.
    pub(crate) async fn gauge(&self, records: Vec<Arc<JobRecord>>) -> Vec<JobProgress> {
        let (reply, answer) = oneshot::channel();
        if self
            .mailbox
            .send(Command::Gauge { records, reply })
            .await
            .is_err()
        {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }
}

/// The task behind [`Feed`].
#[derive(Debug)]
pub(crate) struct FeedActor {
    mailbox: mpsc::Receiver<Command>,
    facts: Subscriber,
    progress: Subscriber,
    connection: watch::Receiver<Connection>,
    jobs: HashMap<JobId, Followed>,
    /// Whether any job has a session, as of the last tick.
    is_watched: bool,
}

impl FeedActor {
    /// Subscribes. From here on nothing is missed but while the connection is down.
    pub(crate) async fn subscribe(bus: &Bus) -> Result<(Feed, Self), Error> {
        let (sender, mailbox) = mpsc::channel(MAILBOX_MAX);
        let actor = Self {
            mailbox,
            facts: bus.client.subscribe(LIVE_ALL).await?,
            progress: bus.client.subscribe(PROGRESS_ALL).await?,
            connection: bus.connection(),
            jobs: HashMap::new(),
            is_watched: false,
        };
        Ok((Feed { mailbox: sender }, actor))
    }

    /// Runs until nobody holds a [`Feed`] any more, or the bus client is closed.
    pub(crate) async fn run(mut self) {
        let mut tick = tokio::time::interval(Duration::from_millis(INTERVAL_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            tokio::select! {
                command = self.mailbox.recv() => match command {
                    Some(command) => self.answer(command),
                    None => return,
                },
                message = self.facts.next() => match message {
                    Some(message) => self.fact(&message),
                    None => return,
                },
                message = self.progress.next() => match message {
                    Some(message) => self.progressed(&message),
                    None => return,
                },
                // Nothing ticks in an idle control plane.
                _ = tick.tick(), if self.is_watched => self.publish(now_ms()),
                _ = sweep.tick() => self.forget_old(),
            }
        }
    }

    fn answer(&mut self, command: Command) {
        match command {
            Command::Watch { record, reply } => {
                self.is_watched = true;
                let mut connection = self.connection.clone();
                connection.mark_unchanged();
                let followed = self.follow(record.id);
                followed.meter.load(&record);
                let (facts, progress) = followed.add_session(now_ms());
                // A session that has gone meanwhile is noticed at the next fact.
                drop(reply.send(Watch {
                    facts,
                    progress,
                    connection,
                }));
            }
            Command::Load { record } => {
                if let Some(followed) = self.jobs.get_mut(&record.id) {
                    followed.meter.load(&record);
                }
            }
            Command::Gauge { records, reply } => {
                let now_ms = now_ms();
                let gauge = |record: &Arc<JobRecord>| match self.jobs.get_mut(&record.id) {
                    Some(followed) => {
                        followed.meter.load(record);
                        followed.meter.value(now_ms)
                    }
                    None => {
                        let mut meter = Meter::new(record.id);
                        meter.load(record);
                        meter.value(now_ms)
                    }
                };
                // Whoever asked may have gone.
                drop(reply.send(records.iter().map(gauge).collect()));
            }
        }
    }

    fn fact(&mut self, message: &Message) {
        let Ok(Subject::Live { job, n, .. }) = message.subject.as_str().parse() else {
            return;
        };
        let Some(followed) = self.jobs.get_mut(&job) else {
            return;
        };
        let fact = match catch_up::read(job, n, &message.payload) {
            Ok(fact) => Arc::new(fact),
            Err(error) => {
                tracing::error!(%job, n, %error, "a fact on the live feed cannot be read");
                return;
            }
        };
        followed.send_fact(&fact);
        let is_last = matches!(
            fact.fact,
            Fact::Completed { .. } | Fact::Failed { .. } | Fact::Cancelled {}
        );
        if is_last && !followed.is_watched() {
            self.jobs.remove(&job);
        }
    }

    fn progressed(&mut self, message: &Message) {
        let Ok(Subject::Progress { worker, job, task }) = message.subject.as_str().parse() else {
            return;
        };
        let Ok(envelope) = codec::decode::<Progress>(&message.payload) else {
            tracing::warn!(%worker, %job, "progress that cannot be read");
            return;
        };
        let progress = envelope.body;
        // The bus checks the subject's worker; the body must not say anything else.
        if (&progress.worker, progress.job, progress.task) != (&worker, job, task) {
            return;
        }
        let followed = self.follow(job);
        followed.heard_at = Instant::now();
        followed.meter.progress(&progress);
    }

    fn publish(&mut self, now_ms: u64) {
        self.is_watched = false;
        for followed in self.jobs.values_mut() {
            self.is_watched |= followed.tick(now_ms);
        }
    }

    fn follow(&mut self, job: JobId) -> &mut Followed {
        if self.jobs.len() >= JOBS_MAX && !self.jobs.contains_key(&job) {
            let unwatched = self
                .jobs
                .iter()
                .filter(|(_, followed)| !followed.is_watched());
            let oldest = unwatched
                .min_by_key(|(_, followed)| followed.heard_at)
                .map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                self.jobs.remove(&oldest);
            }
        }
        self.jobs.entry(job).or_insert_with(|| Followed::new(job))
    }

    fn forget_old(&mut self) {
        self.jobs.retain(|_, followed| !followed.is_old());
    }
}
