//! Admission: knows every active job's actor, makes them on demand, and lets work go by priority and
//! fairness as slots allow.

pub mod queue;

use std::collections::HashMap;
use std::time::Duration;

use bus_schema::JobId;
use bus_schema::record::JobState;
use bus_schema::task::TaskClass;
use gateway::jobs::Health;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::board::States;
use crate::children::{self, Children};
use crate::claims::Claims;
use crate::intake::{Intake, Source};
use crate::job::actor::{self as job_actor, JobActor, TROUBLE_PAUSE_MS};
use crate::platform::Platform;
use crate::tell;
use queue::{Queue, Summary};

/// Admission: configuration.
#[derive(Debug)]
pub struct Admission {
    /// What it stands on.
    pub platform: Platform,
}

/// What Admission is told and asked.
#[derive(Debug)]
pub enum Message {
    /// For a job's actor, which is made if there is none.
    ToJob(JobId, job_actor::Message),
    /// How a job stands.
    Noted(Summary),
    /// A job is no more.
    Forget(JobId),
    /// A job could not do what it was told: it is asked to look again soon.
    Troubled(JobId),
    /// There may be more slots than before.
    WorkersChanged,
    /// Workers came, went, or began anew: what they had in hand may be free.
    HoldersChanged,
    /// Read the register through.
    Sweep,
    /// Start this child again, after its pause.
    Start(Child),
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
    /// Make a child fail like a defect would.
    #[cfg(feature = "test-util")]
    PanicChild(Child),
}

/// A child that is not a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Child {
    /// An intake.
    Intake(Source),
    /// The claims.
    Claims,
}

/// What Admission holds.
#[derive(Debug)]
pub struct State {
    queue: Queue,
    jobs: HashMap<JobId, ActorRef<job_actor::Message>>,
    by_actor: HashMap<ActorId, JobId>,
    children: Children<Child>,
}

impl Actor for Admission {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State {
            queue: Queue::default(),
            jobs: HashMap::new(),
            by_actor: HashMap::new(),
            children: Children::default(),
        };
        let intakes = Source::ALL.map(Child::Intake);
        for child in intakes.into_iter().chain([Child::Claims]) {
            self.start(&myself, &mut state, child).await?;
        }
        myself.cast(Message::Sweep)?;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::ToJob(job, message) => self.to_job(&myself, state, job, message).await?,
            Message::Noted(summary) => self.noted(&myself, state, summary).await?,
            Message::Forget(job) => forget(state, &job)?,
            Message::Troubled(job) => look_later(&myself, job),
            Message::WorkersChanged => self.release(&myself, state).await?,
            Message::HoldersChanged => look_at_all(state),
            Message::Sweep => self.sweep(&myself, state).await?,
            Message::Start(child) => {
                if let Err(error) = self.start(&myself, state, child).await {
                    restart(&myself, state, child, &error.to_string())?;
                }
            }
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
            #[cfg(feature = "test-util")]
            Message::PanicChild(child) => panic_child(state, child)?,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Message>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match children::end(event) {
            Some((cell, reason)) => ended(&myself, state, &cell, &reason),
            None => Ok(()),
        }
    }
}

// === jobs ===

impl Admission {
    async fn to_job(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        job: JobId,
        message: job_actor::Message,
    ) -> Result<(), ActorProcessingErr> {
        let known = state.jobs.get(&job).filter(|actor| is_accepting(actor));
        let actor = match known {
            Some(actor) => actor.clone(),
            None => self.make(myself, state, job).await?,
        };
        // A refused message's asker sees its port dropped, and asks again.
        tell(&actor, message);
        Ok(())
    }

    async fn make(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        id: JobId,
    ) -> Result<ActorRef<job_actor::Message>, ActorProcessingErr> {
        let actor = JobActor {
            platform: self.platform.clone(),
            admission: myself.clone(),
        };
        let arguments = job_actor::Arguments { id };
        let (actor, _) = Actor::spawn_linked(None, actor, arguments, myself.get_cell()).await?;
        state.by_actor.insert(actor.get_id(), id);
        state.jobs.insert(id, actor.clone());
        Ok(actor)
    }

    async fn noted(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        summary: Summary,
    ) -> Result<(), ActorProcessingErr> {
        let job = summary.job;
        if summary.is_ended {
            // It finishes what is in its mailbox; whoever comes later gets a new one.
            forget(state, &job)?;
        } else {
            state.queue.note(summary);
        }
        self.release(myself, state).await
    }

    async fn release(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let slots = self.platform.board.workers().slots();
        for (job, tasks) in state.queue.release(&slots) {
            self.to_job(myself, state, job, job_actor::Message::Release(tasks))
                .await?;
        }
        let demand = TaskClass::ALL
            .iter()
            .map(|&class| (class, state.queue.demand(class)));
        self.platform.board.post_demand(demand.collect());
        let waits_since_ms = state.queue.waits_since_ms();
        self.platform.board.post_waits_since_ms(waits_since_ms);
        Ok(())
    }

