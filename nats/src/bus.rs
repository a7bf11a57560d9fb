//! A connection to the bus that lasts as long as the process.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::credentials::{Credentials, WORKER_API_PREFIX};
use crate::error::{Error, ErrorKind, Result};
use crate::topology::worker_consumers;

/// How long one request or publish waits for its answer. Loopback answers within a millisecond and
/// an fsync within ten; a leader election takes three to five seconds, and is then retried.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// How long opening one TCP connection may take before the next try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Two unanswered pings close a connection: a dead peer is noticed within three intervals.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The longest wait between two tries to reconnect.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(2);
/// Commands queued in the process before publishers wait. At 256 B half a megabyte.
const CLIENT_QUEUE_MAX: usize = 2048;
/// Messages queued per subscription before the client drops them (core subscriptions only: what
/// JetStream delivers is bounded by its pulls). A 4 KiB message makes it 64 MiB.
const SUBSCRIPTION_QUEUE_MAX: usize = 16 * 1024;
/// Publishes in flight before the next one waits.
const ACKS_IN_FLIGHT_MAX: usize = 4096;

/// A connection, cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    /// Core NATS.
    pub client: Client,
    /// JetStream, with this user's API prefix.
    pub js: Context,
    connection: watch::Receiver<Connection>,
    api_prefix: Arc<str>,
}

/// Whether and since when a process is connected.
///
/// Silence is judged by it: a lease that was not renewed counts as expired only when this process
/// itself has been able to hear for a whole TTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Counts connects: a pull that was sent in another epoch is forgotten by the server.
    pub epoch: u64,
    /// Since when, on the monotonic clock; `None` while disconnected.
    pub since: Option<Instant>,
}

/// Connects, and goes on trying for ever: the first connection may come after this returns. Use
/// [`Bus::ready`] to wait for it.
///
/// `name` is shown by `nats server report connections`.
///
/// # Errors
/// [`ErrorKind::Invalid`] for an address that is none. A server that is away, or refuses the
/// password, is no error here: it is logged, and tried again.
pub async fn connect(credentials: &Credentials, name: &str) -> Result<Bus> {
    let (state, connection) = watch::channel(Connection {
        epoch: 0,
        since: None,
    });
    let user = credentials.user.clone();
    let client = ConnectOptions::with_user_and_password(user, credentials.password.clone())
        .name(name)
        .custom_inbox_prefix(&credentials.inbox_prefix)
        .retry_on_initial_connect()
        .max_reconnects(None)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .ping_interval(PING_INTERVAL)
        .client_capacity(CLIENT_QUEUE_MAX)
        .subscription_capacity(SUBSCRIPTION_QUEUE_MAX)
        .reconnect_delay_callback(reconnect_wait)
        .event_callback({
            let name = name.to_owned();
            move |event| {
                note(&state, &name, &event);
                std::future::ready(())
            }
        })
        .connect(credentials.url.split(',').collect::<Vec<_>>())
        .await
        .map_err(|error| {
            let message = format!("cannot use the bus address `{}`", credentials.url);
            Error::with(ErrorKind::Invalid, message, error)
        })?;
    let js = ContextBuilder::new()
        .timeout(REQUEST_TIMEOUT)
        .max_ack_inflight(ACKS_IN_FLIGHT_MAX)
        .api_prefix(credentials.api_prefix.clone())
        .build(client.clone());
    let api_prefix = credentials.api_prefix.as_str().into();
    Ok(Bus {
        client,
        js,
        connection,
        api_prefix,
    })
}

// === impl Bus ===

