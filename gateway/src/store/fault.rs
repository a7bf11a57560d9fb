//! Failures that are ours, not the client's, as S3 answers.

use std::io;

use s3s::{S3Error, s3_error};
use tokio::task::JoinError;

/// The disk refused.
pub(super) fn disk_failed(error: io::Error) -> S3Error {
    if error.kind() == io::ErrorKind::StorageFull {
        return s3_error!(
            error,
            ServiceUnavailable,
            "the store's disk is full: free some space, then try again"
        );
    }
    tracing::error!(%error, "the store's disk failed");
    s3_error!(
        error,
        InternalError,
        "the store's disk failed; its log says how"
    )
}

/// A step on the disk did not end: the process is stopping, or the step panicked.
pub(super) fn stopped(error: JoinError) -> S3Error {
    s3_error!(
        error,
        InternalError,
        "the store stopped in the middle of this request: try again"
    )
}
