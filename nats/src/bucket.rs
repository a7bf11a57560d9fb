//! The key-value bucket under registers and leases: what the client's own store cannot be trusted
//! with (it forgets the TTL when a key is made anew), and what it does not have (ambiguous writes
//! resolved, reads from the leader).

mod list;

use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_nats::{HeaderMap, header};
use bytes::Bytes;

use crate::backoff::Backoff;
use crate::bus::Bus;
use crate::error::{Error, ErrorKind, Result};
use crate::publisher::publish_try;

/// How long one read or write is tried again while nobody answers.
pub(crate) const BUCKET_PATIENCE: Duration = Duration::from_secs(20);
/// How long a deleted key's marker stays: long enough for a watcher that reconnects, short enough
/// that a bucket of finished jobs does not fill with markers.
const DELETE_MARKER_TTL: Duration = Duration::from_secs(3600);
/// The longest key: a subject must fit into the server's 4 KiB control line, twice.
const KEY_BYTES_MAX: usize = 512;

/// Names one write, so that a write whose answer was lost can be told from another's.
const WRITE_ID: &str = "Tcoder-Write";
const KV_OPERATION: &str = "KV-Operation";

/// Which write of a key: its sequence in the bucket's stream. Zero stands for "never written".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// The last write of a key.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// `None`: deleted or expired, and only the marker is left.
    pub(crate) value: Option<Bytes>,
    pub(crate) revision: Revision,
    write_id: Option<String>,
}

/// A write to make.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) payload: Bytes,
    pub(crate) expected: Revision,
    pub(crate) ttl: Option<Duration>,
    pub(crate) is_delete: bool,
}

/// A bucket, cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    bus: Bus,
    name: String,
}

// === impl Bucket ===

