//! How many machines there should be, and which verbs bring that about. No IO, no clock.
//!
//! Intent comes from the work there is, what is observed from the provider's list and the workers'
//! leases. The cap counts what runs and so costs money; a pool full of stopped machines is not full.

use std::collections::{BTreeMap, BTreeSet};

use bus_schema::id::WorkerName;
use bus_schema::task::TaskClass;
use fly::{Machine, MachineState};

use crate::board::Demand;
use crate::workers::{Worker, Workers};

/// Pause after one launch that came to nothing; doubled for each further one in a row.
pub const PAUSE_MS: u64 = 1_000;
/// The longest such pause: a machine that cannot start costs a try a minute, and one that can
/// again is back within it.
pub const PAUSE_MS_MAX: u64 = 60_000;
/// A machine has arrived when it has lived this long and was heard: shorter lives are failures.
pub const ARRIVED_MS: u64 = 10_000;

/// Bounds of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most machines that run at once, and the last of their names.
    pub cap: u32,
    /// Machines kept even without work.
    pub min: u32,
    /// How long a machine may have nothing in hand before it is stopped.
    pub idle_grace_ms: u64,
    /// How long a launched machine may take to its first heartbeat.
    pub boot_deadline_ms: u64,
    /// How long a machine that was heard may then be silent. Longer than a lease: its tasks are
    /// given to others at once, but it may only be busy, and comes back by itself.
    pub silence_deadline_ms: u64,
}

/// A machine, as provider and leases show it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineView {
    /// Its name, and its worker's.
    pub name: WorkerName,
    /// What the provider shows. `None` for a worker that nobody here launched: it counts as
    /// capacity, costs us nothing, and is never told anything.
    pub launched: Option<Launched>,
    /// Its worker's lease, while it has one.
    pub lease: Option<LeaseView>,
    /// When its worker was last heard; also after its lease has ended.
    pub heard_ms: Option<u64>,
}

/// The provider's part of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launched {
    /// Where it stands.
    pub state: MachineState,
    /// Since when, milliseconds since 1970.
    pub at_ms: u64,
}

/// The worker's part of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseView {
    /// Attempts in hand.
    pub n_busy: u32,
    /// Since when it has had none.
    pub idle_since_ms: Option<u64>,
    /// Whether it takes no more.
    pub is_draining: bool,
}

/// What to do about a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Start a stopped one again.
    Start(WorkerName),
    /// Launch one that there is not.
    Launch(WorkerName),
    /// Stop one that does not answer; another takes its place once it has stopped.
    Stop(WorkerName, StopReason),
}

/// Why a machine is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It never was heard.
    NeverHeard,
    /// It was heard, and then no more.
    Silent,
}

/// How launches went lately: what tells a pool that grows from one that flaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Launches {
    failures: u32,
    not_before_ms: u64,
    pending: BTreeSet<WorkerName>,
}

/// How many machines the work there is keeps busy: the class that needs most decides, since one
/// machine serves all classes. A class that no machine serves asks for none.
#[must_use]
pub fn wanted(
    demand: &Demand,
    per_machine_slots: &BTreeMap<TaskClass, u32>,
    limits: &Limits,
) -> u32 {
    let machines = demand.iter().filter_map(|(class, tasks)| {
        let slots = per_machine_slots
            .get(class)
            .copied()
            .filter(|slots| *slots > 0)?;
        let tasks = tasks
            .waiting
            .saturating_add(tasks.released)
            .saturating_add(tasks.claimed);
        Some(tasks.div_ceil(slots))
    });
    machines.max().unwrap_or(0).max(limits.min).min(limits.cap)
}

/// The difference between intent and observed, as verbs. Carrying out any part of them, or all of
/// them twice, is harmless: the next call starts from what is then observed.
#[must_use]
pub fn reconcile(
    intent: u32,
    observed: &[MachineView],
    now_ms: u64,
    limits: &Limits,
    launches: &Launches,
) -> Vec<Verb> {
    let overdue = observed.iter().filter_map(|view| {
        let reason = view.overdue(now_ms, limits)?;
        Some(Verb::Stop(view.name.clone(), reason))
    });
    let mut verbs: Vec<Verb> = overdue.collect();
    let usable = count(observed, |view| view.is_usable(now_ms, limits));
    let running = count(observed, MachineView::is_running);
    let room = limits.cap.saturating_sub(running);
    let n = intent
        .saturating_sub(usable)
        .min(room)
        .min(launches.allowed(now_ms));
    let stopped = observed
        .iter()
        .filter(|view| view.is_stopped())
        .map(|view| &view.name);
    let again: BTreeSet<&WorkerName> = stopped.collect();
    let again = by_number(again)
        .into_iter()
        .map(|name| Verb::Start(name.clone()));
    verbs.extend(
        again
            .chain(free_names(observed, limits.cap).map(Verb::Launch))
            .take(n as usize),
    );
    verbs
}

