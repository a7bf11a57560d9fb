//! AAC's decoder configuration: where it lies in a sample entry, and what it says.

use bus_schema::source::AacFacts;

use super::bits::Bits;
use crate::mp4::index::boxes::{Children, Fields};

/// Bytes of a sound's sample entry before the boxes in it, by QuickTime's version.
const SOUND_BYTES: [usize; 3] = [28, 28 + 16, 28 + 36];
/// `objectTypeIndication` of ISO/IEC 14496-3 audio.
const OBJECT_TYPE_AAC: u8 = 0x40;
/// Marks the extension that tells of spectral band replication (ISO/IEC 14496-3, 1.6.2.1).
const SYNC_EXTENSION: u32 = 0x2b7;
/// `samplingFrequencyIndex` that says that the frequency follows.
const FREQUENCY_FOLLOWS: u32 = 15;
/// Audio object type of spectral band replication.
const HIGH_EFFICIENCY: u8 = 5;

/// The `AudioSpecificConfig` of a sound's sample entry, in MP4's way or QuickTime's; `None` where there
/// is none, or it is another codec's.
pub(super) fn find(entry: &[u8]) -> Option<&[u8]> {
    let version = u16::from_be_bytes([*entry.get(8)?, *entry.get(9)?]);
    let before = *SOUND_BYTES.get(usize::from(version))?;
    let esds = descriptor_box(entry.get(before..)?)?;
    let (_, _, fields) = Fields::full_box(esds).ok()?;
    let (stream, _) = descriptor(fields.rest(), 3)?;
    // An id, then flags for what follows them.
    let flags = *stream.get(2)?;
    let mut before = 3;
    if flags & 0x80 != 0 {
        before += 2;
    }
    if flags & 0x40 != 0 {
        before += 1 + usize::from(*stream.get(before)?);
    }
    if flags & 0x20 != 0 {
        before += 2;
    }
    let (decoder, _) = descriptor(stream.get(before..)?, 4)?;
    if *decoder.first()? != OBJECT_TYPE_AAC {
        return None;
    }
    // Type, kind of stream, buffer, rates.
    descriptor(decoder.get(13..)?, 5).map(|(config, _)| config)
}

/// `esds`, which QuickTime keeps inside of `wave`.
fn descriptor_box(boxes: &[u8]) -> Option<&[u8]> {
    // What follows the boxes that matter may be anything.
    let mut children = Children::new(boxes).map_while(Result::ok);
    children.find_map(|child| match &child.kind {
        b"esds" => Some(child.body),
        b"wave" => {
            let mut inside = Children::new(child.body).map_while(Result::ok);
            inside.find(|one| one.kind == *b"esds").map(|one| one.body)
        }
        _ => None,
    })
}

/// A descriptor with this tag, and what follows it (ISO/IEC 14496-1, 8.3.3).
fn descriptor(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    if *first != tag {
        return None;
    }
    let mut length = 0_usize;
    for _ in 0..4 {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return rest.split_at_checked(length);
        }
    }
    None
}

/// What an `AudioSpecificConfig` says; spectral band replication counts however it is told.
pub(super) fn facts(config: &[u8]) -> Option<AacFacts> {
    let mut bits = Bits::new(config);
    let mut object_type = read_object_type(&mut bits)?;
    skip_frequency(&mut bits)?;
    let channels = u8::try_from(bits.number(4)?).ok()?;
    if object_type == 2 && channels > 0 {
        // Frame length, core coder, extension: all three are 0 in this object type.
        bits.number(3)?;
        if bits.number(11) == Some(SYNC_EXTENSION)
            && read_object_type(&mut bits) == Some(HIGH_EFFICIENCY)
            && bits.bit() == Some(true)
        {
            object_type = HIGH_EFFICIENCY;
        }
    }
    Some(AacFacts {
        object_type,
        channels,
    })
}

fn read_object_type(bits: &mut Bits<'_>) -> Option<u8> {
    let number = match bits.number(5)? {
        31 => 32 + bits.number(6)?,
        number => number,
    };
    u8::try_from(number).ok()
}

fn skip_frequency(bits: &mut Bits<'_>) -> Option<()> {
    if bits.number(4)? == FREQUENCY_FOLLOWS {
        bits.number(24)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn high_efficiency_is_seen_however_it_is_told() {
        let of = |config: &[u8]| facts(config).map(|facts| (facts.object_type, facts.channels));
        assert_eq!(of(&[0x11, 0x90]), Some((2, 2)));
        assert_eq!(of(&[0x12, 0x08, 0x56, 0xe5, 0x00]), Some((2, 1)));
        assert_eq!(of(&[0x13, 0x10, 0x56, 0xe5, 0x9d]), Some((5, 2)));
        assert_eq!(of(&[0x2b, 0x11, 0x88, 0x00]), Some((5, 2)));
        assert_eq!(of(&[0x11]), None);
    }

    #[test]
    fn a_length_of_many_bytes_ends() {
        assert_eq!(
            descriptor(&[3, 0x80, 0x80, 0x80, 2, 7, 8, 9], 3),
            Some((&[7, 8][..], &[9][..]))
        );
        assert_eq!(descriptor(&[3, 0x80, 0x80, 0x80, 0x80, 1, 7], 3), None);
        assert_eq!(descriptor(&[3, 3, 7, 8], 3), None);
        assert_eq!(descriptor(&[4, 1, 7], 3), None);
    }
}
