//! The Reaper: hears heartbeats, keeps the leases, notices who is lost, and has idle machines
//! stopped.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::Subscriber;
use bus_schema::codec::decode;
use bus_schema::heartbeat::{HEARTBEAT_INTERVAL_MS, Heartbeat, LEASE_TTL_MS};
use bus_schema::id::WorkerName;
use bus_schema::machine::WorkerLease;
use bus_schema::subject::{HEARTBEAT_ALL, Subject};
use futures_util::StreamExt;
use nats::{Leases, Revision};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use crate::admission;
use crate::board::Machines;
use crate::clock::now_ms;
use crate::machine_pool::{self, demand::idle_to_stop};
use crate::platform::Platform;
use crate::tell;
use crate::workers::{Heard, Workers};

/// The bucket that leases are written to.
const LEASES: &str = "machines";

/// How often silence is looked for.
const LOOK: Duration = Duration::from_millis(HEARTBEAT_INTERVAL_MS);

/// How often the register is read through for what nobody looks after: full outboxes, lost notes.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The Reaper: configuration.
#[derive(Debug)]
pub struct Reaper {
    /// What it stands on.
    pub platform: Platform,
}

/// What the Reaper is told.
#[derive(Debug)]
pub enum Message {
    /// Hear heartbeats until the next look, then look.
    Listen,
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

/// What the Reaper holds.
#[derive(Debug)]
pub struct State {
    heartbeats: Subscriber,
    workers: Workers,
    leases: Leases,
    revisions: HashMap<WorkerName, Revision>,
    /// Whether jobs have yet to be told that workers came, went or began anew.
    has_news: bool,
    began: Instant,
    swept: Instant,
}

impl Actor for Reaper {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let heartbeats = self.platform.bus.client.subscribe(HEARTBEAT_ALL).await?;
        let leases = Leases::new(&self.platform.bus, LEASES);
        myself.cast(Message::Listen)?;
        Ok(State {
            heartbeats,
            // What a former life of this actor knew is still true, until silence says otherwise.
            workers: (*self.platform.board.workers()).clone(),
            leases,
            revisions: HashMap::new(),
            has_news: true,
            began: Instant::now(),
            swept: Instant::now(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Listen => self.listen(state).await?,
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
        }
        myself.cast(Message::Listen)?;
        Ok(())
    }
}

impl Reaper {
    async fn listen(&self, state: &mut State) -> Result<(), ActorProcessingErr> {
        let until = Instant::now() + LOOK;
        loop {
            match tokio::time::timeout_at(until, state.heartbeats.next()).await {
                Err(_) => break,
                Ok(None) => return Err("the bus client is closed".into()),
                Ok(Some(message)) => self.hear(state, &message).await,
            }
        }
        self.look(state);
        Ok(())
    }

    async fn hear(&self, state: &mut State, message: &async_nats::Message) {
        let Ok(Subject::Heartbeat { worker }) = message.subject.parse() else {
            return;
        };
        let heartbeat = match decode::<Heartbeat>(&message.payload) {
            Ok(envelope) if envelope.body.worker == worker => envelope.body,
            Ok(_) => return tracing::warn!(%worker, "a heartbeat in another's name"),
            Err(error) => return tracing::warn!(%worker, %error, "not a heartbeat"),
        };
        let now_ms = now_ms();
        let slots_before = state.workers.slots();
        let heard = state.workers.hear(heartbeat, now_ms);
        if heard == Heard::Restarted {
            tracing::warn!(%worker, "restarted");
        }
        let has_come = heard != Heard::Same;
        state.has_news |= has_come;
        let has_other_slots = state.workers.slots() != slots_before;
        // The rest can wait for the look: a copy of all workers for each one's heartbeat would grow with the square of
        // the fleet.
        if has_come || has_other_slots {
            self.platform.board.post_workers(state.workers.clone());
        }
        if has_other_slots {
            self.tell_admission(admission::Message::WorkersChanged);
        }
        self.write_lease(state, &worker).await;
    }

    /// Removes who has been silent for a term, in which we could have heard it.
    fn look(&self, state: &mut State) {
        let now_ms = now_ms();
        let hearing = self
            .platform
            .bus
            .connection()
            .borrow()
            .hearing_for()
            .min(state.began.elapsed());
        let hearing_ms = u64::try_from(hearing.as_millis()).unwrap_or(u64::MAX);
        self.stop_idle(now_ms);
        if state.swept.elapsed() >= SWEEP_INTERVAL {
            state.swept = Instant::now();
            self.tell_admission(admission::Message::Sweep);
        }
        let was_settled = state.workers.is_settled();
        let lost = state.workers.expire(now_ms, hearing_ms);
        state.has_news |= state.workers.is_settled() && !was_settled;
        self.platform.board.post_workers(state.workers.clone());
        for worker in &lost {
            tracing::warn!(%worker, "lost: no heartbeat for {LEASE_TTL_MS} ms");
            state.revisions.remove(worker);
        }
        if !lost.is_empty() {
            self.tell_admission(admission::Message::WorkersChanged);
        }
        // Once a look, however many there are: every active job is asked.
        if std::mem::take(&mut state.has_news) || !lost.is_empty() {
            self.tell_admission(admission::Message::HoldersChanged);
        }
    }

    /// Has machines stopped that nobody needs.
    fn stop_idle(&self, now_ms: u64) {
        let Machines {
            intent,
            observed,
            limits,
        } = self.platform.board.machines();
        let (Some(limits), Some(pool)) = (limits, self.platform.board.pool()) else {
            return;
        };
        for name in idle_to_stop(intent, &observed, now_ms, &limits) {
            tell(&pool, machine_pool::Message::StopIdle(name));
        }
    }

    fn tell_admission(&self, message: admission::Message) {
        if let Some(admission) = self.platform.board.admission() {
            tell(&admission, message);
        }
    }

    /// The lease as operators see it. Losing a write costs a second of its term.
    async fn write_lease(&self, state: &mut State, name: &WorkerName) {
        let Some(worker) = state.workers.get(name) else {
            return;
        };
        let lease = WorkerLease {
            worker: name.clone(),
            heartbeat: worker.heartbeat.clone(),
            seen_ms: worker.seen_ms,
            idle_since_ms: worker.idle_since_ms,
        };
        let Ok(value) = serde_json::to_vec(&lease) else {
            return;
        };
        let ttl = Duration::from_millis(LEASE_TTL_MS);
        let known = state.revisions.get(name).copied();
        let written = match state
            .leases
            .put(name.as_str(), value.clone(), ttl, known)
            .await
        {
            // Written by a former life, or expired meanwhile: take it as it is.
            Err(error) if error.is_conflict() => match state.leases.get(name.as_str()).await {
                Ok(held) => {
                    let revision = held.map(|(_, revision)| revision);
                    state.leases.put(name.as_str(), value, ttl, revision).await
                }
                Err(error) => Err(error),
            },
            written => written,
        };
        match written {
            Ok(revision) => {
                state.revisions.insert(name.clone(), revision);
            }
            Err(error) => {
                state.revisions.remove(name);
                tracing::warn!(worker = %name, %error, "lease not written");
            }
        }
    }
}
