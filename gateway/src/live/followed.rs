//! One job that the feed follows: its meter, and the sessions that watch it.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::id::JobId;
use bus_schema::live::{JobProgress, LiveFact};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::progress::Meter;

/// Facts waiting for one session. A job of 60 s has fewer in all; a reader that lags behind by more
/// comes back with its `n` and reads them from the bus stream instead.
const FACTS_MAX: usize = 256;
/// A job that nobody watches and nothing is heard of is forgotten after this.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// One job.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) meter: Meter,
    pub(super) heard_at: Instant,
    sessions: Vec<mpsc::Sender<Arc<LiveFact>>>,
    progress: watch::Sender<Option<Arc<JobProgress>>>,
}

/// A session's ends: facts, and the latest progress.
pub(super) type Ends = (
    mpsc::Receiver<Arc<LiveFact>>,
    watch::Receiver<Option<Arc<JobProgress>>>,
);

impl Followed {
    pub(super) fn new(job: JobId) -> Self {
        Self {
            meter: Meter::new(job),
            heard_at: Instant::now(),
            sessions: Vec::new(),
            progress: watch::Sender::new(None),
        }
    }

    /// Adds a session. It begins with what is known already.
    pub(super) fn add_session(&mut self, now_ms: u64) -> Ends {
        let (sender, facts) = mpsc::channel(FACTS_MAX);
        self.sessions.push(sender);
        let progress = self.progress.subscribe();
        self.send_progress(now_ms);
        (facts, progress)
    }

    pub(super) fn is_watched(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Hands a fact to every session. A full queue is a slow reader: dropping its sender closes the
    /// queue, and the session tells its client.
    pub(super) fn send_fact(&mut self, fact: &Arc<LiveFact>) {
        self.heard_at = Instant::now();
        self.meter.fact(&fact.fact);
        self.sessions
            .retain(|session| session.try_send(Arc::clone(fact)).is_ok());
    }

    /// Sends the latest progress when it is due and somebody watches; answers whether somebody does.
    pub(super) fn tick(&mut self, now_ms: u64) -> bool {
        self.drop_closed();
        if self.is_watched() && self.meter.is_due(now_ms) {
            self.send_progress(now_ms);
        }
        self.is_watched()
    }

    /// Whether it can be forgotten.
    pub(super) fn is_old(&mut self) -> bool {
        self.drop_closed();
        !self.is_watched() && self.heard_at.elapsed() >= FORGET_AFTER
    }

    fn drop_closed(&mut self) {
        self.sessions.retain(|session| !session.is_closed());
    }

    fn send_progress(&mut self, now_ms: u64) {
        let value = self.meter.read(now_ms);
        self.progress.send_replace(Some(Arc::new(value)));
    }
}
