//! SubStation Alpha, as Matroska keeps it: the script's head in the track's own header, and each event's
//! line, without its times, in a block (Matroska's "Subtitles", section "SSA/ASS").

use std::collections::BTreeMap;

use super::tags::Pen;
use super::{Place, Shown, Style, Styled};

/// Fields of an event in front of its text: number, layer, style, name, three margins, effect.
const FIELDS: usize = 8;
/// Which of them names the style.
const STYLE_FIELD: usize = 2;
/// Most styles that are read. Scripts have tens.
const STYLES_MAX: usize = 1_000;

/// The styles of a script, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    styles: BTreeMap<String, (Style, Place)>,
}

impl Script {
    /// Reads a script's head. What cannot be read of it is passed over: text without styles is text.
    #[must_use]
    pub fn read(head: &str) -> Self {
        let mut script = Self::default();
        let mut section = String::new();
        let mut format: Vec<String> = Vec::new();
        for line in head.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line.to_ascii_lowercase();
                format.clear();
                continue;
            }
            let is_ssa = match section.as_str() {
                "[v4+ styles]" => false,
                "[v4 styles]" => true,
                _ => continue,
            };
            if let Some(names) = line.strip_prefix("Format:") {
                let names = names.split(',');
                format = names.map(|name| name.trim().to_ascii_lowercase()).collect();
            } else if let Some(values) = line.strip_prefix("Style:") {
                script.add(&format, values, is_ssa);
            }
        }
        script
    }

    fn add(&mut self, format: &[String], values: &str, is_ssa: bool) {
        let values: Vec<&str> = values.split(',').map(str::trim).collect();
        let value = |name: &str| {
            let place = format.iter().position(|one| one == name)?;
            values.get(place).copied()
        };
        let is_on = |name: &str| {
            let number = value(name).and_then(|value| value.parse::<i32>().ok());
            number.is_some_and(|number| number != 0)
        };
        let alignment = value("alignment").and_then(|value| value.parse().ok());
        let place = alignment.and_then(if is_ssa {
            Place::of_ssa
        } else {
            Place::of_number_block
        });
        let style = Style {
            italic: is_on("italic"),
            bold: is_on("bold"),
            underline: is_on("underline"),
        };
        if let Some(name) = value("name").filter(|_| self.styles.len() < STYLES_MAX) {
            let name = name.trim_start_matches('*').to_owned();
            self.styles.insert(name, (style, place.unwrap_or_default()));
        }
    }

    /// Reads an event; `None` for a line that is none.
    #[must_use]
    pub fn event(&self, payload: &str) -> Option<Shown> {
        let fields: Vec<&str> = payload.splitn(FIELDS + 1, ',').collect();
        let (text, style) = (fields.get(FIELDS)?, fields.get(STYLE_FIELD)?);
        let name = style.trim().trim_start_matches('*');
        let known = self.styles.get(name).or_else(|| self.styles.get("Default"));
        let (style, place) = known.copied().unwrap_or_default();
        let mut pen = Pen::new(style);
        let text = letters(text, &mut pen);
        Some(Shown {
            text,
            place: pen.place.unwrap_or(place),
        })
    }
}

/// The letters of an event's text. Whatever stands in braces is no text, but a comment at best.
fn letters(text: &str, pen: &mut Pen) -> Styled {
    let mut styled = Styled::default();
    let mut rest = text;
    let mut has_braces = true;
    while let Some(letter) = rest.chars().next() {
        if letter == '{' && has_braces {
            if let Some((block, after)) = rest.split_once('}') {
                pen.follow(block);
                rest = after;
                continue;
            }
            has_braces = false;
        }
        let escaped = [("\\N", '\n'), ("\\n", ' '), ("\\h", '\u{a0}')];
        let found = escaped
            .iter()
            .find_map(|(code, letter)| Some((*letter, rest.strip_prefix(code)?)));
        let (letter, after) = found.unwrap_or_else(|| {
            let mut letters = rest.chars();
            letters.next();
            (letter, letters.as_str())
        });
        if !pen.is_drawing {
            styled.push(letter, pen.style);
        }
        rest = after;
    }
    styled
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n\
        Format: Name, Fontname, Bold, Italic, Underline, Alignment\n\
        Style: Default,Arial,0,0,0,2\nStyle: Sign,Arial,-1,0,0,8\n\n[Events]\nFormat: Layer, Start\n";

    fn shown(line: &str) -> Option<(String, Place)> {
        let shown = Script::read(HEAD).event(line)?;
        Some((shown.text.to_webvtt().unwrap_or_default(), shown.place))
    }

    #[test]
    fn events_have_their_style_and_what_overrides_it() {
        let line = |style: &str, text: &str| format!("7,0,{style},,0,0,0,,{text}");
        for (style, text, expected, place) in [
            (
                "Default",
                "Hello, {\\i1}you{\\i0}!",
                "Hello, <i>you</i>!",
                Place::Bottom,
            ),
            ("Sign", "shop", "<b>shop</b>", Place::Top),
            ("*Sign", "{\\b0\\an5}a{\\r}b", "a<b>b</b>", Place::Middle),
            (
                "Nobody",
                "one\\Ntwo\\nthree\\hfour",
                "one\ntwo three\u{a0}four",
                Place::Bottom,
            ),
            (
                "Default",
                "{a comment}text{\\pos(1,2)\\c&HFF&}",
                "text",
                Place::Bottom,
            ),
            ("Default", "{\\p1}m 0 0 l 1 1{\\p0}", "", Place::Bottom),
            ("Default", "<i>&amp;", "&lt;i&gt;&amp;amp;", Place::Bottom),
            ("Default", "{open", "{open", Place::Bottom),
        ] {
            let found = shown(&line(style, text)).expect("an event");
            assert_eq!(found, (expected.to_owned(), place), "{style}: {text}");
        }
        assert_eq!(shown("1,2,3"), None);
    }

    #[test]
    fn older_scripts_count_places_in_another_way() {
        let head = "[V4 Styles]\nFormat: Name, Bold, Italic, Alignment\nStyle: Top,0,-1,6\n";
        let shown = Script::read(head)
            .event("0,Marked=0,Top,,0,0,0,,x")
            .expect("an event");
        assert_eq!(shown.place, Place::Top);
        assert_eq!(shown.text.to_webvtt().as_deref(), Some("<i>x</i>"));
    }

    #[test]
    fn a_head_that_is_none_has_no_styles() {
        for head in [
            "",
            "[V4+ Styles]\nStyle: x,1,2",
            "\u{0}[V4+",
            "Format: ,,,,",
        ] {
            assert_eq!(Script::read(head), Script::default(), "{head:?}");
        }
        let many: String = (0..5_000).map(|n| format!("Style: s{n}\n")).collect();
        let script = Script::read(&format!("[V4+ Styles]\nFormat: Name\n{many}"));
        assert_eq!(script.styles.len(), STYLES_MAX);
        let braces = format!("0,0,,,,,,,{}", "{".repeat(1 << 20));
        assert!(Script::default().event(&braces).is_some());
    }
}
