//! The Notifier: tells a client's server of every stage of its jobs.
//!
//! A fact that is a stage becomes a delivery on `WEBHOOKS`, once; a delivery becomes a signed POST
//! per Standard Webhooks. One that fails is acked and becomes a timer: it waits in no queue, and one
//! dead receiver blocks nobody. A delivery may be posted more than once - its `webhook-id` is the
//! same - but none is lost: every step is durable before the one before it is acked.

mod announce;

mod body;

mod deliver;

mod lanes;

mod post;

pub mod queue;

mod reader;

mod retry_after;

mod schedule;

mod signature;

use std::sync::Arc;
use std::time::Duration;

use bus_schema::codec::decode;
use bus_schema::id::EndpointId;
use bus_schema::record::JobRecord;
use bus_schema::webhook;
use nats::{Bus, Delivery, Register, Subscription, Timers};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{JoinError, JoinSet};

use self::deliver::Courier;
use self::lanes::{Admission, Lanes};
use self::post::Poster;
use self::reader::read;
use crate::clock::now_ms;
use crate::platform::Platform;

pub use self::post::{BODY_BYTES_MAX, CONNECT_TIMEOUT, TOTAL_TIMEOUT};
pub use self::schedule::{RETRY_AFTER_MAX, WAITS};
pub use self::signature::{InvalidSecret, Secret};

/// Facts in hand at once: each costs a look at a record and two answers of the bus.
const FACTS_MAX: usize = 32;
/// Deliveries in hand at once. With every receiver dead that is three attempts a second, with
/// receivers that answer in 100 ms it is 640.
const DELIVERIES_MAX: usize = 64;
/// How long what is in hand may take to be put down when the actor stops. The process has 5 s for
/// all of its actors.
const STOP_WAIT: Duration = Duration::from_secs(1);
/// A message that was delivered this often and never finished breaks whoever takes it.
const REDELIVERIES_MAX: u64 = 50;

/// The Notifier: configuration comes with its arguments.
#[derive(Debug)]
pub struct Notifier;

/// What the Notifier is told.
#[derive(Debug)]
pub enum Message {
    /// A fact came from `JOBS`.
    FactCame(Delivery, OwnedSemaphorePermit),
    /// A delivery to make came from `WEBHOOKS`.
    DeliveryCame(Delivery, OwnedSemaphorePermit),
    /// A receiver answered, or did not.
    Attempted(deliver::Attempted),
    /// A consumer is gone: the supervisor starts anew what cannot go on.
    SourceEnded(nats::Error),
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

/// What the Notifier holds.
#[derive(Debug)]
pub struct State {
    bus: Bus,
    jobs: Register<JobRecord>,
    courier: Arc<Courier>,
    lanes: Lanes,
    time_scale: f64,
    /// Tells what is in hand to be put down.
    stop: watch::Sender<bool>,
    /// What is in hand; a dropped set ends it, and the bus delivers it again.
    in_hand: JoinSet<()>,
    /// The two readers of the bus.
    readers: JoinSet<()>,
}

/// What the Notifier is started with.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// With the control plane's rights.
    pub bus: Bus,
    /// Job records, by id.
    pub jobs: Register<JobRecord>,
    /// For what is tried again.
    pub timers: Timers,
    /// Signs every delivery: `whsec_` and base64. Checked when the actor starts.
    pub secret: String,
    /// What may differ between installations.
    pub options: Options,
}

/// What may differ between installations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Whether receivers on this machine are allowed: for tests, and for trying things out.
    pub allow_loopback: bool,
    /// Every wait is multiplied by it; 1, but in tests.
    pub time_scale: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_loopback: false,
            time_scale: 1.0,
        }
    }
}

impl Arguments {
    /// On this platform, with this secret.
    #[must_use]
    pub fn new(platform: &Platform, secret: &str, allow_loopback: bool) -> Self {
        Self {
            bus: platform.bus.clone(),
            jobs: platform.jobs.clone(),
            timers: platform.timers.clone(),
            secret: secret.to_owned(),
            options: Options {
                allow_loopback,
                ..Options::default()
            },
        }
    }
}

