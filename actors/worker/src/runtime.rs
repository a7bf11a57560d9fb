//! The transcode actors: between the bus, which invites to work, and the child processes that do it.
//!
//! A slot pulls an invitation, claims the task, runs it, reports, and acks last. It knows addresses,
//! not credentials: every object that it reads or writes is signed for by name in a claim's answer.

mod abilities;
mod assemble;
mod attempt;
mod control;
mod halt;
mod hands;
mod heartbeat;
mod media;
mod priority;
mod remux;
mod running;
mod slot;
mod source;
mod supervisor;
mod transfer;
mod uploads;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bus_schema::heartbeat::EncoderCheck;
use bus_schema::id::WorkerName;
use bus_schema::task::TaskClass;
use nats::Bus;
use tokio::sync::watch;

use crate::child;
use abilities::Abilities;
use hands::Hands;

pub use running::{Running, start};
pub use supervisor::{Child, Message};

/// What a worker is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its name, also its user on the bus.
    pub name: WorkerName,
    /// How it connects.
    pub credentials: nats::Credentials,
    /// Slots by class.
    pub slots: BTreeMap<TaskClass, u32>,
    /// `tcoder-worker` itself, for children.
    pub program: PathBuf,
    /// Environment of children, see [`crate::plugins`].
    pub environment: BTreeMap<String, String>,
    /// What trial encodes showed, of the encoders that are there.
    pub encoders: Vec<EncoderCheck>,
}

/// What all actors of a worker share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    bus: Bus,
    name: WorkerName,
    http: reqwest::Client,
    hands: Hands,
    slots: BTreeMap<TaskClass, u32>,
    abilities: Arc<Abilities>,
    /// Random, new at every start.
    run: String,
    program: PathBuf,
    environment: BTreeMap<String, String>,
    is_draining: Arc<watch::Sender<bool>>,
    /// Slots that look for work or do it; none is left when the worker has drained.
    n_slots: Arc<watch::Sender<usize>>,
}

impl Shared {
    /// How a child of this class is started: the cores are shared by the slots that use them.
    fn child_options(&self, class: TaskClass) -> child::Options {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = u32::try_from(cores).unwrap_or(1);
        let slots = self.slots.get(&class).copied().unwrap_or(1).max(1);
        child::Options {
            program: self.program.clone(),
            environment: self.environment.clone(),
            threads: match class {
                // Two threads for each core's worth: a slot waits for the network now and then.
                TaskClass::Cpu => (2 * cores / slots).clamp(1, cores),
                TaskClass::Light => 1,
            },
            limits: child::Limits::default(),
        }
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// What a defect does, for the tests of supervision.
#[cfg(feature = "test-util")]
#[expect(clippy::panic, reason = "a test asked for it")]
fn fail_on_purpose() -> ! {
    panic!("a test asked for it")
}
