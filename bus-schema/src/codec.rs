//! MessagePack with field names, in one envelope.
//!
//! Names, not positions: a field can be added and old readers go on, new readers fill in a default.
//! A changed meaning is a new variant or a new schema version, never the same name again.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What this code writes. It reads every version from 1 to this one.
pub const SCHEMA_VERSION: u16 = 1;

/// The largest encoded message. A quarter of the server's default `max_payload` of 1 MiB: what is
/// larger belongs into storage, with its key in the message.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// Deepest nesting of a message. The deepest of ours, a granted task, has eight levels; the rest is room to
/// grow. Without a limit of ours the decoder takes 1,024, which overflow a thread's stack of 2 MiB.
pub const DEPTH_MAX: usize = 64;

/// Every message on the bus: who wrote it, when, as part of which trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Schema version of the body.
    pub v: u16,
    /// A name for this message in logs; not used for deduplication.
    pub id: String,
    /// W3C `traceparent`, when the message is part of a trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// Milliseconds since 1970, by the writer's clock.
    pub at_ms: u64,
    /// The message.
    pub body: T,
}

impl<T> Envelope<T> {
    /// An envelope of the current version, without a trace.
    #[must_use]
    pub fn new(id: String, at_ms: u64, body: T) -> Self {
        Self {
            v: SCHEMA_VERSION,
            id,
            trace: None,
            at_ms,
            body,
        }
    }
}

/// Why bytes are not a message, or a message cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More than [`MESSAGE_BYTES_MAX`].
    #[error(
        "message of {bytes} bytes is over the limit of {MESSAGE_BYTES_MAX}: put the bulk into storage and send its key"
    )]
    TooLarge {
        /// The size met.
        bytes: usize,
    },
    /// Not MessagePack of the expected shape.
    #[error("not a message of the expected shape: {0}")]
    Shape(#[from] rmp_serde::decode::Error),
    /// A value that MessagePack cannot hold.
    #[error("cannot encode: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// Bytes after the message's end.
    #[error(
        "{bytes} bytes after the end of the message: it was cut together or written by something else"
    )]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Written by newer code, or not by tcoder at all.
    #[error("schema version {v} is not one of 1 to {SCHEMA_VERSION}: update this process first")]
    Version {
        /// The version met.
        v: u16,
    },
}

/// The bytes of a message.
///
/// # Errors
/// [`Error::TooLarge`] over the limit, [`Error::Encode`] for what MessagePack cannot hold.
pub fn encode<T: Serialize>(envelope: &Envelope<T>) -> Result<Vec<u8>, Error> {
    let bytes = rmp_serde::to_vec_named(envelope)?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(Error::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

/// The version alone, so that a newer message is named as such and not as a broken one.
#[derive(Deserialize)]
struct Version {
    v: u16,
}

/// The message of these bytes. Never panics, whatever they are.
///
/// # Errors
/// One of [`Error`]'s kinds; the bytes are then fit for the dead-letter stream and nothing else.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Envelope<T>, Error> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(Error::TooLarge { bytes: bytes.len() });
    }
    let mut reader = bytes;
    let Version { v } = shallow(&mut reader)?;
    if !(1..=SCHEMA_VERSION).contains(&v) {
        return Err(Error::Version { v });
    }
    let mut reader = bytes;
    let envelope = shallow(&mut reader)?;
    if !reader.is_empty() {
        return Err(Error::Trailing {
            bytes: reader.len(),
        });
    }
    Ok(envelope)
}

/// The first value of these bytes, unless it is nested deeper than [`DEPTH_MAX`].
fn shallow<T: DeserializeOwned>(reader: &mut &[u8]) -> Result<T, rmp_serde::decode::Error> {
    let mut deserializer = rmp_serde::Deserializer::new(reader);
    deserializer.set_max_depth(DEPTH_MAX);
    T::deserialize(&mut deserializer)
}
