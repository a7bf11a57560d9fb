//! Keys that expire unless they are renewed.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use crate::boot_time::BootInstant;
use crate::bucket::{BUCKET_PATIENCE, Bucket, Revision, Write};
use crate::bus::Bus;
use crate::error::{Error, ErrorKind, Result};
use crate::watch::Watch;

/// The server counts TTLs in whole seconds, and the client cuts off what is below.
const TTL_MIN: Duration = Duration::from_secs(1);

/// The keys of a bucket, each with a TTL.
///
/// Every write here carries the TTL and the expected revision, also the one that makes a key anew
/// on top of an expired one's marker: the client's own `create_with_ttl` forgets it there, and the
/// key would live for ever.
#[derive(Debug, Clone)]
pub struct Leases {
    bucket: Bucket,
}

/// A key that is ours until it expires.
#[derive(Debug)]
pub struct Lease {
    bucket: Bucket,
    key: String,
    ttl: Duration,
    epoch: Revision,
    revision: Revision,
    valid_until: BootInstant,
}

// === impl Leases ===

impl Leases {
    /// The leases in this bucket, made by the topology.
    #[must_use]
    pub fn new(bus: &Bus, bucket: &str) -> Self {
        Self {
            bucket: Bucket::new(bus, bucket),
        }
    }

    /// Takes a lease that nobody holds. `ttl` in whole seconds.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when somebody holds it; [`ErrorKind::Invalid`] for a TTL with a
    /// fraction; [`ErrorKind::Unavailable`]: it may be taken, by us, and will expire.
    pub async fn acquire(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> Result<Lease> {
        whole_seconds(ttl)?;
        let sent_at = BootInstant::now();
        let revision = self.bucket.create(key, value.into(), Some(ttl)).await?;
        Ok(Lease {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            ttl,
            epoch: revision,
            revision,
            valid_until: sent_at.after(ttl),
        })
    }

    /// Writes a lease for somebody else, as the control plane does from a worker's heartbeats: on
    /// top of `expected`, or, with `None`, where there is none.
    ///
    /// # Errors
    /// As [`Leases::acquire`].
    pub async fn put(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        ttl: Duration,
        expected: Option<Revision>,
    ) -> Result<Revision> {
        whole_seconds(ttl)?;
        let (payload, ttl) = (value.into(), Some(ttl));
        match expected {
            None => self.bucket.create(key, payload, ttl).await,
            Some(expected) => {
                let write = Write {
                    payload,
                    expected,
                    ttl,
                    is_delete: false,
                };
                self.bucket.write(key, &write, BUCKET_PATIENCE).await
            }
        }
    }

    /// The value and revision of a lease that is held.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`], [`ErrorKind::Missing`] bucket.
    pub async fn get(&self, key: &str) -> Result<Option<(Bytes, Revision)>> {
        let entry = self.bucket.entry(key).await?;
        Ok(entry.and_then(|entry| Some((entry.value?, entry.revision))))
    }

    /// Ends a lease of this revision at once, whoever holds it.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it was renewed, [`ErrorKind::Unavailable`].
    pub async fn end(&self, key: &str, expected: Revision) -> Result<()> {
        self.bucket.delete(key, expected).await.map(drop)
    }

    /// All leases that are held. Expiry is told by [`Leases::watch`] up to a third of a second late
    /// with hundreds at once; on start, and after [`crate::WatchEvent::Restarted`], list.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn list(&self) -> Result<Vec<(String, Bytes, Revision)>> {
        let entries = self.bucket.list(self.bucket.filter(None)?, true).await?;
        let held = entries
            .into_iter()
            .filter_map(|entry| Some((entry.key, entry.value?, entry.revision)));
        Ok(held.collect())
    }

    /// All leases, then every change; an expiry comes as [`crate::WatchEvent::Gone`].
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when it cannot begin.
    pub async fn watch(&self) -> Result<Watch> {
        Watch::open(&self.bucket, self.bucket.filter(None)?).await
    }
}

// === impl Lease ===

impl Lease {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Grows with every holder: the number that fences an older one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch.0
    }

    /// When the holder must have stopped acting: the moment its last successful write was first
    /// *sent*, plus the TTL, on a clock that goes on during suspend. The server counts from when it
    /// received it, which is later.
    #[must_use]
    pub fn valid_until(&self) -> BootInstant {
        self.valid_until
    }

    /// Whether it holds for at least `margin` more: the time that one call may take.
    #[must_use]
    pub fn is_valid(&self, margin: Duration) -> bool {
        self.valid_until.remaining() > margin
    }

    /// Renews it with a new value. Ends by [`Lease::valid_until`], answer or not: a holder that
    /// waits for an answer beyond it would still be acting.
    ///
    /// # Errors
    /// [`ErrorKind::Lost`]: it expired, or somebody else has it; stop acting and acquire anew.
    /// [`ErrorKind::Unavailable`]: not known; it holds until [`Lease::valid_until`], try again.
    pub async fn renew(&mut self, value: impl Into<Bytes>) -> Result<()> {
        let write = Write {
            payload: value.into(),
            expected: self.revision,
            ttl: Some(self.ttl),
            is_delete: false,
        };
        let sent_at = BootInstant::now();
        let patience = self.valid_until.remaining();
        let message = || format!("lease `{}` is lost; stop acting on it", self.key);
        match timeout(patience, self.bucket.write(&self.key, &write, patience)).await {
            Ok(Ok(revision)) => {
                self.revision = revision;
                self.valid_until = sent_at.after(self.ttl);
                Ok(())
            }
            Ok(Err(error)) if error.is_conflict() => {
                Err(Error::with(ErrorKind::Lost, message(), error))
            }
            Ok(Err(error)) => Err(error),
            Err(elapsed) => Err(Error::with(ErrorKind::Lost, message(), elapsed)),
        }
    }

    /// Gives it back, so that the next holder need not wait for the TTL.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when it was lost already, [`ErrorKind::Unavailable`].
    pub async fn release(self) -> Result<()> {
        self.bucket.delete(&self.key, self.revision).await.map(drop)
    }
}

fn whole_seconds(ttl: Duration) -> Result<()> {
    if ttl < TTL_MIN || ttl.subsec_nanos() != 0 {
        let message = format!("{ttl:?} is no TTL: the server counts whole seconds, from 1");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(())
}
