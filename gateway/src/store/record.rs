//! What is known of an object, an upload and a part, as their JSON files say it.
//!
//! Fields are added with a default and never change their meaning: a store opens what an older one wrote.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A bucket's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BucketRecord {
    /// Unix time, nanoseconds.
    pub(super) created_ns: u64,
}

/// An object's sidecar. Replacing it is what replaces the object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ObjectRecord {
    pub(super) key: String,
    /// Unlike the ETag, different for every write of the key.
    #[serde(with = "id")]
    pub(super) id: u128,
    /// Without quotes: 32 hex digits, or 32 hex digits, a hyphen and the number of parts.
    pub(super) etag: String,
    /// Bytes.
    pub(super) size: u64,
    /// Unix time, nanoseconds, unique and rising in one store; also the notification's sequencer.
    pub(super) modified_ns: u64,
    #[serde(default)]
    pub(super) headers: Headers,
    /// What the object is made of, in order: one piece, or the parts of a multipart upload.
    pub(super) pieces: Vec<PieceRecord>,
    /// The multipart upload that this was, so that completing it again is answered as the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload_id: Option<String>,
}

/// One of an object's blobs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PieceRecord {
    #[serde(with = "id")]
    pub(super) blob: u128,
    /// Bytes.
    pub(super) size: u64,
}

/// What the writer said and every reader is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    /// `x-amz-meta-*`, without the prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
}

/// A multipart upload's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct UploadRecord {
    pub(super) key: String,
    /// Unix time, nanoseconds.
    pub(super) initiated_ns: u64,
    #[serde(default)]
    pub(super) headers: Headers,
}

/// A part's file; its number is the file's name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PartRecord {
    #[serde(with = "id")]
    pub(super) blob: u128,
    /// Without quotes: 32 hex digits.
    pub(super) etag: String,
    /// Bytes.
    pub(super) size: u64,
    /// Unix time, nanoseconds.
    pub(super) modified_ns: u64,
}

/// The moment that a record's nanoseconds mean.
pub(super) fn moment(ns: u64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ns)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Ids as 32 hex digits: JSON's numbers end at 53 bits for many readers.
mod id {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::store::layout::{id_text, parse_id};

    pub(super) fn serialize<S: Serializer>(id: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&id_text(*id))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u128, D::Error> {
        let text = String::deserialize(input)?;
        parse_id(&text).ok_or_else(|| D::Error::custom("an id is 32 lower-case hex digits"))
    }
}
