//! The notification of a created object, as RustFS would write it.

use std::collections::BTreeMap;

use serde::Serialize;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use url::form_urlencoded;

use super::record::{ObjectRecord, moment};

/// How an object came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Put,
    Copy,
    CompleteMultipartUpload,
}

impl Cause {
    fn event_name(self) -> &'static str {
        match self {
            Self::Put => "s3:ObjectCreated:Put",
            Self::Copy => "s3:ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "s3:ObjectCreated:CompleteMultipartUpload",
        }
    }
}

/// RustFS writes milliseconds and `Z`, as S3 does.
const EVENT_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// `eventVersion` of MinIO and RustFS; readers accept any minor version of 2.
const EVENT_VERSION: &str = "2.0";

/// The whole message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Event<'a> {
    event_name: &'static str,
    /// `<bucket>/<key>`, as it is.
    key: String,
    records: [Entry<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    event_version: &'static str,
    event_source: &'static str,
    aws_region: &'a str,
    event_time: String,
    event_name: &'static str,
    user_identity: Principal<'a>,
    s3: S3<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Principal<'a> {
    principal_id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct S3<'a> {
    s3_schema_version: &'static str,
    configuration_id: &'static str,
    bucket: BucketOf<'a>,
    object: ObjectOf<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BucketOf<'a> {
    name: &'a str,
    owner_identity: Principal<'a>,
    arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ObjectOf<'a> {
    /// Form-encoded: `/` is `%2F`, a space is `+`.
    key: String,
    size: u64,
    e_tag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    user_metadata: &'a BTreeMap<String, String>,
    /// Rises with every write in this store; compared per key.
    sequencer: String,
}

/// Who is named as the owner: a store of one has no accounts.
const OWNER: Principal<'static> = Principal {
    principal_id: "tcoder",
};

impl<'a> Event<'a> {
    pub(super) fn created(
        bucket: &'a str,
        region: &'a str,
        object: &'a ObjectRecord,
        cause: Cause,
    ) -> Self {
        let entry = Entry {
            event_version: EVENT_VERSION,
            event_source: "tcoder:s3",
            aws_region: region,
            event_time: moment(object.modified_ns)
                .format(EVENT_TIME)
                .unwrap_or_default(),
            event_name: cause.event_name(),
            user_identity: OWNER,
            s3: S3 {
                s3_schema_version: "1.0",
                configuration_id: "tcoder",
                bucket: BucketOf {
                    name: bucket,
                    owner_identity: OWNER,
                    arn: format!("arn:aws:s3:::{bucket}"),
                },
                object: ObjectOf {
                    key: form_urlencoded::byte_serialize(object.key.as_bytes()).collect(),
                    size: object.size,
                    e_tag: &object.etag,
                    content_type: object.headers.content_type.as_deref(),
                    user_metadata: &object.headers.metadata,
                    sequencer: sequencer(object),
                },
            },
        };
        Self {
            event_name: cause.event_name(),
            key: format!("{bucket}/{}", object.key),
            records: [entry],
        }
    }
}

/// Hex of the write's nanoseconds, all of one length, so that text order is time order.
pub(super) fn sequencer(object: &ObjectRecord) -> String {
    format!("{:016X}", object.modified_ns)
}
