//! Facts that a session missed, read from the bus stream one by one, by direct get: no consumer to make,
//! to count against the stream's limit, or to leave behind.

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DirectGetError, DirectGetErrorKind, Stream};
use bus_schema::codec;
use bus_schema::fact::Fact;
use bus_schema::id::JobId;
use bus_schema::live::LiveFact;
use bus_schema::subject::{Subject, fact_numbered, facts_of};
use nats::Bus;

/// The bus stream of all facts.
const STREAM: &str = "JOBS";

/// Reads facts of any job.
#[derive(Debug, Clone)]
pub(crate) struct CatchUp {
    stream: Stream<()>,
}

/// Where the rest of a feed begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// There is no later fact.
    UpToDate,
    /// The next fact has this stream sequence.
    At(u64),
    /// The next fact is not there, while later ones are: up to this number.
    Gone {
        /// The job's last fact; 0 when there is none at all.
        last: u64,
    },
}

/// The bus did not answer, or not with a fact.
#[derive(Debug, thiserror::Error)]
#[error("facts of {job} cannot be read: {reason}")]
pub(crate) struct Error {
    job: JobId,
    reason: String,
}

impl CatchUp {
    /// # Errors
    /// When the name of the stream is refused, which it is not.
    pub(crate) async fn open(
        bus: &Bus,
    ) -> Result<Self, async_nats::jetstream::context::GetStreamError> {
        Ok(Self {
            stream: bus.js.get_stream_no_info(STREAM).await?,
        })
    }

    /// Finds the fact after `n`.
    pub(crate) async fn locate(&self, job: JobId, n: u64) -> Result<Position, Error> {
        if let Some((_, sequence)) = self.last(job, fact_numbered(&job, n + 1)).await? {
            return Ok(Position::At(sequence));
        }
        Ok(match self.last(job, facts_of(&job)).await? {
            // A job whose facts have aged out, or a client from another installation.
            None if n > 0 => Position::Gone { last: 0 },
            None => Position::UpToDate,
            Some((last, _)) if last == n => Position::UpToDate,
            Some((last, _)) => Position::Gone { last },
        })
    }

    /// Number and sequence of the last message of a filter.
    async fn last(&self, job: JobId, filter: String) -> Result<Option<(u64, u64)>, Error> {
        match found(job, self.stream.direct_get_last_for_subject(filter).await)? {
            None => Ok(None),
            Some(message) => Ok(Some((number(job, &message)?, message.sequence))),
        }
    }

    /// The job's first fact at or after this sequence, with its own.
    pub(crate) async fn next(
        &self,
        job: JobId,
        from: u64,
    ) -> Result<Option<(LiveFact, u64)>, Error> {
        let next = self
            .stream
            .direct_get_next_for_subject(facts_of(&job), Some(from))
            .await;
        let Some(message) = found(job, next)? else {
            return Ok(None);
        };
        let n = number(job, &message)?;
        let fact = read(job, n, &message.payload).map_err(|error| Error {
            job,
            reason: error.to_string(),
        })?;
        Ok(Some((fact, message.sequence)))
    }
}

/// The fact in these bytes.
pub(super) fn read(job: JobId, n: u64, payload: &[u8]) -> Result<LiveFact, codec::Error> {
    let envelope = codec::decode::<Fact>(payload)?;
    Ok(LiveFact {
        job,
        n,
        at_ms: envelope.at_ms,
        fact: envelope.body,
    })
}

fn found(
    job: JobId,
    answer: Result<StreamMessage, DirectGetError>,
) -> Result<Option<StreamMessage>, Error> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error {
            job,
            reason: error.to_string(),
        }),
    }
}

fn number(job: JobId, message: &StreamMessage) -> Result<u64, Error> {
    match message.subject.as_str().parse() {
        Ok(Subject::Fact { n, .. }) => Ok(n),
        Ok(_) | Err(_) => Err(Error {
            job,
            reason: format!("`{}` is no fact", message.subject),
        }),
    }
}
