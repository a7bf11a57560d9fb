//! A column of numbers: LEB128, alone or in runs.

use crate::mp4::error::{Error, OrDamaged as _};

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn put_number(buf: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or(0);
        value >>= 7;
        if value == 0 {
            buf.push(low);
            return;
        }
        buf.push(low | 0x80);
    }
}

/// The numbers of a column; ends at the first that is cut or over 64 bits.
#[derive(Debug, Clone)]
pub(super) struct Numbers<'a> {
    rest: &'a [u8],
}

impl<'a> Numbers<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether every byte was part of a number.
    pub(super) fn is_spent(&self) -> bool {
        self.rest.is_empty()
    }
}

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for (at, byte) in self.rest.iter().enumerate() {
            let bits = u64::from(byte & 0x7f);
            let shift = u32::try_from(at * 7).ok()?;
            if shift > 63 || (shift == 63 && bits > 1) {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(at + 1..)?;
                return Some(value);
            }
        }
        None
    }
}

/// Maps small numbers of either sign to small numbers: 0, -1, 1, -2, ... to 0, 1, 2, 3, ...
pub(super) fn unsigned(value: i32) -> u64 {
    let wide = i64::from(value);
    ((wide << 1) ^ (wide >> 63)).cast_unsigned()
}

/// The inverse of [`unsigned`]; `None` for what no `i32` maps to.
pub(super) fn signed(value: u64) -> Option<i32> {
    let half = (value >> 1).cast_signed();
    let sign = (value & 1).cast_signed();
    i32::try_from(half ^ -sign).ok()
}

/// A column in which equal neighbours are counted: pairs of (how many, what).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunColumn {
    bytes: Vec<u8>,
    /// The last run, not yet in `bytes`.
    open: Option<(u32, u64)>,
}

impl RunColumn {
    pub(super) fn push(&mut self, value: u64) {
        match &mut self.open {
            Some((n, last)) if *last == value => *n += 1,
            _ => {
                self.close();
                self.open = Some((1, value));
            }
        }
    }

    fn close(&mut self) {
        if let Some((n, value)) = self.open.take() {
            put_number(&mut self.bytes, u64::from(n));
            put_number(&mut self.bytes, value);
        }
    }

    /// The column as bytes, ready to be written.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut whole = self.clone();
        whole.close();
        whole.bytes
    }

    /// A column of exactly `n_samples` values, each of which `is_valid`.
    pub(super) fn read(
        bytes: Vec<u8>,
        n_samples: u32,
        is_valid: impl Fn(u64) -> bool,
    ) -> Result<Self, Error> {
        let mut numbers = Numbers::new(&bytes);
        let mut total = 0u64;
        let mut last = None;
        while let Some(n) = numbers.next() {
            let value = numbers.next().or_damaged("a run without its value")?;
            // Runs are as long as they can be, so that a table has one encoding only.
            if n == 0 || last == Some(value) || !is_valid(value) {
                return Err(Error::Damaged {
                    what: "a run of the sample table",
                });
            }
            last = Some(value);
            total = total
                .checked_add(n)
                .or_damaged("runs of too many samples")?;
        }
        if !numbers.is_spent() || total != u64::from(n_samples) {
            return Err(Error::Damaged {
                what: "a column that does not have the table's number of samples",
            });
        }
        Ok(Self { bytes, open: None })
    }

    pub(super) fn runs(&self) -> Runs<'_> {
        Runs {
            numbers: Numbers::new(&self.bytes),
            open: self.open,
        }
    }
}

/// The runs of a column.
#[derive(Debug, Clone)]
pub(super) struct Runs<'a> {
    numbers: Numbers<'a>,
    open: Option<(u32, u64)>,
}

impl Iterator for Runs<'_> {
    type Item = (u32, u64);

    fn next(&mut self) -> Option<(u32, u64)> {
        match self.numbers.next() {
            // Counts were checked to add up to a `u32`.
            Some(n) => Some((u32::try_from(n).ok()?, self.numbers.next()?)),
            None => self.open.take(),
        }
    }
}
