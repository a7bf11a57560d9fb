//! What this worker has in hand: named in every heartbeat, stopped by a cancel.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus_schema::heartbeat::Busy;
use bus_schema::id::{Attempt, JobId, TaskNumber};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Tasks in hand, of all slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hands(Arc<watch::Sender<BTreeMap<(JobId, TaskNumber), Hand>>>);

#[derive(Debug, Clone)]
struct Hand {
    attempt: Option<Attempt>,
    stop: CancellationToken,
}

/// One task in hand; dropping it lets go.
#[derive(Debug)]
pub(crate) struct Grip {
    hands: Hands,
    key: (JobId, TaskNumber),
    /// Cancelled when the task is to be stopped.
    pub(crate) stop: CancellationToken,
}

impl Hands {
    /// Takes a task; `None` when it is in hand already.
    pub(crate) fn take(&self, job: JobId, task: TaskNumber) -> Option<Grip> {
        let key = (job, task);
        let stop = CancellationToken::new();
        let hand = Hand {
            attempt: None,
            stop: stop.clone(),
        };
        let is_new = self.0.send_if_modified(|hands| {
            let is_new = !hands.contains_key(&key);
            if is_new {
                hands.insert(key, hand);
            }
            is_new
        });
        is_new.then(|| Grip {
            hands: self.clone(),
            key,
            stop,
        })
    }

    /// The attempts in hand.
    pub(crate) fn busy(&self) -> Vec<Busy> {
        let hands = self.0.borrow();
        let named = hands.iter().filter_map(|(&(job, task), hand)| {
            Some(Busy {
                job,
                task,
                attempt: hand.attempt?,
            })
        });
        named.collect()
    }

    /// Stops the tasks of a job, or one of them.
    pub(crate) fn stop(&self, job: JobId, task: Option<TaskNumber>) {
        for (key, hand) in self.0.borrow().iter() {
            if key.0 == job && task.is_none_or(|task| task == key.1) {
                hand.stop.cancel();
            }
        }
    }

    /// Stops everything.
    pub(crate) fn stop_all(&self) {
        for hand in self.0.borrow().values() {
            hand.stop.cancel();
        }
    }
}

impl Grip {
    /// The attempt was granted: heartbeats name it from now on.
    pub(crate) fn hold(&self, attempt: Attempt) {
        self.hands.0.send_modify(|hands| {
            if let Some(hand) = hands.get_mut(&self.key) {
                hand.attempt = Some(attempt);
            }
        });
    }
}

impl Drop for Grip {
    fn drop(&mut self) {
        self.hands.0.send_modify(|hands| {
            hands.remove(&self.key);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_in_one_hand_at_a_time() {
        let hands = Hands::default();
        let job = JobId::from_parts(1, [1; 10]);
        let grip = hands.take(job, TaskNumber(3)).unwrap();
        assert!(hands.take(job, TaskNumber(3)).is_none());
        assert!(hands.busy().is_empty(), "nothing is granted yet");
        grip.hold(Attempt(2));
        assert_eq!(
            hands.busy(),
            [Busy {
                job,
                task: TaskNumber(3),
                attempt: Attempt(2)
            }]
        );
        hands.stop(job, Some(TaskNumber(4)));
        assert!(!grip.stop.is_cancelled());
        hands.stop(job, None);
        assert!(grip.stop.is_cancelled());
        drop(grip);
        assert!(hands.take(job, TaskNumber(3)).is_some());
    }
}
