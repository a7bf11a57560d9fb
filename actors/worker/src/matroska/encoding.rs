//! How a track's blocks are encoded on top of their codec (RFC 9559, section 5.1.4.1.31).

use std::borrow::Cow;
use std::io::Read as _;

use super::ebml::{Children, find, unsigned};

const CONTENT_ENCODING: u32 = 0x6240;
const SCOPE: u32 = 0x5032;
const COMPRESSION: u32 = 0x5034;
const ENCRYPTION: u32 = 0x5035;
const ALGORITHM: u32 = 0x4254;
const SETTINGS: u32 = 0x4255;
/// The bit of a scope that means blocks, and that which means the codec's own header.
const BLOCKS: u64 = 1;
const PRIVATE: u64 = 2;

/// What was done to blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoding {
    kind: Kind,
    /// Whether the codec's own header is encoded too.
    is_private_too: bool,
    /// Whether blocks are.
    is_of_blocks: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Kind {
    /// Nothing.
    #[default]
    Plain,
    /// Compressed by zlib (RFC 1950).
    Zlib,
    /// These bytes were taken off each block's front.
    Stripped(Vec<u8>),
    /// Encrypted, or by another way, or by several.
    Unknown,
}

impl Encoding {
    /// Of `ContentEncodings`.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut encodings = Children(body).filter(|(id, _)| *id == CONTENT_ENCODING);
        let (first, second) = (encodings.next(), encodings.next());
        let Some((_, first)) = first else {
            return Self::default();
        };
        let scope = find(first, SCOPE).and_then(unsigned).unwrap_or(BLOCKS);
        let compression = find(first, COMPRESSION).filter(|_| find(first, ENCRYPTION).is_none());
        let kind = match compression {
            Some(compression) if second.is_none() => {
                let settings = find(compression, SETTINGS).unwrap_or_default();
                match find(compression, ALGORITHM).map_or(Some(0), unsigned) {
                    Some(0) => Kind::Zlib,
                    Some(3) => Kind::Stripped(settings.to_vec()),
                    _ => Kind::Unknown,
                }
            }
            _ => Kind::Unknown,
        };
        Self {
            kind,
            is_private_too: scope & PRIVATE != 0,
            is_of_blocks: scope & BLOCKS != 0,
        }
    }

    /// Whether it can be undone.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.kind != Kind::Unknown
    }

    /// A block's bytes as its codec made them; `None` for what is damaged, or more than `bytes_max`.
    #[must_use]
    pub fn decode<'a>(&self, block: &'a [u8], bytes_max: usize) -> Option<Cow<'a, [u8]>> {
        let is_plain = !self.is_of_blocks;
        self.undo(block, bytes_max, is_plain)
    }

    /// The same of the codec's own header.
    pub(super) fn decode_private<'a>(
        &self,
        head: &'a [u8],
        bytes_max: usize,
    ) -> Option<Cow<'a, [u8]>> {
        self.undo(head, bytes_max, !self.is_private_too)
    }

    fn undo<'a>(&self, bytes: &'a [u8], bytes_max: usize, is_plain: bool) -> Option<Cow<'a, [u8]>> {
        let decoded = match &self.kind {
            _ if is_plain => Cow::Borrowed(bytes),
            Kind::Plain => Cow::Borrowed(bytes),
            Kind::Zlib => {
                let mut decoded = Vec::new();
                let most = u64::try_from(bytes_max).ok()?.saturating_add(1);
                let mut decoder = flate2::read::ZlibDecoder::new(bytes).take(most);
                decoder.read_to_end(&mut decoded).ok()?;
                Cow::Owned(decoded)
            }
            Kind::Stripped(head) => Cow::Owned([head, bytes].concat()),
            Kind::Unknown => return None,
        };
        (decoded.len() <= bytes_max).then_some(decoded)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
        let size = u8::try_from(body.len()).unwrap() | 0x80;
        [id, &[size], body].concat()
    }

    fn encoding(compression: &[u8]) -> Encoding {
        let compression = element(&[0x50, 0x34], compression);
        Encoding::read(&element(&[0x62, 0x40], &compression))
    }

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn compressed_blocks_are_read_up_to_a_limit() {
        // Without an algorithm it is the first, zlib.
        let zlib = encoding(&[]);
        assert_eq!(
            zlib.decode(&deflated(b"Hello"), 100).as_deref(),
            Some(&b"Hello"[..])
        );
        let bomb = deflated(&vec![b'x'; 1 << 20]);
        assert!(bomb.len() < 10_000);
        assert_eq!(zlib.decode(&bomb, 16 << 10), None);
        assert_eq!(zlib.decode(b"not zlib", 100), None);
    }

    #[test]
    fn what_was_taken_off_the_front_is_put_back() {
        let stripped = element(&[0x42, 0x55], b"ab");
        let stripped = encoding(&[element(&[0x42, 0x54], &[3]), stripped].concat());
        assert_eq!(stripped.decode(b"cd", 100).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(
            stripped.decode_private(b"cd", 9).as_deref(),
            Some(&b"cd"[..])
        );
    }

    #[test]
    fn other_ways_are_not_known() {
        assert!(!encoding(&element(&[0x42, 0x54], &[2])).is_known());
        let encrypted = element(&[0x62, 0x40], &element(&[0x50, 0x35], &[]));
        assert!(!Encoding::read(&encrypted).is_known());
        assert!(Encoding::read(&[]).is_known());
    }
}
