//! The states of a job's tasks. In JSON, runs of equal tasks are one entry: an 8-hour film has some
//! 2,000 tasks, of which nearly all are either waiting or done at the first try.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{Attempt, TaskNumber, Token, WorkerName};

/// Most tasks of a job: 24 hours in chunks of 4 seconds, and the rest.
pub const TASKS_MAX: usize = 25_000;

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TaskState {
    /// Not released yet, or given back.
    Waiting {
        /// Not before this time: the pause after a failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before_ms: Option<u64>,
    },
    /// An invitation is out.
    Released {
        /// Since when.
        at_ms: u64,
    },
    /// An attempt is in hand.
    Claimed {
        /// Which.
        attempt: Attempt,
        /// Whose.
        worker: WorkerName,
        /// Which run of that worker's process.
        run: String,
        /// Its proof.
        token: Token,
        /// Since when.
        since_ms: u64,
        /// Until when, unless heartbeats name it.
        deadline_ms: u64,
        /// The multipart upload of its file, for a task that writes one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        upload_id: Option<String>,
    },
    /// Done, and its objects were checked.
    Done {
        /// The winning attempt.
        attempt: Attempt,
    },
    /// Finally failed.
    Failed {},
    /// Not needed any more.
    Cancelled {},
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Where it stands.
    #[serde(flatten)]
    pub state: TaskState,
    /// Attempts granted so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u16,
    /// Attempts that failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failures: u16,
    /// Attempts whose worker was lost: nobody's failure, so counted apart.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub losses: u16,
    /// Parts accepted so far, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartRun>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(n: &u16) -> bool {
    *n == 0
}

/// Consecutive parts that one attempt wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRun {
    /// The attempt.
    pub attempt: Attempt,
    /// How many parts.
    pub n: u32,
}

impl Task {
    /// A task that nobody has heard of yet.
    #[must_use]
    pub fn waiting() -> Self {
        let state = TaskState::Waiting {
            not_before_ms: None,
        };
        Self {
            state,
            attempts: 0,
            failures: 0,
            losses: 0,
            parts: Vec::new(),
        }
    }

    /// The winning attempt, when done.
    #[must_use]
    pub fn done_attempt(&self) -> Option<Attempt> {
        match self.state {
            TaskState::Done { attempt } => Some(attempt),
            TaskState::Waiting { .. }
            | TaskState::Released { .. }
            | TaskState::Claimed { .. }
            | TaskState::Failed {}
            | TaskState::Cancelled {} => None,
        }
    }

    /// Whether equal tasks are written as one: only those that hold nothing of any length, so that a record
    /// takes no more memory than its bytes and its number of tasks account for.
    fn may_repeat(&self) -> bool {
        self.parts.is_empty() && !matches!(self.state, TaskState::Claimed { .. })
    }

    /// Number of parts accepted.
    #[must_use]
    pub fn n_parts(&self) -> u32 {
        self.parts.iter().map(|run| run.n).sum()
    }

    /// The attempt that wrote each part, in order.
    pub fn part_attempts(&self) -> impl Iterator<Item = Attempt> {
        self.parts
            .iter()
            .flat_map(|run| (0..run.n).map(|_| run.attempt))
    }

    /// Accepts the next part.
    pub fn push_part(&mut self, attempt: Attempt) {
        match self.parts.last_mut() {
            Some(run) if run.attempt == attempt => run.n += 1,
            _ => self.parts.push(PartRun { attempt, n: 1 }),
        }
    }
}

/// All tasks of a job, by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tasks(Vec<Task>);

impl Tasks {
    /// `n` waiting tasks.
    #[must_use]
    pub fn waiting(n: usize) -> Self {
        Self(vec![Task::waiting(); n.min(TASKS_MAX)])
    }

    /// Adds waiting tasks until there are `n`.
    pub fn grow(&mut self, n: usize) {
        self.0
            .resize(n.clamp(self.0.len(), TASKS_MAX), Task::waiting());
    }

    /// The task of this number.
    #[must_use]
    pub fn get(&self, task: TaskNumber) -> Option<&Task> {
        self.0.get(task.index())
    }

    /// The task of this number.
    #[must_use]
    pub fn get_mut(&mut self, task: TaskNumber) -> Option<&mut Task> {
        self.0.get_mut(task.index())
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (TaskNumber, &Task)> {
        (0..).map(TaskNumber).zip(&self.0)
    }

    /// All, with their numbers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (TaskNumber, &mut Task)> {
        (0..).map(TaskNumber).zip(&mut self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Run {
    n: usize,
    #[serde(flatten)]
    task: Task,
}

impl Serialize for Tasks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut runs: Vec<Run> = Vec::new();
        for task in &self.0 {
            match runs.last_mut() {
                Some(run) if task.may_repeat() && run.task == *task => run.n += 1,
                _ => runs.push(Run {
                    n: 1,
                    task: task.clone(),
                }),
            }
        }
        runs.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let runs = Vec::<Run>::deserialize(deserializer)?;
        let mut tasks = Vec::new();
        for run in runs {
            if run.n > TASKS_MAX - tasks.len() {
                return Err(serde::de::Error::custom(format!(
                    "more than {TASKS_MAX} tasks"
                )));
            }
            if run.n > 1 && !run.task.may_repeat() {
                return Err(serde::de::Error::custom(
                    "a run of claimed tasks or of tasks with parts: each must stand alone",
                ));
            }
            tasks.extend(std::iter::repeat_n(run.task, run.n));
        }
        Ok(Self(tasks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eight_hour_film_stays_small() {
        let mut tasks = Tasks::waiting(2_000);
        for (number, task) in tasks.iter_mut() {
            if number.0 < 1_500 {
                *task = Task {
                    state: TaskState::Done {
                        attempt: Attempt(1),
                    },
                    attempts: 1,
                    ..Task::waiting()
                };
            } else if number.0 < 1_504 {
                task.attempts = 1;
                task.state = TaskState::Claimed {
                    attempt: Attempt(1),
                    worker: "w12".parse().unwrap(),
                    run: "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
                    token: Token::random(),
                    since_ms: 1_763_000_000_000,
                    deadline_ms: 1_763_000_030_000,
                    upload_id: None,
                };
            }
        }
        let json = serde_json::to_vec(&tasks).unwrap();
        assert!(json.len() < 2_000, "{} bytes", json.len());
        assert_eq!(serde_json::from_slice::<Tasks>(&json).unwrap(), tasks);
    }

    #[test]
    fn a_hostile_run_length_is_refused() {
        let json = r#"[{"n":18446744073709551615,"state":"waiting"}]"#;
        assert!(serde_json::from_str::<Tasks>(json).is_err());
    }
}
