//! The heartbeat: a sign of life every second, naming what is in hand.

use std::time::Duration;

use bus_schema::codec::{Envelope, encode};
use bus_schema::heartbeat::{HEARTBEAT_INTERVAL_MS, Heartbeat};
use bus_schema::subject::Subject;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::{Shared, now_ms};

/// The heartbeat: configuration.
#[derive(Debug)]
pub(crate) struct Beat {
    pub(crate) shared: Shared,
}

/// What it is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Say that we live.
    Beat,
    /// Fail like a defect would.
    #[cfg(feature = "test-util")]
    Panic,
}

impl Actor for Beat {
    type Msg = Message;
    type State = ();
    type Arguments = ();

    /// The first one is sent before any slot pulls: what is claimed afterwards is this run's.
    async fn pre_start(&self, myself: ActorRef<Message>, (): ()) -> Result<(), ActorProcessingErr> {
        self.beat().await?;
        myself.send_interval(Duration::from_millis(HEARTBEAT_INTERVAL_MS), || {
            Message::Beat
        });
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        message: Message,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Beat => self.beat().await,
            #[cfg(feature = "test-util")]
            Message::Panic => super::fail_on_purpose(),
        }
    }
}

impl Beat {
    async fn beat(&self) -> Result<(), ActorProcessingErr> {
        let Shared {
            name,
            run,
            slots,
            hands,
            abilities,
            is_draining,
            bus,
            ..
        } = &self.shared;
        let heartbeat = Heartbeat {
            worker: name.clone(),
            run: run.clone(),
            pid: std::process::id(),
            slots: slots.clone(),
            busy: hands.busy(),
            encoders: abilities.checks(),
            is_draining: *is_draining.borrow(),
        };
        let subject = Subject::Heartbeat {
            worker: name.clone(),
        };
        let payload = encode(&Envelope::new(subject.to_string(), now_ms(), &heartbeat))?;
        // While the bus is away there is nobody to hear it; the next one comes in a second.
        if let Err(error) = bus.tell(subject, payload).await {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
        Ok(())
    }
}
