//! AV1 in MP4 (AV1 Codec ISO Media File Format Binding, version 1.2): open bitstream units (OBUs) of a
//! temporal unit, and the record that is made of its sequence header.

use bytes::Bytes;

use crate::mp4::error::{Error, OrDamaged as _};
use crate::mp4::remux::bits::Bits;

/// Marker and version.
const VERSION: u8 = 0x81;
/// Bytes of the record before the units in it.
const FIXED_BYTES: usize = 4;
/// `obu_type` of a sequence header.
const SEQUENCE_HEADER: u8 = 1;
/// Of a temporal delimiter, which MP4 leaves out: samples delimit themselves.
const TEMPORAL_DELIMITER: u8 = 2;
/// Longest size field.
const LEB128_BYTES_MAX: usize = 8;
/// Operating points that one sequence header may list.
const OPERATING_POINTS_MAX: u32 = 32;
/// `seq_level_idx` above which there is a tier.
const LEVEL_WITH_TIER: u32 = 7;

/// One unit of a temporal unit.
#[derive(Debug, Clone, Copy)]
struct Unit<'a> {
    kind: u8,
    /// With header and size.
    whole: &'a [u8],
    body: &'a [u8],
}

/// A temporal unit as a sample: without its delimiters.
///
/// # Errors
/// [`Error::Damaged`] when the bytes are no units with sizes.
pub fn sample(temporal_unit: &[u8]) -> Result<Bytes, Error> {
    let mut sample = Vec::with_capacity(temporal_unit.len());
    for unit in units(temporal_unit)? {
        if unit.kind != TEMPORAL_DELIMITER {
            sample.extend_from_slice(unit.whole);
        }
    }
    Ok(sample.into())
}

/// `AV1CodecConfigurationRecord` of a stream that begins with this temporal unit.
///
/// # Errors
/// [`Error::Damaged`] when there is no sequence header in it that can be read.
pub fn record(temporal_unit: &[u8]) -> Result<Bytes, Error> {
    let units = units(temporal_unit)?;
    let header = units
        .iter()
        .find(|unit| unit.kind == SEQUENCE_HEADER)
        .or_damaged("AV1 without a sequence header at its beginning")?;
    let fields = Sequence::read(header.body).or_damaged("an AV1 sequence header")?;
    let mut record = vec![
        VERSION,
        (fields.profile << 5) | fields.level,
        fields.format,
        0,
    ];
    record.extend_from_slice(header.whole);
    Ok(record.into())
}

fn units(mut bytes: &[u8]) -> Result<Vec<Unit<'_>>, Error> {
    let mut units = Vec::new();
    while !bytes.is_empty() {
        let (unit, rest) = unit(bytes).or_damaged("an AV1 unit without its size or its end")?;
        units.push(unit);
        bytes = rest;
    }
    Ok(units)
}

/// The first unit (AV1 Bitstream & Decoding Process Specification, 5.3), and what follows it.
fn unit(bytes: &[u8]) -> Option<(Unit<'_>, &[u8])> {
    let header = *bytes.first()?;
    let (has_extension, has_size) = (header & 0x04 != 0, header & 0x02 != 0);
    let size_at = 1 + usize::from(has_extension);
    if !has_size {
        return None;
    }
    let (size, size_bytes) = leb128(bytes.get(size_at..)?)?;
    let body_at = size_at + size_bytes;
    let end = body_at.checked_add(size)?;
    let unit = Unit {
        kind: (header >> 3) & 0x0f,
        whole: bytes.get(..end)?,
        body: bytes.get(body_at..end)?,
    };
    Some((unit, bytes.get(end..)?))
}

/// A number in groups of 7 bits, lowest first, and how many bytes it takes.
fn leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0_u64;
    for (n, byte) in bytes.iter().take(LEB128_BYTES_MAX).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, n + 1));
        }
    }
    None
}

/// What the record repeats of a sequence header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sequence {
    profile: u8,
    level: u8,
    /// Tier, depth and chroma, as the record's third byte has them.
    format: u8,
}

impl Sequence {
    /// Reads `sequence_header_obu()` (5.5.1) up to the format of its samples.
    fn read(body: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(body);
        let profile = bits.number(3)?;
        bits.bit()?;
        let is_reduced = bits.bit()?;
        let (level, tier) = if is_reduced {
            (bits.number(5)?, false)
        } else {
            Self::operating_point(&mut bits)?
        };
        Self::skip_tools(&mut bits, is_reduced)?;
        let format = Self::format(&mut bits, profile)?;
        Some(Self {
            profile: u8::try_from(profile).ok()?,
            level: u8::try_from(level).ok()?,
            format: (u8::from(tier) << 7) | format,
        })
    }

    /// Level and tier of the first operating point.
    fn operating_point(bits: &mut Bits<'_>) -> Option<(u32, bool)> {
        let mut delay_bits = None;
        if bits.bit()? {
            // Units of a tick, ticks a second.
            bits.number(32)?;
            bits.number(32)?;
            if bits.bit()? {
                bits.golomb()?;
            }
            if bits.bit()? {
                delay_bits = Some(bits.number(5)? + 1);
                bits.number(32)?;
                bits.number(10)?;
            }
        }
        let has_display_delay = bits.bit()?;
        let n = bits.number(5)? + 1;
        let mut first = None;
        for _ in 0..n.min(OPERATING_POINTS_MAX) {
            bits.number(12)?;
            let level = bits.number(5)?;
            let tier = level > LEVEL_WITH_TIER && bits.bit()?;
            if let Some(delay_bits) = delay_bits
                && bits.bit()?
            {
                bits.number(delay_bits)?;
                bits.number(delay_bits)?;
                bits.bit()?;
            }
            if has_display_delay && bits.bit()? {
                bits.number(4)?;
            }
            first.get_or_insert((level, tier));
        }
        first
    }

