//! Which waiting tasks go next: priority, then fairness. No IO.
//!
//! TASKS is kept short - about twice the slots - so that priority, cancel and fairness still apply
//! to everything that waits here.

use std::collections::BTreeMap;

use bus_schema::id::{JobId, TaskNumber, TenantId};
use bus_schema::record::{JobRecord, Task, TaskState};
use bus_schema::task::TaskClass;

use crate::board::Tasks;
use crate::job::Job;

/// Released and claimed tasks per slot: one at work, one at hand.
pub const IN_FLIGHT_PER_SLOT: u32 = 2;
/// Tasks of a class that may be out while there is no worker yet: enough to wake one.
pub const IN_FLIGHT_MIN: u32 = 2;
/// Ready tasks that a job shows at once. More are seen when these are gone.
const READY_SHOWN_MAX: usize = 64;

/// What the queue knows of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which.
    pub job: JobId,
    /// Whose.
    pub tenant: TenantId,
    /// 0 to 100.
    pub priority: u8,
    /// Whether nothing more will happen.
    pub is_ended: bool,
    /// Tasks that could go now, most urgent first.
    pub ready: Vec<(TaskNumber, TaskClass)>,
    /// Tasks that wait, ready or not.
    pub waiting: BTreeMap<TaskClass, u32>,
    /// Tasks released and not claimed.
    pub released: BTreeMap<TaskClass, u32>,
    /// Tasks in some worker's hand.
    pub claimed: BTreeMap<TaskClass, u32>,
    /// Since when it has had tasks that could go, or went out, and that no worker has taken.
    pub waits_since_ms: Option<u64>,
}

impl Summary {
    /// What the queue needs to know of a job at `now_ms`.
    #[must_use]
    pub fn of(job: &Job, now_ms: u64) -> Self {
        let JobRecord {
            id,
            tenant,
            priority,
            ..
        } = &job.record;
        let mut summary = Self {
            job: *id,
            tenant: tenant.clone(),
            priority: *priority,
            is_ended: job.record.state.is_terminal(),
            ready: Vec::new(),
            waiting: BTreeMap::new(),
            released: BTreeMap::new(),
            claimed: BTreeMap::new(),
            waits_since_ms: None,
        };
        if summary.is_ended {
            return summary;
        }
        let ready = job.releasable(now_ms);
        summary.ready = ready
            .into_iter()
            .map(|(n, role)| (n, role.class()))
            .take(READY_SHOWN_MAX)
            .collect();
        for (number, task) in job.record.tasks.iter() {
            let Some(class) = job.role(number).map(bus_schema::plan::TaskRole::class) else {
                continue;
            };
            let counts = match task.state {
                TaskState::Waiting { .. } => &mut summary.waiting,
                TaskState::Released { .. } => &mut summary.released,
                TaskState::Claimed { .. } => &mut summary.claimed,
                TaskState::Done { .. } | TaskState::Failed {} | TaskState::Cancelled {} => continue,
            };
            *counts.entry(class).or_default() += 1;
        }
        // Since when a task could go is written nowhere: the queue remembers when it saw the first.
        summary.waits_since_ms = match summary.ready.as_slice() {
            [] => job.record.tasks.iter().filter_map(released_ms).min(),
            [..] => Some(now_ms),
        };
        summary
    }

    fn in_flight(&self, class: TaskClass) -> u32 {
        count(&self.released, class) + count(&self.claimed, class)
    }

    /// Whether the queue can forget the job.
    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.released.is_empty() && self.claimed.is_empty()
    }
}

/// When an invitation to a task went out that is still open.
fn released_ms((_, task): (TaskNumber, &Task)) -> Option<u64> {
    match task.state {
        TaskState::Released { at_ms } => Some(at_ms),
        _ => None,
    }
}

fn count(counts: &BTreeMap<TaskClass, u32>, class: TaskClass) -> u32 {
    counts.get(&class).copied().unwrap_or(0)
}

/// All jobs with work left.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: BTreeMap<JobId, Summary>,
}

impl Queue {
    /// Takes note of how a job stands.
    pub fn note(&mut self, mut summary: Summary) {
        let before = self.jobs.remove(&summary.job);
        if summary.is_over() {
            return;
        }
        if !summary.ready.is_empty() {
            let waited_ms = before.and_then(|before| before.waits_since_ms);
            summary.waits_since_ms = waited_ms.or(summary.waits_since_ms);
        }
        self.jobs.insert(summary.job, summary);
    }

    /// Since when the job that waits longest has had tasks that no worker has taken, as far back as this queue has
    /// seen.
    #[must_use]
    pub fn waits_since_ms(&self) -> Option<u64> {
        let waits = self.jobs.values().filter_map(|job| job.waits_since_ms);
        waits.min()
    }

    /// Forgets a job.
    pub fn forget(&mut self, job: &JobId) {
        self.jobs.remove(job);
    }

    /// Tasks of a class over all jobs.
    #[must_use]
    pub fn demand(&self, class: TaskClass) -> Tasks {
        self.jobs.values().fold(Tasks::default(), |sum, job| Tasks {
            waiting: sum.waiting + count(&job.waiting, class),
            released: sum.released + count(&job.released, class),
            claimed: sum.claimed + count(&job.claimed, class),
        })
    }