impl Bus {
    /// Waits for a connection.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when there is none by then.
    pub async fn ready(&self, patience: Duration) -> Result<()> {
        let mut connection = self.connection.clone();
        let connected = connection.wait_for(|connection| connection.since.is_some());
        match tokio::time::timeout(patience, connected).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "no connection to the bus within {patience:?}: is nats-server up, and are user and password right?"
                ),
            )),
        }
    }

    /// Waits until the server has read everything that this connection has said so far: after it, a
    /// subscription hears what others send. The client's `flush` does not wait for the server.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when there is no answer in time.
    pub async fn settle(&self, patience: Duration) -> Result<()> {
        let failed = |error: async_nats::Error| {
            Error::with(ErrorKind::Unavailable, "the bus does not echo", error)
        };
        match tokio::time::timeout(patience, self.echo()).await {
            Ok(echo) => echo.map_err(failed),
            Err(error) => Err(failed(error.into())),
        }
    }

    async fn echo(&self) -> Result<(), async_nats::Error> {
        // A worker may not speak to its own inbox; what it may ask is always answered.
        if let (WORKER_API_PREFIX, Some(file)) = (&*self.api_prefix, worker_consumers().next()) {
            let subject = format!(
                "{WORKER_API_PREFIX}.CONSUMER.INFO.{}.{}",
                file.stream, file.name
            );
            self.client.request(subject, Bytes::new()).await?;
            return Ok(());
        }
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await?;
        self.client.publish(inbox, Bytes::new()).await?;
        echo.next()
            .await
            .map(drop)
            .ok_or_else(|| "the client is closed".into())
    }

    /// Ends the connection, of all clones: what was said is sent, what was heard is delivered. The server may then
    /// end without its being noticed as a loss.
    pub async fn close(&self, patience: Duration) {
        let mut connection = self.connection.clone();
        let closed = async {
            self.client.drain().await?;
            // Its sender goes with the client.
            drop(
                connection
                    .wait_for(|connection| connection.since.is_none())
                    .await,
            );
            Ok::<_, async_nats::client::DrainError>(())
        };
        match tokio::time::timeout(patience, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the bus client was closed before"),
            Err(_) => tracing::debug!("the bus client is not closed in time"),
        }
    }

    /// The connection's state, now and as it changes.
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.clone()
    }

    /// Asks and waits for the answer, core NATS.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when nobody answers in time.
    pub async fn request(
        &self,
        subject: impl Into<String>,
        payload: impl Into<Bytes>,
        patience: Duration,
    ) -> Result<Bytes> {
        let subject = subject.into();
        let request = async_nats::Request::new()
            .payload(payload.into())
            .timeout(Some(patience));
        match self.client.send_request(subject.clone(), request).await {
            Ok(answer) => Ok(answer.payload),
            Err(error) => {
                let message = format!("no answer on `{subject}` within {patience:?}; ask again");
                Err(Error::with(ErrorKind::Unavailable, message, error))
            }
        }
    }

    /// Tells whoever listens, core NATS: no ack, no retry, lost when nobody is there.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the client is closed, [`ErrorKind::Limit`] when it is too large.
    pub async fn tell(&self, subject: impl Into<String>, payload: impl Into<Bytes>) -> Result<()> {
        let subject = subject.into();
        self.client
            .publish(subject.clone(), payload.into())
            .await
            .map_err(|error| {
                let kind = match error.kind() {
                    async_nats::client::PublishErrorKind::MaxPayloadExceeded => ErrorKind::Limit,
                    _ => ErrorKind::Unavailable,
                };
                Error::with(kind, format!("cannot tell `{subject}`"), error)
            })
    }
}

// === impl Connection ===

impl Connection {
    /// How long this process has been able to hear without a gap; zero while disconnected.
    #[must_use]
    pub fn hearing_for(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Turns the client's events into log lines and the connection's state.
fn note(state: &watch::Sender<Connection>, name: &str, event: &Event) {
    match event {
        Event::Connected => {
            state.send_modify(|connection| {
                connection.epoch += 1;
                connection.since = Some(Instant::now());
            });
            tracing::info!(connection = name, "connected to the bus");
        }
        Event::Disconnected => {
            state.send_modify(|connection| connection.since = None);
            tracing::warn!(connection = name, "lost the bus; reconnecting");
        }
        // Refusals are asynchronous: the call itself just times out.
        Event::ServerError(error) => tracing::error!(connection = name, %error, "the bus refuses"),
        Event::ClientError(error) => tracing::warn!(connection = name, %error, "bus client"),
        Event::SlowConsumer(id) => {
            tracing::error!(
                connection = name,
                subscription = id,
                "messages dropped: too slow"
            );
        }
        Event::Closed => {
            state.send_modify(|connection| connection.since = None);
            tracing::info!(connection = name, "left the bus");
        }
        Event::LameDuckMode | Event::Draining => {
            tracing::info!(connection = name, %event, "bus client");
        }
    }
}

/// At once, then doubling from 50 ms, each shortened by up to half at random: ten thousand workers
/// must not come back in one moment.
fn reconnect_wait(tries: usize) -> Duration {
    if tries <= 1 {
        return Duration::ZERO;
    }
    let doublings = u32::try_from(tries - 2).unwrap_or(u32::MAX).min(8);
    let wait = (Duration::from_millis(50) * 2_u32.pow(doublings)).min(RECONNECT_WAIT_MAX);
    let mut byte = [0_u8];
    // Without randomness the wait is merely not spread.
    if getrandom::fill(&mut byte).is_err() {
        return wait;
    }
    wait - wait * u32::from(byte[0]) / 512
}
