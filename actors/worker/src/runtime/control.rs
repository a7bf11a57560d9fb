//! What this worker is told: cancel, drain.

use std::time::Duration;

use async_nats::Subscriber;
use bus_schema::codec::decode;
use bus_schema::control::Control;
use bus_schema::subject::Subject;
use futures_util::StreamExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::Shared;

/// Between two looks the actor can be stopped.
const LOOK: Duration = Duration::from_secs(1);

/// The listener: configuration.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) shared: Shared,
}

/// What it is told by itself.
#[derive(Debug)]
pub(crate) enum Message {
    /// Listen for a while.
    Listen,
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

impl Actor for Listener {
    type Msg = Message;
    type State = Subscriber;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        (): (),
    ) -> Result<Subscriber, ActorProcessingErr> {
        let subject = Subject::Control {
            worker: self.shared.name.clone(),
        };
        let told = self
            .shared
            .bus
            .client
            .subscribe(subject.to_string())
            .await?;
        myself.cast(Message::Listen)?;
        Ok(told)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        told: &mut Subscriber,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Listen => match tokio::time::timeout(LOOK, told.next()).await {
                Err(_) => {}
                Ok(None) => return Err("the bus client is closed".into()),
                Ok(Some(message)) => self.obey(&message.payload),
            },
            #[cfg(feature = "test-util")]
            Message::Panic => super::fail_on_purpose(),
        }
        myself.cast(Message::Listen)?;
        Ok(())
    }
}

impl Listener {
    fn obey(&self, payload: &[u8]) {
        match decode::<Control>(payload).map(|envelope| envelope.body) {
            Ok(Control::Cancel { job, task }) => {
                tracing::info!(%job, "cancelled");
                self.shared.hands.stop(job, task);
            }
            Ok(Control::Drain) => {
                tracing::info!("draining");
                self.shared.is_draining.send_replace(true);
            }
            Err(error) => tracing::warn!(%error, "told something that is none"),
        }
    }
}
