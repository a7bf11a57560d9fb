//! Machines as provider and leases show them together.

use std::collections::BTreeMap;

use bus_schema::id::WorkerName;
use fly::{Machine, MachineState};

use super::{Limits, StopReason};
use crate::workers::{Worker, Workers};

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

// === impl MachineView ===

impl MachineView {
    /// The provider's list and the workers' leases, joined by name. `heard` remembers when each
    /// worker was last heard, beyond its lease. A pool that adopts machines puts the time of its own
    /// start there for each: they were launched long ago, but could not be heard before.
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

    pub(super) fn is_ours(&self) -> bool {
        self.launched.is_some()
    }

    /// Whether it costs money.
    pub(super) fn is_running(&self) -> bool {
        self.launched
            .is_some_and(|launched| launched.state.is_running())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.launched
            .is_some_and(|launched| launched.state == MachineState::Stopped)
    }

    /// Whether it does work, or soon will: one that is on its way counts, or another would be
    /// launched in its place.
    pub(super) fn is_usable(&self, now_ms: u64, limits: &Limits) -> bool {
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
    pub(super) fn overdue(&self, now_ms: u64, limits: &Limits) -> Option<StopReason> {
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
    pub(super) fn idle_since_ms(&self) -> Option<u64> {
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

#[cfg(test)]
mod tests;
