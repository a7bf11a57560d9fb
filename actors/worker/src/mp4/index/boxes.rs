//! Boxes and their fields, out of bytes that may be anything.

use crate::mp4::error::{Error, OrDamaged as _};

/// A box and what it contains.
#[derive(Debug, Clone, Copy)]
pub(in crate::mp4) struct Child<'a> {
    pub(in crate::mp4) kind: [u8; 4],
    pub(in crate::mp4) body: &'a [u8],
    /// Where its header begins, in the body around it.
    pub(in crate::mp4) at: usize,
    /// Length of its header.
    pub(in crate::mp4) header_bytes: usize,
}

/// The boxes that a body consists of.
#[derive(Debug, Clone)]
pub(in crate::mp4) struct Children<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Children<'a> {
    pub(in crate::mp4) fn new(body: &'a [u8]) -> Self {
        Self { rest: body, at: 0 }
    }

    fn read(&mut self) -> Result<Option<Child<'a>>, Error> {
        // Writers pad with a few bytes, QuickTime ends lists with a zero.
        if self.rest.len() < 8 || self.rest.starts_with(&[0; 4]) {
            self.rest = &[];
            return Ok(None);
        }
        let mut fields = Fields::new(self.rest);
        let short = fields.u32()?;
        let kind = fields.bytes()?;
        let size = if short == 1 {
            fields.u64()?
        } else {
            u64::from(short)
        };
        let header_bytes = self.rest.len() - fields.rest().len();
        let size = usize::try_from(size).or_damaged_size()?;
        let (whole, rest) = self
            .rest
            .split_at_checked(size)
            .or_damaged("a box longer than the one around it")?;
        let body = whole
            .get(header_bytes..)
            .or_damaged("a box shorter than its header")?;
        let at = self.at;
        self.at += size;
        self.rest = rest;
        Ok(Some(Child {
            kind,
            body,
            at,
            header_bytes,
        }))
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Child<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read().transpose();
        if matches!(next, Some(Err(_))) {
            self.rest = &[];
        }
        next
    }
}

trait OrDamagedSize {
    fn or_damaged_size(self) -> Result<usize, Error>;
}

impl OrDamagedSize for Result<usize, std::num::TryFromIntError> {
    fn or_damaged_size(self) -> Result<usize, Error> {
        self.ok().or_damaged("a box of an impossible size")
    }
}

/// Big-endian numbers one after the other.
#[derive(Debug, Clone, Copy)]
pub(in crate::mp4) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(in crate::mp4) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The fields behind version and flags, with these.
    pub(in crate::mp4) fn full_box(bytes: &'a [u8]) -> Result<(u8, u32, Self), Error> {
        let mut fields = Self::new(bytes);
        let word = fields.u32()?;
        let version = word.to_be_bytes()[0];
        Ok((version, word & 0x00ff_ffff, fields))
    }

    pub(in crate::mp4) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(in crate::mp4) fn skip(&mut self, n: usize) -> Result<(), Error> {
        let rest = self.rest.get(n..);
        self.rest = rest.or_damaged("a box shorter than its fields")?;
        Ok(())
    }

    pub(in crate::mp4) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk::<N>()
            .or_damaged("a box shorter than its fields")?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(in crate::mp4) fn u16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_be_bytes(self.bytes()?))
    }

    pub(in crate::mp4) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.bytes()?))
    }

    pub(in crate::mp4) fn i32(&mut self) -> Result<i32, Error> {
        Ok(i32::from_be_bytes(self.bytes()?))
    }

    pub(in crate::mp4) fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_be_bytes(self.bytes()?))
    }

    /// A number of 64 bits in version 1, of 32 before.
    pub(in crate::mp4) fn u64_or_u32(&mut self, version: u8) -> Result<u64, Error> {
        match version {
            0 => self.u32().map(u64::from),
            _ => self.u64(),
        }
    }
}

/// The entries of a counted table, of `N` bytes each. All of them are there.
pub(in crate::mp4) fn entries<const N: usize>(mut fields: Fields<'_>) -> Result<&[[u8; N]], Error> {
    let count = fields.u32()? as usize;
    let (entries, _) = fields.rest().as_chunks::<N>();
    entries
        .get(..count)
        .or_damaged("a table with fewer entries than it counts")
}

/// The two halves of an entry of eight bytes.
pub(in crate::mp4) fn pair(entry: [u8; 8]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = entry;
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}
