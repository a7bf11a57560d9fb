//! AWS through EventBridge: other names, and the key as it is.

use serde::Deserialize;

use super::{ObjectCreated, Problem, demand, millis, unquoted};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Message {
    detail_type: String,
    time: String,
    detail: serde_json::Value,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Object {
    key: String,
    size: Option<u64>,
    etag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

impl Message {
    /// A rule that matches more than it should brings other events, whose details have other shapes.
    pub(super) fn created(self) -> Result<Vec<ObjectCreated>, Problem> {
        if self.detail_type != "Object Created" {
            return Ok(Vec::new());
        }
        let Detail { bucket, object } = serde_json::from_value(self.detail)?;
        Ok(vec![ObjectCreated {
            bucket: bucket.name,
            key: object.key,
            size: demand(object.size, "detail.object.size")?,
            etag: unquoted(&demand(object.etag, "detail.object.etag")?),
            version: object.version_id.filter(|version| !version.is_empty()),
            sequencer: object.sequencer.filter(|sequencer| !sequencer.is_empty()),
            at_ms: millis(&self.time)?,
        }])
    }
}
