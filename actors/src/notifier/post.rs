//! One attempt: a signed POST to a receiver that nobody here trusts.

use std::error::Error as _;
use std::time::Duration;

use bus_schema::webhook;
use gateway::webhook::{GuardedResolver, WebhookUrl};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use rustls::crypto::CryptoProvider;

use super::retry_after;
use super::signature::Secret;
use crate::clock::now_ms;

/// How long resolving, connecting and TLS may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an attempt may take in all: the middle of what Standard Webhooks suggests, and below
/// the consumer's `ack_wait`.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of an answer is read, and only of a refusal: enough for the reason in it.
pub const BODY_BYTES_MAX: usize = 4 * 1024;
/// How long the reason may take to come once the answer has begun.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of it stands in the log.
const EXCERPT_CHARS_MAX: usize = 200;
/// Idle connections kept per receiver, for stages that follow each other closely.
const IDLE_CONNECTIONS_MAX: usize = 2;
/// How long: a connection was checked when it was opened, and must not outlive what its name leads
/// to for long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a receiver that is overloaded and says no time is spared by all its deliveries.
const THROTTLE: Duration = Duration::from_secs(5);

const USER_AGENT: &str = concat!("tcoder/", env!("CARGO_PKG_VERSION"));
const WEBHOOK_ID: &str = "webhook-id";
const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// Posts deliveries.
#[derive(Debug)]
pub(crate) struct Poster {
    client: Client,
    secret: Secret,
    allow_loopback: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A 2xx.
    Accepted(u16),
    /// Never again: the receiver says so, or its address is none that may be posted to.
    Refused(String),
    /// Not this time.
    Failed {
        /// For people.
        reason: String,
        /// When the receiver wants this delivery again.
        retry_after: Option<Duration>,
        /// How long it wants no delivery at all.
        closed_for: Option<Duration>,
    },
}

// === impl Poster ===

impl Poster {
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub(crate) fn new(secret: Secret, allow_loopback: bool) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: client(allow_loopback)?,
            secret,
            allow_loopback,
        })
    }

    /// Makes one attempt.
    pub(crate) async fn post(&self, webhook: &webhook::Delivery) -> Outcome {
        // The resolver is not asked about addresses that are written as numbers.
        let url = match WebhookUrl::parse(&webhook.url, self.allow_loopback) {
            Ok(url) => url,
            Err(refusal) => return Outcome::Refused(refusal.to_string()),
        };
        let id = webhook_id(webhook);
        let timestamp_s = now_ms() / 1_000;
        let signature = self.secret.sign(&id, timestamp_s, &webhook.payload);
        let request = self
            .client
            .post(url.url().clone())
            .header(CONTENT_TYPE, "application/json")
            .header(WEBHOOK_ID, id)
            .header(WEBHOOK_TIMESTAMP, timestamp_s)
            .header(WEBHOOK_SIGNATURE, signature)
            .body(webhook.payload.clone());
        match request.send().await {
            Ok(response) => judge(response).await,
            Err(error) => Outcome::Failed {
                reason: why(error),
                retry_after: None,
                closed_for: None,
            },
        }
    }
}

/// The same for every attempt: receivers know a repetition by it.
#[must_use]
pub(crate) fn webhook_id(webhook: &webhook::Delivery) -> String {
    format!("{}-{}", webhook.job, webhook.n)
}

fn client(allow_loopback: bool) -> Result<Client, reqwest::Error> {
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread was first, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
    }
    Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        // Where a redirect leads is signed by nobody and checked by nobody.
        .redirect(Policy::none())
        // A proxy from the environment would resolve names in our place, unguarded.
        .no_proxy()
        .dns_resolver(GuardedResolver { allow_loopback })
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build()
}

async fn judge(response: Response) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Accepted(status.as_u16());
    }
    let retry_after = asked(response.headers());
    let reason = format!("answered {status}{}", excerpt(response).await);
    if status == StatusCode::GONE {
        return Outcome::Refused(format!("{reason}: the receiver is gone for good"));
    }
    let is_overloaded = matches!(status.as_u16(), 429 | 502 | 503 | 504);
    let closed_for = is_overloaded.then(|| retry_after.unwrap_or(THROTTLE));
    let closed_for = closed_for.map(|closed| closed.min(super::RETRY_AFTER_MAX));
    Outcome::Failed {
        reason,
        retry_after,
        closed_for,
    }
}

fn asked(headers: &HeaderMap) -> Option<Duration> {
    retry_after::parse(headers.get(RETRY_AFTER)?.to_str().ok()?, now_ms())
}

/// The beginning of an answer's body, fit for one line of a log.
async fn excerpt(mut response: Response) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while bytes.len() < BODY_BYTES_MAX {
            let Ok(Some(chunk)) = response.chunk().await else {
                break;
            };
            bytes.extend_from_slice(&chunk);
        }
    };
    // What has come by then is enough.
    tokio::time::timeout(BODY_TIMEOUT, read).await.ok();
    bytes.truncate(BODY_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = words
        .chars()
        .filter(|c| !c.is_control())
        .take(EXCERPT_CHARS_MAX)
        .collect();
    if shown.is_empty() {
        shown
    } else {
        format!(": {shown}")
    }
}

/// The whole chain in one line, without the address: it may hold the receiver's own secrets.
fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
