//! What a coded picture is, by its own bytes: parsers mark as keyframes more than decoding can begin at.

use crate::mp4::remux::bits::Bits;
use crate::mp4::remux::sps::{Framing, without_escapes};

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

/// Kinds of H.264's units (ISO/IEC 14496-10, table 7-1).
pub(super) mod h264 {
    /// A slice of a picture.
    pub(in super::super) const SLICE: u8 = 1;
    /// A slice of a picture behind which nothing refers to before it.
    pub(in super::super) const INSTANT_REFRESH: u8 = 5;
    /// Supplemental information.
    pub(in super::super) const SUPPLEMENTAL: u8 = 6;
    /// Parameters of a sequence, and of pictures.
    pub(in super::super) const PARAMETERS: [u8; 2] = [7, 8];
    /// Delimiters and filler, which an MP4 does without.
    pub(in super::super) const EMPTY: [u8; 2] = [9, 12];
}

/// Kinds of HEVC's units (ISO/IEC 23008-2, table 7-1).
pub(super) mod hevc {
    /// Leading pictures that are skipped where decoding begins at the keyframe before them.
    pub(in super::super) const SKIPPED_LEADING: [u8; 2] = [8, 9];
    /// Pictures that decoding can begin at.
    pub(in super::super) const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=21;
    /// Parameters of all layers, of a sequence, and of pictures.
    pub(in super::super) const PARAMETERS: [u8; 3] = [32, 33, 34];
    /// Delimiters and filler.
    pub(in super::super) const EMPTY: [u8; 2] = [35, 38];
    /// Kinds of pictures are below this.
    pub(in super::super) const PICTURES: u8 = 32;
}

/// `payloadType` of a recovery point.
const RECOVERY_POINT: usize = 6;
/// Bytes of a slice's header in which all lies that is read of it.
const SLICE_HEAD_BYTES: usize = 32;

/// A picture of H.264: decoding begins at an instant refresh, or at a recovery point with nothing to wait
/// for. What is shown before the latter and decoded behind it refers to what is not there.
///
/// `None` for units of which none is a slice.
pub(super) fn of_h264(
    bytes: &[u8],
    length_bytes: usize,
    framing: Option<Framing>,
) -> Option<Picture> {
    let mut picture = Picture::default();
    let (mut recovers, mut is_intra, mut has_slice) = (false, true, false);
    let mut has_both = false;
    for unit in units(bytes, length_bytes) {
        let Some(kind) = unit.first().map(|byte| byte & 0x1f) else {
            continue;
        };
        match kind {
            h264::INSTANT_REFRESH | h264::SLICE => {
                has_slice = true;
                let head = slice_head(unit, framing);
                if kind == h264::INSTANT_REFRESH {
                    (picture.is_sync, picture.is_instant) = (true, true);
                } else {
                    let kind = head.map(|(kind, _)| kind);
                    is_intra &= matches!(kind, Some(2 | 4));
                    picture.is_shown_at_once |= kind == Some(1);
                }
                let field = head.and_then(|(_, field)| field);
                has_both |= field
                    .zip(picture.field)
                    .is_some_and(|(field, other)| field.completes(other));
                picture.field = field;
            }
            h264::SUPPLEMENTAL => recovers |= recovers_at_once(unit),
            _ => {}
        }
    }
    picture.is_sync |= recovers && is_intra && has_slice;
    if has_both {
        picture.field = None;
    }
    has_slice.then_some(picture)
}

/// `slice_type` modulo 5 - 0 P, 1 B, 2 I, 3 SP, 4 SI - and which field the slice is of, if any
/// (ISO/IEC 14496-10, 7.3.3).
fn slice_head(unit: &[u8], framing: Option<Framing>) -> Option<(u32, Option<Field>)> {
    let head = unit.get(1..)?;
    let head = without_escapes(head.get(..SLICE_HEAD_BYTES).unwrap_or(head));
    let mut bits = Bits::new(&head);
    bits.golomb()?;
    let kind = bits.golomb()? % 5;
    let field = framing.and_then(|framing| field(&mut bits, framing));
    Some((kind, field))
}

/// What a slice's header says behind its first two numbers.
fn field(bits: &mut Bits<'_>, framing: Framing) -> Option<Field> {
    if framing.is_progressive {
        return None;
    }
    bits.golomb()?;
    if framing.has_planes {
        bits.number(2)?;
    }
    let number = bits.number(framing.number_bits)?;
    let is_field = bits.bit()?;
    let is_bottom = is_field && bits.bit()?;
    is_field.then_some(Field { is_bottom, number })
}

