//! One actor per active job, made on demand from its record. It is the only writer of the record in
//! this process; other processes may have one of their own, and compare-and-set decides.

mod addresses;
mod check;
mod claims;
mod conclude;
mod images;
mod reports;
mod verbs;

use bus_schema::claim::{ClaimReply, ClaimRequest};
use bus_schema::id::{JobId, TaskNumber};
use bus_schema::record::{JobRecord, JobState};
use bus_schema::report::Report;
use nats::Revision;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::new::NewJob;
use super::report::file_name;
use super::{Event, Job};
use crate::admission::{self, queue::Summary};
use crate::clock::now_ms;
use crate::platform::{Platform, Trouble};

/// Compare-and-set rounds before giving way: each lost round means that somebody else got on.
const ROUNDS_MAX: u32 = 16;

/// Pause before whatever failed for the time being is tried again by who sent it.
pub const TROUBLE_PAUSE_MS: u64 = 1_000;

/// A job's actor: configuration.
#[derive(Debug)]
pub struct JobActor {
    /// What it stands on.
    pub platform: Platform,
    /// Who releases its tasks.
    pub admission: ActorRef<admission::Message>,
}

/// What a job's actor is told and asked.
#[derive(Debug)]
pub enum Message {
    /// Make the record, unless it is there.
    Begin(Box<NewJob>, RpcReplyPort<Answer<JobRecord>>),
    /// Storage says that an object of this key is there.
    Arrived(RpcReplyPort<Handled>),
    /// Admission lets tasks go.
    Release(Vec<TaskNumber>),
    /// A worker claims a task, or wants addresses.
    Claim(ClaimRequest, RpcReplyPort<Option<ClaimReply>>),
    /// A worker reports.
    Report(Box<Report>, RpcReplyPort<Handled>),
    /// A timer, or the sweep: look at the record.
    Look(RpcReplyPort<Handled>),
    /// The owner cancels.
    Cancel(RpcReplyPort<Answer<JobRecord>>),
    /// The owner deletes: cancels if needed, then removes outputs and record.
    Delete(RpcReplyPort<Answer<()>>),
}

/// What became of a message that came from a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// Ack it.
    Done,
    /// Take it again after this.
    Again {
        /// The pause.
        after_ms: u64,
    },
    /// Nobody will ever be able to handle it.
    Dead(String),
}

/// An answer to the API.
pub type Answer<T> = Result<T, Refusal>;

/// Why the API's wish was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such job.
    #[error("there is no such job: it may have been deleted; GET /v1/jobs lists what there is")]
    Unknown,
    /// The job's state does not allow it.
    #[error("the job is {0} already: nothing is left to stop; DELETE /v1/jobs/<id> removes it")]
    State(&'static str),
    /// Bus or storage cannot be reached.
    #[error("{0}")]
    Unavailable(String),
}

/// The record as this actor knows it.
#[derive(Debug)]
pub struct State {
    id: JobId,
    loaded: Option<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    job: Job,
    revision: Revision,
    /// Whether every effect in the outbox has happened.
    is_flushed: bool,
}

/// Which job.
#[derive(Debug)]
pub struct Arguments {
    /// Its id.
    pub id: JobId,
}

// === impl Actor ===

impl Actor for JobActor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Message>,
        Arguments { id }: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { id, loaded: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Begin(new, reply) => answer(reply, self.begin(state, *new).await),
            Message::Arrived(reply) => answer(reply, handled(self.arrived(state).await)),
            Message::Release(tasks) => self.release(state, tasks).await,
            Message::Claim(request, reply) => answer(reply, self.claim(state, request).await),
            Message::Report(report, reply) => {
                answer(reply, handled(self.report(state, *report).await));
            }
            Message::Look(reply) => answer(reply, handled(self.look(state).await)),
            Message::Cancel(reply) => answer(reply, self.cancel(state).await),
            Message::Delete(reply) => answer(reply, self.delete(state).await),
        }
        Ok(())
    }
}

/// Replies; that nobody waits any more is fine: whoever asked will ask again.
fn answer<T: ractor::Message>(reply: RpcReplyPort<T>, value: T) {
    if reply.send(value).is_err() {
        tracing::debug!("the asker has gone");
    }
}

