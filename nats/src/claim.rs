//! A delivery kept alive while work is done.

use std::ops::Deref;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::bus::Bus;
use crate::delivery::Delivery;

/// How many renewals fit into one ack wait: two may be lost and the work is still ours.
const RENEWALS_PER_ACK_WAIT: u32 = 3;

/// Keeps a delivery ours while a chunk encodes.
///
/// JetStream gives the message to someone else after `ack_wait` of silence, so a claim says
/// `Progress` every `ack_wait / 3`: two may be lost and the work is still ours. Dropping the claim
/// stops the renewals; the message then returns to the queue by itself, which is what a crashed
/// worker wants.
#[derive(Debug)]
pub struct Claim {
    delivery: Delivery,
    /// The one renewing task; a dropped set aborts it.
    _renewals: JoinSet<()>,
}

// === impl Claim ===

impl Claim {
    pub(crate) fn new(delivery: Delivery) -> Self {
        let (bus, reply) = delivery.renewal();
        let mut renewals = JoinSet::new();
        renewals.spawn(renew(bus, reply, delivery.ack_wait / RENEWALS_PER_ACK_WAIT));
        Self {
            delivery,
            _renewals: renewals,
        }
    }

    /// Ends the renewals and gives the delivery back, to be finished.
    #[must_use]
    pub fn release(self) -> Delivery {
        self.delivery
    }
}

impl Deref for Claim {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

async fn renew(bus: Bus, reply: String, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    // After a stall one renewal is enough; a burst of them says nothing more.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = bus
            .tell(reply.clone(), Bytes::from(AckKind::Progress))
            .await
        {
            tracing::warn!(%error, "a claim was not renewed");
        }
    }
}
