//! One message in our hands, to be finished.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::{self, AckKind};
use async_nats::{HeaderMap, Request, StatusCode};
use bus_schema::subject::Subject;
use bytes::Bytes;

use crate::backoff::Backoff;
use crate::bus::{Bus, REQUEST_TIMEOUT};
use crate::claim::Claim;
use crate::error::{Error, ErrorKind, Result};
use crate::publisher::Published;

/// How long finishing is tried again. Below the 30 s of every `ack_wait`: after that the message
/// belongs to somebody else, and the ack would be a late one.
const FINISH_PATIENCE: Duration = Duration::from_secs(15);

/// Why a dead letter is one; its headers beside the original's own.
pub mod header {
    /// The reason given.
    pub const REASON: &str = "Tcoder-Dead-Reason";
    /// The subject it had; publish there to replay it.
    pub const SUBJECT: &str = "Tcoder-Dead-Subject";
    /// `<stream>/<consumer>` that it was taken from.
    pub const CONSUMER: &str = "Tcoder-Dead-Consumer";
    /// How often it was delivered.
    pub const DELIVERED: &str = "Tcoder-Dead-Delivered";
}

/// Where dead letters lie.
const DEAD_STREAM: &str = "DEAD";

/// When a delivery that was dropped unfinished comes again: not at once, lest a handler that fails
/// each time spins.
const DROPPED_PAUSE: Duration = Duration::from_secs(1);

/// Deliveries dropped without being finished, in this process.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

/// How many deliveries this process dropped unfinished: right for a crash, a fault anywhere else.
#[must_use]
pub fn unfinished_deliveries() -> u64 {
    UNFINISHED.load(Ordering::Relaxed)
}

/// A message that was given to us, and that must be finished: [`ack`](Self::ack),
/// [`retry_after`](Self::retry_after) or [`dead`](Self::dead).
///
/// It is ours for the consumer's `ack_wait`; [`claim`](Self::claim) it for longer work. An ack does
/// not fence: a late one still succeeds while somebody else works on the same message.
#[derive(Debug)]
pub struct Delivery {
    /// Where it was published.
    pub subject: String,
    /// Its bytes.
    pub payload: Bytes,
    /// Its headers, empty when it had none.
    pub headers: HeaderMap,
    /// How often it has been delivered, this time included: 1 at first.
    pub delivered: u64,
    /// The stream it lies in.
    pub stream: String,
    /// The consumer that gave it to us.
    pub consumer: String,
    /// Its sequence in the stream.
    pub stream_seq: u64,
    /// When it was stored, milliseconds since 1970 by the server's clock.
    pub stored_ms: u64,
    /// How many more wait behind it.
    pub pending: u64,
    /// How long it stays ours in silence.
    pub ack_wait: Duration,
    bus: Bus,
    reply: String,
    is_finished: bool,
}

// === impl Delivery ===

impl Delivery {
    /// A message of a pull, taken apart.
    pub(crate) fn new(bus: &Bus, ack_wait: Duration, message: async_nats::Message) -> Result<Self> {
        let message = jetstream::Message {
            message,
            context: bus.js.clone(),
        };
        let malformed =
            |error| Error::with(ErrorKind::Malformed, "not a message of a consumer", error);
        let info = message.info().map_err(malformed)?;
        let stored_ms = info.published.unix_timestamp_nanos() / 1_000_000;
        let (delivered, stream_seq, pending) = (
            u64::try_from(info.delivered).unwrap_or(0),
            info.stream_sequence,
            info.pending,
        );
        let (stream, consumer) = (info.stream.to_owned(), info.consumer.to_owned());
        let message = message.message;
        Ok(Self {
            subject: message.subject.into_string(),
            payload: message.payload,
            headers: message.headers.unwrap_or_default(),
            delivered,
            stream,
            consumer,
            stream_seq,
            stored_ms: u64::try_from(stored_ms).unwrap_or(0),
            pending,
            ack_wait,
            bus: bus.clone(),
            reply: message
                .reply
                .map(async_nats::Subject::into_string)
                .unwrap_or_default(),
            is_finished: false,
        })
    }

    /// Done: the message leaves the queue, and the server has said so.
    ///
    /// Durable bytes and published facts come before it; an ack is the last thing a handler does.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: it will be delivered again, which every handler must bear.
    pub async fn ack(mut self) -> Result<()> {
        self.finish(AckKind::Ack).await
    }

    /// Not now: it comes back after this long, to anybody.
    ///
    /// Without a delay a failing message would spin: a consumer's backoff does not apply to naks.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]: it comes back after `ack_wait` instead.
    pub async fn retry_after(mut self, wait: Duration) -> Result<()> {
        self.finish(AckKind::Nak(Some(wait))).await
    }

    /// Never again: a copy with the reason goes to the dead-letter stream, then the message leaves
    /// the queue. Made here and not from the server's advisory, which comes late and can be lost.
    ///
    /// The control plane's right; a worker may not publish there, and reports instead.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::Limit`]: it stays in the queue and comes again.
    pub async fn dead(mut self, reason: &str) -> Result<()> {
        let seq = self.stream_seq;
        let subject = Subject::Dead {
            stream: self.stream.to_lowercase(),
            seq,
        }
        .to_string();
        let headers = self.dead_headers(reason);
        let published = self.publish_dead(subject, headers).await;
        if let Err(error) = published {
            self.is_finished = true;
            return Err(error);
        }
        tracing::error!(
            subject = self.subject,
            stream = self.stream,
            seq,
            delivered = self.delivered,
            reason,
            "dead letter"
        );
        self.finish(AckKind::Term).await
    }

