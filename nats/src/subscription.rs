//! Receiving from a durable pull consumer, by one-shot pulls.
//!
//! Not the client's endless stream of pulls: with small batches that stalls for 35 s now and then
//! (its count of what is pending drifts), and it hides from the caller what is in flight. Here one
//! pull request is out at a time, all answers come to one inbox that lives as long as the
//! subscription, and so nothing is ever delivered to nobody - not when a caller stops waiting, not
//! when the connection is lost between a request and its answer.

mod answer;

use std::time::Duration;

use async_nats::jetstream::consumer::Consumer;
use async_nats::jetstream::consumer::pull::{self, BatchConfig};
use async_nats::{StatusCode, Subscriber};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::bus::{Bus, Connection};
use crate::delivery::{Delivery, give_back};
use crate::error::{Error, ErrorKind, Result};

use answer::Answer;

/// How long one pull of [`Subscription::next`] waits at the server: the price of a pull that the
/// server forgot unnoticed, and one message each on an idle bus.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// A pull that waits for no time at all would wait for ever: zero means "no limit" to the server.
const PULL_EXPIRES_MIN: Duration = Duration::from_millis(10);
/// How much later than its expiry a pull is given up: the server's word is on its way.
const PULL_GRACE: Duration = Duration::from_secs(2);

/// A durable consumer, read by this process.
#[derive(Debug)]
pub struct Subscription {
    bus: Bus,
    consumer: Consumer<pull::Config>,
    name: String,
    ack_wait: Duration,
    /// Answers come to `<inbox>.<pull>`; the status that ends a pull is told by it.
    inbox: String,
    messages: Answers,
    connection: watch::Receiver<Connection>,
    pull: Option<Pull>,
    pulls: u64,
    backoff: Backoff,
}

/// What comes to the inbox. Dropped, it gives back what it holds, and what the server still sends for
/// the pull that is out: nobody else would get it before its `ack_wait` is over.
#[derive(Debug)]
struct Answers {
    bus: Bus,
    /// `None` only while it is dropped.
    subscriber: Option<Subscriber>,
    /// When the pull that is out has certainly ended.
    until: Instant,
}

/// A request that is out.
#[derive(Debug)]
struct Pull {
    id: u64,
    epoch: u64,
    remaining: usize,
    gives_up_at: Instant,
}

// === impl Subscription ===

impl Subscription {
    /// Finds the consumer; it asks for nothing but `CONSUMER.INFO`, so a worker may.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when it does not exist, [`ErrorKind::Unavailable`] when JetStream does
    /// not answer within 20 s or this user may not ask.
    pub async fn open(bus: &Bus, stream: &str, consumer: &str) -> Result<Self> {
        let name = format!("{stream}/{consumer}");
        let consumer = answer::find(bus, stream, consumer).await?;
        let inbox = bus.client.new_inbox();
        let messages = bus
            .client
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(|error| {
                Error::with(ErrorKind::Unavailable, format!("cannot open {name}"), error)
            })?;
        Ok(Self {
            ack_wait: consumer.cached_info().config.ack_wait,
            bus: bus.clone(),
            consumer,
            name,
            inbox,
            messages: Answers {
                bus: bus.clone(),
                subscriber: Some(messages),
                until: Instant::now(),
            },
            connection: bus.connection(),
            pull: None,
            pulls: 0,
            backoff: Backoff::endless(),
        })
    }

    /// The consumer's `ack_wait`: how long a delivery stays ours in silence.
    #[must_use]
    pub fn ack_wait(&self) -> Duration {
        self.ack_wait
    }

    /// The next delivery, as soon as there is one, for ever: through restarts of the server and
    /// losses of the connection. `credit` is the most that may be given to this process ahead of
    /// its asking, usually its free slots; 1 for one at a time. Safe to cancel.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when the consumer was deleted, [`ErrorKind::Refused`] when the pull
    /// breaks its limits, [`ErrorKind::Unavailable`] when the client is closed.
    pub async fn next(&mut self, credit: usize) -> Result<Delivery> {
        loop {
            if let Some(delivery) = self.next_within(credit, PULL_EXPIRES).await? {
                return Ok(delivery);
            }
        }
    }