/// The machines that have been idle for too long and are not needed, longest idle first. What is
/// over the cap goes without grace.
#[must_use]
pub fn idle_to_stop(
    intent: u32,
    observed: &[MachineView],
    now_ms: u64,
    limits: &Limits,
) -> Vec<WorkerName> {
    let usable = count(observed, |view| view.is_usable(now_ms, limits));
    let spare = usable.saturating_sub(intent.max(limits.min));
    let over = count(observed, MachineView::is_running).saturating_sub(limits.cap);
    let mut idle: Vec<(u64, &WorkerName)> = observed
        .iter()
        .filter(|view| view.is_ours() && view.is_usable(now_ms, limits))
        .filter_map(|view| Some((view.idle_since_ms()?, &view.name)))
        .collect();
    idle.sort_unstable();
    let is_past_grace = |since_ms: u64| now_ms.saturating_sub(since_ms) >= limits.idle_grace_ms;
    let to_stop = idle
        .into_iter()
        .enumerate()
        .filter(|(place, (since_ms, _))| {
            let place = u32::try_from(*place).unwrap_or(u32::MAX);
            place < over || (place < spare && is_past_grace(*since_ms))
        });
    to_stop.map(|(_, (_, name))| name.clone()).collect()
}

// === impl MachineView ===

impl MachineView {
    /// The provider's list and the workers' leases, joined by name. `heard` remembers when each
    /// worker was last heard, beyond its lease.
    #[must_use]
    pub fn join(
        machines: &[Machine],
        workers: &Workers,
        heard: &BTreeMap<WorkerName, u64>,
    ) -> Vec<Self> {
        let mut views: BTreeMap<WorkerName, Self> = BTreeMap::new();
        for machine in machines {
            // A name that is none of ours cannot come from a launch of ours.
            let Ok(name) = machine.name.as_str().parse::<WorkerName>() else {
                continue;
            };
            let launched = Launched {
                state: machine.state,
                at_ms: machine.started_at_ms,
            };
            // A lease of the run before this one says nothing about it.
            let worker = workers
                .get(&name)
                .filter(|worker| worker.seen_ms >= launched.at_ms);
            let heard_ms = worker
                .map(|worker| worker.seen_ms)
                .or_else(|| heard.get(&name).copied());
            let view = Self {
                name: name.clone(),
                launched: Some(launched),
                lease: worker.map(LeaseView::of),
                heard_ms: heard_ms.filter(|at_ms| *at_ms >= launched.at_ms),
            };
            views.insert(name, view);
        }
        for (name, worker) in workers.iter() {
            views.entry(name.clone()).or_insert_with(|| Self {
                name: name.clone(),
                launched: None,
                lease: Some(LeaseView::of(worker)),
                heard_ms: Some(worker.seen_ms),
            });
        }
        views.into_values().collect()
    }

    fn is_ours(&self) -> bool {
        self.launched.is_some()
    }

    /// Whether it costs money.
    fn is_running(&self) -> bool {
        self.launched
            .is_some_and(|launched| launched.state.is_running())
    }

    fn is_stopped(&self) -> bool {
        self.launched
            .is_some_and(|launched| launched.state == MachineState::Stopped)
    }

    /// Whether it does work, or soon will: one that is on its way counts, or another would be
    /// launched in its place.
    fn is_usable(&self, now_ms: u64, limits: &Limits) -> bool {
        let is_up = match self.launched {
            None => self.lease.is_some(),
            Some(Launched {
                state: MachineState::Starting | MachineState::Started,
                ..
            }) => true,
            Some(_) => false,
        };
        let is_draining = self.lease.is_some_and(|lease| lease.is_draining);
        is_up && !is_draining && self.overdue(now_ms, limits).is_none()
    }

    /// Why it should be given up, where it should.
    fn overdue(&self, now_ms: u64, limits: &Limits) -> Option<StopReason> {
        let Launched { state, at_ms } = self.launched?;
        let is_up = matches!(state, MachineState::Starting | MachineState::Started);
        if !is_up || self.lease.is_some() {
            return None;
        }
        let (since_ms, deadline_ms, reason) = match self.heard_ms {
            None => (at_ms, limits.boot_deadline_ms, StopReason::NeverHeard),
            Some(heard_ms) => (heard_ms, limits.silence_deadline_ms, StopReason::Silent),
        };
        (now_ms.saturating_sub(since_ms) >= deadline_ms).then_some(reason)
    }