    /// Still working: the wait for the ack begins anew. Not confirmed; say it again in time.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the client is closed.
    pub async fn progress(&self) -> Result<()> {
        self.bus
            .tell(self.reply.clone(), Bytes::from(AckKind::Progress))
            .await
    }

    /// Whether this delivery is at least the `max`-th: our own rule for dead letters, since the
    /// server would only stop delivering, and leave the message lying.
    #[must_use]
    pub fn exhausted(&self, max: u64) -> bool {
        self.delivered >= max
    }

    /// Keeps it ours for as long as the claim lives.
    #[must_use]
    pub fn claim(self) -> Claim {
        Claim::new(self)
    }

    /// Lets go without an answer: it comes again after `ack_wait`. For a handler that is being
    /// stopped and cannot know what it has done.
    pub fn abandon(mut self) {
        self.is_finished = true;
    }

    /// What a claim needs to say "still working" beside the delivery.
    pub(crate) fn renewal(&self) -> (Bus, String) {
        (self.bus.clone(), self.reply.clone())
    }

    /// Copies the message, once. When one is there already it is ours, of an earlier try - or, where
    /// the stream was made anew, that of another message which had this sequence; then a second one
    /// goes beside it.
    async fn publish_dead(&self, subject: String, headers: HeaderMap) -> Result<()> {
        let payload = self.payload.clone();
        let published = self
            .bus
            .publish_once_with(subject.clone(), headers.clone(), payload.clone())
            .await?;
        if let Published::Stored(_) = published {
            return Ok(());
        }
        let failed = |error: async_nats::Error| {
            Error::with(
                ErrorKind::Unavailable,
                format!("cannot read `{subject}`"),
                error,
            )
        };
        let dead = self.bus.js.get_stream_no_info(DEAD_STREAM).await;
        let dead = dead.map_err(|error| failed(error.into()))?;
        let there = dead.get_last_raw_message_by_subject(&subject).await;
        let there = there.map_err(|error| failed(error.into()))?;
        let was_at = there
            .headers
            .get(header::SUBJECT)
            .map(|value| value.as_str());
        if there.payload == payload && was_at == Some(self.subject.as_str()) {
            return Ok(());
        }
        self.bus
            .publish_with(subject, headers, payload)
            .await
            .map(drop)
    }

    fn dead_headers(&self, reason: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, values) in self.headers.iter() {
            // Instructions to the server would be obeyed again: dedupe, expectations, schedules.
            if name.to_string().starts_with("Nats-") {
                continue;
            }
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
        // A header is one line.
        headers.insert(header::REASON, reason.replace(['\r', '\n'], " ").as_str());
        headers.insert(header::SUBJECT, self.subject.as_str());
        headers.insert(
            header::CONSUMER,
            format!("{}/{}", self.stream, self.consumer).as_str(),
        );
        headers.insert(header::DELIVERED, self.delivered.to_string().as_str());
        headers
    }

    /// Answers until the server confirms, or somebody else may have the message.
    async fn finish(&mut self, kind: AckKind) -> Result<()> {
        // Whatever comes of it, the caller has decided: no second complaint on drop.
        self.is_finished = true;
        let mut backoff = Backoff::within(FINISH_PATIENCE);
        loop {
            let Err(error) = self.answer(kind).await else {
                return Ok(());
            };
            if !backoff.wait().await {
                let message = format!(
                    "`{}` of {} was not finished; it will be delivered again",
                    self.subject, self.stream
                );
                return Err(Error::with(ErrorKind::Unavailable, message, error));
            }
        }
    }

    /// One answer, confirmed. Through the client's request inbox: one publish, no subscription.
    async fn answer(&self, kind: AckKind) -> Result<(), async_nats::Error> {
        let request = Request::new()
            .payload(Bytes::from(kind))
            .timeout(Some(REQUEST_TIMEOUT));
        let answer = self
            .bus
            .client
            .send_request(self.reply.clone(), request)
            .await?;
        if answer.status == Some(StatusCode::NO_RESPONDERS) {
            return Err("no responders".into());
        }
        Ok(())
    }
}

/// Gives a message back, for a moment; without a runtime, or should this be lost, its `ack_wait` does.
pub(crate) fn give_back(bus: &Bus, reply: String) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    let bus = bus.clone();
    runtime.spawn(async move {
        let nak = Bytes::from(AckKind::Nak(Some(DROPPED_PAUSE)));
        if let Err(error) = bus.tell(reply, nak).await {
            tracing::debug!(%error, "a dropped delivery waits for its ack wait");
        }
    });
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        UNFINISHED.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            subject = self.subject,
            stream = self.stream,
            seq = self.stream_seq,
            "a delivery was dropped unfinished; it is given back"
        );
        give_back(&self.bus, std::mem::take(&mut self.reply));
    }
}
