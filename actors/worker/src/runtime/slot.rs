//! A slot: one task at a time - an invitation, a claim, the work, the report, and last the ack.

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use bus_schema::claim::{ClaimReply, ClaimRequest, Go, SignedRequest, Want};
use bus_schema::codec::decode;
use bus_schema::report::Outcome;
use bus_schema::task::{Invitation, TaskClass, TaskKind, TaskSpec};
use futures_util::FutureExt as _;
use nats::{Delivery, Subscription};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::attempt::{Attempt, ask};
use super::halt::Halt;
use super::hands::Grip;
use super::{Shared, assemble, media, remux};

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
    /// Has it fail like a defect would, in the midst of whatever it does.
    #[cfg(feature = "test-util")]
    pub(crate) defect: std::sync::Arc<tokio::sync::Notify>,
}

/// What it is told by itself.
#[derive(Debug)]
pub(crate) enum Message {
    /// Look for work.
    Look,
}

/// What becomes of the invitation.
#[derive(Debug, Clone, Copy)]
enum After {
    Ack,
    Again(Duration),
}

impl Actor for Slot {
    type Msg = Message;
    /// `None` until its first look: finding the consumer takes as long as the bus lets it, and the
    /// supervisor, which waits for a child to start, has others to look after.
    type State = Option<Subscription>;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Option<Subscription>, ActorProcessingErr> {
        myself.cast(Message::Look)?;
        Ok(None)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        subscription: &mut Option<Subscription>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => self.look(subscription).await?,
        }
        if self.is_draining() {
            myself.stop(None);
        } else {
            myself.cast(Message::Look)?;
        }
        Ok(())
    }
}

