//! Pictures of H.264 (ISO/IEC 14496-10).

use super::{Field, Picture, units};
use crate::engine::intermediate::turns::{Numbered, Turn};
use crate::mp4::remux::bits::Bits;
use crate::mp4::remux::sps::{Framing, Order, without_escapes};

// Kinds of units (table 7-1).

/// A slice of a picture.
const SLICE: u8 = 1;
/// A slice of a picture behind which nothing refers to before it.
const INSTANT_REFRESH: u8 = 5;
/// Supplemental information.
const SUPPLEMENTAL: u8 = 6;
/// Parameters of a sequence, and of pictures.
pub(in super::super) const PARAMETERS: [u8; 2] = [7, 8];
/// Delimiters and filler, which an MP4 does without.
pub(in super::super) const EMPTY: [u8; 2] = [9, 12];

/// `payloadType` of a recovery point.
const RECOVERY_POINT: usize = 6;
/// Bytes of a slice's header in which all lies that is read of it.
const SLICE_HEAD_BYTES: usize = 32;

/// A picture of H.264: decoding begins at an instant refresh, or at a recovery point with nothing to wait
/// for. What is shown before the latter and decoded behind it refers to what is not there.
///
/// `None` for units of which none is a slice.
pub(in super::super) fn of(
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
            INSTANT_REFRESH | SLICE => {
                has_slice = true;
                let head = Head::read(unit, framing);
                if kind == INSTANT_REFRESH {
                    (picture.is_sync, picture.is_instant) = (true, true);
                } else {
                    let kind = head.map(|head| head.kind);
                    is_intra &= matches!(kind, Some(2 | 4));
                    picture.is_shown_at_once |= kind == Some(1);
                }
                let field = head.and_then(|head| head.field);
                has_both |= field
                    .zip(picture.field)
                    .is_some_and(|(field, other)| field.completes(other));
                picture.field = field;
                if picture.turn == Turn::Untold {
                    picture.turn = turn(unit, head, framing);
                }
            }
            SUPPLEMENTAL => recovers |= recovers_at_once(unit),
            _ => {}
        }
    }
    picture.is_sync |= recovers && is_intra && has_slice;
    if has_both {
        picture.field = None;
    }
    has_slice.then_some(picture)
}

/// What is read of a slice's header (7.3.3).
#[derive(Debug, Clone, Copy)]
struct Head {
    /// `slice_type` modulo 5: 0 P, 1 B, 2 I, 3 SP, 4 SI.
    kind: u32,
    /// Which field the slice is of, if any.
    field: Option<Field>,
    /// `pic_order_cnt_lsb`.
    number: Option<u32>,
}

impl Head {
    fn read(unit: &[u8], framing: Option<Framing>) -> Option<Self> {
        let (first, head) = unit.split_first()?;
        let head = without_escapes(head.get(..SLICE_HEAD_BYTES).unwrap_or(head));
        let mut bits = Bits::new(&head);
        bits.golomb()?;
        let kind = bits.golomb()? % 5;
        let is_instant = first & 0x1f == INSTANT_REFRESH;
        let rest = framing.and_then(|framing| rest(&mut bits, framing, is_instant));
        let (field, number) = rest.unwrap_or((None, None));
        Some(Self {
            kind,
            field,
            number,
        })
    }
}

/// What a slice's header says behind its first two numbers: its field, and the number that orders it.
fn rest(
    bits: &mut Bits<'_>,
    framing: Framing,
    is_instant: bool,
) -> Option<(Option<Field>, Option<u32>)> {
    bits.golomb()?;
    if framing.has_planes {
        bits.number(2)?;
    }
    let number = bits.number(framing.number_bits)?;
    let is_field = !framing.is_progressive && bits.bit()?;
    let is_bottom = is_field && bits.bit()?;
    let field = is_field.then_some(Field { is_bottom, number });
    let order_number = |bits: &mut Bits<'_>| {
        if is_instant {
            bits.golomb()?;
        }
        match framing.order {
            Order::Numbers { bits: n_bits } => bits.number(n_bits),
            Order::Cycle | Order::Decoded => None,
        }
    };
    Some((field, order_number(bits)))
}

/// What a slice says of when its picture is shown.
fn turn(unit: &[u8], head: Option<Head>, framing: Option<Framing>) -> Turn {
    let number = head.and_then(|head| head.number);
    match (framing.map(|framing| framing.order), number) {
        (Some(Order::Decoded), _) => Turn::AsDecoded,
        (Some(Order::Numbers { bits }), Some(low)) => Turn::Numbered(Numbered {
            low,
            bits,
            // `nal_ref_idc`.
            is_reference: unit.first().is_some_and(|byte| byte & 0x60 != 0),
        }),
        _ => Turn::Untold,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
        super::of(&sample(units), 4, None).unwrap()
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
        assert_eq!(super::of(&sample(&[&[9, 0x10]]), 4, None), None);
    }

    #[test]
    fn two_fields_are_one_frame() {
        let framing = Framing {
            number_bits: 4,
            has_planes: false,
            is_progressive: false,
            order: Order::Decoded,
            delay: None,
        };
        let of = |units: &[&[u8]]| super::of(&sample(units), 4, Some(framing)).unwrap().field;
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
}
