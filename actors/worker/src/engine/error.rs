//! Why a task failed inside the child: a stable code, a sentence for people, and what only the log is
//! told.

use bus_schema::report::{ErrorCode, TaskError};

use crate::protocol::frame;

/// A result of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Longest sentence that leaves the child: plugins quote what they read.
const MESSAGE_CHARS_MAX: usize = 400;

/// What is said of a defect of ours; which one it is stands in the log.
pub(crate) const DEFECT: &str =
    "This is a defect of tcoder: please report it with the worker's log.";

/// A failure with the code that the control plane acts on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Stable code.
    pub code: ErrorCode,
    /// For people: whole sentences that say what is wrong and what to do, in words of ours alone.
    pub message: String,
    /// For the log: the words of a library, of a file, or of the line that gave up.
    pub detail: Option<String>,
}

impl Error {
    /// A failure of this kind, with whole sentences for people.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
        }
    }

    /// A defect of ours: something that the recipe rules out. `what` is for the log.
    #[must_use]
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, DEFECT).because(what)
    }

    /// The same with this for the log.
    #[must_use]
    pub fn because(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// All of it in one line, for the log.
    #[must_use]
    pub fn to_log(&self) -> String {
        let Self {
            code,
            message,
            detail,
        } = self;
        plain(&match detail {
            Some(detail) => format!("{code:?}: {message} {detail}"),
            None => format!("{code:?}: {message}"),
        })
    }

    /// As it goes over the wire: cut to a length, without control characters.
    #[must_use]
    pub fn to_task_error(&self) -> TaskError {
        TaskError {
            code: self.code,
            message: plain(&self.message),
        }
    }
}

/// A text that may have come from a file, made fit for logs: one line of bounded length.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .take(MESSAGE_CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

impl From<frame::Error> for Error {
    fn from(error: frame::Error) -> Self {
        Self::new(
            ErrorCode::Unavailable,
            "The worker left its task: it is tried again.",
        )
        .because(error.to_string())
    }
}

impl From<gstreamer::glib::BoolError> for Error {
    fn from(error: gstreamer::glib::BoolError) -> Self {
        Self::internal(error.to_string())
    }
}
