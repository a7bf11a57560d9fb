//! What storage services say when an object is created, in five dialects, as one type. Pure.
//!
//! | dialect | who speaks it | known by | key |
//! |---|---|---|---|
//! | S3 | AWS through SQS, MinIO, RustFS, the embedded store | `Records` | form-encoded |
//! | EventBridge | AWS | `detail-type` | as it is |
//! | R2 | Cloudflare, through Queues | `account` and `action` | as it is |
//! | Tigris | Tigris, by webhook | `events` | as it is |
//!
//! (MinIO's family and AWS share the shape and differ in their event names and encoding of `/`, which one
//! reader takes both ways.) Tests and deletions are nothing to us and yield nothing. Everything may arrive
//! twice and in any order: what an event says is a hint to look at the object.

mod eventbridge;
mod r2;
mod s3;
mod tigris;

use std::cmp::Ordering;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An object was created, whichever service says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCreated {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// In buckets that keep versions.
    pub version: Option<String>,
    /// Orders the events of one key, where the service has it; see [`compare_sequencers`].
    pub sequencer: Option<String>,
    /// Milliseconds since 1970, by the service's clock.
    pub at_ms: i64,
}

/// A notification that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not JSON, or JSON of another shape than its dialect has.
    #[error(
        "the notification from {from} cannot be read: {reason}; set the payload aside and look at it"
    )]
    Malformed {
        /// As it was configured.
        from: String,
        /// What is wrong with it, and where.
        reason: String,
    },
    /// JSON that no dialect is known by.
    #[error(
        "the notification from {from} is in no known dialect (S3, EventBridge, R2, Tigris): is that source a storage service?"
    )]
    UnknownDialect {
        /// As it was configured.
        from: String,
    },
}

/// The objects that `body`, one message from the source named `from`, says were created.
///
/// # Errors
/// [`Error`]; nothing of the message counts then.
pub fn normalise(from: &str, body: &[u8]) -> Result<Vec<ObjectCreated>, Error> {
    read(body).map_err(|problem| match problem {
        Problem::Malformed(reason) => Error::Malformed {
            from: from.to_owned(),
            reason,
        },
        Problem::UnknownDialect => Error::UnknownDialect {
            from: from.to_owned(),
        },
    })
}

/// Orders two sequencers of the same key: hex numbers, of which the shorter is padded with zeros.
#[must_use]
pub fn compare_sequencers(a: &str, b: &str) -> Ordering {
    let significant = |text: &str| text.trim_start_matches('0').to_ascii_uppercase();
    let (a, b) = (significant(a), significant(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

enum Problem {
    Malformed(String),
    UnknownDialect,
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// What tells the dialects apart.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'a RawValue>,
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    /// AWS's test event has this and no `Records`.
    #[serde(borrow, rename = "Event")]
    test: Option<&'a RawValue>,
}

fn read(body: &[u8]) -> Result<Vec<ObjectCreated>, Problem> {
    let marks: Marks<'_> = serde_json::from_slice(body)?;
    if marks.records.is_some() {
        parse::<s3::Message>(body)?.created()
    } else if marks.detail_type.is_some() {
        parse::<eventbridge::Message>(body)?.created()
    } else if marks.events.is_some() {
        parse::<tigris::Message>(body)?.created()
    } else if marks.action.is_some() {
        parse::<r2::Message>(body)?.created()
    } else if marks
        .test
        .is_some_and(|test| test.get() == "\"s3:TestEvent\"")
    {
        Ok(Vec::new())
    } else {
        Err(Problem::UnknownDialect)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    Ok(serde_json::from_slice(body)?)
}

/// Fields that deletions lack are optional in the dialects, and demanded where an object was created.
fn demand<T>(value: Option<T>, name: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::Malformed(format!("an object was created, but {name} is missing")))
}

fn millis(time: &str) -> Result<i64, Problem> {
    let time = OffsetDateTime::parse(time, &Rfc3339).map_err(|error| {
        Problem::Malformed(format!("the time {time:?} is not RFC 3339: {error}"))
    })?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000)
        .map_err(|_range| Problem::Malformed(format!("the time {time} is out of range")))
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}