/// Whether a unit of supplemental information says that all pictures from this one on are right.
fn recovers_at_once(unit: &[u8]) -> bool {
    let payload = without_escapes(unit.get(1..).unwrap_or(&[]));
    let mut rest = payload.as_slice();
    while rest.len() > 2 {
        let Some((kind, behind)) = long_number(rest) else {
            return false;
        };
        let Some((length, behind)) = long_number(behind) else {
            return false;
        };
        let Some((body, behind)) = behind.split_at_checked(length) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            return Bits::new(body).golomb() == Some(0);
        }
        rest = behind;
    }
    false
}

/// A number of supplemental information: 255 for each byte of that, and the next.
fn long_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let n = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let last = bytes.get(n)?;
    Some((n * 255 + usize::from(*last), bytes.get(n + 1..)?))
}

/// A picture of HEVC; `None` for units of which none is a slice.
pub(super) fn of_hevc(bytes: &[u8], length_bytes: usize) -> Option<Picture> {
    let mut picture = Picture::default();
    let mut has_slice = false;
    for unit in units(bytes, length_bytes) {
        let Some(kind) = unit.first().map(|byte| byte >> 1 & 0x3f) else {
            continue;
        };
        if kind < hevc::PICTURES {
            has_slice = true;
            picture.is_sync |= hevc::RANDOM_ACCESS.contains(&kind);
            picture.is_leading |= hevc::SKIPPED_LEADING.contains(&kind);
        }
    }
    has_slice.then_some(picture)
}

/// Where a start code's last byte is, and what follows it.
pub(super) fn codes(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let starts = bytes.windows(4).enumerate();
    let starts = starts.filter(|(_, window)| window.starts_with(&[0, 0, 1]));
    starts.filter_map(|(at, window)| Some((*window.get(3)?, bytes.get(at + 4..)?)))
}

/// Start codes of MPEG-1 and MPEG-2 (ISO/IEC 13818-2, table 6-1).
const PICTURE: u8 = 0x00;
const SLICES: std::ops::RangeInclusive<u8> = 0x01..=0xaf;
const SEQUENCE: u8 = 0xb3;
const EXTENSION: u8 = 0xb5;
const GROUP: u8 = 0xb8;
/// `extension_start_code_identifier` of a picture's coding.
const PICTURE_CODING: u8 = 8;

/// A picture of MPEG-1 or MPEG-2, and whether its group is closed, where one begins with it.
pub(super) fn of_mpeg2(bytes: &[u8]) -> (Picture, Option<bool>) {
    let mut picture = Picture::default();
    let (mut begins, mut closed, mut kind) = (false, None, 0);
    for (code, body) in codes(bytes) {
        match code {
            SEQUENCE => begins = true,
            GROUP => {
                begins = true;
                // A time of 25 bits, then whether it is closed.
                closed = body.get(3).map(|byte| byte & 0x40 != 0);
            }
            // Ten bits of the order in the group, then three of the kind.
            PICTURE => kind = body.get(1).map_or(0, |byte| byte >> 3 & 7),
            EXTENSION if body.first().is_some_and(|byte| byte >> 4 == PICTURE_CODING) => {
                // 1 is the top field, 2 the bottom, 3 both.
                let structure = body.get(2).map_or(3, |byte| byte & 3);
                picture.field = matches!(structure, 1 | 2).then_some(Field {
                    is_bottom: structure == 2,
                    number: 0,
                });
            }
            code if SLICES.contains(&code) => break,
            _ => {}
        }
    }
    picture.is_sync = begins && kind == 1;
    picture.is_shown_at_once = kind == 3;
    (picture, closed)
}

/// Start code of a picture of MPEG-4 part 2.
const VOP: u8 = 0xb6;

/// A picture of MPEG-4 part 2; `None` for one that holds several, or none.
pub(super) fn of_mpeg4(bytes: &[u8]) -> Option<Picture> {
    let mut found = codes(bytes).filter(|(code, _)| *code == VOP);
    let (_, body) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let kind = body.first()? >> 6;
    Some(Picture {
        is_sync: kind == 0,
        is_shown_at_once: kind == 2,
        ..Picture::default()
    })
}

