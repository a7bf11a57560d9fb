//! The root supervisor over Gateway, Admission, MachinePool, Reaper and Notifier.
//!
//! One for one: a child that fails is started anew, by its policy; when one fails again and again the
//! root fails, and with it the process, whose own supervisor (systemd, Fly, a person) sees it.

mod arguments;

use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub use arguments::Arguments;

use crate::admission::Admission;
use crate::children::{self, Children};
use crate::gateway_actor::GatewayActor;
use crate::machine_pool::{self, MachinePool};
use crate::notifier::Notifier;
use crate::platform::Platform;
use crate::reaper::Reaper;

/// How long a child may take to put down what it has in hand when everything stops.
const GRACE: Duration = Duration::from_millis(300);

/// The root: configuration.
#[derive(Debug)]
pub struct Root {
    platform: Platform,
    arguments: Arguments,
}

/// One of the five.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Child {
    /// Releases work, knows the jobs.
    Admission,
    /// Hears heartbeats.
    Reaper,
    /// Starts and stops machines.
    MachinePool,
    /// Posts webhooks.
    Notifier,
    /// The edge.
    Gateway,
}

impl Child {
    /// In the order of starting: who is needed comes first; stopping is the other way round.
    pub const ALL: [Self; 5] = [
        Self::Admission,
        Self::Reaper,
        Self::MachinePool,
        Self::Notifier,
        Self::Gateway,
    ];
}

/// What the root is told.
#[derive(Debug)]
pub enum Message {
    /// Stop all children in order, within this time.
    Stop(Duration, ractor::RpcReplyPort<()>),
    /// Start this child again, after its pause.
    Start(Child),
    /// Make a child fail like a defect would.
    #[cfg(feature = "test-util")]
    PanicChild(Child),
}

/// What the root holds.
#[derive(Debug)]
pub struct State {
    children: Children<Child>,
    is_stopping: bool,
}

/// A running root.
#[derive(Debug)]
pub struct Running {
    actor: ActorRef<Message>,
    handle: JoinHandle<()>,
    url: String,
}

// === impl Running ===

impl Root {
    /// Starts all children; returns when the gateway listens.
    ///
    /// # Errors
    /// When one of them cannot be started.
    pub async fn start(platform: Platform, arguments: Arguments) -> anyhow::Result<Running> {
        let url = arguments.url.clone();
        let root = Self {
            platform,
            arguments,
        };
        let (actor, handle) = Actor::spawn(None, root, ()).await?;
        Ok(Running { actor, handle, url })
    }
}

impl Running {
    /// Where the gateway is reached.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The root's mailbox.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<Message> {
        &self.actor
    }

    /// Returns only when the root has failed.
    pub async fn ended(&mut self) -> anyhow::Error {
        match (&mut self.handle).await {
            Ok(()) => anyhow::anyhow!("the control plane gave up: see the log above"),
            Err(error) => anyhow::anyhow!("the control plane broke: {error}"),
        }
    }

    /// Stops all children in order.
    pub async fn stop(self, patience: Duration) {
        let stopped = self
            .actor
            .call(|reply| Message::Stop(patience, reply), Some(2 * patience));
        if stopped.await.is_err() {
            tracing::warn!("the control plane had ended before");
        }
        self.actor.stop(None);
        if self.handle.await.is_err() {
            tracing::warn!("the root supervisor broke while stopping");
        }
    }
}

// === impl Actor ===