impl Slot {
    /// Waits for an invitation, and follows it; what comes when the worker drains goes to another.
    async fn look(&self, state: &mut Option<Subscription>) -> Result<(), ActorProcessingErr> {
        let mut is_draining = self.shared.is_draining.subscribe();
        let drained = async {
            if is_draining.wait_for(|is| *is).await.is_err() {
                std::future::pending().await
            }
        };
        let next = async {
            let subscription = match state {
                Some(subscription) => subscription,
                None => {
                    let consumer = format!("workers-{}", self.class);
                    let opened = Subscription::open(&self.shared.bus, STREAM, &consumer).await?;
                    state.insert(opened)
                }
            };
            subscription.next_batch(1, LOOK).await
        };
        let batch = tokio::select! {
            batch = self.exposed(next) => batch?,
            () = drained => return Ok(()),
        };
        for delivery in batch {
            if self.is_draining() {
                delivery.retry_after(Duration::ZERO).await?;
            } else {
                self.serve(delivery).await?;
            }
        }
        Ok(())
    }

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
        let (after, panic) = self.follow(&invitation, &grip).await;
        let delivery = claim.release();
        match after {
            After::Ack => delivery.ack().await?,
            After::Again(pause) => delivery.retry_after(pause).await?,
        }
        match panic {
            Some(panic) => resume_unwind(panic),
            None => Ok(()),
        }
    }

    /// Follows an invitation to its end. A defect on the way ends this slot, which its supervisor
    /// starts anew; but the task must not wait until somebody notices that. So it is reported as any
    /// failure is, and where nothing was granted yet, the invitation goes to another.
    async fn follow(
        &self,
        invitation: &Invitation,
        grip: &Grip,
    ) -> (After, Option<Box<dyn Any + Send>>) {
        let claim = AssertUnwindSafe(self.exposed(self.claim(invitation, grip)));
        let (attempt, go) = match claim.catch_unwind().await {
            Ok(Ok(granted)) => granted,
            Ok(Err(after)) => return (after, None),
            Err(panic) => return (After::Again(ELSEWHERE), Some(panic)),
        };
        let work = AssertUnwindSafe(self.exposed(Box::pin(self.work(&attempt, go))));
        match work.catch_unwind().await {
            Ok(ended) => (self.conclude(&attempt, ended).await, None),
            Err(panic) => {
                let ended = Err(Halt::defect("the slot panicked: see above"));
                (self.conclude(&attempt, ended).await, Some(panic))
            }
        }
    }

    /// The attempt with what was granted, or what becomes of the invitation without one.
    async fn claim(&self, invitation: &Invitation, grip: &Grip) -> Result<(Attempt, Go), After> {
        let Invitation { job, task, kind } = *invitation;
        let request = ClaimRequest {
            worker: self.shared.name.clone(),
            run: self.shared.run.clone(),
            job,
            task,
            held: None,
            want: wants(kind),
        };
        let go = match ask(&self.shared.bus, &request, &grip.stop).await {
            Ok(ClaimReply::Go(go)) => go,
            // The task is as wanted as before.
            Err(Halt::Gone(_)) if self.is_draining() => {
                return Err(After::Again(Duration::ZERO));
            }
            Ok(ClaimReply::Gone { reason }) | Err(Halt::Gone(reason)) => {
                tracing::debug!(%job, %task, reason, "gone");
                return Err(After::Ack);
            }
            Ok(ClaimReply::Later { after_ms }) => {
                return Err(After::Again(Duration::from_millis(after_ms)));
            }
            Err(Halt::Failed(_)) => return Err(After::Again(ELSEWHERE)),
        };
        let held = go.held.clone();
        grip.hold(held.attempt);
        tracing::info!(%job, %task, %kind, attempt = %held.attempt, "claimed");
        let attempt = Attempt {
            bus: self.shared.bus.clone(),
            worker: self.shared.name.clone(),
            run: self.shared.run.clone(),
            job,
            task,
            held,
            stop: grip.stop.clone(),
        };
        Ok((attempt, go))
    }

    async fn work(&self, attempt: &Attempt, go: Go) -> Result<(), Halt> {
        let Some(spec) = go.spec else {
            return Err(Halt::defect("the task came without a specification"));
        };
        if let Some(error) = self.shared.abilities.lack(&spec) {
            return Err(Halt::Failed(error));
        }
        match *spec {
            TaskSpec::Assemble(spec) => assemble::run(&self.shared, attempt.clone(), spec).await,
            TaskSpec::Remux(spec) => {
                let source = (source_of(go.addresses)?, go.intermediate);
                remux::run(&self.shared, attempt.clone(), self.class, spec, source).await
            }
            spec @ (TaskSpec::Probe(_)
            | TaskSpec::Chunk(_)
            | TaskSpec::Audio(_)
            | TaskSpec::Images(_)
            | TaskSpec::Subtitles(_)) => {
                let source = (source_of(go.addresses)?, go.intermediate);
                let done = {
                    let (attempt, spec) = (attempt.clone(), spec.clone());
                    media::run(&self.shared, attempt, self.class, spec, source).await
                };
                if let Err(Halt::Failed(error)) = &done {
                    self.shared.abilities.note_failure(&spec, error);
                }
                done
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
            Err(Halt::Gone(reason)) if self.is_draining() => Outcome::Returned { reason },
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

    fn is_draining(&self) -> bool {
        *self.shared.is_draining.borrow()
    }

    /// Does this, unless a test has it fail.
    async fn exposed<T>(&self, work: impl Future<Output = T>) -> T {
        #[cfg(feature = "test-util")]
        return tokio::select! {
            biased;
            () = self.defect.notified() => super::fail_on_purpose(),
            done = work => done,
        };
        #[cfg(not(feature = "test-util"))]
        work.await
    }
}

fn source_of(addresses: Vec<SignedRequest>) -> Result<SignedRequest, Halt> {
    let first = addresses.into_iter().next();
    first.ok_or_else(|| Halt::defect("no address for the source"))
}

/// What a task of this kind begins with: asked for at once, it costs no round of its own.
fn wants(kind: TaskKind) -> Vec<Want> {
    match kind {
        TaskKind::Probe
        | TaskKind::Chunk
        | TaskKind::Audio
        | TaskKind::Remux
        | TaskKind::Images
        | TaskKind::Subtitles => vec![Want::Source],
        TaskKind::Assemble => Vec::new(),
    }
}
