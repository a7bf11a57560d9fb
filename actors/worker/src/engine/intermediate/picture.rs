//! What a coded picture is, by its own bytes: parsers mark as keyframes more than decoding can begin at.

pub(super) mod h264;
pub(super) mod hevc;
pub(super) mod mpeg2;
pub(super) mod mpeg4;

use super::turns::Turn;

/// What is told of one coded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is told by other bytes, and any of them may come together"
)]
pub(super) struct Picture {
    /// Whether decoding can begin here.
    pub(super) is_sync: bool,
    /// Whether nothing behind it, in any order, refers to what is before it.
    pub(super) is_instant: bool,
    /// Whether no other picture refers to it, so that it is shown as soon as it is decoded.
    pub(super) is_shown_at_once: bool,
    /// Whether it refers to what is before the keyframe that it follows, in the order of decoding.
    pub(super) is_leading: bool,
    /// Whether nothing is coded, and nothing shown: it stands in the place of a picture.
    pub(super) is_blank: bool,
    /// What it tells of the order in which pictures are shown.
    pub(super) turn: Turn,
    /// Which field of a frame it is, where the other one is a picture of its own.
    pub(super) field: Option<Field>,
}

/// One field of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    is_bottom: bool,
    /// The frame's number in its stream; 0 where there are none.
    number: u32,
}

impl Field {
    /// Whether both are of one frame.
    pub(super) fn completes(self, other: Self) -> bool {
        self.is_bottom != other.is_bottom && self.number == other.number
    }
}

/// Units of H.264 and HEVC with their lengths in front: `length_bytes` of them.
pub(super) fn units(bytes: &[u8], length_bytes: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_at_checked(length_bytes)?;
        let length = length
            .iter()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (unit, behind) = behind.split_at_checked(length.min(behind.len()))?;
        rest = behind;
        Some(unit)
    })
}

/// Where a start code's last byte is, and what follows it.
fn codes(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let starts = bytes.windows(4).enumerate();
    let starts = starts.filter(|(_, window)| window.starts_with(&[0, 0, 1]));
    starts.filter_map(|(at, window)| Some((*window.get(3)?, bytes.get(at + 4..)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mp4::remux::sps::{Framing, Order};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0..5_usize) {
            let framing = Framing {
                number_bits: 16,
                has_planes: true,
                is_progressive: false,
                order: Order::Numbers { bits: 16 },
                delay: None,
            };
            h264::of(&bytes, length.max(1), Some(framing));
            hevc::of(&bytes, length.max(1));
            mpeg2::of(&bytes);
            mpeg4::of(&bytes, mpeg4::time_bits(&bytes));
            mpeg4::unpacked(bytes);
        }
    }
}
