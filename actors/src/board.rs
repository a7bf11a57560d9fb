//! What one actor knows and all may read: snapshots, never locks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bus_schema::record::JobState;
use bus_schema::task::TaskClass;
use gateway::jobs::Health;
use ractor::ActorRef;
use tokio::sync::watch;

use crate::admission;
use crate::machine_pool::{self, demand::MachineView};
use crate::workers::Workers;

/// Tasks of one class over all jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tasks {
    /// Not released.
    pub waiting: u32,
    /// Workers are invited.
    pub released: u32,
    /// In some worker's hand.
    pub claimed: u32,
}

/// Tasks by class.
pub type Demand = BTreeMap<TaskClass, Tasks>;

/// Machines, as MachinePool saw them last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machines {
    /// How many there should be.
    pub intent: u32,
    /// What there is.
    pub observed: Vec<MachineView>,
    /// The pool's bounds; `None` before the first look.
    pub limits: Option<machine_pool::demand::Limits>,
}

/// Jobs by state.
pub type States = HashMap<JobState, u64>;

/// The board.
#[derive(Debug)]
pub struct Board {
    workers: watch::Sender<Arc<Workers>>,
    demand: watch::Sender<Demand>,
    waits_since_ms: watch::Sender<Option<u64>>,
    states: watch::Sender<States>,
    storage: watch::Sender<Health>,
    machines: watch::Sender<Machines>,
    pool: watch::Sender<Option<ActorRef<machine_pool::Message>>>,
    admission: watch::Sender<Option<ActorRef<admission::Message>>>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            workers: watch::Sender::new(Arc::default()),
            demand: watch::Sender::default(),
            waits_since_ms: watch::Sender::default(),
            states: watch::Sender::default(),
            storage: watch::Sender::new(Health {
                is_ok: true,
                detail: "not asked yet".to_owned(),
            }),
            machines: watch::Sender::default(),
            pool: watch::Sender::new(None),
            admission: watch::Sender::new(None),
        }
    }
}

impl Board {
    /// Who lives.
    #[must_use]
    pub fn workers(&self) -> Arc<Workers> {
        self.workers.borrow().clone()
    }

    /// By the Reaper alone.
    pub fn post_workers(&self, workers: Workers) {
        self.workers.send_replace(Arc::new(workers));
    }

    /// What there is to do.
    #[must_use]
    pub fn demand(&self) -> Demand {
        self.demand.borrow().clone()
    }

    /// The same, as it changes.
    #[must_use]
    pub fn watch_demand(&self) -> watch::Receiver<Demand> {
        self.demand.subscribe()
    }

    /// By Admission alone.
    pub fn post_demand(&self, demand: Demand) {
        self.demand.send_if_modified(|known| {
            let is_new = *known != demand;
            *known = demand;
            is_new
        });
    }

    /// Since when the job that waits longest has had tasks that no worker has taken.
    #[must_use]
    pub fn waits_since_ms(&self) -> Option<u64> {
        *self.waits_since_ms.borrow()
    }

    /// By Admission alone.
    pub fn post_waits_since_ms(&self, waits_since_ms: Option<u64>) {
        self.waits_since_ms.send_replace(waits_since_ms);
    }

    /// Jobs by state, as of the last sweep.
    #[must_use]
    pub fn states(&self) -> States {
        self.states.borrow().clone()
    }

    /// By Admission alone.
    pub fn post_states(&self, states: States) {
        self.states.send_replace(states);
    }

    /// Whether storage answers.
    #[must_use]
    pub fn storage_health(&self) -> Health {
        self.storage.borrow().clone()
    }

    /// By Admission alone.
    pub fn post_storage_health(&self, health: Health) {
        self.storage.send_replace(health);
    }

    /// Machines, as MachinePool saw them last.
    #[must_use]
    pub fn machines(&self) -> Machines {
        self.machines.borrow().clone()
    }

    /// By MachinePool alone.
    pub fn post_machines(&self, machines: Machines) {
        self.machines.send_replace(machines);
    }

    /// MachinePool as it lives now.
    #[must_use]
    pub fn pool(&self) -> Option<ActorRef<machine_pool::Message>> {
        self.pool.borrow().clone()
    }

    /// By MachinePool alone.
    pub fn post_pool(&self, pool: Option<ActorRef<machine_pool::Message>>) {
        self.pool.send_replace(pool);
    }

    /// Admission as it lives now; `None` while it is being started anew.
    #[must_use]
    pub fn admission(&self) -> Option<ActorRef<admission::Message>> {
        self.admission.borrow().clone()
    }

    /// By the root supervisor alone.
    pub fn post_admission(&self, admission: Option<ActorRef<admission::Message>>) {
        self.admission.send_replace(admission);
    }
}
