//! How a job begins.

use bus_schema::fact::Fact;
use bus_schema::id::{JobId, TenantId};
use bus_schema::record::{Effect, JobRecord, JobState, RECORD_VERSION, SourceObject, Tasks, Times};
use bus_schema::request::JobRequest;

use super::{Job, Step, UPLOAD_GRACE_MS};

/// What a new job is made of.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Made by the caller, so that repeating the request makes the same job.
    pub id: JobId,
    /// Its owner.
    pub tenant: TenantId,
    /// What is asked for.
    pub request: JobRequest,
    /// 0 to 100.
    pub priority: u8,
    /// The object that will be, or is, the source.
    pub source: SourceObject,
    /// When the upload's address ends; `None` when the object is there already.
    pub upload_expires_ms: Option<u64>,
}

impl Job {
    /// A new job and its first effects.
    #[must_use]
    pub fn begin(new: NewJob, now_ms: u64) -> (Self, Vec<Effect>) {
        let NewJob {
            id,
            tenant,
            request,
            priority,
            source,
            upload_expires_ms,
        } = new;
        let filename = request.filename.clone();
        let bytes = source.bytes;
        let etag = source.etag.clone();
        let record = JobRecord {
            v: RECORD_VERSION,
            id,
            tenant,
            state: JobState::Uploading,
            priority,
            request,
            source,
            times: Times {
                created_ms: now_ms,
                upload_expires_ms,
                ..Times::default()
            },
            facts: None,
            plan: None,
            tasks: Tasks::default(),
            dropped: Vec::new(),
            warnings: Vec::new(),
            error: None,
            outputs: Vec::new(),
            n_facts: 0,
            n_timers: 0,
            next_look_ms: None,
            outbox: Vec::new(),
        };
        let mut step = Step {
            record,
            effects: Vec::new(),
            now_ms,
        };
        step.fact(Fact::Authorized { filename, bytes });
        if let Some(expires_ms) = upload_expires_ms {
            step.look_by(expires_ms + UPLOAD_GRACE_MS);
        } else if let Some(etag) = etag {
            step.uploaded(bytes, etag);
        }
        (
            Self {
                record: step.record,
            },
            step.effects,
        )
    }
}
