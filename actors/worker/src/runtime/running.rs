//! A running worker, as whoever started it sees it: drains, and ends.

use std::sync::Arc;
use std::time::Duration;

use bus_schema::id::Token;
use ractor::{Actor, ActorRef};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::hands::Hands;
use super::supervisor::{Message, Supervisor};
use super::{Options, Shared, transfer};

/// How long giving back what is in hand may take, one report each: with the patience that draining
/// has before it, less than a provider waits before it kills.
const GIVING_BACK: Duration = Duration::from_millis(800);
/// How long the bus may take at the start.
const BUS_PATIENCE: Duration = Duration::from_secs(60);

/// A running worker.
#[derive(Debug)]
pub struct Running {
    actor: ActorRef<Message>,
    handle: JoinHandle<()>,
    shared: Shared,
}

/// Connects and starts all actors.
///
/// # Errors
/// When the bus cannot be reached, or an actor cannot start.
pub async fn start(options: Options) -> anyhow::Result<Running> {
    let bus = nats::connect(&options.credentials, options.name.as_str()).await?;
    bus.ready(BUS_PATIENCE).await?;
    let shared = Shared {
        bus,
        name: options.name,
        http: transfer::client()?,
        hands: Hands::default(),
        slots: options.slots,
        abilities: Arc::new(super::abilities::Abilities::new(options.encoders)),
        run: Token::random().as_str().to_owned(),
        program: options.program,
        environment: options.environment,
        is_draining: Arc::new(watch::Sender::new(false)),
        n_slots: Arc::new(watch::Sender::new(0)),
    };
    let (actor, handle) = Actor::spawn(
        None,
        Supervisor {
            shared: shared.clone(),
        },
        (),
    )
    .await?;
    Ok(Running {
        actor,
        handle,
        shared,
    })
}

// === impl Running ===

impl Running {
    /// The root's mailbox.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<Message> {
        &self.actor
    }

    /// Returns when the worker was told to drain, and no slot is left.
    ///
    /// # Errors
    /// When it has given up.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        let drained = async {
            let mut is_draining = self.shared.is_draining.subscribe();
            if is_draining.wait_for(|is| *is).await.is_ok() {
                slots_gone(&self.shared).await;
            }
        };
        tokio::select! {
            ended = &mut self.handle => {
                ended?;
                anyhow::bail!("the worker gave up: see the log above")
            }
            () = drained => Ok(()),
        }
    }

    /// Takes no more work, finishes what ends in time, and gives the rest back.
    pub async fn drain(self, patience: Duration) {
        self.shared.is_draining.send_replace(true);
        let gone = || slots_gone(&self.shared);
        if tokio::time::timeout(patience, gone()).await.is_err() {
            self.shared.hands.stop_all();
            if tokio::time::timeout(GIVING_BACK, gone()).await.is_err() {
                tracing::warn!("left with work in hand");
            }
        }
        self.actor.kill();
        if self.handle.await.is_err() {
            tracing::debug!("the root was killed");
        }
    }
}

async fn slots_gone(shared: &Shared) {
    let mut n_slots = shared.n_slots.subscribe();
    if n_slots.wait_for(|n| *n == 0).await.is_err() {
        tracing::debug!("nobody counts slots any more");
    }
}
