//! From a delivery in the queue to its end: made, put off, or dead.

use std::time::Duration;

use bus_schema::codec::{Envelope, encode};
use bus_schema::id::EndpointId;
use bus_schema::timer::{Timer, TimerId};
use bus_schema::webhook;
use nats::{Delivery, Timers};
use tokio::sync::watch;
use tokio::time::Instant;

use super::post::{Outcome, Poster, webhook_id};
use super::schedule;
use crate::clock::now_ms;

/// When a delivery that was put down because the process stops may be taken up by another.
const PUT_DOWN: Duration = Duration::from_millis(500);
/// When one whose timer could not be armed is tried again; the bus is in trouble then.
const TROUBLE: Duration = Duration::from_secs(10);

/// Makes deliveries.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) poster: Poster,
    pub(super) timers: Timers,
    pub(super) time_scale: f64,
}

/// An attempt has ended, as far as its receiver's lane is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// The receiver.
    pub endpoint: EndpointId,
    /// How long it took.
    pub took: Duration,
    /// How long the receiver wants nothing more.
    pub closed_for: Option<Duration>,
}

// === impl Courier ===

impl Courier {
    /// Makes one attempt and sees to what follows from it. The delivery stays ours meanwhile.
    pub(super) async fn deliver(
        &self,
        delivery: Delivery,
        webhook: webhook::Delivery,
        mut stop: watch::Receiver<bool>,
    ) -> Attempted {
        let began = Instant::now();
        let endpoint = webhook.endpoint.clone();
        let claim = delivery.claim();
        let outcome = tokio::select! {
            outcome = self.poster.post(&webhook) => Some(outcome),
            // An error means that the actor is gone, which is the same.
            _ = stop.wait_for(|is_stopping| *is_stopping) => None,
        };
        let delivery = claim.release();
        let took = began.elapsed();
        let mut closed_for = None;
        match outcome {
            None => finished(&webhook, delivery.retry_after(PUT_DOWN).await),
            Some(Outcome::Accepted(status)) => {
                tracing::info!(webhook = webhook_id(&webhook), %endpoint, status, "delivered");
                self.accepted(delivery, &webhook).await;
            }
            Some(Outcome::Refused(reason)) => bury(delivery, reason).await,
            Some(Outcome::Failed {
                reason,
                retry_after,
                closed_for: closed,
            }) => {
                closed_for = closed.map(|closed| closed.mul_f64(self.time_scale));
                self.failed(delivery, webhook, &reason, retry_after).await;
            }
        }
        Attempted {
            endpoint,
            took,
            closed_for,
        }
    }

    /// Not now: the queue is left, a timer brings it back. It counts as no attempt.
    pub(super) async fn put_off(
        &self,
        delivery: Delivery,
        webhook: webhook::Delivery,
        wait: Duration,
    ) {
        tracing::debug!(
            webhook = webhook_id(&webhook),
            ?wait,
            "its receiver has enough in hand"
        );
        self.arm_then_ack(delivery, webhook, wait).await;
    }

    async fn accepted(&self, delivery: Delivery, webhook: &webhook::Delivery) {
        if delivery.delivered > 1 {
            // An earlier try may have failed, armed the next attempt, and died before its ack.
            let next = webhook::Delivery {
                attempt: webhook.attempt + 1,
                ..webhook.clone()
            };
            if let Err(error) = self.timers.cancel(TimerId::webhook(&next).as_str()).await {
                tracing::debug!(%error, "it may be delivered once more, under the same id");
            }
        }
        finished(webhook, delivery.ack().await);
    }

    async fn failed(
        &self,
        delivery: Delivery,
        mut webhook: webhook::Delivery,
        reason: &str,
        retry_after: Option<Duration>,
    ) {
        let id = webhook_id(&webhook);
        let Some(wait) = schedule::wait(webhook.attempt, retry_after, chance()) else {
            let attempts = webhook.attempt + 1;
            return bury(
                delivery,
                format!("given up after {attempts} attempts: {reason}"),
            )
            .await;
        };
        let wait = wait.mul_f64(self.time_scale);
        let endpoint = &webhook.endpoint;
        tracing::warn!(webhook = id, %endpoint, attempt = webhook.attempt, reason, ?wait, "not delivered");
        webhook.attempt += 1;
        self.arm_then_ack(delivery, webhook, wait).await;
    }

    /// In this order: a timer that was not armed would be a delivery lost.
    async fn arm_then_ack(&self, delivery: Delivery, webhook: webhook::Delivery, wait: Duration) {
        let timer = TimerId::webhook(&webhook);
        let body = Timer::Webhook {
            delivery: Box::new(webhook.clone()),
        };
        let payload = match encode(&Envelope::new(timer.to_string(), now_ms(), body)) {
            Ok(payload) => payload,
            Err(error) => return bury(delivery, error.to_string()).await,
        };
        match self.timers.arm_after(timer.as_str(), wait, payload).await {
            Ok(()) => finished(&webhook, delivery.ack().await),
            Err(error) => {
                tracing::warn!(webhook = webhook_id(&webhook), %error, "not put off");
                finished(&webhook, delivery.retry_after(TROUBLE).await);
            }
        }
    }
}

/// A delivery's end without success; an operator finds it, and can publish it again.
pub(super) async fn bury(delivery: Delivery, reason: String) {
    let subject = delivery.subject.clone();
    if let Err(error) = delivery.dead(&reason).await {
        tracing::warn!(subject, %error, "a dead letter was not written; it comes again");
    }
}

fn finished(webhook: &webhook::Delivery, finished: nats::Result<()>) {
    if let Err(error) = finished {
        tracing::warn!(webhook = webhook_id(webhook), %error, "a delivery was not finished");
    }
}

/// Without randomness waits are merely not spread.
fn chance() -> u8 {
    let mut byte = [0];
    getrandom::fill(&mut byte).map_or(0, |()| byte[0])
}
