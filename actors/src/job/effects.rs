//! Doing what a record's outbox says. Every effect may be done twice.

use bus_schema::codec::{Envelope, encode};
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::object_key;
use bus_schema::record::{Effect, JobRecord};
use bus_schema::subject::Subject;
use bus_schema::task::{Invitation, TaskClass};
use bus_schema::timer::{Timer, TimerId};
use futures_util::future::try_join_all;
use gateway::storage::ErrorKind;
use nats::Published;

use super::actor::JobActor;
use super::{Job, PROBE};
use crate::clock::now_ms;
use crate::platform::Trouble;

/// The stream of invitations.
const TASKS: &str = "TASKS";

/// Who reads the invitations of a class, as the topology names them.
fn consumer(class: TaskClass) -> String {
    format!("workers-{class}")
}

impl JobActor {
    /// Performs the outbox; tells whether it asks for the job's end.
    pub(super) async fn perform(&self, job: &Job) -> Result<bool, Trouble> {
        let effects = &job.record.outbox;
        try_join_all(effects.iter().map(|effect| self.perform_one(job, effect))).await?;
        Ok(effects
            .iter()
            .any(|effect| matches!(effect, Effect::Finish {})))
    }

    async fn perform_one(&self, job: &Job, effect: &Effect) -> Result<(), Trouble> {
        let JobRecord { id, tenant, .. } = &job.record;
        let platform = &self.platform;
        match effect {
            Effect::Fact { n, at_ms, fact } => {
                let subject = Subject::Fact {
                    job: *id,
                    kind: fact.kind(),
                    n: *n,
                };
                let envelope = Envelope::new(format!("{id}.{n}"), *at_ms, fact);
                platform
                    .bus
                    .publish_once(subject, encode(&envelope)?)
                    .await?;
            }
            Effect::Invite { task } => self.invite(job, *task).await?,
            Effect::Timer { version, at_ms } => {
                let timer = TimerId::job(id, *version);
                let envelope = Envelope::new(timer.to_string(), now_ms(), Timer::Job { job: *id });
                platform
                    .timers
                    .arm(timer.as_str(), *at_ms, encode(&envelope)?)
                    .await?;
            }
            Effect::Tell { worker, control } => {
                let subject = Subject::Control {
                    worker: worker.clone(),
                };
                let envelope = Envelope::new(format!("{id}.{worker}"), now_ms(), control);
                // May be lost: the next claim's answer says the same.
                platform.bus.tell(subject, encode(&envelope)?).await?;
            }
            Effect::AbortUpload { name, upload_id } => {
                let key = object_key::outputs(tenant, id) + name;
                match platform.storage.abort_multipart(&key, upload_id).await {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                    Ok(()) | Err(_) => {}
                }
            }
            Effect::RemoveIntermediate {} => self.remove_intermediate(&job.record).await?,
            Effect::RemoveSegments {} => self.remove_segments(&job.record).await?,
            // The caller's: it needs the other effects done first.
            Effect::Finish {} => {}
        }
        Ok(())
    }

    /// Removes what the source was remuxed into, whichever attempt of the probe wrote it.
    async fn remove_intermediate(&self, record: &JobRecord) -> Result<(), Trouble> {
        let JobRecord { id, tenant, .. } = record;
        let attempts = record.tasks.get(PROBE).map_or(0, |task| task.attempts);
        for attempt in (1..=attempts).map(Attempt) {
            let own = object_key::attempt(tenant, id, PROBE, attempt);
            self.remove_all(&(own + object_key::INTERMEDIATE)).await?;
        }
        Ok(())
    }

    /// Removes what nobody reads any more, whichever attempts wrote it.
    async fn remove_segments(&self, record: &JobRecord) -> Result<(), Trouble> {
        let prefix = object_key::outputs(&record.tenant, &record.id);
        let is_unread = |key: &str| {
            let name = key.strip_prefix(&prefix);
            name.is_some_and(|name| record.is_unread(name))
        };
        self.remove_some(&prefix, is_unread).await
    }

    async fn invite(&self, job: &Job, task: TaskNumber) -> Result<(), Trouble> {
        let Some(role) = job.role(task) else {
            return Ok(());
        };
        let id = job.record.id;
        let subject = Subject::Task {
            class: role.class(),
            kind: role.kind(),
            job: id,
            n: task,
        };
        let invitation = Invitation {
            job: id,
            task,
            kind: role.kind(),
        };
        let envelope = Envelope::new(format!("{id}.{task}"), now_ms(), invitation);
        let was_claimed = job
            .record
            .tasks
            .get(task)
            .is_some_and(|task| task.attempts > 0);
        if was_claimed {
            // The invitation of a lost attempt is in dead hands until their ack wait is over.
            self.platform.bus.withdraw(TASKS, subject.clone()).await?;
        }
        let payload = encode(&envelope)?;
        let bus = &self.platform.bus;
        // While one lies in the queue the subject is taken, and that is as good - unless it is one
        // that nobody will ever be given.
        if bus.publish_once(subject.clone(), payload.clone()).await? == Published::AlreadyThere
            && bus
                .is_forgotten(TASKS, &consumer(role.class()), &subject.to_string())
                .await?
        {
            tracing::warn!(job = %id, %task, "its invitation was forgotten by the bus");
            bus.withdraw(TASKS, subject.clone()).await?;
            bus.publish_once(subject, payload).await?;
        }
        Ok(())
    }
}
