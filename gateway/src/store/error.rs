//! Why a store could not be opened, or stopped.

use std::fmt;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A store could not be opened, or has stopped by itself.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Source>,
}

/// What to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option cannot be used; the message names it.
    Options,
    /// The address cannot be listened on.
    Listen,
    /// Another process has the folder open.
    Locked,
    /// The folder cannot be read or written.
    Disk,
    /// A part of the running store ended by itself.
    Stopped,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, message: String, source: impl Into<Source>) -> Self {
        Self {
            kind,
            message,
            source: Some(source.into()),
        }
    }

    pub(super) fn plain(kind: ErrorKind, message: String) -> Self {
        Self {
            kind,
            message,
            source: None,
        }
    }

    /// What to match on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}
