//! Values with compare-and-set, as JSON that `nats kv get` shows.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bucket::{BUCKET_PATIENCE, Bucket, Revision, Write};
use crate::bus::Bus;
use crate::error::{Error, ErrorKind, Result};
use crate::watch::{Watch, WatchEvent};

/// The largest value: the buckets' `max_msg_size` less a kilobyte for headers and subject. A record
/// of an eight-hour film stays under 20 KB.
pub const VALUE_BYTES_MAX: usize = 255 * 1024;

/// Values of one type under keys of one bucket.
///
/// Every write names the revision that it was decided on; who loses the race gets
/// [`ErrorKind::Conflict`], loads again and decides again. A write whose answer was lost is found
/// out before it is reported: if it says `Conflict`, the value is not ours - or it was, and somebody
/// has written on top of it already, so that applying the same event again must be harmless.
#[derive(Debug)]
pub struct Register<T> {
    bucket: Bucket,
    values: PhantomData<fn() -> T>,
}

/// A register's changes, decoded.
#[derive(Debug)]
pub struct RegisterWatch<T> {
    watch: Watch,
    values: PhantomData<fn() -> T>,
}

// === impl Register ===

impl<T> Clone for Register<T> {
    fn clone(&self) -> Self {
        Self {
            bucket: self.bucket.clone(),
            values: PhantomData,
        }
    }
}

impl<T: Serialize + DeserializeOwned> Register<T> {
    /// The register in this bucket, made by the topology.
    #[must_use]
    pub fn new(bus: &Bus, bucket: &str) -> Self {
        Self {
            bucket: Bucket::new(bus, bucket),
            values: PhantomData,
        }
    }

    /// The value and the revision to name when changing it; `None` when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Missing`] bucket, [`ErrorKind::Malformed`] value.
    pub async fn load(&self, key: &str) -> Result<Option<(T, Revision)>> {
        let Some(entry) = self.bucket.entry(key).await? else {
            return Ok(None);
        };
        let Some(value) = entry.value else {
            return Ok(None);
        };
        Ok(Some((
            decode(self.bucket.name(), key, &value)?,
            entry.revision,
        )))
    }

    /// Writes a value where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when there is one; [`ErrorKind::Limit`] over [`VALUE_BYTES_MAX`] or in
    /// a full bucket; [`ErrorKind::Unavailable`]: it may have been written.
    pub async fn create(&self, key: &str, value: &T) -> Result<Revision> {
        self.bucket.create(key, encode(key, value)?, None).await
    }

    /// Writes a value on top of this revision.
    ///
    /// # Errors
    /// As [`Register::create`]; [`ErrorKind::Conflict`] when the revision is not the last.
    pub async fn update(&self, key: &str, value: &T, expected: Revision) -> Result<Revision> {
        let payload = encode(key, value)?;
        let write = Write {
            payload,
            expected,
            ttl: None,
            is_delete: false,
        };
        self.bucket.write(key, &write, BUCKET_PATIENCE).await
    }

    /// Deletes the value of this revision.
    ///
    /// # Errors
    /// As [`Register::update`].
    pub async fn delete(&self, key: &str, expected: Revision) -> Result<()> {
        self.bucket.delete(key, expected).await.map(drop)
    }

    /// Removes all keys `<under>.>`, whatever their revisions; returns how many. For details whose
    /// owner is final; a watch is not told.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Invalid`] for what is no key.
    pub async fn purge_under(&self, under: &str) -> Result<u64> {
        self.bucket.purge(under).await
    }

    /// All keys, without reading the values.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn keys(&self) -> Result<Vec<String>> {
        let entries = self.bucket.list(self.bucket.filter(None)?, false).await?;
        Ok(entries.into_iter().map(|entry| entry.key).collect())
    }

    /// All values with key and revision. What cannot be decoded is logged and left out: one broken
    /// value must not hide the others.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn list(&self) -> Result<Vec<(String, T, Revision)>> {
        self.list_filtered(self.bucket.filter(None)?).await
    }

    /// [`Register::list`] of the keys `<under>.>`.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Invalid`] for what is no key.
    pub async fn list_under(&self, under: &str) -> Result<Vec<(String, T, Revision)>> {
        self.list_filtered(self.bucket.filter(Some(under))?).await
    }

    /// All values, then every change, through restarts of the server.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when it cannot begin.
    pub async fn watch_all(&self) -> Result<RegisterWatch<T>> {
        let watch = Watch::open(&self.bucket, self.bucket.filter(None)?).await?;
        Ok(RegisterWatch {
            watch,
            values: PhantomData,
        })
    }

    async fn list_filtered(&self, filter: String) -> Result<Vec<(String, T, Revision)>> {
        let entries = self.bucket.list(filter, true).await?;
        let decoded = entries.into_iter().filter_map(|entry| {
            let value = entry.value.unwrap_or_default();
            match decode(self.bucket.name(), &entry.key, &value) {
                Ok(value) => Some((entry.key, value, entry.revision)),
                Err(error) => {
                    tracing::error!(%error, "left out of a listing");
                    None
                }
            }
        });
        Ok(decoded.collect())
    }
}

// === impl RegisterWatch ===

impl<T: DeserializeOwned> RegisterWatch<T> {
    /// The next change; waits for ever. Safe to cancel.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] for one value that cannot be decoded; go on with the next.
    pub async fn next(&mut self) -> Result<WatchEvent<T>> {
        Ok(match self.watch.next().await {
            WatchEvent::Put {
                key,
                value,
                revision,
            } => {
                let value = decode(self.watch.bucket_name(), &key, &value)?;
                WatchEvent::Put {
                    key,
                    value,
                    revision,
                }
            }
            WatchEvent::Gone { key, revision } => WatchEvent::Gone { key, revision },
            WatchEvent::CaughtUp => WatchEvent::CaughtUp,
            WatchEvent::Restarted => WatchEvent::Restarted,
        })
    }
}

fn encode<T: Serialize>(key: &str, value: &T) -> Result<Bytes> {
    let json = serde_json::to_vec(value).map_err(|error| {
        Error::with(
            ErrorKind::Invalid,
            format!("the value of `{key}` is not JSON"),
            error,
        )
    })?;
    if json.len() > VALUE_BYTES_MAX {
        let message = format!(
            "the value of `{key}` has {} bytes, over the limit of {VALUE_BYTES_MAX}: put the bulk under keys of its own or into storage",
            json.len(),
        );
        return Err(Error::new(ErrorKind::Limit, message));
    }
    Ok(json.into())
}

fn decode<T: DeserializeOwned>(bucket: &str, key: &str, value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(|error| {
        let message = format!("the value of `{key}` in `{bucket}` is of another shape; was it written by newer code or by hand?");
        Error::with(ErrorKind::Malformed, message, error)
    })
}
