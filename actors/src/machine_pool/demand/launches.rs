//! How launches went lately: a pool that flaps is slowed down.

use std::collections::{BTreeMap, BTreeSet};

use bus_schema::id::WorkerName;
use fly::MachineState;

use super::{Limits, MachineView};

/// Pause after one launch that came to nothing; doubled for each further one in a row.
pub const PAUSE_MS: u64 = 1_000;
/// The longest such pause: a machine that cannot start costs a try a minute, and one that can
/// again is back within it.
pub const PAUSE_MS_MAX: u64 = 60_000;
/// A machine has arrived when it has lived this long and was heard: shorter lives are failures.
pub const ARRIVED_MS: u64 = 10_000;

/// How launches went lately: what tells a pool that grows from one that flaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Launches {
    failures: u32,
    not_before_ms: u64,
    pending: BTreeSet<WorkerName>,
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
    pub(super) fn allowed(&self, now_ms: u64) -> u32 {
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

#[cfg(test)]
mod tests;
