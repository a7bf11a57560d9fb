//! Putting a delivery into its queue: for the first time, and when its timer is due.

use async_nats::header::NATS_MESSAGE_ID;
use bus_schema::codec::{self, Envelope, encode};
use bus_schema::subject::Subject;
use bus_schema::webhook;
use nats::{Bus, HeaderMap, Published};

use crate::clock::now_ms;

/// Why a delivery did not get into its queue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bus: the same call may succeed later.
    #[error("the bus: {0}")]
    Bus(#[from] nats::Error),
    /// It is too large, or a defect.
    #[error("a delivery cannot be encoded: {0}")]
    Codec(#[from] codec::Error),
}

/// Whether a delivery that came back from its timer is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutBack {
    /// It is: the timer is done.
    Done,
    /// Its predecessor still is, for an ack is on its way or was lost. The timer must be kept and
    /// asked again: the predecessor's ack would else be the end of both.
    NotYet,
}

/// Puts a new delivery into the queue, once as long as it waits there; a redelivered fact within the
/// window of the stream's deduplication does not bring it back after it was made.
///
/// # Errors
/// [`Error`]; the fact must then be kept.
pub async fn enqueue(bus: &Bus, webhook: &webhook::Delivery) -> Result<(), Error> {
    let mut headers = HeaderMap::new();
    headers.insert(
        NATS_MESSAGE_ID,
        format!("{}-{}", webhook.job, webhook.n).as_str(),
    );
    bus.publish_once_with(subject(webhook), headers, payload(webhook)?)
        .await?;
    Ok(())
}

/// Puts a delivery back into the queue when its timer is due.
///
/// Without a message id: within the window it would be taken for its predecessor, and lost.
///
/// # Errors
/// [`Error`]; the timer must then be kept.
pub async fn put_back(bus: &Bus, webhook: &webhook::Delivery) -> Result<PutBack, Error> {
    match bus
        .publish_once(subject(webhook), payload(webhook)?)
        .await?
    {
        Published::Stored(_) => Ok(PutBack::Done),
        Published::AlreadyThere => Ok(PutBack::NotYet),
    }
}

fn subject(webhook: &webhook::Delivery) -> Subject {
    let webhook::Delivery {
        endpoint, job, n, ..
    } = webhook;
    Subject::Webhook {
        endpoint: endpoint.clone(),
        job: *job,
        n: *n,
    }
}

fn payload(webhook: &webhook::Delivery) -> Result<Vec<u8>, codec::Error> {
    let webhook::Delivery {
        job, n, attempt, ..
    } = webhook;
    encode(&Envelope::new(
        format!("{job}.{n}.{attempt}"),
        now_ms(),
        webhook,
    ))
}
