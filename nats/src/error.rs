//! What can go wrong on the bus, as kinds that callers match.

use std::fmt;

/// What callers can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No answer: the server is away, has no leader, or refuses silently (missing permission). The
    /// call may or may not have taken effect. Try again later.
    Unavailable,
    /// Somebody else wrote first: load again and decide again.
    Conflict,
    /// A lease is no longer ours: stop acting on it.
    Lost,
    /// The stream, consumer or bucket does not exist: apply the topology.
    Missing,
    /// A stream is full, or a message is over its size limit.
    Limit,
    /// The server holds a configuration that cannot become the wanted one in place.
    CannotUpdate,
    /// Bytes that are not what they should be.
    Malformed,
    /// The caller asked for something that cannot be: a key with spaces, a TTL below a second.
    Invalid,
    /// The server, its binary or its files: cannot start, cannot write.
    Process,
    /// The server refused for another reason.
    Refused,
}

/// An error of this crate: a kind to match, and a sentence that says what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

// === impl Error ===

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn with(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }
    }

    /// What to match.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later, unchanged.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    /// Whether somebody else wrote first.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == ErrorKind::Conflict
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        // async-nats puts the cause into `source` alone; one line must be enough for a log.
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn std::error::Error + 'static))
    }
}
