//! Why an attempt ends before its work is done.

use bus_schema::report::{ErrorCode, TaskError};

use crate::engine::error::DEFECT;

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

    /// A defect of ours; `what` is for the log.
    pub(crate) fn defect(what: impl std::fmt::Display) -> Self {
        tracing::error!(%what, "a defect");
        Self::failed(ErrorCode::Internal, DEFECT)
    }

    /// Whether nothing can be won by trying the same once more.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Gone(_) => true,
            Self::Failed(error) => !error.code.is_passing(),
        }
    }

    /// Storage or the bus did not do it, in spite of retries.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::failed(ErrorCode::Unavailable, message)
    }
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone(reason) => f.write_str(reason),
            Self::Failed(error) => f.write_str(&error.message),
        }
    }
}
