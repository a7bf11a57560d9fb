//! From a fact to a delivery in the queue.

use std::time::Duration;

use bus_schema::codec::decode;
use bus_schema::fact::Fact;
use bus_schema::record::JobRecord;
use bus_schema::subject::Subject;
use bus_schema::webhook;
use nats::{Bus, Delivery, ErrorKind, Register};

use super::{REDELIVERIES_MAX, body, endpoint_id, queue};

/// The first pause after trouble, doubled for each further one.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What becomes of a fact.
#[derive(Debug)]
enum Handled {
    Done,
    Again(String),
    Dead(String),
}

/// Handles one fact, and finishes its delivery.
pub(super) async fn announce(bus: &Bus, jobs: &Register<JobRecord>, fact: Delivery) {
    let handled = match handle(bus, jobs, &fact).await {
        Handled::Again(reason) if fact.exhausted(REDELIVERIES_MAX) => Handled::Dead(reason),
        handled => handled,
    };
    let subject = fact.subject.clone();
    let finished = match handled {
        Handled::Done => fact.ack().await,
        Handled::Again(reason) => {
            tracing::warn!(subject, reason, "a stage waits to be told of");
            let doublings = u32::try_from(fact.delivered.saturating_sub(1))
                .unwrap_or(16)
                .min(16);
            fact.retry_after((PAUSE * 2_u32.pow(doublings)).min(PAUSE_MAX))
                .await
        }
        Handled::Dead(reason) => fact.dead(&reason).await,
    };
    if let Err(error) = finished {
        // It comes again, and its delivery is in the queue once.
        tracing::warn!(subject, %error, "a fact was not finished");
    }
}

async fn handle(bus: &Bus, jobs: &Register<JobRecord>, fact: &Delivery) -> Handled {
    let Ok(Subject::Fact { job, kind, n }) = fact.subject.parse() else {
        return Handled::Dead(format!("`{}` is no fact's subject", fact.subject));
    };
    // Most facts are no stages: they cost no look at the record.
    if kind.stage().is_none() {
        return Handled::Done;
    }
    let envelope = match decode::<Fact>(&fact.payload) {
        Ok(envelope) => envelope,
        Err(error) => return Handled::Dead(error.to_string()),
    };
    let record = match jobs.load(job.as_str()).await {
        Ok(Some((record, _))) => record,
        // Deleted by its owner, who then wants to hear no more of it.
        Ok(None) => return Handled::Done,
        Err(error) if error.kind() == ErrorKind::Malformed => {
            return Handled::Dead(error.to_string());
        }
        Err(error) => return Handled::Again(error.to_string()),
    };
    let Some(url) = record.request.webhook_url.clone() else {
        return Handled::Done;
    };
    let payload = body::of(job, n, envelope.at_ms, &envelope.body, &record.request);
    let (Some(payload), Some(endpoint)) = (payload, endpoint_id(&url)) else {
        return Handled::Dead("the fact is of another kind than its subject".to_owned());
    };
    let webhook = webhook::Delivery {
        endpoint,
        url,
        job,
        n,
        attempt: 0,
        payload,
    };
    match queue::enqueue(bus, &webhook).await {
        Ok(()) => Handled::Done,
        Err(error @ queue::Error::Bus(_)) => Handled::Again(error.to_string()),
        Err(error @ queue::Error::Codec(_)) => Handled::Dead(error.to_string()),
    }
}
