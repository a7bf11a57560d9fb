//! Reading all keys of a bucket, or those below one.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::backoff::Backoff;
use crate::bus::REQUEST_TIMEOUT;
use crate::error::{Error, ErrorKind, Result};

use super::{BUCKET_PATIENCE, Bucket, Entry, Revision, entry};

/// Values fetched per pull while listing; at 20 KB a record ten megabytes in flight.
const LIST_BATCH: usize = 512;
/// How long the server keeps a listing's consumer after the lister died.
const LIST_CONSUMER_TTL: Duration = Duration::from_secs(30);

// === impl Bucket ===

impl Bucket {
    /// The last writes of all live keys that the filter matches, values included or not.
    ///
    /// By pulls that end when nothing is left, not by counting what the consumer first said was
    /// there: keys that expire meanwhile would be waited for.
    pub(crate) async fn list(&self, filter: String, with_values: bool) -> Result<Vec<Entry>> {
        let mut backoff = Backoff::within(BUCKET_PATIENCE);
        loop {
            let error = match self.list_once(&filter, with_values).await {
                Ok(entries) => return Ok(entries),
                Err(error) => error,
            };
            if !backoff.wait().await {
                let message = format!("cannot list bucket `{}`", self.name);
                return Err(Error::with(ErrorKind::Unavailable, message, error));
            }
        }
    }

    async fn list_once(
        &self,
        filter: &str,
        with_values: bool,
    ) -> Result<Vec<Entry>, async_nats::Error> {
        let stream = self.stream().await?;
        let consumer = stream
            .create_consumer(pull::Config {
                description: Some("lists a bucket".to_owned()),
                filter_subject: filter.to_owned(),
                deliver_policy: DeliverPolicy::LastPerSubject,
                ack_policy: AckPolicy::None,
                headers_only: !with_values,
                inactive_threshold: LIST_CONSUMER_TTL,
                memory_storage: true,
                num_replicas: 1,
                ..pull::Config::default()
            })
            .await?;
        let prefix = self.prefix();
        let mut entries = Vec::new();
        loop {
            let mut batch = consumer.fetch().max_messages(LIST_BATCH).messages().await?;
            let mut count = 0;
            // The client sets no deadline here: without one a server that dies is waited for.
            while let Some(message) = timeout(REQUEST_TIMEOUT, batch.next()).await? {
                let message = message?;
                let revision = Revision(message.info()?.stream_sequence);
                let key = message.subject.strip_prefix(&prefix).unwrap_or_default();
                let headers = message.headers.clone().unwrap_or_default();
                let entry = entry(key, &headers, message.payload.clone(), revision);
                count += 1;
                if entry.value.is_some() {
                    entries.push(entry);
                }
            }
            if count < LIST_BATCH {
                break;
            }
        }
        // Without it the consumer would go by itself, later.
        if let Err(error) = stream.delete_consumer(&consumer.cached_info().name).await {
            tracing::debug!(%error, "a listing's consumer stays until it is idle");
        }
        Ok(entries)
    }
}