    /// Since when it has nothing in hand, where that is so.
    fn idle_since_ms(&self) -> Option<u64> {
        self.lease.filter(|lease| lease.n_busy == 0)?.idle_since_ms
    }
}

impl LeaseView {
    fn of(worker: &Worker) -> Self {
        let Worker {
            heartbeat,
            idle_since_ms,
            ..
        } = worker;
        let n_busy = u32::try_from(heartbeat.busy.len()).unwrap_or(u32::MAX);
        Self {
            n_busy,
            idle_since_ms: *idle_since_ms,
            is_draining: heartbeat.is_draining,
        }
    }
}

// === impl Launches ===

impl Launches {
    /// The provider was asked for this machine, and agreed.
    pub fn launched(&mut self, name: WorkerName) {
        self.pending.insert(name);
    }

    /// The provider refused, or could not.
    pub fn refused(&mut self, now_ms: u64) {
        self.failed(now_ms);
    }

    /// It is stopped on purpose: its end says nothing.
    pub fn told_to_stop(&mut self, name: &WorkerName) {
        self.pending.remove(name);
    }

    /// Learns what became of the launches.
    pub fn observe(&mut self, observed: &[MachineView], now_ms: u64, limits: &Limits) {
        let views: BTreeMap<&WorkerName, &MachineView> =
            observed.iter().map(|view| (&view.name, view)).collect();
        for name in std::mem::take(&mut self.pending) {
            match outcome(views.get(&name).copied(), now_ms, limits) {
                Outcome::Unknown => {
                    self.pending.insert(name);
                }
                Outcome::Arrived => self.failures = 0,
                Outcome::Failed => self.failed(now_ms),
                Outcome::Stopped => {}
            }
        }
    }

    fn failed(&mut self, now_ms: u64) {
        let pause_ms = PAUSE_MS << self.failures.min(16);
        self.failures = self.failures.saturating_add(1);
        self.not_before_ms = now_ms.saturating_add(pause_ms.min(PAUSE_MS_MAX));
    }

    /// How many may be launched now: none in a pause, one at a time until one has arrived.
    fn allowed(&self, now_ms: u64) -> u32 {
        match self.failures {
            0 => u32::MAX,
            _ if now_ms < self.not_before_ms || !self.pending.is_empty() => 0,
            _ => 1,
        }
    }
}

enum Outcome {
    Unknown,
    Arrived,
    Failed,
    Stopped,
}

fn outcome(view: Option<&MachineView>, now_ms: u64, limits: &Limits) -> Outcome {
    let Some((view, launched)) = view.and_then(|view| Some((view, view.launched?))) else {
        return Outcome::Failed;
    };
    match launched.state {
        MachineState::Stopped | MachineState::Destroyed => Outcome::Failed,
        MachineState::Stopping => Outcome::Stopped,
        MachineState::Starting | MachineState::Started => {
            let has_lived = now_ms.saturating_sub(launched.at_ms) >= ARRIVED_MS;
            if view.overdue(now_ms, limits).is_some() {
                Outcome::Failed
            } else if view.lease.is_some() && has_lived {
                Outcome::Arrived
            } else {
                Outcome::Unknown
            }
        }
    }
}

fn count(observed: &[MachineView], is_counted: impl Fn(&MachineView) -> bool) -> u32 {
    u32::try_from(observed.iter().filter(|view| is_counted(view)).count()).unwrap_or(u32::MAX)
}

/// `w2` before `w10`.
fn by_number(names: BTreeSet<&WorkerName>) -> Vec<&WorkerName> {
    let mut names: Vec<&WorkerName> = names.into_iter().collect();
    names.sort_by_key(|name| name.as_str().len());
    names
}

/// The names `w1` to `w<cap>` that nobody has.
fn free_names(observed: &[MachineView], cap: u32) -> impl Iterator<Item = WorkerName> {
    let taken: BTreeSet<&WorkerName> = observed
        .iter()
        .filter(|view| {
            view.launched
                .is_none_or(|it| it.state != MachineState::Destroyed)
        })
        .map(|view| &view.name)
        .collect();
    let names = (1..=cap).filter_map(|n| format!("w{n}").parse::<WorkerName>().ok());
    names.filter(move |name| !taken.contains(name))
}

#[cfg(test)]
mod tests;
