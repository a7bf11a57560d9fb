//! SubRip: text with a few tags of HTML, and here and there an override of ASS. There is no standard; what
//! is followed is what VLC, mpv and ffmpeg have in common.

use super::tags::{Pen, entity, tag};
use super::{Shown, Styled};

/// Reads the text of a cue.
#[must_use]
pub fn parse(payload: &str) -> Shown {
    let mut pen = Pen::default();
    let mut text = Styled::default();
    let mut rest = payload;
    // Where there is no closing brace any more, none is looked for.
    let mut has_braces = true;
    while let Some(letter) = rest.chars().next() {
        if letter == '{' && has_braces && rest.starts_with("{\\") {
            if let Some((block, after)) = rest.split_once('}') {
                pen.follow(block);
                rest = after;
                continue;
            }
            has_braces = false;
        }
        if let Some((name, is_end, after)) = tag(rest)
            && is_followed(&mut pen, &name, !is_end)
        {
            if name == "br" {
                text.push('\n', pen.style);
            }
            rest = after;
            continue;
        }
        let (letter, after) = entity(rest).unwrap_or_else(|| {
            let mut letters = rest.chars();
            letters.next();
            (letter, letters.as_str())
        });
        if !pen.is_drawing {
            text.push(letter, pen.style);
        }
        rest = after;
    }
    Shown {
        text,
        place: pen.place.unwrap_or_default(),
    }
}

/// Whether a tag is one, and not somebody's name between arrows. Fonts are known and not carried over.
fn is_followed(pen: &mut Pen, name: &str, is_on: bool) -> bool {
    match name {
        "i" | "em" => pen.style.italic = is_on,
        "b" | "strong" => pen.style.bold = is_on,
        "u" => pen.style.underline = is_on,
        "s" | "strike" | "font" | "span" | "br" => {}
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subtitles::Place;

    fn text(payload: &str) -> String {
        parse(payload).text.to_webvtt().unwrap_or_default()
    }

    #[test]
    fn styles_are_kept_and_fonts_are_not() {
        for (payload, expected) in [
            ("<i>Hello</i> <B>you</b>", "<i>Hello</i> <b>you</b>"),
            (
                "<font color=\"#ff0000\">red <u>one</u></font>",
                "red <u>one</u>",
            ),
            ("{\\an8}{\\i1}up{\\i0} here", "<i>up</i> here"),
            ("<i>open\nto the end", "<i>open\nto the end</i>"),
            ("AT&amp;T &lt;i&gt;", "AT&amp;T &lt;i&gt;"),
            ("one<br/>two", "one\ntwo"),
        ] {
            assert_eq!(text(payload), expected, "{payload:?}");
        }
        assert_eq!(parse("{\\an8}x").place, Place::Top);
        assert_eq!(parse("{\\a6}x").place, Place::Top);
        assert_eq!(parse("x").place, Place::Bottom);
    }

    #[test]
    fn what_is_no_tag_is_text() {
        for (payload, expected) in [
            ("I <3 you & me", "I &lt;3 you &amp; me"),
            ("<John> {laughs} a<b", "&lt;John&gt; {laughs} a&lt;b"),
            ("{\\i1 never closed", "{\\i1 never closed"),
            ("<script>x</script>", "&lt;script&gt;x&lt;/script&gt;"),
            (
                "00:00:01.000 --> 00:00:02.000",
                "00:00:01.000 --&gt; 00:00:02.000",
            ),
            ("{\\p1}m 0 0 l 100 0{\\p0}seen", "seen"),
        ] {
            assert_eq!(text(payload), expected, "{payload:?}");
        }
    }

    #[test]
    fn a_hostile_payload_takes_no_long_time() {
        // Each was quadratic in a first draft, which took minutes for these.
        for letters in ["<", "{\\", "&", "<i", "<i>"] {
            let payload = letters.repeat((1 << 20) / letters.len());
            assert_eq!(parse(&payload).place, Place::Bottom, "{letters}");
        }
    }
}