impl Actor for Root {
    type Msg = Message;
    type State = State;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<State, ActorProcessingErr> {
        let mut state = State {
            children: Children::default(),
            is_stopping: false,
        };
        for child in Child::ALL {
            self.start_child(&myself, &mut state, child).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Stop(patience, reply) => {
                self.stop_all(state, patience).await;
                if reply.send(()).is_err() {
                    tracing::debug!("nobody waits for the end");
                }
            }
            Message::Start(child) => self.start_child(&myself, state, child).await?,
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
        let Some((cell, reason)) = children::end(event) else {
            return Ok(());
        };
        match state.children.ended(cell.get_id()) {
            Some(child) if !state.is_stopping => self.restart(&myself, state, child, &reason),
            Some(_) | None => Ok(()),
        }
    }
}

// === impl Root ===

impl Root {
    async fn start_child(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        child: Child,
    ) -> Result<(), ActorProcessingErr> {
        match self.spawn(myself, child).await {
            Ok(cell) => {
                state.children.began(child, cell);
                Ok(())
            }
            // At the very start there is nobody to wait for: say so at once.
            Err(error) if !state.children.has_failed(child) => Err(error.into()),
            Err(error) => self.restart(myself, state, child, &error.to_string()),
        }
    }

    async fn spawn(
        &self,
        myself: &ActorRef<Message>,
        child: Child,
    ) -> Result<ActorCell, ractor::SpawnErr> {
        let (root, platform, arguments) =
            (myself.get_cell(), self.platform.clone(), &self.arguments);
        let cell = match child {
            Child::Admission => {
                self.platform.board.post_admission(None);
                let (actor, _) =
                    Actor::spawn_linked(None, Admission { platform }, (), root).await?;
                self.platform.board.post_admission(Some(actor.clone()));
                actor.get_cell()
            }
            Child::Reaper => Actor::spawn_linked(None, Reaper { platform }, (), root)
                .await?
                .0
                .get_cell(),
            Child::MachinePool => {
                let pool = MachinePool {
                    platform,
                    options: arguments.pool.clone(),
                };
                Actor::spawn_linked(None, pool, (), root)
                    .await?
                    .0
                    .get_cell()
            }
            Child::Notifier => {
                let notifier = arguments.notifier(&platform);
                Actor::spawn_linked(None, Notifier, notifier, root)
                    .await?
                    .0
                    .get_cell()
            }
            Child::Gateway => {
                let gateway = GatewayActor {
                    platform,
                    options: arguments.gateway.clone(),
                };
                Actor::spawn_linked(None, gateway, (), root)
                    .await?
                    .0
                    .get_cell()
            }
        };
        Ok(cell)
    }

    fn restart(
        &self,
        myself: &ActorRef<Message>,
        state: &mut State,
        child: Child,
        reason: &str,
    ) -> Result<(), ActorProcessingErr> {
        if child == Child::Admission {
            self.platform.board.post_admission(None);
        }
        let pause = state.children.restart(child, reason)?;
        myself.send_after(pause, move || Message::Start(child));
        Ok(())
    }

    /// The edge first, so that nothing new comes in; then the machines, whose work is given back and
    /// reported to Admission; who only listens last.
    async fn stop_all(&self, state: &mut State, patience: Duration) {
        state.is_stopping = true;
        let until = Instant::now() + patience;
        let order = [
            (Child::Gateway, GRACE),
            (Child::MachinePool, machine_pool::DRAIN + GRACE),
            (Child::Notifier, GRACE),
            (Child::Admission, GRACE),
            (Child::Reaper, GRACE),
        ];
        for (which, grace) in order {
            let Some(cell) = state.children.actor(which) else {
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            // Whatever it was at, it bears being killed, as it bears a crash.
            if cell
                .stop_and_wait(None, Some(grace.min(left)))
                .await
                .is_err()
            {
                cell.kill();
            }
        }
    }
}

#[cfg(feature = "test-util")]
fn panic_child(state: &State, child: Child) -> Result<(), ActorProcessingErr> {
    let Some(cell) = state.children.actor(child) else {
        return Ok(());
    };
    match child {
        Child::Admission => cell.send_message(crate::admission::Message::Panic)?,
        Child::Reaper => cell.send_message(crate::reaper::Message::Panic)?,
        Child::MachinePool => cell.send_message(crate::machine_pool::Message::Panic)?,
        Child::Notifier => cell.send_message(crate::notifier::Message::Panic)?,
        Child::Gateway => cell.send_message(crate::gateway_actor::Message::Panic)?,
    }
    Ok(())
}
