//! What streams in from the bus: one actor per durable consumer, which asks the job concerned and
//! acks last.

mod due;
mod reports;
mod storage;

use std::time::Duration;

use nats::{Delivery, Subscription};
use ractor::rpc::CallResult;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::task::JoinSet;

use crate::admission;
use crate::job::actor::{Handled, Message as ToJob, TROUBLE_PAUSE_MS};
use crate::platform::Platform;
use bus_schema::JobId;

/// Deliveries in hand at once; each waits for its job's actor.
const IN_HAND_MAX: usize = 256;
/// How long one look for more lasts; between two of them the actor can be stopped.
const LOOK: Duration = Duration::from_secs(2);
/// How long a job may take over one message: an end with playlists of an 8-hour film is seconds.
const JOB_PATIENCE: Duration = Duration::from_secs(60);

/// Where from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Storage notifications.
    Storage,
    /// Workers' reports.
    Reports,
    /// Timers that are due.
    Due,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Storage, Self::Reports, Self::Due];

    /// Stream and durable consumer, as the topology names them.
    fn consumer(self) -> (&'static str, &'static str) {
        match self {
            Self::Storage => ("STORAGE", "intake"),
            Self::Reports => ("REPORTS", "reports"),
            Self::Due => (nats::Timers::STREAM, nats::Timers::CONSUMER),
        }
    }
}

/// An intake: configuration.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Where from.
    pub source: Source,
    /// What it stands on.
    pub platform: Platform,
    /// Who knows the jobs' actors.
    pub admission: ActorRef<admission::Message>,
}

/// What an intake is told.
#[derive(Debug)]
pub enum Message {
    /// Look for more.
    Pull,
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

/// What it holds.
#[derive(Debug)]
pub struct State {
    subscription: Subscription,
    in_hand: JoinSet<()>,
}

impl Actor for Intake {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let (stream, consumer) = self.source.consumer();
        let subscription = Subscription::open(&self.platform.bus, stream, consumer).await?;
        myself.cast(Message::Pull)?;
        Ok(State {
            subscription,
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
            Message::Pull => self.pull(state).await?,
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
        }
        myself.cast(Message::Pull)?;
        Ok(())
    }
}

impl Intake {
    async fn pull(&self, state: &mut State) -> Result<(), ActorProcessingErr> {
        while state.in_hand.try_join_next().is_some() {}
        let credit = IN_HAND_MAX.saturating_sub(state.in_hand.len());
        if credit == 0 {
            state.in_hand.join_next().await;
            return Ok(());
        }
        for delivery in state.subscription.next_batch(credit, LOOK).await? {
            let intake = self.clone();
            state
                .in_hand
                .spawn(async move { intake.handle_one(delivery).await });
        }
        Ok(())
    }

    async fn handle_one(&self, delivery: Delivery) {
        let handled = match self.source {
            Source::Storage => self.notified(&delivery).await,
            Source::Reports => self.reported(&delivery).await,
            Source::Due => self.due(&delivery).await,
        };
        let finished = match handled {
            Handled::Done => delivery.ack().await,
            Handled::Again { after_ms } => {
                delivery.retry_after(Duration::from_millis(after_ms)).await
            }
            Handled::Dead(reason) => delivery.dead(&reason).await,
        };
        if let Err(error) = finished {
            // It comes again, and nothing is done twice.
            tracing::warn!(source = ?self.source, %error, "a delivery was not finished");
        }
    }

    /// Asks a job's actor.
    async fn ask(
        &self,
        job: JobId,
        message: impl FnOnce(RpcReplyPort<Handled>) -> ToJob,
    ) -> Handled {
        let wrap = |reply| admission::Message::ToJob(job, message(reply));
        match self.admission.call(wrap, Some(JOB_PATIENCE)).await {
            Ok(CallResult::Success(handled)) => handled,
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Handled::Again {
                after_ms: TROUBLE_PAUSE_MS,
            },
        }
    }
}
