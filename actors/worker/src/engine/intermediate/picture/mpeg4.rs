//! Pictures of MPEG-4 part 2 (ISO/IEC 14496-2).

use super::{Picture, codes};
use crate::engine::intermediate::turns::Turn;
use crate::mp4::remux::bits::Bits;

/// Start codes of a layer (6.2.3): what holds for all pictures behind it.
const LAYERS: std::ops::RangeInclusive<u8> = 0x20..=0x2f;
/// Start code of what encoders say of themselves.
const USER_DATA: u8 = 0xb2;
/// Start code of a picture.
const VOP: u8 = 0xb6;
/// `aspect_ratio_info` that is followed by a width and a height.
const EXTENDED_PAR: u32 = 15;
/// `video_object_layer_shape` of pictures that fill the frame.
const RECTANGULAR: u32 = 0;
/// How DivX begins to say what it is; where the last character is this, a packet may hold two pictures,
/// and one that is blank stands in the place of the second.
const DIVX: &[u8] = b"DivX";
const PACKED: u8 = b'p';

/// A picture; `None` for bytes that hold several, or none. Whether it is blank can be told where the bits
/// of its time are known, as [`time_bits`] has them.
pub(in super::super) fn of(bytes: &[u8], time_bits: Option<u32>) -> Option<Picture> {
    let mut found = codes(bytes).filter(|(code, _)| *code == VOP);
    let (_, body) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let kind = body.first()? >> 6;
    let is_coded = time_bits.and_then(|n_bits| is_coded(body, n_bits));
    let is_blank = is_coded == Some(false);
    let is_shown_at_once = kind == 2;
    Some(Picture {
        is_sync: kind == 0 && !is_blank,
        is_blank,
        is_shown_at_once,
        turn: Turn::of_mpeg(is_shown_at_once),
        ..Picture::default()
    })
}

/// `vop_coded` of a picture (6.2.5).
fn is_coded(body: &[u8], time_bits: u32) -> Option<bool> {
    let mut bits = Bits::new(body);
    bits.number(2)?;
    // Seconds since the picture before, each of them a bit.
    while bits.bit()? {}
    bits.bit()?;
    bits.number(time_bits)?;
    bits.bit()?;
    bits.bit()
}

/// How many bits a picture's time within its second has, by the layer's header; `None` where there is
/// none, or one of another kind than films have.
pub(in super::super) fn time_bits(bytes: &[u8]) -> Option<u32> {
    let (_, layer) = codes(bytes).find(|(code, _)| LAYERS.contains(code))?;
    let mut bits = Bits::new(layer);
    // Whether every picture is a keyframe, and the kind of the layer.
    bits.number(9)?;
    if bits.bit()? {
        bits.number(7)?;
    }
    if bits.number(4)? == EXTENDED_PAR {
        bits.number(16)?;
    }
    if bits.bit()? {
        // Chroma and delay, and how its buffer is filled.
        bits.number(3)?;
        if bits.bit()? {
            for _ in 0..79 {
                bits.bit()?;
            }
        }
    }
    if bits.number(2)? != RECTANGULAR {
        return None;
    }
    bits.bit()?;
    let resolution = bits.number(16)?;
    // As many as count to one less than the resolution, and one at least.
    Some((u32::BITS - resolution.saturating_sub(1).leading_zeros()).max(1))
}

/// What is before the first picture: its configuration.
pub(in super::super) fn config(bytes: &[u8]) -> &[u8] {
    let at = bytes.windows(4).position(|window| window == [0, 0, 1, VOP]);
    bytes.get(..at.unwrap_or(0)).unwrap_or(&[])
}

/// The same bytes, which no longer say that packets hold several pictures: they are apart by now.
pub(in super::super) fn unpacked(mut bytes: Vec<u8>) -> Vec<u8> {
    let Some(at) = packed_mark(&bytes) else {
        return bytes;
    };
    if let Some(mark) = bytes.get_mut(at) {
        *mark = 0;
    }
    bytes
}

/// Where the mark of packed pictures stands.
fn packed_mark(bytes: &[u8]) -> Option<usize> {
    let begins = |window: &[u8]| window.starts_with(&[0, 0, 1, USER_DATA]);
    let mut starts = bytes
        .windows(4 + DIVX.len())
        .enumerate()
        .filter(|(_, window)| begins(window) && window.ends_with(DIVX));
    let (start, _) = starts.next()?;
    let text = bytes.get(start + 4..)?;
    let length = text.iter().take_while(|byte| **byte != 0).count();
    let last = (start + 4 + length).checked_sub(1)?;
    (bytes.get(last) == Some(&PACKED)).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pictures_are_none() {
        let one = [0, 0, 1, VOP, 0x80, 0];
        let picture = of(&one, None).unwrap();
        assert!(picture.is_shown_at_once && !picture.is_blank);
        assert_eq!(of(&[one, one].concat(), None), None);
        assert_eq!(of(&[0, 0, 1], None), None);
        assert_eq!(config(&[1, 2, 0, 0, 1, VOP, 0]), [1, 2]);
    }

    #[test]
    fn a_picture_of_which_nothing_is_coded_is_blank() {
        // ffmpeg's: an identifier, square pixels, a delay, 25 pictures a second.
        let layer = [
            0, 0, 1, 0x20, 0x08, 0xd4, 0x8d, 0x08, 0x00, 0xcd, 0x0a, 0x04, 0x16, 0x94,
        ];
        assert_eq!(time_bits(&layer), Some(5));
        assert_eq!(time_bits(&layer[..8]), None);
        // P, no whole second, a mark, five bits, a mark, not coded.
        let blank = [0, 0, 1, VOP, 0b0101_0000, 0b0100_1111];
        let coded = [0, 0, 1, VOP, 0b0101_0000, 0b0110_1111];
        assert!(of(&blank, Some(5)).unwrap().is_blank);
        assert!(!of(&coded, Some(5)).unwrap().is_blank);
        assert!(!of(&blank[..5], Some(5)).unwrap().is_blank);
    }

    #[test]
    fn the_mark_of_packed_pictures_is_taken_away() {
        let say = |text: &[u8]| [&[0, 0, 1, USER_DATA][..], text, &[0, 0, 1, VOP, 0]].concat();
        assert_eq!(unpacked(say(b"DivX503b1393p")), say(b"DivX503b1393\0"));
        for other in [&b"DivX503b1393"[..], b"Lavc59p", b"XviD0046p"] {
            assert_eq!(unpacked(say(other)), say(other));
        }
    }
}
