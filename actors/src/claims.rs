//! Claims: requests from workers, answered by the job concerned. Core NATS, no stream: a claim that
//! nobody answers is asked again.

use std::time::Duration;

use async_nats::Subscriber;
use bus_schema::claim::{ClaimReply, ClaimRequest};
use bus_schema::codec::{Envelope, decode, encode};
use bus_schema::subject::{CLAIM_ALL, CLAIM_QUEUE_GROUP, Subject};
use bytes::Bytes;
use futures_util::StreamExt;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinSet;

use crate::admission;
use crate::clock::now_ms;
use crate::job::actor::Message as ToJob;
use crate::platform::Platform;

/// Claims in hand at once: as many as the slots of a thousand machines, and a bound all the same.
const IN_HAND_MAX: usize = 1_024;
/// How long a job may take over a claim; workers ask again after 5 s.
const JOB_PATIENCE: Duration = Duration::from_secs(4);
/// How long one look for more lasts; between two of them the actor can be stopped.
const LOOK: Duration = Duration::from_secs(2);

/// The claims' actor: configuration.
#[derive(Debug, Clone)]
pub struct Claims {
    /// What it stands on.
    pub platform: Platform,
    /// Who knows the jobs' actors.
    pub admission: ActorRef<admission::Message>,
}

/// What it is told.
#[derive(Debug)]
pub enum Message {
    /// Take the next claims.
    Next,
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

/// What it holds.
#[derive(Debug)]
pub struct State {
    claims: Subscriber,
    in_hand: JoinSet<()>,
}

impl Actor for Claims {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let client = &self.platform.bus.client;
        let claims = client
            .queue_subscribe(CLAIM_ALL, CLAIM_QUEUE_GROUP.to_owned())
            .await?;
        myself.cast(Message::Next)?;
        Ok(State {
            claims,
            in_hand: JoinSet::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Next => self.next(state).await?,
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
        }
        myself.cast(Message::Next)?;
        Ok(())
    }
}

impl Claims {
    async fn next(&self, state: &mut State) -> Result<(), ActorProcessingErr> {
        while state.in_hand.try_join_next().is_some() {}
        if state.in_hand.len() >= IN_HAND_MAX {
            state.in_hand.join_next().await;
            return Ok(());
        }
        match tokio::time::timeout(LOOK, state.claims.next()).await {
            Err(_) => Ok(()),
            Ok(None) => Err("the bus client is closed".into()),
            Ok(Some(message)) => {
                let claims = self.clone();
                state
                    .in_hand
                    .spawn(async move { claims.answer(message).await });
                Ok(())
            }
        }
    }

    async fn answer(&self, message: async_nats::Message) {
        let Some(inbox) = message.reply.clone() else {
            return;
        };
        let Some(reply) = self.ask(&message).await else {
            return;
        };
        let Ok(payload) = encode(&Envelope::new(message.subject.to_string(), now_ms(), reply))
        else {
            tracing::error!(subject = %message.subject, "an answer cannot be encoded");
            return;
        };
        if let Err(error) = self
            .platform
            .bus
            .client
            .publish(inbox, Bytes::from(payload))
            .await
        {
            tracing::warn!(%error, "a claim's answer was not sent");
        }
    }

    /// The answer, unless there is none now.
    async fn ask(&self, message: &async_nats::Message) -> Option<ClaimReply> {
        let Ok(Subject::Claim { worker, job, n }) = message.subject.parse() else {
            return None;
        };
        let request = match decode::<ClaimRequest>(&message.payload) {
            Ok(envelope) => envelope.body,
            Err(error) => {
                return Some(ClaimReply::Gone {
                    reason: error.to_string(),
                });
            }
        };
        if (&request.worker, request.job, request.task) != (&worker, job, n) {
            let reason = "the claim is of another task than its subject".to_owned();
            return Some(ClaimReply::Gone { reason });
        }
        let wrap = |reply| admission::Message::ToJob(job, ToJob::Claim(request, reply));
        match self.admission.call(wrap, Some(JOB_PATIENCE)).await {
            Ok(CallResult::Success(reply)) => reply,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => None,
        }
    }
}
