//! The source arrives.

use bus_schema::fact::Fact;
use bus_schema::record::{JobState, Tasks};
use bus_schema::report::ErrorCode;

use super::{Step, error};

impl Step {
    /// The object is in storage. The first sight of it counts; a later one, with whatever content,
    /// changes nothing: all reads demand the ETag that was seen first.
    pub(super) fn uploaded(&mut self, bytes: u64, etag: String) {
        if self.record.state != JobState::Uploading {
            return;
        }
        self.record.times.uploaded_ms = Some(self.now_ms);
        self.record.source.bytes = bytes;
        self.record.source.etag = Some(etag.clone());
        self.record.state = JobState::Queued;
        self.record.tasks = Tasks::waiting(1);
        self.fact(Fact::Uploaded { bytes, etag });
        if bytes == 0 {
            self.fail(error(
                ErrorCode::Empty,
                "The upload has no bytes: choose the file again.",
            ));
        }
    }
}
