//! Being woken later, by the server: a scheduled message instead of a sleeping task.

use std::time::Duration;

use async_nats::header;
use async_nats::jetstream::message::PublishMessage;
use bus_schema::subject::Subject;
use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::bus::Bus;
use crate::error::{Error, ErrorKind, Result};
use crate::publisher::{PUBLISH_PATIENCE, publish_until};

/// The stream that holds what waits and what is due. It has no max age: a schedule that is older
/// than that would be deleted unfired.
const STREAM: &str = "TIMERS";

/// Arms and cancels timers. What is due comes from [`Timers::CONSUMER`] of [`Timers::STREAM`].
#[derive(Debug, Clone)]
pub struct Timers {
    bus: Bus,
}

// === impl Timers ===

impl Timers {
    /// The stream to subscribe to.
    pub const STREAM: &'static str = STREAM;
    /// The durable consumer of due timers.
    pub const CONSUMER: &'static str = "due";

    /// Timers on this bus.
    #[must_use]
    pub fn new(bus: &Bus) -> Self {
        Self { bus: bus.clone() }
    }

    /// Sends `payload` to `due.<id>` at `at_ms`, milliseconds since 1970; at once when that has
    /// passed, and after the restart when the server was down then. Arming an id again replaces it.
    ///
    /// No message id: within the dedupe window arming again would be a duplicate, silently.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an id that is no subject token or a time beyond the year 9999;
    /// else as [`Bus::publish`].
    pub async fn arm(&self, id: &str, at_ms: u64, payload: impl Into<Bytes>) -> Result<()> {
        let subject = subject_of(id)?;
        let due = Subject::Due { id: id.to_owned() }.to_string();
        let message = PublishMessage::build()
            .header(header::NATS_SCHEDULE, format!("@at {}", timestamp(at_ms)?))
            .header(header::NATS_SCHEDULE_TARGET, due)
            .payload(payload.into());
        publish_until(&self.bus, &subject, message, PUBLISH_PATIENCE)
            .await
            .map(drop)
    }

    /// [`Timers::arm`], this long from now by this machine's clock.
    ///
    /// # Errors
    /// As there.
    pub async fn arm_after(
        &self,
        id: &str,
        wait: Duration,
        payload: impl Into<Bytes>,
    ) -> Result<()> {
        let at = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
        let at_ms = u64::try_from(at).unwrap_or(0);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.arm(id, at_ms.saturating_add(wait_ms), payload).await
    }

    /// Takes a timer back. One that has fired already is not recalled: its message only says "look
    /// at the record", and may come.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an id that is no subject token, [`ErrorKind::Unavailable`].
    pub async fn cancel(&self, id: &str) -> Result<()> {
        let subject = subject_of(id)?;
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::with(
                ErrorKind::Unavailable,
                format!("timer `{id}` was not cancelled"),
                error,
            )
        };
        let stream = self
            .bus
            .js
            .get_stream_no_info(STREAM)
            .await
            .map_err(|error| failed(error.into()))?;
        stream
            .purge()
            .filter(subject)
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(())
    }
}

/// The timer's subject. A wildcard in it would cancel everybody's timers.
fn subject_of(id: &str) -> Result<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if id.is_empty() || !id.bytes().all(is_token) {
        let message = format!("`{id}` is no timer id: use letters, digits, dashes, underscores");
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    Ok(Subject::Timer { id: id.to_owned() }.to_string())
}

/// As the server reads it. To the millisecond: it fires within two of it.
fn timestamp(at_ms: u64) -> Result<String> {
    let invalid = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::with(
            ErrorKind::Invalid,
            format!("{at_ms} ms since 1970 is no time to wake"),
            error,
        )
    };
    let nanos = i128::from(at_ms) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|e| invalid(e.into()))?;
    at.format(&Rfc3339).map_err(|error| invalid(error.into()))
}
