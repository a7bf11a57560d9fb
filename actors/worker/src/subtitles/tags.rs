//! What stands between a text's letters: tags as HTML has them, ASS's overrides in braces, and names of
//! letters.

use super::{Place, Style};

/// Longest tag, in letters: a font's face and colour are far shorter.
const TAG_CHARS_MAX: usize = 256;
/// Longest name of a letter (`&lrm;`), with what is around it.
const ENTITY_CHARS_MAX: usize = 10;
/// The weight of letters from which on they are fat; 1 is fat too.
const BOLD_WEIGHT: u32 = 600;

/// How what comes next is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pen {
    pub(super) style: Style,
    /// The style that overrides go back to.
    base: Style,
    /// Where an override puts all of the cue: the first one counts, as in libass.
    pub(super) place: Option<Place>,
    /// Whether letters are commands of a drawing.
    pub(super) is_drawing: bool,
}

impl Pen {
    /// One that writes in this style where nothing else is said.
    pub(super) fn new(base: Style) -> Self {
        Self {
            style: base,
            base,
            place: None,
            is_drawing: false,
        }
    }

    /// Follows the overrides of a block, without its braces: those of style, height and drawing; colours,
    /// fonts, positions and moves are not carried over.
    pub(super) fn follow(&mut self, block: &str) {
        // What is before the first one is a comment.
        for code in block.split('\\').skip(1) {
            self.follow_one(code.trim());
        }
    }

    fn follow_one(&mut self, code: &str) {
        let base = self.base;
        let is_on = |number: Option<u32>, otherwise: bool| number.map_or(otherwise, |n| n > 0);
        if let Some(number) = argument(code, "i") {
            self.style.italic = is_on(number, base.italic);
        } else if let Some(number) = argument(code, "u") {
            self.style.underline = is_on(number, base.underline);
        } else if let Some(number) = argument(code, "b") {
            self.style.bold = number.map_or(base.bold, |n| n == 1 || n >= BOLD_WEIGHT);
        } else if let Some(number) = argument(code, "p") {
            self.is_drawing = is_on(number, false);
        } else if let Some(number) = argument(code, "an") {
            self.put(number.and_then(Place::of_number_block));
        } else if let Some(number) = argument(code, "a") {
            self.put(number.and_then(Place::of_ssa));
        } else if code.starts_with('r') {
            // To a style of another name as well: which one is for fonts and colours.
            self.style = base;
        }
    }

    fn put(&mut self, place: Option<Place>) {
        self.place = self.place.or(place);
    }
}

/// The number behind an override's name, if it is this override.
fn argument(code: &str, name: &str) -> Option<Option<u32>> {
    let rest = code.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(None);
    }
    rest.parse().ok().map(Some)
}

/// Takes a tag off the front: its name, in lower case; whether it closes; and what follows it.
pub(super) fn tag(text: &str) -> Option<(String, bool, &str)> {
    let after = text.strip_prefix('<')?;
    let mut letters = after.char_indices().take(TAG_CHARS_MAX);
    let (end, last) = letters.find(|(_, letter)| matches!(letter, '>' | '<' | '\n' | '\r'))?;
    if last != '>' {
        return None;
    }
    let (inside, rest) = after.split_at_checked(end)?;
    let rest = rest.strip_prefix('>')?;
    let (inside, is_end) = match inside.strip_prefix('/') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let is_name = |letter: &char| letter.is_ascii_alphanumeric();
    let name: String = inside.chars().take_while(is_name).collect();
    Some((name.to_ascii_lowercase(), is_end, rest))
}

/// Takes the name of a letter off the front, as HTML and WebVTT have them; and what follows it.
pub(super) fn entity(text: &str) -> Option<(char, &str)> {
    let after = text.strip_prefix('&')?;
    let mut letters = after.char_indices().take(ENTITY_CHARS_MAX);
    let (end, _) = letters.find(|(_, letter)| *letter == ';')?;
    let (name, rest) = after.split_at_checked(end)?;
    let rest = rest.strip_prefix(';')?;
    let letter = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        name => numbered(name)?,
    };
    Some((letter, rest))
}

fn numbered(name: &str) -> Option<char> {
    let number = name.strip_prefix('#')?;
    let number = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_a_name_and_an_end_on_its_line() {
        assert_eq!(tag("<I>x"), Some(("i".to_owned(), false, "x")));
        assert_eq!(tag("</font>"), Some(("font".to_owned(), true, "")));
        assert_eq!(
            tag("<font color=\"#fff\">x"),
            Some(("font".to_owned(), false, "x"))
        );
        for text in ["<", "<i", "<i\n>", "< <i>", "i>", ""] {
            assert_eq!(tag(text), None, "{text:?}");
        }
        assert_eq!(tag(&format!("<{}>", "x".repeat(TAG_CHARS_MAX))), None);
    }

    #[test]
    fn letters_have_names() {
        assert_eq!(entity("&amp;x"), Some(('&', "x")));
        assert_eq!(entity("&#39;"), Some(('\'', "")));
        assert_eq!(entity("&#x5E9;."), Some(('\u{5e9}', ".")));
        for text in [
            "&",
            "&;",
            "&amp",
            "&nothing;",
            "&#xd800;",
            "&#99999999;",
            "& lt;",
        ] {
            assert_eq!(entity(text), None, "{text:?}");
        }
    }

    #[test]
    fn overrides_are_followed_by_their_whole_names() {
        let mut pen = Pen::default();
        pen.follow("a comment \\i1\\bord3\\be1\\pos(1,2)\\alpha&H80&\\iclip(0,0,1,1)");
        assert!(pen.style.italic && !pen.style.bold && !pen.is_drawing);
        pen.follow("\\b700\\an8\\an2\\p1\\t(0,500,\\u1)");
        assert!(pen.style.bold && pen.is_drawing && !pen.style.underline);
        assert_eq!(pen.place, Some(Place::Top));
        pen.follow("\\r\\p0");
        assert!(!pen.style.bold && !pen.style.italic && !pen.is_drawing);
    }
}