impl Actor for Notifier {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let Arguments {
            bus,
            jobs,
            timers,
            secret,
            options,
        } = arguments;
        let poster = Poster::new(secret.parse::<Secret>()?, options.allow_loopback)?;
        let courier = Arc::new(Courier {
            poster,
            timers,
            time_scale: options.time_scale,
        });
        let facts = Subscription::open(&bus, "JOBS", "notifier").await?;
        let deliveries = Subscription::open(&bus, "WEBHOOKS", "webhooks").await?;
        let mut readers = JoinSet::new();
        readers.spawn(read(facts, FACTS_MAX, myself.clone(), Message::FactCame));
        readers.spawn(read(
            deliveries,
            DELIVERIES_MAX,
            myself,
            Message::DeliveryCame,
        ));
        Ok(State {
            bus,
            jobs,
            courier,
            lanes: Lanes::default(),
            time_scale: options.time_scale,
            stop: watch::Sender::new(false),
            in_hand: JoinSet::new(),
            readers,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::FactCame(fact, permit) => state.announce(fact, permit),
            Message::DeliveryCame(delivery, permit) => state.deliver(myself, delivery, permit),
            Message::Attempted(attempted) => state.lanes.attempted(&attempted, now_ms()),
            Message::SourceEnded(error) => return Err(error.into()),
            #[cfg(feature = "test-util")]
            Message::Panic => crate::fail_on_purpose(),
        }
        state.clear_away()
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.readers.abort_all();
        state.stop.send_replace(true);
        let put_down = async { while state.in_hand.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WAIT, put_down).await.is_err() {
            tracing::warn!(
                left = state.in_hand.len(),
                "webhooks in hand are left to the bus"
            );
        }
        Ok(())
    }
}

// === impl State ===

impl State {
    /// A fact: into the queue of deliveries where it is a stage that somebody wants to hear of.
    fn announce(&mut self, fact: Delivery, permit: OwnedSemaphorePermit) {
        let (bus, jobs) = (self.bus.clone(), self.jobs.clone());
        self.in_hand.spawn(async move {
            announce::announce(&bus, &jobs, fact).await;
            drop(permit);
        });
    }

    /// A delivery: to its receiver, or back into the line when that has enough in hand.
    fn deliver(
        &mut self,
        myself: ActorRef<Message>,
        delivery: Delivery,
        permit: OwnedSemaphorePermit,
    ) {
        let courier = self.courier.clone();
        let webhook = match decode::<webhook::Delivery>(&delivery.payload) {
            Ok(envelope) => envelope.body,
            Err(error) => {
                let reason = format!("not a delivery: {error}");
                self.in_hand.spawn(deliver::bury(delivery, reason));
                return;
            }
        };
        if delivery.exhausted(REDELIVERIES_MAX) {
            let reason = "taken again and again, and never finished: see the log".to_owned();
            self.in_hand.spawn(deliver::bury(delivery, reason));
            return;
        }
        match self.lanes.admit(&webhook.endpoint, now_ms()) {
            Admission::PutOff(wait) => {
                let wait = wait.mul_f64(self.time_scale);
                self.in_hand.spawn(async move {
                    courier.put_off(delivery, webhook, wait).await;
                    drop(permit);
                });
            }
            Admission::Go => {
                let stop = self.stop.subscribe();
                self.in_hand.spawn(async move {
                    let attempted = courier.deliver(delivery, webhook, stop).await;
                    drop(permit);
                    // An actor that has ended needs no account.
                    myself.cast(Message::Attempted(attempted)).ok();
                });
            }
        }
    }

    /// Forgets what is done. A defect in what was in hand is a failure of this actor: what it knew
    /// of that work is no longer right.
    fn clear_away(&mut self) -> Result<(), ActorProcessingErr> {
        while let Some(done) = self.in_hand.try_join_next() {
            if let Err(error) = done
                && JoinError::is_panic(&error)
            {
                return Err(error.into());
            }
        }
        Ok(())
    }
}

/// The subject token of a receiver: its address's digest, so that an address fits into one.
fn endpoint_id(url: &str) -> Option<EndpointId> {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(url.as_bytes());
    // 80 bits: no two addresses of an installation share one.
    let text: String = digest
        .iter()
        .take(10)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    text.parse().ok()
}
