//! How driving a child ends.

/// How driving a child ended, where nothing went wrong on our side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It said its last word.
    Finished,
    /// Nobody listens any more.
    Abandoned,
}
