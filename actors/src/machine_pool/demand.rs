//! How many machines there should be, and which verbs bring that about. No IO, no clock.
//!
//! Intent comes from the work there is, what is observed from the provider's list and the workers'
//! leases. The cap counts what runs and so costs money; a pool full of stopped machines is not full.

mod launches;

mod view;

use std::collections::{BTreeMap, BTreeSet};

use bus_schema::id::WorkerName;
use bus_schema::task::TaskClass;
use fly::MachineState;

use crate::board::Demand;

pub use self::launches::{ARRIVED_MS, Launches, PAUSE_MS, PAUSE_MS_MAX};
pub use self::view::{Launched, LeaseView, MachineView};

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
