//! Frames on a socket: four bytes of length, little endian, and one named MessagePack value.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a frame cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket failed, or the other side is gone.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
    /// Longer than this direction allows.
    #[error("a frame of {bytes} bytes where {bytes_max} are the most")]
    TooLarge {
        /// As announced.
        bytes: u64,
        /// The limit.
        bytes_max: u32,
    },
    /// Not MessagePack of the expected shape.
    #[error("not a frame of the expected shape: {0}")]
    Shape(#[from] rmp_serde::decode::Error),
    /// A value that MessagePack cannot hold.
    #[error("cannot encode a frame: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

impl Error {
    /// Whether the other side simply closed its end between two frames.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof)
    }
}

/// The bytes of a frame, its length in front.
///
/// # Errors
/// [`Error::TooLarge`] over `bytes_max`, [`Error::Encode`] for what MessagePack cannot hold.
pub fn encode<T: Serialize>(value: &T, bytes_max: u32) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; 4];
    value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())?;
    let body = bytes.len() as u64 - 4;
    let len = check(body, bytes_max)?;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    Ok(bytes)
}

/// The value of a frame's body.
///
/// # Errors
/// [`Error::Shape`] for anything else than one whole value.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut rest = body;
    let value = T::deserialize(&mut rmp_serde::Deserializer::new(&mut rest))?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(rmp_serde::decode::Error::LengthMismatch(u32::try_from(rest.len()).unwrap_or(0)).into())
    }
}

/// The announced length, when it is within the limit.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn check(bytes: u64, bytes_max: u32) -> Result<u32, Error> {
    match u32::try_from(bytes) {
        Ok(len) if len <= bytes_max => Ok(len),
        _ => Err(Error::TooLarge { bytes, bytes_max }),
    }
}

/// Writes one frame; blocks until the socket has taken it.
///
/// # Errors
/// Any of [`Error`]'s kinds but [`Error::Shape`].
pub fn write<T: Serialize>(to: &mut impl Write, value: &T, bytes_max: u32) -> Result<(), Error> {
    to.write_all(&encode(value, bytes_max)?)?;
    Ok(())
}

/// Reads one frame; blocks until it is whole.
///
/// # Errors
/// Any of [`Error`]'s kinds but [`Error::Encode`].
pub fn read<T: DeserializeOwned>(from: &mut impl Read, bytes_max: u32) -> Result<T, Error> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let len = check(u64::from(u32::from_le_bytes(head)), bytes_max)?;
    let mut body = vec![0; len as usize];
    from.read_exact(&mut body)?;
    decode(&body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Ask, Position, Readable, ToParent};

    #[test]
    fn a_frame_comes_back_and_the_next_one_after_it() {
        let first = Ask {
            of: Readable::Source,
            id: 1,
            offset: u64::MAX,
            len: 7,
        };
        let second = Ask {
            of: Readable::Image,
            id: 2,
            offset: 0,
            len: 0,
        };
        let mut bytes = encode(&first, 128).unwrap();
        bytes.extend(encode(&second, 128).unwrap());
        let mut from = bytes.as_slice();
        assert_eq!(read::<Ask>(&mut from, 128).unwrap(), first);
        assert_eq!(read::<Ask>(&mut from, 128).unwrap(), second);
        assert!(read::<Ask>(&mut from, 128).unwrap_err().is_end());
    }

    #[test]
    fn an_announced_length_over_the_limit_is_refused_before_any_of_it_is_read() {
        let mut from = &[255, 255, 255, 255, 1][..];
        assert!(matches!(
            read::<Ask>(&mut from, 128),
            Err(Error::TooLarge {
                bytes: 4_294_967_295,
                bytes_max: 128
            })
        ));
        assert_eq!(from, [1]);
    }

    #[test]
    fn trailing_bytes_and_other_shapes_are_refused() {
        let position = Position {
            done_ns: vec![1],
            total_ns: 2,
            frames_per_s: 3,
        };
        let mut bytes = encode(&ToParent::Progress(position), 128).unwrap();
        assert!(decode::<Ask>(&bytes[4..]).is_err());
        bytes.push(0);
        assert!(decode::<ToParent>(&bytes[4..]).is_err());
    }
}