impl Bucket {
    pub(crate) fn new(bus: &Bus, name: &str) -> Self {
        Self {
            bus: bus.clone(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn stream_name(&self) -> String {
        format!("KV_{}", self.name)
    }

    /// What all of the bucket's subjects begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("$KV.{}.", self.name)
    }

    /// The subjects of all keys below `under` (whole tokens), or of all keys.
    pub(crate) fn filter(&self, under: Option<&str>) -> Result<String> {
        match under {
            None => Ok(format!("{}>", self.prefix())),
            Some(under) => Ok(format!("{}.>", self.subject(under)?)),
        }
    }

    /// The last write, from the leader: a follower's answer may be an older one, and the reader of
    /// an older one decides on it.
    pub(crate) async fn entry(&self, key: &str) -> Result<Option<Entry>> {
        let subject = self.subject(key)?;
        let stream = self.stream().await?;
        let mut backoff = Backoff::within(BUCKET_PATIENCE);
        loop {
            let error = match stream.get_last_raw_message_by_subject(&subject).await {
                Ok(message) => {
                    let sequence = Revision(message.sequence);
                    return Ok(Some(entry(
                        key,
                        &message.headers,
                        message.payload,
                        sequence,
                    )));
                }
                Err(error) => error,
            };
            match error.kind() {
                LastRawMessageErrorKind::NoMessageFound => return Ok(None),
                // 404 is the stream: a missing bucket is an error, not an empty one.
                LastRawMessageErrorKind::JetStream(answer) if answer.code() == 404 => {
                    return Err(self.missing(error));
                }
                _ if backoff.wait().await => {}
                _ => {
                    let message = format!("cannot read `{key}` of bucket `{}`", self.name);
                    return Err(Error::with(ErrorKind::Unavailable, message, error));
                }
            }
        }
    }

    /// Writes if the key's last revision is the expected one. An answer that is lost is found out:
    /// the write is sent again, and if the key has moved on, its last write is read and compared.
    pub(crate) async fn write(
        &self,
        key: &str,
        write: &Write,
        patience: Duration,
    ) -> Result<Revision> {
        let subject = self.subject(key)?;
        let id = write_id()?;
        let message = message(write, &id);
        let mut backoff = Backoff::within(patience);
        let mut is_ambiguous = false;
        loop {
            match publish_try(&self.bus, &subject, message.clone()).await {
                Ok(sequence) => return Ok(Revision(sequence)),
                Err(error) if error.is_conflict() && is_ambiguous => {
                    return match self.entry(key).await? {
                        Some(entry) if entry.write_id.as_deref() == Some(&id) => Ok(entry.revision),
                        _ => Err(error),
                    };
                }
                Err(error) if error.is_retry() => {
                    is_ambiguous = true;
                    if !backoff.wait().await {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes a key that must not be there. After a deletion or an expiry a marker is, and the write
    /// goes on top of it, with the TTL that was asked for.
    pub(crate) async fn create(
        &self,
        key: &str,
        payload: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Revision> {
        let mut write = Write {
            payload,
            expected: Revision(0),
            ttl,
            is_delete: false,
        };
        let conflict = match self.write(key, &write, BUCKET_PATIENCE).await {
            Err(error) if error.is_conflict() => error,
            answer => return answer,
        };
        match self.entry(key).await? {
            Some(entry) if entry.value.is_some() => Err(conflict),
            // A marker, or one that has just been swept away.
            marker => {
                write.expected = marker.map_or(Revision(0), |marker| marker.revision);
                self.write(key, &write, BUCKET_PATIENCE).await
            }
        }
    }

    /// Deletes a key if its last revision is the expected one; a marker stays for an hour.
    pub(crate) async fn delete(&self, key: &str, expected: Revision) -> Result<Revision> {
        let ttl = Some(DELETE_MARKER_TTL);
        let write = Write {
            payload: Bytes::new(),
            expected,
            ttl,
            is_delete: true,
        };
        self.write(key, &write, BUCKET_PATIENCE).await
    }

    /// Removes all keys below `under`, unconditionally and without markers.
    pub(crate) async fn purge(&self, under: &str) -> Result<u64> {
        let filter = self.filter(Some(under))?;
        let purge = self.stream().await?.purge().filter(filter).await;
        let purged = purge.map_err(|error| {
            let message = format!("cannot purge `{under}` of bucket `{}`", self.name);
            Error::with(ErrorKind::Unavailable, message, error)
        })?;
        Ok(purged.purged)
    }

    pub(crate) async fn stream(&self) -> Result<Stream<()>> {
        let stream = self.bus.js.get_stream_no_info(self.stream_name()).await;
        stream.map_err(|error| {
            let message = format!("`{}` is no bucket name", self.name);
            Error::with(ErrorKind::Invalid, message, error)
        })
    }

    pub(crate) fn missing(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        let message = format!("bucket `{}` does not exist; apply the topology", self.name);
        Error::with(ErrorKind::Missing, message, error)
    }

    /// A key's subject. Wildcards in it would make a compare-and-set on many keys.
    fn subject(&self, key: &str) -> Result<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=/.".contains(&byte);
        let is_key = key.len() <= KEY_BYTES_MAX
            && key.bytes().all(is_plain)
            && key.split('.').all(|token| !token.is_empty());
        if !is_key {
            let message = format!(
                "`{}` is no key: use letters, digits and -_=/, with single dots between",
                key.chars().take(64).collect::<String>(),
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(format!("{}{key}", self.prefix()))
    }
}

/// Whether these headers are a deletion's or an expiry's marker.
pub(crate) fn is_marker(headers: &HeaderMap) -> bool {
    headers.get(header::NATS_MARKER_REASON).is_some()
        || headers
            .get(KV_OPERATION)
            .is_some_and(|operation| operation.as_str() != "PUT")
}

fn entry(key: &str, headers: &HeaderMap, payload: Bytes, revision: Revision) -> Entry {
    let write_id = headers.get(WRITE_ID).map(|id| id.as_str().to_owned());
    let value = (!is_marker(headers)).then_some(payload);
    Entry {
        key: key.to_owned(),
        value,
        revision,
        write_id,
    }
}

fn message(write: &Write, id: &str) -> PublishMessage {
    let mut message = PublishMessage::build()
        .payload(write.payload.clone())
        .header(WRITE_ID, id)
        .expected_last_subject_sequence(write.expected.0);
    if write.is_delete {
        message = message
            .header(KV_OPERATION, "PURGE")
            .header(header::NATS_ROLLUP, "sub");
    }
    if let Some(ttl) = write.ttl {
        message = message.ttl(ttl);
    }
    message
}

/// 128 random bits.
fn write_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::with(
            ErrorKind::Process,
            "the operating system gives no randomness",
            error.to_string(),
        )
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