fn handled(result: Result<Handled, Trouble>) -> Handled {
    result.unwrap_or_else(|trouble| {
        tracing::warn!(%trouble, "not now");
        Handled::Again {
            after_ms: TROUBLE_PAUSE_MS,
        }
    })
}

// === the record ===

impl JobActor {
    /// The job as it lies in the register; effects left over from a crash are done first.
    async fn load<'s>(&self, state: &'s mut State) -> Result<Option<&'s mut Loaded>, Trouble> {
        if state.loaded.is_none() {
            let found = self.platform.jobs.load(state.id.as_str()).await?;
            state.loaded = found.map(|(record, revision)| Loaded {
                is_flushed: record.outbox.is_empty(),
                job: Job::of(record),
                revision,
            });
            self.note(state);
        }
        if state
            .loaded
            .as_ref()
            .is_some_and(|loaded| !loaded.is_flushed)
        {
            self.flush(state).await?;
        }
        Ok(state.loaded.as_mut())
    }

    /// Applies an event: state with its outbox first, then what follows from it.
    async fn step(&self, state: &mut State, event: &Event) -> Result<Option<Job>, Trouble> {
        let id = state.id;
        for _ in 0..ROUNDS_MAX {
            let Some(loaded) = self.load(state).await? else {
                return Ok(None);
            };
            let before = &loaded.job;
            let (mut after, effects) = before.clone().apply(event.clone(), now_ms());
            if after == *before && effects.is_empty() {
                let job = before.clone();
                self.note(state);
                return Ok(Some(job));
            }
            // Everything in the old outbox has happened: `load` saw to it.
            after.record.outbox = effects;
            // One that the register would refuse for ever ends here; what ends is small enough.
            if !matches!(after.record.state, JobState::Failed | JobState::Cancelled)
                && let Err(error) = after.record.check_size()
            {
                let (ended, effects) = before.clone().apply(Event::FinishFailed(error), now_ms());
                after = ended;
                after.record.outbox = effects;
            }
            let written = self
                .platform
                .jobs
                .update(id.as_str(), &after.record, loaded.revision)
                .await;
            match written {
                Ok(revision) => {
                    let is_flushed = after.record.outbox.is_empty();
                    state.loaded = Some(Loaded {
                        job: after,
                        revision,
                        is_flushed,
                    });
                    self.flush(state).await?;
                    return Ok(state.loaded.as_ref().map(|loaded| loaded.job.clone()));
                }
                Err(error) if error.is_conflict() => state.loaded = None,
                Err(error) => {
                    // It may have been written: the next load tells.
                    state.loaded = None;
                    return Err(error.into());
                }
            }
        }
        Err(Trouble::Contended(state.id))
    }

    /// Does what the outbox says. The final playlists come last: they end the job by another step.
    async fn flush(&self, state: &mut State) -> Result<(), Trouble> {
        let Some(loaded) = state.loaded.as_mut().filter(|loaded| !loaded.is_flushed) else {
            self.note(state);
            return Ok(());
        };
        let needs_finish = self.perform(&loaded.job).await?;
        loaded.is_flushed = true;
        if loaded.job.record.state.is_terminal() {
            // Nothing will be written after this; the sweep must not find it again and again.
            loaded.job.record.outbox.clear();
            let record = &loaded.job.record;
            loaded.revision = self
                .platform
                .jobs
                .update(state.id.as_str(), record, loaded.revision)
                .await?;
        }
        self.note(state);
        if needs_finish && let Err(trouble) = Box::pin(self.conclude(state)).await {
            // The next message to this job tries again.
            if let Some(loaded) = &mut state.loaded {
                loaded.is_flushed = false;
            }
            return Err(trouble);
        }
        Ok(())
    }

    /// Tells Admission how the job stands.
    fn note(&self, state: &State) {
        if let Some(loaded) = &state.loaded {
            let summary = Summary::of(&loaded.job, now_ms());
            crate::tell(&self.admission, admission::Message::Noted(summary));
        }
    }
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(trouble.to_string())
    }
}
