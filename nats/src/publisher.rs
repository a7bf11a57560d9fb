//! Publishing into streams: once for ever, or at least once.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use bytes::Bytes;

use crate::backoff::Backoff;
use crate::bus::Bus;
use crate::error::{Error, ErrorKind, Result};

/// How long a publish is tried again while nobody answers. Below the 30 s of every consumer's
/// `ack_wait`, so that a handler that gives up still holds its delivery.
pub const PUBLISH_PATIENCE: Duration = Duration::from_secs(20);

/// `maximum messages exceeded`, `maximum bytes exceeded`, `message size exceeds maximum allowed`:
/// the server's codes for a stream that is full or refuses the size.
const LIMIT_CODES: [u64; 3] = [10_077, 10_054, 10_047];
/// `wrong last sequence`, in its two spellings (the second since server 2.11, clustered).
const WRONG_LAST_SEQUENCE_CODES: [u64; 2] = [10_071, 10_164];

/// What became of a publish that happens once for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Stored now, at this sequence of the stream.
    Stored(u64),
    /// Somebody stored it before: an earlier life of this process, a lost ack, a twin. It is the
    /// same, for its subject is unique.
    AlreadyThere,
}

// === impl Bus ===

impl Bus {
    /// Publishes to a subject that carries one message for ever.
    ///
    /// `Nats-Expected-Last-Subject-Sequence: 0` makes it so, without a window: `Nats-Msg-Id` forgets
    /// after two minutes, outages last longer. After an ambiguous answer it is sent again; that the
    /// message is then there already means ours or a twin's, which are equal.
    ///
    /// On a work queue "for ever" ends with the ack that removes the message.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] after [`PUBLISH_PATIENCE`]; [`ErrorKind::Limit`] when the stream is
    /// full; [`ErrorKind::Refused`] otherwise.
    pub async fn publish_once(
        &self,
        subject: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Result<Published> {
        self.publish_once_with(subject, HeaderMap::new(), payload)
            .await
    }

    /// [`Bus::publish_once`] with headers.
    ///
    /// # Errors
    /// As there.
    pub async fn publish_once_with(
        &self,
        subject: impl Into<String>,
        headers: HeaderMap,
        payload: impl Into<Bytes>,
    ) -> Result<Published> {
        let message = PublishMessage::build()
            .headers(headers)
            .payload(payload.into())
            .expected_last_subject_sequence(0);
        match publish_until(self, &subject.into(), message, PUBLISH_PATIENCE).await {
            Ok(sequence) => Ok(Published::Stored(sequence)),
            Err(error) if error.is_conflict() => Ok(Published::AlreadyThere),
            Err(error) => Err(error),
        }
    }

    /// Publishes at least once, and returns the stream's sequence: what was ambiguous is sent again.
    ///
    /// # Errors
    /// As [`Bus::publish_once`].
    pub async fn publish(
        &self,
        subject: impl Into<String>,
        payload: impl Into<Bytes>,
    ) -> Result<u64> {
        self.publish_with(subject, HeaderMap::new(), payload).await
    }

    /// [`Bus::publish`] with headers.
    ///
    /// # Errors
    /// As there.
    pub async fn publish_with(
        &self,
        subject: impl Into<String>,
        headers: HeaderMap,
        payload: impl Into<Bytes>,
    ) -> Result<u64> {
        let mut message = PublishMessage::build().payload(payload.into());
        // An empty header block would cost bytes and forbid nothing.
        if !headers.is_empty() {
            message = message.headers(headers);
        }
        publish_until(self, &subject.into(), message, PUBLISH_PATIENCE).await
    }

    /// Takes back what lies under a subject, also out of the hands of whoever pulled it: acks of it
    /// mean nothing any more. That there is nothing is no error.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn withdraw(&self, stream: &str, subject: impl Into<String>) -> Result<()> {
        let subject = subject.into();
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            let message = format!("`{subject}` was not withdrawn");
            Error::with(ErrorKind::Unavailable, message, error)
        };
        let stream = self.js.get_stream_no_info(stream).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        let purged = stream.purge().filter(subject.clone()).await;
        purged.map_err(|error| failed(error.into()))?;
        Ok(())
    }

    /// Whether a message lies under a subject that its consumer takes for finished, and will never
    /// deliver again. A server that is killed writes down what it delivered and what it removed at
    /// different times; after it, a work queue may hold such a message for ever.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn is_forgotten(&self, stream: &str, consumer: &str, subject: &str) -> Result<bool> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            let message = format!("`{subject}` was not looked for");
            Error::with(ErrorKind::Unavailable, message, error)
        };
        let stream = self.js.get_stream_no_info(stream).await;
        let stream = stream.map_err(|error| failed(error.into()))?;
        let found = match stream.get_last_raw_message_by_subject(subject).await {
            Ok(found) => found,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(false);
            }
            Err(error) => return Err(failed(error.into())),
        };
        let info = stream.consumer_info(consumer).await;
        let info = info.map_err(|error| failed(error.into()))?;
        Ok(found.sequence <= info.ack_floor.stream_sequence)
    }
}

