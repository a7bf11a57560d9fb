//! What heartbeats tell: which workers live, and what they have in hand.
//!
//! One actor writes it, the Reaper; everybody else reads a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use bus_schema::heartbeat::{Busy, Heartbeat, LEASE_TTL_MS};
use bus_schema::id::{Attempt, TaskNumber, WorkerName};
use bus_schema::record::{JobRecord, TaskState};
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
    /// Whether we could hear for a whole term: only then does it mean something not to be known.
    is_settled: bool,
}

/// What is known of the worker that has an attempt in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Its heartbeats name the attempt.
    Alive,
    /// Its process is not the one that made the attempt.
    Restarted,
    /// It has not been heard for a term in which we could have heard it.
    Silent,
    /// Nothing that decides; the attempt's deadline will.
    Unknown,
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
        self.is_settled = hearing_ms > LEASE_TTL_MS;
        if !self.is_settled {
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

    /// The encoders that all workers have which encode and take work: what can be planned so that each of
    /// them can follow. None while no worker is known.
    #[must_use]
    pub fn encoders(&self) -> BTreeSet<String> {
        let encode = |worker: &&Worker| {
            let slots = worker.heartbeat.slots.get(&TaskClass::Cpu);
            !worker.heartbeat.is_draining && slots.is_some_and(|n| *n > 0)
        };
        let sets = self.by_name.values().filter(encode).map(|worker| {
            let checks = worker.heartbeat.encoders.iter();
            let works = checks.filter(|check| check.failure.is_none());
            works
                .map(|check| check.encoder.clone())
                .collect::<BTreeSet<_>>()
        });
        sets.reduce(|all, one| &all & &one).unwrap_or_default()
    }

    /// Whether the silence of whoever is not known counts.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Who has the attempts of a job in hand.
    #[must_use]
    pub fn holders(&self, record: &JobRecord, now_ms: u64) -> Vec<(TaskNumber, Attempt, Holder)> {
        let claimed = record.tasks.iter().filter_map(|(task, state)| {
            let TaskState::Claimed {
                attempt,
                worker,
                run,
                since_ms,
                ..
            } = &state.state
            else {
                return None;
            };
            let busy = Busy {
                job: record.id,
                task,
                attempt: *attempt,
            };
            let holder = self.holder(worker, run, &busy, *since_ms, now_ms);
            Some((task, *attempt, holder))
        });
        claimed.collect()
    }

    /// A worker's first heartbeat may be heard after its first claim: what was claimed later than
    /// what we know of it is not judged.
    fn holder(
        &self,
        name: &WorkerName,
        run: &str,
        busy: &Busy,
        since_ms: u64,
        now_ms: u64,
    ) -> Holder {
        match self.by_name.get(name) {
            Some(worker) if worker.heartbeat.busy.contains(busy) => Holder::Alive,
            Some(worker) if worker.heartbeat.run != run && since_ms < worker.seen_ms => {
                Holder::Restarted
            }
            Some(_) => Holder::Unknown,
            None if self.is_settled && since_ms + LEASE_TTL_MS < now_ms => Holder::Silent,
            None => Holder::Unknown,
        }
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
    use bus_schema::heartbeat::EncoderCheck;
    use bus_schema::id::JobId;

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

    #[test]
    fn what_a_dead_run_had_in_hand_is_told_from_what_may_live() {
        let busy = Busy {
            job: JobId::from_parts(1, [1; 10]),
            task: TaskNumber(0),
            attempt: Attempt(1),
        };
        let (w1, w2) = ("w1".parse().unwrap(), "w2".parse().unwrap());
        let mut workers = Workers::default();
        workers.hear(heartbeat("b", vec![busy]), 10_000);
        let of = |workers: &Workers, name, run, busy: &Busy, since_ms| {
            workers.holder(name, run, busy, since_ms, 10_500)
        };
        assert_eq!(of(&workers, &w1, "b", &busy, 1_000), Holder::Alive);
        // Its claim was answered, and no heartbeat has named it yet.
        let next = Busy {
            attempt: Attempt(2),
            ..busy
        };
        assert_eq!(of(&workers, &w1, "b", &next, 1_000), Holder::Unknown);
        assert_eq!(of(&workers, &w1, "a", &next, 1_000), Holder::Restarted);
        // A run that claims before its first heartbeat is heard.
        assert_eq!(of(&workers, &w1, "c", &next, 10_200), Holder::Unknown);
        // Nobody is missed before a term has passed in which we could hear.
        assert_eq!(of(&workers, &w2, "a", &next, 1_000), Holder::Unknown);
        assert!(workers.expire(10_500, LEASE_TTL_MS + 1).is_empty());
        assert_eq!(of(&workers, &w2, "a", &next, 1_000), Holder::Silent);
        assert_eq!(of(&workers, &w2, "a", &next, 10_200), Holder::Unknown);
        // The bus was away.
        assert!(workers.expire(10_500, 0).is_empty());
        assert_eq!(of(&workers, &w2, "a", &next, 1_000), Holder::Unknown);
    }

    #[test]
    fn an_encoder_counts_when_every_worker_that_encodes_has_it() {
        let of = |name: &str, slots: &[(TaskClass, u32)], encoders: &[(&str, bool)]| Heartbeat {
            worker: name.parse().unwrap(),
            slots: slots.iter().copied().collect(),
            encoders: encoders
                .iter()
                .map(|(encoder, works)| EncoderCheck {
                    encoder: (*encoder).to_owned(),
                    failure: (!works).then(|| "it failed".to_owned()),
                })
                .collect(),
            ..heartbeat("a", vec![])
        };
        let both = [("x264enc", true), ("nvh264enc", true)];
        let broken = [("x264enc", true), ("nvh264enc", false)];
        let cpu = [(TaskClass::Cpu, 1)];
        let mut workers = Workers::default();
        assert!(workers.encoders().is_empty());
        workers.hear(of("w1", &cpu, &both), 1);
        assert_eq!(workers.encoders().len(), 2);
        workers.hear(of("w2", &[(TaskClass::Light, 2)], &[]), 1);
        assert_eq!(workers.encoders().len(), 2, "it encodes nothing");
        workers.hear(of("w3", &cpu, &broken), 1);
        assert_eq!(workers.encoders(), BTreeSet::from(["x264enc".to_owned()]));
        let leaving = Heartbeat {
            is_draining: true,
            ..of("w3", &cpu, &broken)
        };
        workers.hear(leaving, 1);
        assert_eq!(workers.encoders().len(), 2);
    }
}
