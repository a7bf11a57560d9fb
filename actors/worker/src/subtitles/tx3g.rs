//! Timed text of 3GPP (TS 26.245), which MP4s call `tx3g`; and QuickTime's, whose samples begin alike.

use super::{Place, Shown, Style, Styled};

/// Flag of a sample description: all samples are forced (Apple's QuickTime File Format, "Subtitle sample
/// data").
const ALL_FORCED: u32 = 0x8000_0000;
/// Flag of a sample description: some samples are forced.
const SOME_FORCED: u32 = 0x4000_0000;
/// Bytes of a sample entry before the description: reserved, and a data reference.
const ENTRY_BYTES: usize = 8;
/// Flags, justification, background, and the box that text is drawn in.
const BEFORE_STYLE_BYTES: usize = 4 + 2 + 4 + 8;
/// Where the style's flags lie in a record of it: behind two places and a font's number.
const FACE_AT: usize = 6;
/// Bytes of a record of style.
const RECORD_BYTES: usize = 12;

/// What a track says of all its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Description {
    /// How letters are written where nothing else is said.
    pub style: Style,
    /// Where they are.
    pub place: Place,
    /// Whether all samples are forced.
    pub is_forced: bool,
}

impl Description {
    /// Reads the body of a `tx3g` sample entry; what is missing is as usual.
    #[must_use]
    pub fn read(entry: &[u8]) -> Self {
        let body = entry.get(ENTRY_BYTES..).unwrap_or_default();
        let Some((flags, rest)) = body.split_first_chunk() else {
            return Self::default();
        };
        let flags = u32::from_be_bytes(*flags);
        // Horizontal, then vertical: 0 is the top, 1 the middle, -1 the bottom. Writers of subtitles for
        // a box of no size put them wherever, and mean the bottom.
        let place = match rest.get(1) {
            Some(0) if has_box(body) => Place::Top,
            Some(1) if has_box(body) => Place::Middle,
            _ => Place::Bottom,
        };
        let face = body.get(BEFORE_STYLE_BYTES + FACE_AT);
        Self {
            style: face.map_or_else(Style::default, |face| style(*face)),
            place,
            is_forced: flags & (ALL_FORCED | SOME_FORCED) == ALL_FORCED | SOME_FORCED,
        }
    }

    /// Reads a sample; one without text shows nothing.
    #[must_use]
    pub fn sample(&self, sample: &[u8]) -> Shown {
        let Some((length, rest)) = sample.split_first_chunk() else {
            return Shown::default();
        };
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (text, boxes) = rest.split_at(length);
        let styles = styles(boxes);
        let mut styled = Styled::default();
        for (place, letter) in (0..).zip(decoded(text).chars()) {
            let own = styles
                .iter()
                .find(|(from, until, _)| (*from..*until).contains(&place));
            styled.push(letter, own.map_or(self.style, |(_, _, style)| *style));
        }
        Shown {
            text: styled,
            place: self.place,
        }
    }
}

/// Whether text has a box of its own to be drawn in.
fn has_box(body: &[u8]) -> bool {
    let sides = body.get(10..18).unwrap_or_default();
    sides.iter().any(|byte| *byte != 0)
}

/// UTF-8, or UTF-16 behind its mark. What is neither shows that it is not.
fn decoded(text: &[u8]) -> String {
    let wide = |text: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, _) = text.as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|bytes| unit(*bytes)).collect();
        String::from_utf16_lossy(&units)
    };
    match text {
        [0xfe, 0xff, text @ ..] => wide(text, u16::from_be_bytes),
        [0xff, 0xfe, text @ ..] => wide(text, u16::from_le_bytes),
        text => String::from_utf8_lossy(text).into_owned(),
    }
}

/// Letters from and to which a style holds, out of the boxes behind a text.
fn styles(boxes: &[u8]) -> Vec<(usize, usize, Style)> {
    let mut rest = boxes;
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        let Some((kind, _)) = after.split_first_chunk::<4>() else {
            break;
        };
        let Some((whole, next)) = rest.split_at_checked(size.max(8)) else {
            break;
        };
        if kind == b"styl" {
            return records(whole.get(8..).unwrap_or_default());
        }
        rest = next;
    }
    Vec::new()
}

