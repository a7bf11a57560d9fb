//! Notifications, written down before the object they speak of, sent until they are accepted.
//!
//! The order is: the notice's file, the object, the sending. Whatever dies in between, no object is
//! without its notice; a notice without its object (the write did not happen, or was replaced since) is
//! thrown away unsent.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::Notify as Wake;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::NotifyRule;
use super::event::{Cause, Event, sequencer};
use super::layout::{self, Layout, id_text, parse_id};
use super::notify::Notify;
use super::record::ObjectRecord;

/// Notices that may wait. A bus that is away for hours must not fill the disk: beyond this a write is
/// refused with 503 and its client tries again. MinIO's queue has the same limit.
const WAITING_MAX: usize = 100_000;

/// Sent side by side; the answers of a healthy bus take a millisecond, so more would gain nothing.
const SENDING_MAX: usize = 16;

/// How long one answer is waited for before the notice counts as not accepted.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// The first pause after a failure; it doubles.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest pause: a bus that is back is noticed within this.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What waits to be sent.
#[derive(Debug)]
pub(super) struct Outbox {
    layout: Arc<Layout>,
    region: String,
    rules: Vec<NotifyRule>,
    waiting: Mutex<VecDeque<Notice>>,
    wake: Wake,
}

/// A notification on disk, and which write it speaks of.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    path: PathBuf,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) object_id: u128,
}

/// A notice's file.
#[derive(Debug, Serialize, Deserialize)]
struct NoticeRecord {
    bucket: String,
    key: String,
    /// As [`id_text`] writes it.
    object_id: String,
    msg_id: String,
    payload: Box<RawValue>,
}

impl Outbox {
    pub(super) fn new(layout: Arc<Layout>, region: String, rules: Vec<NotifyRule>) -> Self {
        Self {
            layout,
            region,
            rules,
            waiting: Mutex::default(),
            wake: Wake::new(),
        }
    }

