//! Why an attempt ends before its work is done.

use bus_schema::report::{ErrorCode, TaskError};

/// Why an attempt ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The control plane has given it to nobody or to somebody else: nothing is reported.
    Gone(String),
    /// It failed, and says why.
    Failed(TaskError),
}

impl Halt {
    pub(crate) fn failed(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Failed(TaskError {
            code,
            message: message.into(),
        })
    }

    /// Storage or the bus did not do it, in spite of retries.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::failed(ErrorCode::Unavailable, message)
    }
}
