//! Storage notifications: five dialects, one meaning - look at this object.

use bus_schema::object_key;
use bus_schema::subject::Subject;
use gateway::storage::notification;
use nats::Delivery;

use super::Intake;
use crate::job::actor::{Handled, Message as ToJob};

impl Intake {
    /// Every object that the message names is looked at. Only the exact key that a record names is
    /// its job's; what the notification says of size and ETag is not believed, storage is asked.
    pub(super) async fn notified(&self, delivery: &Delivery) -> Handled {
        let Ok(Subject::Storage { source }) = delivery.subject.parse() else {
            return Handled::Dead(format!("`{}` names no storage", delivery.subject));
        };
        let objects = match notification::normalise(&source, &delivery.payload) {
            Ok(objects) => objects,
            Err(error) => return Handled::Dead(error.to_string()),
        };
        for object in objects {
            let Some((_, job)) = object_key::job_of_source(&object.key) else {
                // An image is looked for when it is wanted.
                if !object_key::is_upload(&object.key) {
                    tracing::info!(key = object.key, "an object without a job");
                }
                continue;
            };
            let handled = self.ask(job, ToJob::Arrived).await;
            if handled != Handled::Done {
                return handled;
            }
        }
        Handled::Done
    }
}
