//! The size of a record, before it is written.

use std::io::{self, Write};

use super::{JobRecord, RECORD_BYTES_MAX};
use crate::report::{ErrorCode, TaskError};

impl JobRecord {
    /// Whether the job may go on with this record. One that is larger would be refused by the bus at
    /// every try, so that its job would neither go on nor end: it is to be failed with the error given.
    ///
    /// # Errors
    /// [`ErrorCode::LimitExceeded`] over [`RECORD_BYTES_MAX`], in words for the job's owner.
    pub fn check_size(&self) -> Result<(), TaskError> {
        match self.json_bytes() {
            bytes if bytes <= RECORD_BYTES_MAX => Ok(()),
            bytes => Err(TaskError {
                code: ErrorCode::LimitExceeded,
                message: format!(
                    "The job's record has grown to {} KiB, and {} KiB are its limit: too many of its tasks \
                     were tried again and again. Upload the film once more, in shorter parts if this \
                     repeats itself.",
                    bytes.div_ceil(1_024),
                    RECORD_BYTES_MAX / 1_024,
                ),
            }),
        }
    }

    /// Bytes of its JSON, without making it.
    fn json_bytes(&self) -> usize {
        let mut counted = Counted(0);
        // Its keys are strings: it always is JSON. Were it not, the register would say so.
        match serde_json::to_writer(&mut counted, self) {
            Ok(()) => counted.0,
            Err(_) => usize::MAX,
        }
    }
}

/// Counts what is written to it.
struct Counted(usize);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
