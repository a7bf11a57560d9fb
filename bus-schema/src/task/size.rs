//! The size of a specification, before a claim is answered with it.

use super::TaskSpec;
use crate::codec::MESSAGE_BYTES_MAX;
use crate::report::{ErrorCode, TaskError};

/// Largest specification, in bytes of MessagePack: half a message. The other half is for the addresses and
/// what is around them.
pub const SPEC_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 2;

impl TaskSpec {
    /// Whether a claim can be answered with it. One that is larger could not be sent at any try, so that its
    /// task would neither go on nor end: it is to be failed with the error given.
    ///
    /// # Errors
    /// [`ErrorCode::LimitExceeded`] over [`SPEC_BYTES_MAX`], in words for the job's owner.
    pub fn check_size(&self) -> Result<(), TaskError> {
        // What MessagePack cannot hold is as little to be sent.
        let bytes = rmp_serde::to_vec_named(self).map_or(usize::MAX, |bytes| bytes.len());
        if bytes <= SPEC_BYTES_MAX {
            return Ok(());
        }
        Err(TaskError {
            code: ErrorCode::LimitExceeded,
            message: format!(
                "The list of what the file is made of takes {} KiB, and {} KiB are its limit: too many of \
                 its tasks were tried again and again. Upload the film once more, in shorter parts if this \
                 repeats itself.",
                bytes.div_ceil(1_024),
                SPEC_BYTES_MAX / 1_024,
            ),
        })
    }
}