    /// Takes up what an earlier process left.
    ///
    /// # Errors
    /// When the folder cannot be read. A file that cannot be understood is left where it is and reported.
    pub(super) fn load(&self) -> io::Result<()> {
        let mut paths = layout::list(&self.layout.notices())?;
        // Names begin with the sequencer: this is the order of the writes.
        paths.sort();
        for path in paths {
            match layout::read::<NoticeRecord>(&path) {
                Ok(Some(record)) => match parse_id(&record.object_id) {
                    Some(object_id) => {
                        self.waiting().push_back(Notice {
                            path,
                            bucket: record.bucket,
                            key: record.key,
                            object_id,
                        });
                    }
                    None => {
                        tracing::warn!(path = %path.display(), "a notification's file names no object: look at it, then remove it")
                    }
                },
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a notification's file cannot be read: look at it, then remove it");
                }
            }
        }
        Ok(())
    }

    /// Writes down the notice of a write that is about to happen; `None` when nobody asked for it.
    ///
    /// # Errors
    /// `SlowDown` when too many wait, `InternalError` when the disk fails: the write must not happen then.
    pub(super) fn write_down(
        &self,
        bucket: &str,
        object: &ObjectRecord,
        cause: Cause,
    ) -> S3Result<Option<WrittenNotice>> {
        if !self
            .rules
            .iter()
            .any(|rule| rule.matches(bucket, &object.key))
        {
            return Ok(None);
        }
        if self.waiting().len() >= WAITING_MAX {
            return Err(s3_error!(
                SlowDown,
                "{WAITING_MAX} notifications wait to be sent: try again when the bus is back"
            ));
        }
        let write = || -> io::Result<WrittenNotice> {
            let msg_id = format!("{}-{}", sequencer(object), id_text(object.id));
            let path = self.layout.notices().join(format!("{msg_id}.json"));
            let payload = serde_json::value::to_raw_value(&Event::created(
                bucket,
                &self.region,
                object,
                cause,
            ))?;
            let notice = Notice {
                path,
                bucket: bucket.to_owned(),
                key: object.key.clone(),
                object_id: object.id,
            };
            let record = NoticeRecord {
                bucket: notice.bucket.clone(),
                key: notice.key.clone(),
                object_id: id_text(object.id),
                msg_id,
                payload,
            };
            self.layout.replace(notice.path.clone(), &record)?;
            Ok(WrittenNotice(Some(notice)))
        };
        write().map(Some).map_err(|error| {
            s3_error!(
                error,
                InternalError,
                "the notification could not be written down"
            )
        })
    }

    /// The write has happened: the notice may be sent.
    pub(super) fn send(&self, notice: WrittenNotice) {
        self.waiting().extend(notice.release());
        self.wake.notify_one();
    }

    /// Sends what waits, until told to stop. `is_current` says whether an object is still the one that
    /// a notice speaks of.
    pub(super) async fn run(
        &self,
        notifier: &dyn Notify,
        is_current: impl Fn(&Notice) -> bool,
        stop: CancellationToken,
    ) {
        let mut pause = PAUSE_MIN;
        loop {
            let batch = self.take();
            if batch.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => continue,
                    () = stop.cancelled() => return,
                }
            }
            let sending = join_all(
                batch
                    .iter()
                    .map(|notice| deliver(notifier, notice, &is_current)),
            );
            let accepted = tokio::select! {
                accepted = sending => accepted,
                () = stop.cancelled() => return,
            };
            let all = batch.len();
            let failed: Vec<_> = batch
                .into_iter()
                .zip(accepted)
                .filter_map(|(notice, done)| (!done).then_some(notice))
                .collect();
            if failed.is_empty() {
                pause = PAUSE_MIN;
                continue;
            }
            if failed.len() < all {
                pause = PAUSE_MIN;
            }
            // To the back: one that is never accepted does not hold up the others.
            self.waiting().extend(failed);
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
                () = stop.cancelled() => return,
            }
        }
    }

    fn take(&self) -> Vec<Notice> {
        let mut waiting = self.waiting();
        let n = waiting.len().min(SENDING_MAX);
        waiting.drain(..n).collect()
    }

    /// No step under this lock can leave the queue half changed, so a panic elsewhere does not spoil it.
    fn waiting(&self) -> MutexGuard<'_, VecDeque<Notice>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A notice whose write has not happened yet; dropped, its file goes with it.
#[derive(Debug)]
pub(super) struct WrittenNotice(Option<Notice>);

impl WrittenNotice {
    fn release(mut self) -> Option<Notice> {
        self.0.take()
    }
}

impl Drop for WrittenNotice {
    fn drop(&mut self) {
        if let Some(notice) = &self.0 {
            layout::remove_if_there(&notice.path);
        }
    }
}

/// Sends one; whether nothing more is to be done for it.
async fn deliver(
    notifier: &dyn Notify,
    notice: &Notice,
    is_current: &impl Fn(&Notice) -> bool,
) -> bool {
    if !is_current(notice) {
        layout::remove_if_there(&notice.path);
        return true;
    }
    let Some((payload, msg_id)) = read_payload(&notice.path).await else {
        return true;
    };
    let sent = timeout(ANSWER_WAIT_MAX, notifier.object_created(payload, msg_id)).await;
    match sent {
        Ok(Ok(())) => {
            layout::remove_if_there(&notice.path);
            true
        }
        Ok(Err(error)) => {
            tracing::warn!(bucket = notice.bucket, key = notice.key, %error, "a storage notification is sent again");
            false
        }
        Err(_elapsed) => {
            tracing::warn!(
                bucket = notice.bucket,
                key = notice.key,
                "a storage notification got no answer and is sent again"
            );
            false
        }
    }
}

/// What to send; `None` when the file cannot be read, which the next start looks at again.
async fn read_payload(path: &Path) -> Option<(Bytes, String)> {
    let bytes = tokio::fs::read(path).await;
    match bytes.and_then(|bytes| Ok(serde_json::from_slice::<NoticeRecord>(&bytes)?)) {
        Ok(record) => Some((Bytes::from(record.payload.get().to_owned()), record.msg_id)),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a storage notification cannot be read; the next start tries again");
            None
        }
    }
}
