//! Stopping all work on a job.

use bus_schema::control::Control;
use bus_schema::fact::Fact;
use bus_schema::id::{TaskNumber, WorkerName};
use bus_schema::record::{Effect, JobState, TaskState};

use super::{Step, is_over};

impl Step {
    pub(super) fn cancel(&mut self) {
        self.stop_work();
        self.record.state = JobState::Cancelled;
        self.record.times.finished_ms = Some(self.now_ms);
        self.fact(Fact::Cancelled {});
        self.drop_everything();
    }

    /// Tells every worker that has something in hand, gives up what is half uploaded, and closes
    /// every task that is not over.
    pub(super) fn stop_work(&mut self) {
        let open: Vec<(TaskNumber, TaskState)> = self
            .record
            .tasks
            .iter()
            .filter(|(_, task)| !is_over(&task.state))
            .map(|(number, task)| (number, task.state.clone()))
            .collect();
        let mut told: Vec<WorkerName> = Vec::new();
        for (number, state) in open {
            self.abort_upload(number);
            if let TaskState::Claimed { worker, .. } = state
                && !told.contains(&worker)
            {
                told.push(worker);
            }
            if let Some(task) = self.record.tasks.get_mut(number) {
                task.state = TaskState::Cancelled {};
            }
        }
        let job = self.record.id;
        self.effects
            .extend(told.into_iter().map(|worker| Effect::Tell {
                worker,
                control: Control::Cancel { job, task: None },
            }));
        self.record.next_look_ms = None;
    }
}
