//! Why bytes cannot be read or written.

/// What went wrong, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bytes that break the format: the object is damaged or was written by something else.
    #[error("damaged: {what}")]
    Damaged {
        /// What was met.
        what: &'static str,
    },
    /// The file ends before its index does.
    #[error("truncated: {what}")]
    Truncated {
        /// What is missing.
        what: &'static str,
    },
    /// Well-formed as far as we know, but over a limit of ours. For a source: do without its index.
    #[error("{what} is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit that it breaks.
        limit: u64,
    },
    /// Well-formed, but of a kind that is not handled.
    #[error("not supported: {what}")]
    Unsupported {
        /// What was met.
        what: &'static str,
    },
    /// Pieces that do not continue one another. One of their tasks must run again.
    #[error("piece {piece} does not fit the one before: {what}")]
    Mismatch {
        /// Its index among the track's pieces.
        piece: usize,
        /// In which way.
        what: &'static str,
    },
    /// Reading the source failed.
    #[error("cannot read the source: {0}")]
    Read(#[from] std::io::Error),
    /// A box of a fixed shape could not be written.
    #[error("cannot write a box: {0}")]
    Box(mp4_atom::Error),
}

impl From<mp4_atom::Error> for Error {
    fn from(error: mp4_atom::Error) -> Self {
        Self::Box(error)
    }
}

/// For `Option`s that are `None` when bytes break the format.
pub(super) trait OrDamaged<T> {
    /// The value, or [`Error::Damaged`].
    fn or_damaged(self, what: &'static str) -> Result<T, Error>;
}

impl<T> OrDamaged<T> for Option<T> {
    fn or_damaged(self, what: &'static str) -> Result<T, Error> {
        self.ok_or(Error::Damaged { what })
    }
}