    /// Up to `max` deliveries: waits up to `wait` for the first, then takes what has come with it.
    /// Empty when nothing came, or the server is away. Safe to cancel.
    ///
    /// What was asked for and has not come yet stays asked for: the next call gets it.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn next_batch(&mut self, max: usize, wait: Duration) -> Result<Vec<Delivery>> {
        let Some(first) = self.next_within(max, wait).await? else {
            return Ok(Vec::new());
        };
        let mut batch = vec![first];
        while batch.len() < max {
            let Some(Some(message)) = self.messages.next().now_or_never() else {
                break;
            };
            match self.read(message)? {
                Answer::Message(delivery) => batch.push(*delivery),
                Answer::PullEnded | Answer::Wait | Answer::Doubt => self.pull = None,
                Answer::Nothing => {}
            }
        }
        Ok(batch)
    }

    /// The deliveries as a stream, see [`Subscription::next`]. It ends with its first error.
    pub fn into_stream(self, credit: usize) -> impl Stream<Item = Result<Delivery>> + Send {
        futures_util::stream::unfold(Some(self), move |state| async move {
            let mut subscription = state?;
            match subscription.next(credit).await {
                Ok(delivery) => Some((Ok(delivery), Some(subscription))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// One delivery within `wait`.
    async fn next_within(&mut self, credit: usize, wait: Duration) -> Result<Option<Delivery>> {
        let deadline = Instant::now() + wait;
        loop {
            if self.pull.is_none() && !self.ask(credit, deadline).await? {
                return Ok(None);
            }
            let gives_up_at = self.pull.as_ref().map_or(deadline, |pull| pull.gives_up_at);
            tokio::select! {
                biased;
                message = self.messages.next() => {
                    let Some(message) = message else { return Err(self.closed()) };
                    if let Some(delivery) = self.take(message, deadline).await? {
                        return Ok(Some(delivery));
                    }
                }
                changed = self.connection.changed() => {
                    if changed.is_err() {
                        return Err(self.closed());
                    }
                    self.forget_pull_of_old_epoch();
                }
                () = tokio::time::sleep_until(gives_up_at) => self.pull = None,
                () = tokio::time::sleep_until(deadline) => return Ok(None),
            }
        }
    }

    /// Acts on one answer.
    async fn take(
        &mut self,
        message: async_nats::Message,
        deadline: Instant,
    ) -> Result<Option<Delivery>> {
        match self.read(message)? {
            Answer::Message(delivery) => {
                self.backoff.reset();
                return Ok(Some(*delivery));
            }
            Answer::PullEnded => self.pull = None,
            Answer::Wait => {
                self.pull = None;
                self.pause(deadline).await;
            }
            Answer::Doubt => {
                self.pull = None;
                self.check().await?;
                self.pause(deadline).await;
            }
            Answer::Nothing => {}
        }
        Ok(None)
    }

    /// Sends a pull request that ends at the deadline; false when there is no time or no connection.
    async fn ask(&mut self, credit: usize, deadline: Instant) -> Result<bool> {
        // Sent while disconnected it would lie in the client and be sent later, twice.
        let connected = self
            .connection
            .wait_for(|connection| connection.since.is_some());
        let epoch = tokio::time::timeout_at(deadline, connected)
            .await
            .map(|connected| connected.map(|connection| connection.epoch));
        let epoch = match epoch {
            Ok(Ok(epoch)) => epoch,
            Ok(Err(_)) => return Err(self.closed()),
            Err(_) => return Ok(false),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let expires = left.max(PULL_EXPIRES_MIN);
        let batch = credit.max(1);
        self.pulls += 1;
        let request = BatchConfig {
            batch,
            expires: Some(expires),
            ..BatchConfig::default()
        };
        let inbox = format!("{}.{}", self.inbox, self.pulls);
        self.consumer
            .request_batch(request, inbox.into())
            .await
            .map_err(|error| {
                Error::with(
                    ErrorKind::Unavailable,
                    format!("cannot pull from {}", self.name),
                    error,
                )
            })?;
        let gives_up_at = Instant::now() + expires + PULL_GRACE;
        self.pull = Some(Pull {
            id: self.pulls,
            epoch,
            remaining: batch,
            gives_up_at,
        });
        self.messages.until = gives_up_at;
        Ok(true)
    }

    /// What an answer means; a delivery is counted.
    fn read(&mut self, message: async_nats::Message) -> Result<Answer> {
        let Some(status) = message.status.filter(|status| *status != StatusCode::OK) else {
            if let Some(pull) = &mut self.pull {
                pull.remaining = pull.remaining.saturating_sub(1);
                if pull.remaining == 0 {
                    self.pull = None;
                }
            }
            let delivery = Delivery::new(&self.bus, self.ack_wait, message)?;
            return Ok(Answer::Message(Box::new(delivery)));
        };
        let id = message
            .subject
            .rsplit('.')
            .next()
            .and_then(|token| token.parse().ok());
        if self.pull.as_ref().map(|pull| pull.id) != id {
            return Ok(Answer::Nothing);
        }
        let description = message.description.unwrap_or_default();
        tracing::debug!(consumer = self.name, %status, description, "pull answered");
        answer::of(status, &description, &self.name)
    }

    /// Whether the consumer is still there, as far as the server can say.
    async fn check(&self) -> Result<()> {
        let (stream, consumer) = self.name.split_once('/').unwrap_or_default();
        match answer::find_once(&self.bus, stream, consumer).await {
            Err(error) if !error.is_retry() => Err(error),
            Err(_) | Ok(_) => Ok(()),
        }
    }

    /// The next wait, not beyond the deadline.
    async fn pause(&mut self, deadline: Instant) {
        tokio::select! {
            _ = self.backoff.wait() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }

    /// The server forgets a pull with its connection. If it did not, because the request went out
    /// on the new one, its messages still come to our inbox.
    fn forget_pull_of_old_epoch(&mut self) {
        let connection = *self.connection.borrow_and_update();
        let is_old = |pull: &mut Pull| pull.epoch != connection.epoch;
        if connection.since.is_some() {
            self.pull.take_if(is_old);
        }
    }

    fn closed(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!("{}: the bus client is closed", self.name),
        )
    }
}

// === impl Answers ===

impl Answers {
    /// The next one; `None` when the client is closed.
    async fn next(&mut self) -> Option<async_nats::Message> {
        self.subscriber.as_mut()?.next().await
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        let (Some(mut subscriber), Ok(runtime)) = (
            self.subscriber.take(),
            tokio::runtime::Handle::try_current(),
        ) else {
            return;
        };
        let (bus, until) = (self.bus.clone(), self.until);
        runtime.spawn(async move {
            while let Ok(Some(message)) = tokio::time::timeout_at(until, subscriber.next()).await {
                let is_delivery = message.status.is_none_or(|status| status == StatusCode::OK);
                if let Some(reply) = message.reply.filter(|_| is_delivery) {
                    give_back(&bus, reply.into_string());
                }
            }
        });
    }
}
