//! The classic shape, of AWS (through SQS) and of MinIO, RustFS and the embedded store.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{ObjectCreated, Problem, demand, millis, unquoted};

/// What creates an object. MinIO also says `ObjectCreated:PutTagging` and such, which create nothing.
const CREATED: [&str; 4] = [
    "ObjectCreated:Put",
    "ObjectCreated:Post",
    "ObjectCreated:Copy",
    "ObjectCreated:CompleteMultipartUpload",
];

#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    event_time: String,
    s3: S3,
}

#[derive(Deserialize)]
struct S3 {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    size: Option<u64>,
    e_tag: Option<String>,
    version_id: Option<String>,
    sequencer: Option<String>,
}

impl Message {
    pub(super) fn created(self) -> Result<Vec<ObjectCreated>, Problem> {
        self.records
            .into_iter()
            .filter(Record::is_creation)
            .map(Record::created)
            .collect()
    }
}

impl Record {
    /// AWS leaves out the `s3:` that MinIO's family writes.
    fn is_creation(&self) -> bool {
        CREATED.contains(
            &self
                .event_name
                .strip_prefix("s3:")
                .unwrap_or(&self.event_name),
        )
    }

    fn created(self) -> Result<ObjectCreated, Problem> {
        let object = self.s3.object;
        Ok(ObjectCreated {
            bucket: self.s3.bucket.name,
            key: form_decoded(&object.key)?,
            size: demand(object.size, "s3.object.size")?,
            etag: unquoted(&demand(object.e_tag, "s3.object.eTag")?),
            version: object.version_id.filter(|version| !version.is_empty()),
            sequencer: object.sequencer.filter(|sequencer| !sequencer.is_empty()),
            at_ms: millis(&self.event_time)?,
        })
    }
}

/// `+` is a space, the rest is percent-encoded UTF-8.
fn form_decoded(key: &str) -> Result<String, Problem> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_not_utf8| {
            Problem::Malformed(format!("the key {key:?} is not form-encoded UTF-8"))
        })
}
