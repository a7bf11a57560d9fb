//! A bucket's changes as they happen, through restarts of the server.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::push::{Ordered, OrderedConfig};
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::bucket::{Bucket, Revision, is_marker};
use crate::bus::Connection;
use crate::error::{Error, ErrorKind, Result};

/// After being away this long everything is read again: markers of what expired meanwhile may be
/// gone themselves. A fifth of the shortest marker life in the topology (5 min).
const AWAY_MAX: Duration = Duration::from_secs(60);

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent<V = Bytes> {
    /// A value was written, or was there at the start.
    Put {
        /// Its key.
        key: String,
        /// The value.
        value: V,
        /// This write.
        revision: Revision,
    },
    /// A key was deleted or has expired.
    Gone {
        /// Its key.
        key: String,
        /// This deletion.
        revision: Revision,
    },
    /// Everything that was there has been told; what follows is news.
    CaughtUp,
    /// Some deletions may have been missed: everything that is there follows once more, then
    /// [`WatchEvent::CaughtUp`]; what has not been named by then is gone.
    Restarted,
}

/// An endless series of changes. A value may be told twice.
pub struct Watch {
    bucket: Bucket,
    filter: String,
    connection: watch::Receiver<Connection>,
    reading: Option<Ordered>,
    /// The connection that the reading began on.
    epoch: u64,
    away_since: Option<Instant>,
    last_seen: u64,
    is_caught_up: bool,
    ready: VecDeque<WatchEvent>,
    backoff: Backoff,
}

// === impl Watch ===

impl Watch {
    /// Begins with everything that is there.
    pub(crate) async fn open(bucket: &Bucket, filter: String) -> Result<Self> {
        let mut watch = Self {
            bucket: bucket.clone(),
            filter,
            connection: bucket.bus().connection(),
            reading: None,
            epoch: 0,
            away_since: None,
            last_seen: 0,
            is_caught_up: false,
            ready: VecDeque::new(),
            backoff: Backoff::endless(),
        };
        watch.read().await?;
        Ok(watch)
    }

    pub(crate) fn bucket_name(&self) -> &str {
        self.bucket.name()
    }

    /// The next change; waits for ever, through any outage. Safe to cancel.
    pub async fn next(&mut self) -> WatchEvent {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            let Some(reading) = &mut self.reading else {
                if let Err(error) = self.read().await {
                    tracing::warn!(bucket = self.bucket.name(), %error, "watch interrupted");
                    self.backoff.wait().await;
                }
                continue;
            };
            tokio::select! {
                biased;
                message = reading.next() => match message {
                    Some(Ok(message)) => self.take(&message),
                    // The client would mend it by itself, after ten seconds; reading anew is quicker.
                    Some(Err(error)) => {
                        tracing::warn!(bucket = self.bucket.name(), %error, "watch interrupted");
                        self.reading = None;
                    }
                    None => self.reading = None,
                },
                changed = self.connection.changed() => {
                    let connection = *self.connection.borrow_and_update();
                    // The bus client was closed: nothing will come, ever.
                    if changed.is_err() {
                        std::future::pending::<()>().await;
                    }
                    if connection.since.is_none() {
                        self.away_since.get_or_insert_with(Instant::now);
                    } else if connection.epoch != self.epoch {
                        self.reading = None;
                    }
                }
            }
        }
    }

    fn take(&mut self, message: &jetstream::Message) {
        let Ok(info) = message.info() else { return };
        self.backoff.reset();
        self.last_seen = info.stream_sequence;
        let revision = Revision(info.stream_sequence);
        let key = message
            .subject
            .strip_prefix(&self.bucket.prefix())
            .unwrap_or_default()
            .to_owned();
        let is_gone = message.headers.as_ref().is_some_and(is_marker);
        self.ready.push_back(if is_gone {
            WatchEvent::Gone { key, revision }
        } else {
            WatchEvent::Put {
                key,
                value: message.payload.clone(),
                revision,
            }
        });
        if info.pending == 0 {
            self.caught_up();
        }
    }

    /// Begins to read, or goes on after the last change seen.
    async fn read(&mut self) -> Result<()> {
        let failed = |error: async_nats::Error| {
            let message = format!("cannot watch bucket `{}`", self.bucket.name());
            Error::with(ErrorKind::Unavailable, message, error)
        };
        let mut connection = self.connection.clone();
        let connected = connection
            .wait_for(|connection| connection.since.is_some())
            .await;
        let epoch = connected.map_err(|error| failed(error.into()))?.epoch;
        let stream = self.bucket.stream().await?;
        let info = stream
            .get_info()
            .await
            .map_err(|error| failed(error.into()))?;
        // A stream that has gone back was made anew, or lost its end with the power.
        let is_gap = self
            .away_since
            .is_some_and(|since| since.elapsed() > AWAY_MAX)
            || info.state.last_sequence < self.last_seen;
        let deliver_policy = if self.last_seen == 0 || is_gap {
            DeliverPolicy::LastPerSubject
        } else {
            DeliverPolicy::ByStartSequence {
                start_sequence: self.last_seen + 1,
            }
        };
        let consumer = stream
            .create_consumer(OrderedConfig {
                deliver_subject: self.bucket.bus().client.new_inbox(),
                description: Some("watches a bucket".to_owned()),
                filter_subject: self.filter.clone(),
                replay_policy: ReplayPolicy::Instant,
                deliver_policy,
                ..OrderedConfig::default()
            })
            .await
            .map_err(|error| failed(error.into()))?;
        let is_empty = consumer.cached_info().num_pending == 0;
        let reading = consumer
            .messages()
            .await
            .map_err(|error| failed(error.into()))?;
        self.reading = Some(reading);
        self.epoch = epoch;
        self.away_since = None;
        if is_gap {
            self.last_seen = 0;
            self.is_caught_up = false;
            self.ready.push_back(WatchEvent::Restarted);
        }
        if is_empty {
            self.caught_up();
        }
        Ok(())
    }

    fn caught_up(&mut self) {
        if !self.is_caught_up {
            self.is_caught_up = true;
            self.ready.push_back(WatchEvent::CaughtUp);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("filter", &self.filter)
            .field("last_seen", &self.last_seen)
            .finish_non_exhaustive()
    }
}