/// Publishes until there is an answer, or the patience is over.
pub(crate) async fn publish_until(
    bus: &Bus,
    subject: &str,
    message: PublishMessage,
    patience: Duration,
) -> Result<u64> {
    let mut backoff = Backoff::within(patience);
    loop {
        match publish_try(bus, subject, message.clone()).await {
            Err(error) if error.is_retry() => {
                if !backoff.wait().await {
                    return Err(error);
                }
            }
            answer => return answer,
        }
    }
}

/// One try: the stream's sequence, or what it means that there is none.
pub(crate) async fn publish_try(bus: &Bus, subject: &str, message: PublishMessage) -> Result<u64> {
    let answer = match bus.js.send_publish(subject.to_owned(), message).await {
        Ok(ack) => ack.await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(ack) => Ok(ack.sequence),
        Err(error) => Err(refusal(subject, error)),
    }
}

fn refusal(subject: &str, error: PublishError) -> Error {
    let code = server_code(&error);
    let (kind, hint) = match error.kind() {
        PublishErrorKind::WrongLastSequence => {
            (ErrorKind::Conflict, "somebody wrote first; load again")
        }
        _ if code.is_some_and(|code| WRONG_LAST_SEQUENCE_CODES.contains(&code)) => {
            (ErrorKind::Conflict, "somebody wrote first; load again")
        }
        PublishErrorKind::MaxPayloadExceeded => (
            ErrorKind::Limit,
            "put the bulk into storage and send its key",
        ),
        _ if code.is_some_and(|code| LIMIT_CODES.contains(&code)) => (
            ErrorKind::Limit,
            "see the stream's limits under nats/topology",
        ),
        // No responders: no stream, or no leader just now. Only time tells them apart.
        PublishErrorKind::StreamNotFound => (
            ErrorKind::Unavailable,
            "no stream listens there now; was the topology applied?",
        ),
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => (
            ErrorKind::Unavailable,
            "is the server up, and may this user publish there?",
        ),
        PublishErrorKind::MaxAckPending
        | PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::Other => match code {
            // 503: JetStream temporarily unavailable, insufficient resources while it recovers.
            Some(10_008 | 10_023) => (ErrorKind::Unavailable, "the server is recovering"),
            _ => (ErrorKind::Refused, "the server refuses"),
        },
    };
    Error::with(
        kind,
        format!("publish to `{subject}` failed, {hint}"),
        error,
    )
}

/// The server's own error code, where the answer carried one.
fn server_code(error: &PublishError) -> Option<u64> {
    let source = std::error::Error::source(error)?;
    source
        .downcast_ref::<jetstream::Error>()
        .map(|error| error.error_code().0)
}