    async fn sweep(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let records = match self.platform.jobs.list().await {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(%error, "the sweep waits for the next round");
                return Ok(());
            }
        };
        let mut states = States::new();
        for (_, record, _) in records {
            *states.entry(record.state).or_default() += 1;
            if record.state == JobState::Uploading {
                // Its notification may have been lost: storage knows.
                self.to_job(myself, state, record.id, arrived()).await?;
            }
            if !record.state.is_terminal() || !record.outbox.is_empty() {
                self.to_job(myself, state, record.id, look()).await?;
            }
        }
        self.platform.board.post_states(states);
        self.platform
            .board
            .post_storage_health(self.storage_health().await);
        Ok(())
    }
}

impl Admission {
    async fn storage_health(&self) -> Health {
        let asked = self
            .platform
            .storage
            .list(bus_schema::object_key::OUTPUTS, 1, None)
            .await;
        match asked {
            Ok(_) => Health {
                is_ok: true,
                detail: "answers".to_owned(),
            },
            Err(error) => Health {
                is_ok: false,
                detail: error.to_string(),
            },
        }
    }
}

fn is_accepting(actor: &ActorRef<job_actor::Message>) -> bool {
    matches!(
        actor.get_status(),
        ractor::ActorStatus::Running
            | ractor::ActorStatus::Starting
            | ractor::ActorStatus::Upgrading
    )
}

fn forget(state: &mut State, job: &JobId) -> Result<(), ActorProcessingErr> {
    state.queue.forget(job);
    if let Some(actor) = state.jobs.remove(job) {
        actor.drain()?;
    }
    Ok(())
}

fn look_later(myself: &ActorRef<Message>, job: JobId) {
    let pause = Duration::from_millis(TROUBLE_PAUSE_MS);
    myself.send_after(pause, move || Message::ToJob(job, look()));
}

/// Whom it fails now is found by the next sweep, or by a deadline.
fn look_at_all(state: &State) {
    for actor in state.jobs.values() {
        tell(actor, look());
    }
}

/// Has a job ask storage for its source; nobody waits for the answer.
fn arrived() -> job_actor::Message {
    let (reply, _ignored) = ractor::concurrency::oneshot();
    job_actor::Message::Arrived(reply.into())
}

/// Asks a job to look at its record; nobody waits for the answer.
fn look() -> job_actor::Message {
    let (reply, _ignored) = ractor::concurrency::oneshot();
    job_actor::Message::Look(reply.into())
}

// === children ===

impl Admission {
    async fn start(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        child: Child,
    ) -> Result<(), ActorProcessingErr> {
        let platform = self.platform.clone();
        let admission = myself.clone();
        let cell = match child {
            Child::Intake(source) => {
                let intake = Intake {
                    source,
                    platform,
                    admission,
                };
                Actor::spawn_linked(None, intake, (), myself.get_cell())
                    .await?
                    .0
                    .get_cell()
            }
            Child::Claims => {
                let claims = Claims {
                    platform,
                    admission,
                };
                Actor::spawn_linked(None, claims, (), myself.get_cell())
                    .await?
                    .0
                    .get_cell()
            }
        };
        state.children.began(child, cell);
        Ok(())
    }
}

/// An actor has ended: a job's is made again when it is needed, a child is started anew.
fn ended(
    myself: &ActorRef<Message>,
    state: &mut State,
    cell: &ActorCell,
    reason: &str,
) -> Result<(), ActorProcessingErr> {
    let id = cell.get_id();
    if let Some(job) = state.by_actor.remove(&id) {
        // One that was told to end when its job had is not missed.
        if state
            .jobs
            .get(&job)
            .is_some_and(|actor| actor.get_id() == id)
        {
            tracing::error!(%job, reason, "a job's actor failed; another one looks at it soon");
            state.jobs.remove(&job);
            look_later(myself, job);
        }
        return Ok(());
    }
    match state.children.ended(id) {
        Some(child) => restart(myself, state, child, reason),
        None => Ok(()),
    }
}

fn restart(
    myself: &ActorRef<Message>,
    state: &mut State,
    child: Child,
    reason: &str,
) -> Result<(), ActorProcessingErr> {
    let pause = state.children.restart(child, reason)?;
    myself.send_after(pause, move || Message::Start(child));
    Ok(())
}

#[cfg(feature = "test-util")]
fn panic_child(state: &State, child: Child) -> Result<(), ActorProcessingErr> {
    let Some(cell) = state.children.actor(child) else {
        return Ok(());
    };
    match child {
        Child::Intake(_) => cell.send_message(crate::intake::Message::Panic)?,
        Child::Claims => cell.send_message(crate::claims::Message::Panic)?,
    }
    Ok(())
}
