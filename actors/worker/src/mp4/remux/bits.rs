//! Bits one after the other, the most significant first.

/// Reads bits; `None` behind the end.
#[derive(Debug, Clone)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let is_set = byte >> (7 - self.at % 8) & 1 == 1;
        self.at += 1;
        Some(is_set)
    }

    /// A number of at most 32 bits.
    pub(crate) fn number(&mut self, n_bits: u32) -> Option<u32> {
        let mut number = 0;
        for _ in 0..n_bits {
            number = number << 1 | u32::from(self.bit()?);
        }
        Some(number)
    }

    /// `ue(v)` of ISO/IEC 14496-10, 9.1; `None` also for one of more than 31 bits.
    pub(crate) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
        }
        if zeros > 30 {
            return None;
        }
        Some((1 << zeros) - 1 + self.number(zeros)?)
    }

    /// `se(v)`.
    pub(crate) fn signed_golomb(&mut self) -> Option<i32> {
        let code = i32::try_from(self.golomb()?).ok()?;
        Some(if code % 2 == 1 {
            code / 2 + 1
        } else {
            -(code / 2)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_the_standard_s_table_says() {
        // 1, 010, 011, 00100, 00101: codes 0 to 4.
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        let codes: Vec<u32> = (0..5).map_while(|_| bits.golomb()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&bytes);
        let codes: Vec<i32> = (0..5).map_while(|_| bits.signed_golomb()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
        assert_eq!(Bits::new(&[0; 9]).golomb(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 0, 1, 0, 0, 0, 0]).golomb(), None);
    }
}
