//! Why a task failed inside the child, as a stable code and a sentence.

use bus_schema::report::{ErrorCode, TaskError};

use crate::protocol::frame;

/// A result of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Longest sentence that leaves the child: plugins quote what they read.
const MESSAGE_CHARS_MAX: usize = 400;

/// A failure with the code that the control plane acts on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Stable code.
    pub code: ErrorCode,
    /// One sentence for people.
    pub message: String,
}

impl Error {
    /// A failure of this kind.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A defect of ours: something that the recipe rules out.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
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
            format!("the worker went away: {error}"),
        )
    }
}

impl From<gstreamer::glib::BoolError> for Error {
    fn from(error: gstreamer::glib::BoolError) -> Self {
        Self::internal(format!("GStreamer: {error}"))
    }
}
