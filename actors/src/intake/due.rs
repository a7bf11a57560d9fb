//! Timers that are due.

use bus_schema::codec::decode;
use bus_schema::timer::Timer;
use bus_schema::webhook;
use nats::Delivery;

use super::Intake;
use crate::job::actor::{Handled, Message as ToJob, TROUBLE_PAUSE_MS};
use crate::notifier::queue::{self, PutBack};

impl Intake {
    /// A timer only says "look"; what it was for stands in the record.
    pub(super) async fn due(&self, delivery: &Delivery) -> Handled {
        match decode::<Timer>(&delivery.payload).map(|envelope| envelope.body) {
            Ok(Timer::Job { job }) => self.ask(job, ToJob::Look).await,
            Ok(Timer::Webhook { delivery }) => self.redeliver(&delivery).await,
            Err(error) => Handled::Dead(error.to_string()),
        }
    }

    /// A webhook that was put off goes back into its queue.
    async fn redeliver(&self, webhook: &webhook::Delivery) -> Handled {
        match queue::put_back(&self.platform.bus, webhook).await {
            Ok(PutBack::Done) => Handled::Done,
            // Done now, the ack that is still on its way to its predecessor would end both.
            Ok(PutBack::NotYet) => Handled::Again {
                after_ms: TROUBLE_PAUSE_MS,
            },
            Err(queue::Error::Codec(error)) => Handled::Dead(error.to_string()),
            Err(error @ queue::Error::Bus(_)) => {
                tracing::warn!(%error, "a webhook waits longer");
                Handled::Again {
                    after_ms: TROUBLE_PAUSE_MS,
                }
            }
        }
    }
}