fn records(body: &[u8]) -> Vec<(usize, usize, Style)> {
    let Some((count, records)) = body.split_first_chunk::<2>() else {
        return Vec::new();
    };
    let count = usize::from(u16::from_be_bytes(*count));
    let (records, _) = records.as_chunks::<RECORD_BYTES>();
    let record = |record: &[u8; RECORD_BYTES]| {
        let [a, b, c, d, _, _, face, ..] = *record;
        let from = usize::from(u16::from_be_bytes([a, b]));
        let until = usize::from(u16::from_be_bytes([c, d]));
        (from, until, style(face))
    };
    records
        .iter()
        .take(count.min(STYLES_MAX))
        .map(record)
        .collect()
}

/// Most stretches of style of a sample: each letter is compared with them.
const STYLES_MAX: usize = 64;

fn style(face: u8) -> Style {
    Style {
        bold: face & 1 != 0,
        italic: face & 2 != 0,
        underline: face & 4 != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &[u8], boxes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap();
        [&length.to_be_bytes(), text, boxes].concat()
    }

    fn shown(sample: &[u8]) -> Option<String> {
        Description::default().sample(sample).text.to_webvtt()
    }

    #[test]
    fn letters_have_the_styles_of_their_stretches() {
        let record = |from: u16, until: u16, face: u8| {
            let (from, until) = (from.to_be_bytes(), until.to_be_bytes());
            [&from[..], &until, &[0, 1, face, 18, 255, 255, 255, 255]].concat()
        };
        let records = [record(2, 4, 2), record(5, 6, 5)].concat();
        let other = [&16_u32.to_be_bytes()[..], b"hlit", &[0; 8]].concat();
        let size = u32::try_from(10 + records.len()).unwrap().to_be_bytes();
        let boxes = [&other[..], &size, b"styl", &[0, 2], &records].concat();
        let text = "\u{e4}\u{f6}bc d".as_bytes();
        assert_eq!(
            shown(&sample(text, &boxes)).as_deref(),
            Some("\u{e4}\u{f6}<i>bc</i> <b><u>d</u></b>")
        );
    }

    #[test]
    fn text_is_told_by_its_mark() {
        assert_eq!(shown(&sample(b"a\nb", b"")).as_deref(), Some("a\nb"));
        assert_eq!(
            shown(&sample(&[0xfe, 0xff, 0x05, 0xe9], b"")).as_deref(),
            Some("\u{5e9}")
        );
        assert_eq!(
            shown(&sample(&[b'a', 0xff, b'b'], b"")).as_deref(),
            Some("a\u{fffd}b")
        );
    }

    #[test]
    fn a_damaged_sample_shows_what_it_has() {
        for (bytes, expected) in [
            (&b""[..], None),
            (&[0][..], None),
            (&[0, 0][..], None),
            (&[0, 9, b'a'][..], Some("a")),
            (
                &[0, 1, b'a', 0, 0, 0, 2, b's', b't', b'y', b'l'][..],
                Some("a"),
            ),
            (
                &[0, 1, b'a', 255, 255, 255, 255, b's', b't', b'y', b'l', 0, 9][..],
                Some("a"),
            ),
            (
                &[0, 1, b'a', 0, 0, 0, 10, b's', b't', b'y', b'l', 255, 255][..],
                Some("a"),
            ),
        ] {
            assert_eq!(shown(bytes).as_deref(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_description_says_what_holds_for_all() {
        let mut entry = vec![0; 8];
        entry.extend(0xc000_0000_u32.to_be_bytes());
        entry.extend([1, 0, 0, 0, 0, 0]);
        entry.extend([0, 0, 0, 0, 0, 60, 4, 0]);
        entry.extend([0, 0, 0, 0, 0, 1, 2, 18, 255, 255, 255, 255]);
        let description = Description::read(&entry);
        assert!(description.is_forced && description.style.italic);
        assert_eq!(description.place, Place::Top);
        assert_eq!(Description::read(&[]), Description::default());
    }
}