    /// Lets go what the slots allow, and counts it as released from now on.
    pub fn release(&mut self, slots: &BTreeMap<TaskClass, u32>) -> Vec<(JobId, Vec<TaskNumber>)> {
        let mut released: BTreeMap<JobId, Vec<TaskNumber>> = BTreeMap::new();
        for &class in TaskClass::ALL {
            let limit = (count(slots, class) * IN_FLIGHT_PER_SLOT).max(IN_FLIGHT_MIN);
            let Tasks {
                released: out,
                claimed,
                ..
            } = self.demand(class);
            for _ in (out + claimed)..limit {
                let Some(job) = self.next(class) else { break };
                let Some(task) = self.take(&job, class) else {
                    break;
                };
                released.entry(job).or_default().push(task);
            }
        }
        released.into_iter().collect()
    }

    /// The job whose task of this class goes next: highest priority; then the tenant, then the job,
    /// with the least at work; then the oldest (ids sort by time).
    fn next(&self, class: TaskClass) -> Option<JobId> {
        let mut by_tenant: BTreeMap<&TenantId, u32> = BTreeMap::new();
        for job in self.jobs.values() {
            *by_tenant.entry(&job.tenant).or_default() += job.in_flight(class);
        }
        self.jobs
            .values()
            .filter(|job| job.ready.iter().any(|(_, of)| *of == class))
            .min_by_key(|job| {
                let tenant = by_tenant.get(&job.tenant).copied().unwrap_or(0);
                (
                    u8::MAX - job.priority,
                    tenant,
                    job.in_flight(class),
                    job.job,
                )
            })
            .map(|job| job.job)
    }

    fn take(&mut self, job: &JobId, class: TaskClass) -> Option<TaskNumber> {
        let summary = self.jobs.get_mut(job)?;
        let index = summary.ready.iter().position(|(_, of)| *of == class)?;
        let (task, _) = summary.ready.remove(index);
        *summary.released.entry(class).or_default() += 1;
        if let Some(waiting) = summary.waiting.get_mut(&class) {
            *waiting = waiting.saturating_sub(1);
        }
        Some(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(n: u8, tenant: &str, priority: u8, ready: u32) -> Summary {
        Summary {
            job: JobId::from_parts(u64::from(n), [n; 10]),
            tenant: tenant.parse().unwrap(),
            priority,
            is_ended: false,
            ready: (0..ready)
                .map(|task| (TaskNumber(task), TaskClass::Cpu))
                .collect(),
            waiting: BTreeMap::from([(TaskClass::Cpu, ready)]),
            released: BTreeMap::new(),
            claimed: BTreeMap::new(),
            waits_since_ms: None,
        }
    }

    fn order(queue: &mut Queue, slots: u32) -> Vec<u64> {
        let slots = BTreeMap::from([(TaskClass::Cpu, slots)]);
        let released = queue.release(&slots);
        let mut jobs = Vec::new();
        for (job, tasks) in released {
            let n = (0..9).find(|&n| JobId::from_parts(n, [u8::try_from(n).unwrap(); 10]) == job);
            jobs.extend(std::iter::repeat_n(n.unwrap(), tasks.len()));
        }
        jobs
    }

    #[test]
    fn no_more_goes_out_than_twice_the_slots() {
        let mut queue = Queue::default();
        queue.note(summary(1, "a", 50, 60));
        assert_eq!(order(&mut queue, 3).len(), 6);
        assert_eq!(order(&mut queue, 3).len(), 0, "what is out counts at once");
        assert_eq!(
            queue.demand(TaskClass::Cpu),
            Tasks {
                waiting: 54,
                released: 6,
                claimed: 0
            }
        );
    }

    #[test]
    fn without_a_worker_enough_goes_out_to_wake_one() {
        let mut queue = Queue::default();
        queue.note(summary(1, "a", 50, 60));
        assert_eq!(order(&mut queue, 0).len(), 2);
    }

    #[test]
    fn priority_goes_first_then_tenants_then_jobs_take_turns() {
        let mut queue = Queue::default();
        queue.note(summary(1, "a", 50, 9));
        queue.note(summary(2, "a", 50, 9));
        queue.note(summary(3, "b", 50, 9));
        queue.note(summary(4, "b", 90, 1));
        // One of priority 90; then b already has one, so a, a, b take their turns.
        assert_eq!(order(&mut queue, 2), [1, 2, 3, 4]);
    }

    #[test]
    fn who_waits_longest_is_known_while_it_waits() {
        let at = |n, ready, waits_since_ms| Summary {
            waits_since_ms,
            ..summary(n, "a", 50, ready)
        };
        let mut queue = Queue::default();
        assert_eq!(queue.waits_since_ms(), None);
        queue.note(at(1, 9, Some(100)));
        queue.note(at(2, 9, Some(200)));
        assert_eq!(queue.waits_since_ms(), Some(100));
        // As it is looked at again, it waits as long as before.
        queue.note(at(1, 5, Some(300)));
        assert_eq!(queue.waits_since_ms(), Some(100));
        // All of it is out, and the oldest invitation is younger.
        queue.note(at(1, 0, Some(250)));
        assert_eq!(queue.waits_since_ms(), Some(200));
        // All is taken, then something comes back.
        queue.note(at(2, 0, None));
        queue.note(at(1, 0, None));
        assert_eq!(queue.waits_since_ms(), None);
        queue.note(at(1, 1, Some(400)));
        assert_eq!(queue.waits_since_ms(), Some(400));
    }

    #[test]
    fn a_job_without_work_is_forgotten() {
        let mut queue = Queue::default();
        queue.note(summary(1, "a", 50, 1));
        queue.note(summary(1, "a", 50, 0));
        let mut over = summary(1, "a", 50, 0);
        over.waiting.clear();
        queue.note(over);
        assert!(queue.jobs.is_empty());
    }
}
