//! Timers that are due.

use bus_schema::codec::{Envelope, decode, encode};
use bus_schema::subject::Subject;
use bus_schema::timer::Timer;
use nats::Delivery;

use super::Intake;
use crate::clock::now_ms;
use crate::job::actor::{Handled, Message as ToJob, TROUBLE_PAUSE_MS};
use bus_schema::webhook;

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
        let webhook::Delivery { endpoint, job, n, .. } = webhook;
        let subject = Subject::Webhook { endpoint: endpoint.clone(), job: *job, n: *n };
        let payload = match encode(&Envelope::new(format!("{job}.{n}"), now_ms(), webhook)) {
            Ok(payload) => payload,
            Err(error) => return Handled::Dead(error.to_string()),
        };
        match self.platform.bus.publish_once(subject, payload).await {
            Ok(_) => Handled::Done,
            Err(error) => {
                tracing::warn!(%error, "a webhook waits longer");
                Handled::Again { after_ms: TROUBLE_PAUSE_MS }
            }
        }
    }
}
