//! How cameras say which way up a picture is: the tag Orientation of Exif (CIPA DC-008, section 4.6.4), in the first
//! directory of what is a TIFF file without a picture (TIFF 6.0, section 2).

/// What stands in front of it in a JPEG, and in WebP files of some programs.
const PREFIX: &[u8] = b"Exif\0\0";
/// The tag.
const ORIENTATION: u16 = 0x0112;
/// The type of its value: 16 bits.
const SHORT: u16 = 3;
/// Bytes of an entry: tag, type, number of values, and a value or where it lies.
const ENTRY_BYTES: usize = 12;

/// 1 to 8; 1, which is upright, where nothing else is said.
pub(super) fn orientation(exif: &[u8]) -> u8 {
    let tiff = exif.strip_prefix(PREFIX).unwrap_or(exif);
    find(tiff)
        .and_then(|value| u8::try_from(value).ok())
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(1)
}

fn find(tiff: &[u8]) -> Option<u16> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let n_entries = usize::from(short(directory)?);
    let first = directory.checked_add(2)?;
    (0..n_entries)
        .map_while(|n| first.checked_add(n * ENTRY_BYTES))
        .find(|at| short(*at) == Some(ORIENTATION))
        .filter(|at| short(at + 2) == Some(SHORT) && long(at + 4) == Some(1))
        .and_then(|at| short(at + 8))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An Exif block that says this, in either order of bytes.
    pub(in super::super) fn block(orientation: u16, is_little: bool) -> Vec<u8> {
        let short = |value: u16| {
            if is_little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let long = |value: u32| {
            if is_little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let mut bytes = if is_little {
            b"II*\0".to_vec()
        } else {
            b"MM\0*".to_vec()
        };
        bytes.extend(long(8));
        bytes.extend(short(2));
        // The width, which is of no interest, in front.
        for (tag, kind, value) in [(0x0100, SHORT, 640), (ORIENTATION, SHORT, orientation)] {
            bytes.extend([short(tag), short(kind)].concat());
            bytes.extend(long(1));
            bytes.extend([short(value), short(0)].concat());
        }
        bytes
    }

    #[test]
    fn every_orientation_is_read_in_both_orders_with_a_prefix_and_without() {
        for is_little in [true, false] {
            for value in 1..=8 {
                let block = block(u16::from(value), is_little);
                assert_eq!(orientation(&block), value);
                assert_eq!(orientation(&[PREFIX, &block].concat()), value);
            }
        }
    }

    #[test]
    fn what_is_damaged_is_upright() {
        for value in [0, 9, u16::MAX] {
            assert_eq!(orientation(&block(value, true)), 1);
        }
        let whole = block(6, false);
        for end in 0..whole.len() - 3 {
            assert_eq!(orientation(&whole[..end]), 1, "cut at {end}");
        }
        // A directory that lies behind the end, or as far away as can be said.
        for place in [100, u32::MAX] {
            let mut far = whole.clone();
            far[4..8].copy_from_slice(&place.to_be_bytes());
            assert_eq!(orientation(&far), 1);
        }
    }
}
