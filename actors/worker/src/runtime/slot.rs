//! A slot: one task at a time - an invitation, a claim, the work, the report, and last the ack.

use std::time::Duration;

use bus_schema::claim::{ClaimReply, ClaimRequest, Go};
use bus_schema::codec::decode;
use bus_schema::report::{ErrorCode, Outcome};
use bus_schema::task::{Invitation, TaskClass, TaskSpec};
use nats::{Delivery, Subscription};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::attempt::{Attempt, ask};
use super::halt::Halt;
use super::hands::Grip;
use super::{Shared, assemble, media};

/// The stream of invitations.
const STREAM: &str = "TASKS";
/// How long one look for an invitation lasts; between two of them the slot can be stopped.
const LOOK: Duration = Duration::from_secs(2);
/// Pause before an invitation that cannot be followed here comes again.
const ELSEWHERE: Duration = Duration::from_secs(1);

/// A slot: configuration.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) shared: Shared,
    pub(crate) class: TaskClass,
}

/// What it is told by itself.
#[derive(Debug)]
pub(crate) enum Message {
    /// Look for work.
    Look,
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

impl Actor for Slot {
    type Msg = Message;
    type State = Subscription;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Subscription, ActorProcessingErr> {
        let consumer = format!("workers-{}", self.class);
        let subscription = Subscription::open(&self.shared.bus, STREAM, &consumer).await?;
        myself.cast(Message::Look)?;
        Ok(subscription)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        subscription: &mut Subscription,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => {
                if *self.shared.is_draining.borrow() {
                    return Ok(());
                }
                for delivery in subscription.next_batch(1, LOOK).await? {
                    self.serve(delivery).await?;
                }
            }
            #[cfg(feature = "test-util")]
            Message::Panic => super::fail_on_purpose(),
        }
        myself.cast(Message::Look)?;
        Ok(())
    }
}

impl Slot {
    async fn serve(&self, delivery: Delivery) -> Result<(), ActorProcessingErr> {
        let invitation = match decode::<Invitation>(&delivery.payload) {
            Ok(envelope) => envelope.body,
            Err(error) => {
                // Only the control plane writes here; it is not for a worker to judge why.
                tracing::error!(%error, "an invitation that is none");
                return Ok(delivery.ack().await?);
            }
        };
        let Some(grip) = self.shared.hands.take(invitation.job, invitation.task) else {
            return Ok(delivery.retry_after(ELSEWHERE).await?);
        };
        let claim = delivery.claim();
        let after = self.attempt(&invitation, &grip).await;
        let delivery = claim.release();
        match after {
            After::Ack => delivery.ack().await?,
            After::Again(pause) => delivery.retry_after(pause).await?,
        }
        Ok(())
    }

    async fn attempt(&self, invitation: &Invitation, grip: &Grip) -> After {
        let Invitation { job, task, kind } = *invitation;
        let request = ClaimRequest {
            worker: self.shared.name.clone(),
            job,
            task,
            held: None,
            want: Vec::new(),
        };
        let go = match ask(&self.shared.bus, &request, &grip.stop).await {
            Ok(ClaimReply::Go(go)) => go,
            Ok(ClaimReply::Gone { reason }) | Err(Halt::Gone(reason)) => {
                tracing::debug!(%job, %task, reason, "gone");
                return After::Ack;
            }
            Ok(ClaimReply::Later { after_ms }) => {
                return After::Again(Duration::from_millis(after_ms));
            }
            Err(Halt::Failed(_)) => return After::Again(ELSEWHERE),
        };
        let Go { held, spec, .. } = go;
        grip.hold(held.attempt);
        tracing::info!(%job, %task, %kind, attempt = %held.attempt, "claimed");
        let attempt = Attempt {
            bus: self.shared.bus.clone(),
            worker: self.shared.name.clone(),
            job,
            task,
            held,
            stop: grip.stop.clone(),
        };
        let ended = match spec {
            Some(spec) => self.work(&attempt, *spec).await,
            None => Err(Halt::failed(
                ErrorCode::Internal,
                "The task came without a specification.",
            )),
        };
        self.conclude(&attempt, ended).await
    }

    async fn work(&self, attempt: &Attempt, spec: TaskSpec) -> Result<(), Halt> {
        match spec {
            TaskSpec::Assemble(spec) => assemble::run(&self.shared, attempt.clone(), spec).await,
            TaskSpec::Probe(_) | TaskSpec::Chunk(_) | TaskSpec::Audio(_) => {
                media::run(&self.shared, attempt.clone(), self.class, spec).await
            }
        }
    }

    /// Says how it ended, where that is not said yet. The invitation has served its purpose in any
    /// case: a task that is to be tried again is invited to again.
    async fn conclude(&self, attempt: &Attempt, ended: Result<(), Halt>) -> After {
        let Attempt { job, task, .. } = attempt;
        let outcome = match ended {
            Ok(()) => {
                tracing::info!(%job, %task, "done");
                return After::Ack;
            }
            Err(Halt::Gone(reason)) if *self.shared.is_draining.borrow() => {
                Outcome::Returned { reason }
            }
            Err(Halt::Gone(reason)) => {
                tracing::info!(%job, %task, reason, "dropped");
                return After::Ack;
            }
            Err(Halt::Failed(error)) => {
                tracing::warn!(%job, %task, ?error, "failed");
                Outcome::Failed(error)
            }
        };
        if let Err(halt) = attempt.report(outcome).await {
            tracing::warn!(%job, %task, ?halt, "the end was not reported");
        }
        After::Ack
    }
}

/// What becomes of the invitation.
#[derive(Debug, Clone, Copy)]
enum After {
    Ack,
    Again(Duration),
}