    /// Sizes, and which tools frames may use.
    fn skip_tools(bits: &mut Bits<'_>, is_reduced: bool) -> Option<()> {
        let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
        bits.number(width_bits)?;
        bits.number(height_bits)?;
        if !is_reduced && bits.bit()? {
            // Lengths of frame ids.
            bits.number(4)?;
            bits.number(3)?;
        }
        // Large superblocks, filtered intra prediction, smoothed edges.
        bits.number(3)?;
        if !is_reduced {
            // Four tools between frames.
            bits.number(4)?;
            let has_order_hint = bits.bit()?;
            if has_order_hint {
                bits.number(2)?;
            }
            let chooses_tools = bits.bit()?;
            let forces_tools = chooses_tools || bits.bit()?;
            if forces_tools && !bits.bit()? {
                bits.bit()?;
            }
            if has_order_hint {
                bits.number(3)?;
            }
        }
        // Super-resolution, directional filter, restoration.
        bits.number(3)?;
        Some(())
    }

    /// `color_config()` (5.5.2): depth, monochrome, subsampling, position.
    fn format(bits: &mut Bits<'_>, profile: u32) -> Option<u8> {
        let is_deep = bits.bit()?;
        let is_12 = profile == 2 && is_deep && bits.bit()?;
        let is_mono = profile != 1 && bits.bit()?;
        let mut matrix = None;
        if bits.bit()? {
            // Primaries and transfer.
            bits.number(16)?;
            matrix = Some(bits.number(8)?);
        }
        let (x, y, position) = if is_mono {
            (true, true, 0)
        } else if matrix == Some(0) {
            (false, false, 0)
        } else {
            // The range.
            bits.bit()?;
            let (x, y) = match profile {
                0 => (true, true),
                1 => (false, false),
                _ if is_12 => {
                    let x = bits.bit()?;
                    (x, x && bits.bit()?)
                }
                _ => (true, false),
            };
            let position = if x && y { bits.number(2)? } else { 0 };
            (x, y, u8::try_from(position).ok()?)
        };
        let flags = [(is_deep, 6), (is_12, 5), (is_mono, 4), (x, 3), (y, 2)];
        let byte = flags
            .iter()
            .fold(position, |byte, (flag, at)| byte | (u8::from(*flag) << at));
        Some(byte)
    }
}

/// Marker and version, all fixed fields, and a unit behind them.
pub(super) fn is_whole(av1c: &[u8]) -> bool {
    av1c.len() > FIXED_BYTES && av1c.first() == Some(&VERSION)
}

/// Profile, level, tier and bits.
pub(super) fn codecs(av1c: &[u8]) -> String {
    let field = |at: usize| av1c.get(at).copied().unwrap_or(0);
    let (profile, level) = (field(1) >> 5, field(1) & 0x1f);
    let format = field(2);
    let tier = if format & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match format >> 5 & 0x03 {
        0 | 1 => 8,
        2 => 10,
        _ => 12,
    };
    format!("av01.{profile}.{level:02}{tier}.{depth:02}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A delimiter, the sequence header that libaom 3.6 writes for 1280x720 at 25 frames a second, and a
    /// made-up frame.
    const FIRST: &[u8] = &[
        0x12, 0x00, 0x0a, 0x0c, 0x00, 0x00, 0x00, 0x2d, 0x4c, 0xff, 0xb3, 0xf8, 0x1b, 0x5f, 0x20,
        0x08, 0x32, 0x03, 1, 2, 3,
    ];

    #[test]
    fn the_record_repeats_what_the_sequence_header_says() {
        let record = record(FIRST).unwrap();
        assert!(is_whole(&record));
        // Main profile, level 3.1, 8 bits, 4:2:0.
        assert_eq!(&record[..4], &[0x81, 0x05, 0x0c, 0x00]);
        assert_eq!(&record[4..], &FIRST[2..16]);
        assert_eq!(codecs(&record), "av01.0.05M.08");
        assert_eq!(codecs(&[0x81, 0x4d, 0xc0, 0]), "av01.2.13H.10");
        assert_eq!(codecs(&[]), "av01.0.00M.08");
    }

    #[test]
    fn a_sample_has_no_delimiter() {
        assert_eq!(sample(FIRST).unwrap(), &FIRST[2..]);
        assert_eq!(sample(&[]).unwrap(), &[][..]);
    }

    #[test]
    fn units_that_are_cut_or_have_no_size_are_refused() {
        for damaged in [
            &FIRST[..FIRST.len() - 1],
            &[0x10, 0],
            &[0x12, 0x80],
            &[0x16],
        ] {
            sample(damaged).unwrap_err();
        }
        record(&FIRST[..2]).unwrap_err();
        record(&[0x0a, 0x01, 0x00]).unwrap_err();
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut unit = vec![0x0a, u8::try_from(bytes.len()).unwrap()];
            unit.extend_from_slice(&bytes);
            drop((sample(&bytes), record(&bytes), record(&unit)));
        }
    }
}
