//! What the server answers to a pull, and to the question whether there is a consumer.

use std::time::Duration;

use async_nats::StatusCode;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::ConsumerErrorKind;

use crate::backoff::Backoff;
use crate::bus::Bus;
use crate::delivery::Delivery;
use crate::error::{Error, ErrorKind, Result};

/// How long opening waits for a server that is away.
const OPEN_PATIENCE: Duration = Duration::from_secs(20);

/// What an answer means.
#[derive(Debug)]
pub(super) enum Answer {
    Message(Box<Delivery>),
    /// The pull is over: expired, or lost with a leader.
    PullEnded,
    /// The server cannot now.
    Wait,
    /// The consumer may be gone.
    Doubt,
    /// Of an earlier pull, or a heartbeat.
    Nothing,
}

/// What a status means for the pull that it answers.
pub(super) fn of(status: StatusCode, description: &str, consumer: &str) -> Result<Answer> {
    /// Leadership change, server shutdown, too many waiting pulls.
    const PASSING: [&str; 3] = ["leadership", "shutdown", "maxwaiting"];
    let text = description.to_ascii_lowercase();
    match status {
        StatusCode::IDLE_HEARTBEAT => Ok(Answer::Nothing),
        StatusCode::TIMEOUT | StatusCode::NOT_FOUND => Ok(Answer::PullEnded),
        StatusCode::NO_RESPONDERS => Ok(Answer::Doubt),
        _ if text.contains("consumer deleted") => Ok(Answer::Doubt),
        _ if text.contains("batch completed") => Ok(Answer::PullEnded),
        _ if PASSING.iter().any(|word| text.contains(word)) => Ok(Answer::Wait),
        _ => {
            let message = format!(
                "{consumer} refuses the pull: {status} {description}; see the consumer's limits"
            );
            Err(Error::new(ErrorKind::Refused, message))
        }
    }
}

pub(super) async fn find(bus: &Bus, stream: &str, consumer: &str) -> Result<PullConsumer> {
    let mut backoff = Backoff::within(OPEN_PATIENCE);
    loop {
        match find_once(bus, stream, consumer).await {
            Err(error) if error.is_retry() => {
                if !backoff.wait().await {
                    return Err(error);
                }
            }
            answer => return answer,
        }
    }
}

pub(super) async fn find_once(bus: &Bus, stream: &str, consumer: &str) -> Result<PullConsumer> {
    bus.js
        .get_consumer_from_stream(consumer, stream)
        .await
        .map_err(|error| {
            let (kind, hint) = match error.kind() {
                ConsumerErrorKind::JetStream(answer) if answer.code() == 404 => {
                    (ErrorKind::Missing, "it does not exist; apply the topology")
                }
                ConsumerErrorKind::InvalidConsumerType | ConsumerErrorKind::InvalidName => {
                    (ErrorKind::Invalid, "it is not a pull consumer")
                }
                _ => (
                    ErrorKind::Unavailable,
                    "is the server up, and may this user ask?",
                ),
            };
            Error::with(
                kind,
                format!("cannot open {stream}/{consumer}, {hint}"),
                error,
            )
        })
}
