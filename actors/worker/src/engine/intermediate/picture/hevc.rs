//! Pictures of HEVC (ISO/IEC 23008-2).

use super::{Picture, units};

// Kinds of units (table 7-1).

/// Leading pictures that are skipped where decoding begins at the keyframe before them.
const SKIPPED_LEADING: [u8; 2] = [8, 9];
/// Pictures that decoding can begin at.
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=21;
/// Parameters of all layers, of a sequence, and of pictures.
pub(in super::super) const PARAMETERS: [u8; 3] = [32, 33, 34];
/// Delimiters and filler.
pub(in super::super) const EMPTY: [u8; 2] = [35, 38];
/// Kinds of pictures are below this.
const PICTURES: u8 = 32;

/// A picture of HEVC; `None` for units of which none is a slice.
pub(in super::super) fn of(bytes: &[u8], length_bytes: usize) -> Option<Picture> {
    let mut picture = Picture::default();
    let mut has_slice = false;
    for unit in units(bytes, length_bytes) {
        let Some(kind) = unit.first().map(|byte| byte >> 1 & 0x3f) else {
            continue;
        };
        if kind < PICTURES {
            has_slice = true;
            picture.is_sync |= RANDOM_ACCESS.contains(&kind);
            picture.is_leading |= SKIPPED_LEADING.contains(&kind);
        }
    }
    has_slice.then_some(picture)
}