/// What is before the first picture of MPEG-4 part 2: its configuration.
pub(super) fn mpeg4_config(bytes: &[u8]) -> &[u8] {
    let at = bytes.windows(4).position(|window| window == [0, 0, 1, VOP]);
    bytes.get(..at.unwrap_or(0)).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(units: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for unit in units {
            bytes.extend(u32::try_from(unit.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(unit);
        }
        bytes
    }

    /// A slice's header from its bits, as a unit of this kind.
    fn slice(kind: u8, bits: &str) -> Vec<u8> {
        let mut unit = vec![kind];
        let padded = format!("{bits}1{}", "0".repeat(16));
        for byte in padded.as_bytes().chunks_exact(8) {
            let text = std::str::from_utf8(byte).unwrap();
            unit.push(u8::from_str_radix(text, 2).unwrap());
        }
        unit
    }

    const I: &str = "100010001";
    const P: &str = "100110";
    const B: &str = "100111";
    /// Payload 6, one byte: a recovery point with nothing to wait for, and one with.
    const RECOVERED: &[u8] = &[6, 6, 1, 0b1100_0000, 0x80];
    const RECOVERING: &[u8] = &[6, 6, 1, 0b0101_0000, 0x80];

    fn of(units: &[&[u8]]) -> Picture {
        of_h264(&sample(units), 4, None).unwrap()
    }

    #[test]
    fn decoding_of_h264_begins_where_everything_is_right_from_there_on() {
        let (i, p, b) = (slice(1, I), slice(1, P), slice(1, B));
        let instant = of(&[&slice(5, I)]);
        assert!(instant.is_sync && instant.is_instant);
        // A parser takes this for a keyframe, too: pictures behind it may refer to what is before.
        assert!(!of(&[&i]).is_sync);
        assert!(!of(&[RECOVERING, &i]).is_sync);
        assert!(!of(&[RECOVERED, &i, &p]).is_sync);
        let open = of(&[RECOVERED, &i]);
        assert!(open.is_sync && !open.is_instant);
        assert!(of(&[&b]).is_shown_at_once);
        assert!(!of(&[&p]).is_shown_at_once);
        assert_eq!(of_h264(&sample(&[&[9, 0x10]]), 4, None), None);
    }

    #[test]
    fn two_fields_are_one_frame() {
        let framing = Framing {
            number_bits: 4,
            has_planes: false,
            is_progressive: false,
        };
        let of = |units: &[&[u8]]| of_h264(&sample(units), 4, Some(framing)).unwrap().field;
        // Parameters' number 0, the picture's number 5, a field, the bottom one.
        let [top, bottom, next] = ["1 0101 10", "1 0101 11", "1 0110 11"]
            .map(|rest| slice(1, &format!("{P}{}", rest.replace(' ', ""))));
        let (one, other) = (of(&[&top]).unwrap(), of(&[&bottom]).unwrap());
        assert!(other.completes(one) && !one.completes(one));
        assert!(!of(&[&next]).unwrap().completes(one));
        assert_eq!(of(&[&top, &bottom]), None, "both are there");
        let frame = slice(1, &format!("{P}101010"));
        assert_eq!(of(&[&frame]), None);
    }

    #[test]
    fn decoding_of_mpeg2_begins_at_a_group_s_first_picture() {
        let header = |kind: u8| [0, 0, 1, 0, 0, kind << 3, 0xff, 0xf8];
        let group = |is_closed: bool| [0, 0, 1, GROUP, 0, 8, 0, if is_closed { 0x40 } else { 0 }];
        let (closed, is_closed) = of_mpeg2(&[group(true), header(1)].concat());
        assert!(closed.is_sync);
        assert_eq!(is_closed, Some(true));
        let (open, is_closed) = of_mpeg2(&[group(false), header(1)].concat());
        assert!(open.is_sync);
        assert_eq!(is_closed, Some(false));
        assert!(!of_mpeg2(&header(1)).0.is_sync);
        assert!(of_mpeg2(&header(3)).0.is_shown_at_once);
        let field = [&header(2)[..], &[0, 0, 1, EXTENSION, 0x8f, 0xff, 0xf2, 0]].concat();
        assert!(of_mpeg2(&field).0.field.is_some());
    }

    #[test]
    fn several_pictures_of_mpeg4_are_none() {
        let one = [0, 0, 1, VOP, 0x80, 0];
        assert!(of_mpeg4(&one).unwrap().is_shown_at_once);
        assert_eq!(of_mpeg4(&[one, one].concat()), None);
        assert_eq!(of_mpeg4(&[0, 0, 1]), None);
        assert_eq!(mpeg4_config(&[1, 2, 0, 0, 1, VOP, 0]), [1, 2]);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0..5_usize) {
            let framing = Framing { number_bits: 16, has_planes: true, is_progressive: false };
            of_h264(&bytes, length.max(1), Some(framing));
            of_hevc(&bytes, length.max(1));
            of_mpeg2(&bytes);
            of_mpeg4(&bytes);
        }
    }
}
