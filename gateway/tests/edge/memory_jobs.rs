//! The control plane's port, over a map.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bus_schema::id::JobId;
use bus_schema::record::{JobRecord, JobState};
use futures_util::FutureExt as _;
use gateway::jobs::{
    Answer, Error, ErrorKind, Health, JobCounts, Jobs, ListFilter, NewJob, Stats, Status,
};

use crate::sample_job::SampleJob;

/// Jobs in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryJobs {
    jobs: Mutex<BTreeMap<JobId, SampleJob>>,
    pub(crate) is_storage_down: std::sync::atomic::AtomicBool,
}

impl MemoryJobs {
    pub(crate) fn put(&self, job: SampleJob) {
        self.jobs
            .lock()
            .expect("no test panics in here")
            .insert(job.record.id, job);
    }

    pub(crate) fn all(&self) -> Vec<JobRecord> {
        let jobs = self.jobs.lock().expect("no test panics in here");
        jobs.values().rev().map(|job| job.record.clone()).collect()
    }

    fn record(&self, id: JobId) -> Result<JobRecord, Error> {
        let jobs = self.jobs.lock().expect("no test panics in here");
        let found = jobs.get(&id).map(|job| job.record.clone());
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("There is no job `{id}`.")))
    }

    fn cancelled(&self, id: JobId) -> Result<JobRecord, Error> {
        let mut record = self.record(id)?;
        if record.state.is_terminal() {
            return Err(Error::new(
                ErrorKind::Conflict,
                "The job has ended already.",
            ));
        }
        record.state = JobState::Cancelled;
        self.put(SampleJob {
            record: record.clone(),
            details: BTreeMap::new(),
        });
        Ok(record)
    }
}

impl Jobs for MemoryJobs {
    fn create(&self, new: NewJob) -> Answer<'_, JobRecord> {
        let mut record = SampleJob::running(1, false).record;
        record.state = if new.upload_expires_ms.is_some() {
            JobState::Uploading
        } else {
            JobState::Queued
        };
        (record.id, record.tenant, record.request) = (new.id, new.tenant, new.request);
        (record.priority, record.source) = (new.priority, new.source);
        (record.plan, record.facts) = (None, None);
        record.times.upload_expires_ms = new.upload_expires_ms;
        self.put(SampleJob {
            record: record.clone(),
            details: BTreeMap::new(),
        });
        std::future::ready(Ok(record)).boxed()
    }

    fn get(&self, id: JobId) -> Answer<'_, JobRecord> {
        std::future::ready(self.record(id)).boxed()
    }

    fn list(&self, filter: ListFilter) -> Answer<'_, Vec<JobRecord>> {
        let is_wanted = |record: &JobRecord| {
            record.tenant == filter.tenant
                && filter.state.is_none_or(|state| record.state == state)
                && filter.after.is_none_or(|after| record.id < after)
                && (filter.external_id.is_none()
                    || record.request.external_id == filter.external_id)
        };
        let found = self
            .all()
            .into_iter()
            .filter(is_wanted)
            .take(filter.limit)
            .collect();
        std::future::ready(Ok(found)).boxed()
    }

    fn cancel(&self, id: JobId) -> Answer<'_, JobRecord> {
        std::future::ready(self.cancelled(id)).boxed()
    }

    fn delete(&self, id: JobId) -> Answer<'_, ()> {
        self.jobs
            .lock()
            .expect("no test panics in here")
            .remove(&id);
        std::future::ready(Ok(())).boxed()
    }

    fn attempt(&self, key: String) -> Answer<'_, Option<Vec<u8>>> {
        let jobs = self.jobs.lock().expect("no test panics in here");
        let found = jobs.values().find_map(|job| job.details.get(&key).cloned());
        std::future::ready(Ok(found)).boxed()
    }

    fn stats(&self) -> Stats {
        let uploading = self
            .all()
            .iter()
            .filter(|record| record.state == JobState::Uploading)
            .count();
        let uploading = u64::try_from(uploading).expect("few jobs");
        Stats {
            jobs: JobCounts {
                uploading,
                ..JobCounts::default()
            },
            ..Stats::default()
        }
    }

    fn status(&self) -> Status {
        let is_ok = !self
            .is_storage_down
            .load(std::sync::atomic::Ordering::Relaxed);
        Status {
            bus: Health {
                is_ok: true,
                detail: "connected".to_owned(),
            },
            storage: Health {
                is_ok,
                detail: "no answer since 12:00".to_owned(),
            },
            leader: Some("here".to_owned()),
            is_leader: true,
            workers: Vec::new(),
            version: "0".to_owned(),
        }
    }
}
