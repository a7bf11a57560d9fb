//! Which encoders this worker has: as its trials showed, less those that failed in a task since.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bus_schema::encoder;
use bus_schema::heartbeat::EncoderCheck;
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::task::TaskSpec;

/// What heartbeats tell of, and claims are held against.
#[derive(Debug)]
pub(crate) struct Abilities(Mutex<Vec<EncoderCheck>>);

impl Abilities {
    pub(crate) fn new(checks: Vec<EncoderCheck>) -> Self {
        Self(Mutex::new(checks))
    }

    /// As it is now.
    pub(crate) fn checks(&self) -> Vec<EncoderCheck> {
        self.lock().clone()
    }

    /// Why a task cannot be done here: the plan pins a device that this machine lacks, or one that failed.
    /// Software is here until a trial has shown otherwise.
    pub(crate) fn lack(&self, spec: &TaskSpec) -> Option<TaskError> {
        let checks = self.lock();
        let lacks = |name: &&String| match checks.iter().find(|check| check.encoder == **name) {
            Some(check) => check.failure.is_some(),
            None => encoder::is_hardware(name),
        };
        let name = encoders(spec).find(lacks)?;
        Some(TaskError {
            code: ErrorCode::CannotMatch,
            message: format!(
                "This worker does not have the encoder {name}, which the plan names: it is tried again \
                 elsewhere."
            ),
        })
    }

    /// A device failed in a task: it is not to be planned with until a trial at the next start.
    pub(crate) fn note_failure(&self, spec: &TaskSpec, error: &TaskError) {
        if error.code != ErrorCode::EncoderFailed && error.code != ErrorCode::Crashed {
            return;
        }
        let mut checks = self.lock();
        for name in encoders(spec).filter(|name| encoder::is_hardware(name)) {
            for check in checks.iter_mut().filter(|check| check.encoder == *name) {
                check.failure = Some(format!("it failed in a task: {}", error.message));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EncoderCheck>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a task's plan pins.
fn encoders(spec: &TaskSpec) -> impl Iterator<Item = &String> {
    let renditions = match spec {
        TaskSpec::Chunk(chunk) => chunk.video.renditions.as_slice(),
        TaskSpec::Probe(_)
        | TaskSpec::Audio(_)
        | TaskSpec::Images(_)
        | TaskSpec::Subtitles(_)
        | TaskSpec::Assemble(_)
        | TaskSpec::Remux(_) => &[],
    };
    renditions.iter().map(|rendition| &rendition.encoder)
}
