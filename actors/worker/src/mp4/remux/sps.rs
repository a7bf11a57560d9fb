//! H.264's sequence parameter set (ISO/IEC 14496-10, 7.3.2.1.1).

mod vui;

use bus_schema::source::H264Facts;

use super::bits::Bits;
use crate::mp4::index::boxes::Fields;

/// Profiles whose parameter sets tell chroma format and bit depth; others have 4:2:0 and 8 bits.
const HIGH_PROFILES: [u8; 13] = [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244];
/// `chroma_format_idc` of 4:4:4.
const CHROMA_444: u32 = 3;
/// The largest of `num_ref_frames_in_pic_order_cnt_cycle`.
const CYCLE_MAX: u32 = 255;

/// What the parameter sets of an `AVCDecoderConfigurationRecord` say; `None` where it has none, or
/// several that differ, or they cannot be read.
pub(super) fn facts(avcc: &[u8]) -> Option<H264Facts> {
    let mut fields = Fields::new(avcc);
    // Version, profile, compatibility, level, size of lengths.
    fields.skip(5).ok()?;
    let [count] = fields.bytes().ok()?;
    let mut found = None;
    for _ in 0..count & 0x1f {
        let length = usize::from(fields.u16().ok()?);
        let facts = read(fields.rest().get(..length)?)?;
        fields.skip(length).ok()?;
        if *found.get_or_insert(facts) != facts {
            return None;
        }
    }
    found
}

/// What is needed to read slices' headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framing {
    /// Bits of a picture's number.
    pub(crate) number_bits: u32,
    /// Whether each plane of colours is coded by itself.
    pub(crate) has_planes: bool,
    /// Whether no picture is a field.
    pub(crate) is_progressive: bool,
    /// How pictures tell the order in which they are shown.
    pub(crate) order: Order,
    /// How many pictures a decoder holds back at most, where that is told.
    pub(crate) delay: Option<u32>,
}

/// How a sequence's pictures tell the order in which they are shown: `pic_order_cnt_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// By numbers of so many bits.
    Numbers {
        /// At most 16.
        bits: u32,
    },
    /// By what each differs from a cycle of numbers, which nobody reads here.
    Cycle,
    /// They are shown as they are decoded.
    Decoded,
}

/// Of one unit, with its header.
fn read(unit: &[u8]) -> Option<H264Facts> {
    read_all(unit).map(|(facts, _)| facts)
}

/// How the pictures of a sequence are framed, by its parameter set; `None` for one that cannot be read.
pub(crate) fn framing(unit: &[u8]) -> Option<Framing> {
    read_all(unit).map(|(_, framing)| framing)
}

fn read_all(unit: &[u8]) -> Option<(H264Facts, Framing)> {
    let [header, profile, _, level, rest @ ..] = unit else {
        return None;
    };
    if header & 0x1f != 7 {
        return None;
    }
    let rest = without_escapes(rest);
    let mut bits = Bits::new(&rest);
    bits.golomb()?;
    let (chroma_format, bit_depth, has_planes) = if HIGH_PROFILES.contains(profile) {
        read_format(&mut bits)?
    } else {
        (1, 8, false)
    };
    // At most 16.
    let number_bits = bits.golomb()?.min(12) + 4;
    let order = read_order(&mut bits)?;
    // Reference frames, gaps, width and height.
    bits.golomb()?;
    bits.bit()?;
    bits.golomb()?;
    bits.golomb()?;
    let is_progressive = bits.bit()?;
    let facts = H264Facts {
        profile: *profile,
        level: *level,
        chroma_format,
        bit_depth,
        is_progressive,
    };
    let framing = Framing {
        number_bits,
        has_planes,
        is_progressive,
        order,
        delay: vui::delay(&mut bits, is_progressive),
    };
    Some((facts, framing))
}

fn read_order(bits: &mut Bits<'_>) -> Option<Order> {
    Some(match bits.golomb()? {
        0 => Order::Numbers {
            bits: bits.golomb()?.min(12) + 4,
        },
        1 => {
            bits.bit()?;
            bits.signed_golomb()?;
            bits.signed_golomb()?;
            let n = bits.golomb().filter(|n| *n <= CYCLE_MAX)?;
            for _ in 0..n {
                bits.signed_golomb()?;
            }
            Order::Cycle
        }
        _ => Order::Decoded,
    })
}

/// Chroma format, the larger bit depth, and whether planes are coded by themselves.
fn read_format(bits: &mut Bits<'_>) -> Option<(u8, u8, bool)> {
    let chroma_format = bits.golomb()?;
    let has_planes = chroma_format == CHROMA_444 && bits.bit()?;
    let bit_depth = 8 + bits.golomb()?.max(bits.golomb()?).min(8);
    bits.bit()?;
    if bits.bit()? {
        let n_lists = if chroma_format == CHROMA_444 { 12 } else { 8 };
        for list in 0..n_lists {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    let chroma_format = u8::try_from(chroma_format).ok()?;
    Some((chroma_format, u8::try_from(bit_depth).ok()?, has_planes))
}

/// 7.3.2.1.1.1: a list ends early where the next scale would be 0.
fn skip_scaling_list(bits: &mut Bits<'_>, n: u32) -> Option<()> {
    let mut last = 8;
    for _ in 0..n {
        last = (last + bits.signed_golomb()?).rem_euclid(256);
        if last == 0 {
            break;
        }
    }
    Some(())
}

/// Without the bytes that keep start codes out (7.4.1).
pub(crate) fn without_escapes(unit: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for byte in unit {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bytes.push(*byte);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_left_out() {
        assert_eq!(without_escapes(&[0, 0, 3, 1, 0, 3]), [0, 0, 1, 0, 3]);
        assert_eq!(without_escapes(&[0, 0, 3, 0, 0, 3]), [0, 0, 0, 0]);
    }

    #[test]
    fn a_baseline_set_has_the_usual_format() {
        // x264's 320x180 of profile 66: id 0, frame numbers 4 bits, order type 2, one reference.
        // 1 1 011 010 0 000010100 0001100 1.
        let unit = [
            0x67,
            66,
            0xc0,
            13,
            0b1101_1010,
            0b0000_0101,
            0b0000_0110,
            0b0100_0000,
        ];
        let facts = read(&unit).unwrap();
        assert_eq!((facts.profile, facts.level), (66, 13));
        assert_eq!((facts.chroma_format, facts.bit_depth), (1, 8));
        assert!(facts.is_progressive);
        assert_eq!(read(&unit[..6]), None);
        assert_eq!(read(&[0x68, 66, 0, 13, 0xff, 0xff]), None);
    }

    #[test]
    fn sets_that_differ_tell_nothing() {
        let unit = [
            0x67,
            66,
            0xc0,
            13,
            0b1101_1010,
            0b0000_0101,
            0b0000_0110,
            0b0100_0000,
        ];
        let other = [
            0x67,
            66,
            0xc0,
            40,
            0b1101_1010,
            0b0000_0101,
            0b0000_0110,
            0b0100_0000,
        ];
        let avcc = |units: &[&[u8]]| {
            let n = u8::try_from(units.len()).unwrap();
            let mut bytes = vec![1, 66, 0xc0, 13, 0xff, 0xe0 | n];
            for unit in units {
                bytes.extend([0, 8]);
                bytes.extend_from_slice(unit);
            }
            bytes
        };
        assert!(facts(&avcc(&[&unit, &unit])).is_some());
        assert_eq!(facts(&avcc(&[&unit, &other])), None);
        assert_eq!(facts(&avcc(&[])), None);
        assert_eq!(facts(&avcc(&[&unit])[..10]), None);
    }
}
