//! Pictures of MPEG-1 and MPEG-2 (ISO/IEC 13818-2).

use super::{Field, Picture, codes};
use crate::engine::intermediate::turns::Turn;

/// Start codes of MPEG-1 and MPEG-2 (ISO/IEC 13818-2, table 6-1).
const PICTURE: u8 = 0x00;
const SLICES: std::ops::RangeInclusive<u8> = 0x01..=0xaf;
const SEQUENCE: u8 = 0xb3;
const EXTENSION: u8 = 0xb5;
const GROUP: u8 = 0xb8;
/// `extension_start_code_identifier` of a picture's coding.
const PICTURE_CODING: u8 = 8;

/// A picture of MPEG-1 or MPEG-2, and whether its group is closed, where one begins with it.
pub(in super::super) fn of(bytes: &[u8]) -> (Picture, Option<bool>) {
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
    picture.turn = Turn::of_mpeg(picture.is_shown_at_once);
    (picture, closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_of_mpeg2_begins_at_a_group_s_first_picture() {
        let header = |kind: u8| [0, 0, 1, 0, 0, kind << 3, 0xff, 0xf8];
        let group = |is_closed: bool| [0, 0, 1, GROUP, 0, 8, 0, if is_closed { 0x40 } else { 0 }];
        let (closed, is_closed) = of(&[group(true), header(1)].concat());
        assert!(closed.is_sync);
        assert_eq!(is_closed, Some(true));
        let (open, is_closed) = of(&[group(false), header(1)].concat());
        assert!(open.is_sync);
        assert_eq!(is_closed, Some(false));
        assert!(!of(&header(1)).0.is_sync);
        assert!(of(&header(3)).0.is_shown_at_once);
        let field = [&header(2)[..], &[0, 0, 1, EXTENSION, 0x8f, 0xff, 0xf2, 0]].concat();
        assert!(of(&field).0.field.is_some());
    }
}
