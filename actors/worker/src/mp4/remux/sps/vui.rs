//! What follows the size of pictures in a sequence parameter set of H.264 (ISO/IEC 14496-10, 7.3.2.1.1 and
//! E.1.1), read for the number of pictures that a decoder holds back.

use crate::mp4::remux::bits::Bits;

/// `aspect_ratio_idc` that is followed by a width and a height.
const EXTENDED_SAR: u32 = 255;
/// Most sets of `cpb_cnt_minus1`.
const BUFFERS_MAX: u32 = 32;

/// `max_num_reorder_frames`, given the bits behind `frame_mbs_only_flag`; `None` where it is not told.
pub(super) fn delay(bits: &mut Bits<'_>, is_progressive: bool) -> Option<u32> {
    if !is_progressive {
        bits.bit()?;
    }
    bits.bit()?;
    // What of the picture's edges is cut off.
    if bits.bit()? {
        for _ in 0..4 {
            bits.golomb()?;
        }
    }
    if !bits.bit()? {
        return None;
    }
    skip_look(bits)?;
    // Timing.
    if bits.bit()? {
        bits.number(32)?;
        bits.number(32)?;
        bits.bit()?;
    }
    let mut has_buffers = false;
    for _ in 0..2 {
        if bits.bit()? {
            has_buffers = true;
            skip_buffers(bits)?;
        }
    }
    if has_buffers {
        bits.bit()?;
    }
    bits.bit()?;
    if !bits.bit()? {
        return None;
    }
    // Motion beyond the edges, and four limits.
    bits.bit()?;
    for _ in 0..4 {
        bits.golomb()?;
    }
    bits.golomb()
}

/// Shape of pixels, overscan, colours and the place of chroma.
fn skip_look(bits: &mut Bits<'_>) -> Option<()> {
    if bits.bit()? && bits.number(8)? == EXTENDED_SAR {
        bits.number(32)?;
    }
    if bits.bit()? {
        bits.bit()?;
    }
    if bits.bit()? {
        bits.number(4)?;
        if bits.bit()? {
            bits.number(24)?;
        }
    }
    if bits.bit()? {
        bits.golomb()?;
        bits.golomb()?;
    }
    Some(())
}

/// `hrd_parameters` (E.1.2).
fn skip_buffers(bits: &mut Bits<'_>) -> Option<()> {
    let n = bits.golomb()?.saturating_add(1);
    if n > BUFFERS_MAX {
        return None;
    }
    bits.number(8)?;
    for _ in 0..n {
        bits.golomb()?;
        bits.golomb()?;
        bits.bit()?;
    }
    bits.number(20)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use crate::mp4::remux::sps::{Order, framing};

    #[test]
    fn x264_tells_how_many_pictures_are_held_back() {
        // 320x180 with a pyramid of B pictures, and without: ffmpeg's sets of parameters.
        let pyramid = [
            0x67, 0x64, 0x00, 0x0c, 0xac, 0xd9, 0x41, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00,
            0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x99, 0x60,
        ];
        let plain = [
            0x67, 0x64, 0x00, 0x0c, 0xac, 0xd1, 0x01, 0x41, 0x9f, 0x9f, 0x01, 0x10, 0x00, 0x00,
            0x03, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x20, 0xf1, 0x42, 0x91, 0x20,
        ];
        let of = |unit: &[u8]| framing(unit).expect("a set");
        assert_eq!(of(&pyramid).delay, Some(2));
        assert_eq!(of(&plain).delay, Some(1));
        assert!(matches!(of(&plain).order, Order::Numbers { .. }));
        assert_eq!(of(&plain[..18]).delay, None, "cut");
    }
}
