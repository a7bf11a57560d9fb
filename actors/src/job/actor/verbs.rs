//! What a job is told to do, but for claims and reports.

use bus_schema::id::TaskNumber;
use bus_schema::record::{JobRecord, JobState};
use gateway::storage::ErrorKind;

use super::{Answer, Handled, JobActor, Loaded, Refusal, State};
use crate::admission;
use crate::clock::now_ms;
use crate::job::new::NewJob;
use crate::job::{Event, Job};
use crate::platform::Trouble;

impl JobActor {
    /// Makes the record, unless it is there.
    pub(super) async fn begin(&self, state: &mut State, new: NewJob) -> Answer<JobRecord> {
        if let Some(loaded) = self.load(state).await? {
            return Ok(loaded.job.record.clone());
        }
        let (mut job, effects) = Job::begin(new, now_ms());
        job.record.outbox = effects;
        let created = self
            .platform
            .jobs
            .create(state.id.as_str(), &job.record)
            .await;
        match created {
            Ok(revision) => {
                state.loaded = Some(Loaded {
                    job,
                    revision,
                    is_flushed: false,
                })
            }
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(Trouble::from(error).into()),
        }
        let loaded = self.load(state).await?.ok_or(Refusal::Unknown)?;
        Ok(loaded.job.record.clone())
    }

    /// Storage says that the source is there: ask it, and take what it is now for what it will be.
    pub(super) async fn arrived(&self, state: &mut State) -> Result<Handled, Trouble> {
        let Some(loaded) = self.load(state).await? else {
            return Ok(Handled::Done);
        };
        if loaded.job.record.state != JobState::Uploading {
            return Ok(Handled::Done);
        }
        let key = loaded.job.record.source.key.clone();
        let object = match self.platform.storage.head(&key).await {
            Ok(object) => object,
            // Deleted meanwhile, or announced before it can be read: the upload's deadline decides.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Handled::Done),
            Err(error) => return Err(error.into()),
        };
        let event = Event::Uploaded {
            bytes: object.size,
            etag: object.etag,
        };
        self.step(state, &event).await?;
        Ok(Handled::Done)
    }

    /// Admission lets tasks go.
    pub(super) async fn release(&self, state: &mut State, tasks: Vec<TaskNumber>) {
        if let Err(trouble) = self.step(state, &Event::Released(tasks)).await {
            tracing::warn!(job = %state.id, %trouble, "release put off");
            crate::tell(&self.admission, admission::Message::Troubled(state.id));
        }
    }

    /// Looks at deadlines, and at who has what in hand.
    pub(super) async fn look(&self, state: &mut State) -> Result<Handled, Trouble> {
        let Some(loaded) = self.load(state).await? else {
            return Ok(Handled::Done);
        };
        let workers = self.platform.board.workers();
        let holders = workers.holders(&loaded.job.record, now_ms());
        self.step(state, &Event::Look { holders }).await?;
        Ok(Handled::Done)
    }

    /// The owner stops the job.
    pub(super) async fn cancel(&self, state: &mut State) -> Answer<JobRecord> {
        let job = self
            .step(state, &Event::Cancel)
            .await?
            .ok_or(Refusal::Unknown)?;
        match job.record.state {
            JobState::Cancelled => Ok(job.record),
            state => Err(Refusal::State(state.as_str())),
        }
    }
}
