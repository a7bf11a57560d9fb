//! From a consumer of the bus into the actor's mailbox.

use std::sync::Arc;

use nats::{Delivery, Subscription};
use ractor::{ActorRef, MessagingErr};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Message;

/// Reads a consumer for as long as the actor lives, with no more in hand than `max`: mailboxes have
/// no limit of their own.
pub(super) async fn read(
    mut subscription: Subscription,
    max: usize,
    actor: ActorRef<Message>,
    message: fn(Delivery, OwnedSemaphorePermit) -> Message,
) {
    let credit = Arc::new(Semaphore::new(max));
    // The semaphore is never closed.
    while let Ok(permit) = credit.clone().acquire_owned().await {
        let sent = match subscription.next(1).await {
            Ok(delivery) => actor.cast(message(delivery, permit)),
            Err(error) => {
                tracing::warn!(%error, "cannot read on");
                actor.cast(Message::SourceEnded(error)).ok();
                return;
            }
        };
        if let Err(error) = sent {
            abandon(error);
            return;
        }
    }
}

/// The actor has ended between two messages; the delivery comes again.
fn abandon(error: MessagingErr<Message>) {
    if let MessagingErr::SendErr(
        Message::FactCame(delivery, _) | Message::DeliveryCame(delivery, _),
    ) = error
    {
        delivery.abandon();
    }
}
