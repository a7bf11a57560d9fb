//! What heartbeats tell: which workers live, and what they have in hand.
//!
//! One actor writes it, the Reaper; everybody else reads a snapshot.

use std::collections::BTreeMap;

use bus_schema::heartbeat::{Busy, Heartbeat, LEASE_TTL_MS};
use bus_schema::id::{Attempt, JobId, TaskNumber, WorkerName};
use bus_schema::task::TaskClass;

/// One worker, as last heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its last heartbeat.
    pub heartbeat: Heartbeat,
    /// When it came, by the control plane's clock.
    pub seen_ms: u64,
    /// Since when it has had nothing in hand.
    pub idle_since_ms: Option<u64>,
}

/// All workers heard of whose lease has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workers {
    by_name: BTreeMap<WorkerName, Worker>,
}

/// What a heartbeat says about the run before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The same process as before.
    Same,
    /// A worker that was not known.
    New,
    /// The process is a new one: what the old one had is lost, unless the new one names it.
    Restarted,
}

impl Workers {
    /// Takes note of a heartbeat.
    pub fn hear(&mut self, heartbeat: Heartbeat, now_ms: u64) -> Heard {
        let before = self.by_name.get(&heartbeat.worker);
        let heard = match before {
            None => Heard::New,
            Some(worker) if worker.heartbeat.run == heartbeat.run => Heard::Same,
            Some(_) => Heard::Restarted,
        };
        let idle_since_ms = heartbeat.busy.is_empty().then(|| {
            before
                .and_then(|worker| worker.idle_since_ms)
                .unwrap_or(now_ms)
        });
        let name = heartbeat.worker.clone();
        self.by_name.insert(
            name,
            Worker {
                heartbeat,
                seen_ms: now_ms,
                idle_since_ms,
            },
        );
        heard
    }

    /// Removes the workers whose lease has ended. `hearing_ms` is how long this process has been able
    /// to hear: silence counts only after a whole term of it.
    pub fn expire(&mut self, now_ms: u64, hearing_ms: u64) -> Vec<WorkerName> {
        if hearing_ms <= LEASE_TTL_MS {
            return Vec::new();
        }
        let is_over = |worker: &Worker| now_ms.saturating_sub(worker.seen_ms) > LEASE_TTL_MS;
        let lost: Vec<WorkerName> = self
            .by_name
            .iter()
            .filter(|(_, worker)| is_over(worker))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &lost {
            self.by_name.remove(name);
        }
        lost
    }

    /// The worker of this name.
    #[must_use]
    pub fn get(&self, name: &WorkerName) -> Option<&Worker> {
        self.by_name.get(name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&WorkerName, &Worker)> {
        self.by_name.iter()
    }

    /// Slots per class over all workers that take work.
    #[must_use]
    pub fn slots(&self) -> BTreeMap<TaskClass, u32> {
        let mut slots = BTreeMap::new();
        for worker in self
            .by_name
            .values()
            .filter(|worker| !worker.heartbeat.is_draining)
        {
            for (&class, &n) in &worker.heartbeat.slots {
                *slots.entry(class).or_default() += n;
            }
        }
        slots
    }

    /// The attempts of a job that some worker has in hand.
    #[must_use]
    pub fn in_hand(&self, job: &JobId) -> Vec<(TaskNumber, Attempt)> {
        self.by_name
            .values()
            .flat_map(|worker| &worker.heartbeat.busy)
            .filter(|busy| busy.job == *job)
            .map(|busy| (busy.task, busy.attempt))
            .collect()
    }

    /// Whether this worker names this attempt.
    #[must_use]
    pub fn holds(&self, worker: &WorkerName, busy: &Busy) -> bool {
        self.by_name
            .get(worker)
            .is_some_and(|worker| worker.heartbeat.busy.contains(busy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(run: &str, busy: Vec<Busy>) -> Heartbeat {
        Heartbeat {
            worker: "w1".parse().unwrap(),
            run: run.to_owned(),
            pid: 1,
            slots: BTreeMap::from([(TaskClass::Cpu, 2)]),
            busy,
            encoders: Vec::new(),
            is_draining: false,
        }
    }

    #[test]
    fn silence_counts_only_when_we_could_have_heard() {
        let mut workers = Workers::default();
        assert_eq!(workers.hear(heartbeat("a", vec![]), 1_000), Heard::New);
        assert!(
            workers.expire(60_000, LEASE_TTL_MS).is_empty(),
            "the bus was away"
        );
        assert!(workers.expire(1_000 + LEASE_TTL_MS, 60_000).is_empty());
        assert_eq!(workers.expire(1_001 + LEASE_TTL_MS, 60_000).len(), 1);
        assert!(workers.slots().is_empty());
    }

    #[test]
    fn a_new_run_is_noticed_and_idleness_counted_from_its_start() {
        let mut workers = Workers::default();
        workers.hear(heartbeat("a", vec![]), 1_000);
        assert_eq!(workers.hear(heartbeat("a", vec![]), 2_000), Heard::Same);
        assert_eq!(
            workers.get(&"w1".parse().unwrap()).unwrap().idle_since_ms,
            Some(1_000)
        );
        let busy = Busy {
            job: JobId::from_parts(1, [1; 10]),
            task: TaskNumber(0),
            attempt: Attempt(1),
        };
        workers.hear(heartbeat("a", vec![busy]), 3_000);
        assert_eq!(
            workers.get(&"w1".parse().unwrap()).unwrap().idle_since_ms,
            None
        );
        assert!(workers.holds(&"w1".parse().unwrap(), &busy));
        assert_eq!(
            workers.hear(heartbeat("b", vec![]), 4_000),
            Heard::Restarted
        );
    }
}
