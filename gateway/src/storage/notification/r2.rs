//! Cloudflare R2 through Queues, the body decoded: the key as it is, no version, no sequencer.

use serde::Deserialize;

use super::{ObjectCreated, Problem, demand, millis, unquoted};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    action: String,
    bucket: String,
    object: Object,
    event_time: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    size: Option<u64>,
    e_tag: Option<String>,
}

impl Message {
    pub(super) fn created(self) -> Result<Vec<ObjectCreated>, Problem> {
        if !matches!(
            self.action.as_str(),
            "PutObject" | "CopyObject" | "CompleteMultipartUpload"
        ) {
            return Ok(Vec::new());
        }
        Ok(vec![ObjectCreated {
            bucket: self.bucket,
            key: self.object.key,
            size: demand(self.object.size, "object.size")?,
            etag: unquoted(&demand(self.object.e_tag, "object.eTag")?),
            version: None,
            sequencer: None,
            at_ms: millis(&self.event_time)?,
        }])
    }
}
