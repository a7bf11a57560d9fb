//! Text with the three styles that all kinds of subtitles have, and how WebVTT writes it.

/// Styles of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Leans.
    pub italic: bool,
    /// Fat.
    pub bold: bool,
    /// With a line below.
    pub underline: bool,
}

impl Style {
    /// The names of what is on.
    fn tags(self) -> impl DoubleEndedIterator<Item = char> {
        let tags = [('b', self.bold), ('i', self.italic), ('u', self.underline)];
        tags.into_iter()
            .filter(|(_, is_on)| *is_on)
            .map(|(tag, _)| tag)
    }
}

/// Letters with their styles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Styled {
    runs: Vec<(Style, String)>,
}

impl Styled {
    /// Adds a letter.
    pub fn push(&mut self, letter: char, style: Style) {
        match self.runs.last_mut() {
            Some((last, text)) if *last == style => text.push(letter),
            _ => self.runs.push((style, letter.to_string())),
        }
    }

    /// Adds text.
    pub fn push_str(&mut self, text: &str, style: Style) {
        for letter in text.chars() {
            self.push(letter, style);
        }
    }

    /// The text of a WebVTT cue (W3C WebVTT, section 4.2.2): no line of it is empty, which would end the
    /// cue, no control is in it, and nothing of a stranger's is taken for a tag. `None` where there is
    /// nothing to see.
    #[must_use]
    pub fn to_webvtt(&self) -> Option<String> {
        let mut text = String::new();
        let mut open = Style::default();
        for line in self.lines() {
            let mut is_new = !text.is_empty();
            for (letter, style) in line {
                if style != open {
                    close(&mut text, open);
                }
                if std::mem::take(&mut is_new) {
                    text.push('\n');
                }
                if style != open {
                    text.extend(style.tags().flat_map(|tag| ['<', tag, '>']));
                    open = style;
                }
                push_escaped(&mut text, letter);
            }
        }
        close(&mut text, open);
        (!text.is_empty()).then_some(text)
    }

    /// The lines that show something, without blanks at their ends.
    fn lines(&self) -> Vec<Vec<(char, Style)>> {
        let letters = self.runs.iter().flat_map(|(style, text)| {
            let style = *style;
            text.chars().map(move |letter| (letter, style))
        });
        let mut lines: Vec<Vec<(char, Style)>> = vec![Vec::new()];
        for (letter, style) in letters {
            // A line's end may be one of three; an empty line more is none.
            if matches!(letter, '\n' | '\r') {
                lines.push(Vec::new());
            } else if let (Some(line), Some(letter)) = (lines.last_mut(), printable(letter)) {
                line.push((letter, style));
            }
        }
        let trimmed = lines.into_iter().map(trimmed);
        trimmed.filter(|line| !line.is_empty()).collect()
    }
}

/// The letter as it may be written; `None` for one that shows nothing and only does harm.
fn printable(letter: char) -> Option<char> {
    match letter {
        '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        // A byte order mark, here and there at a payload's beginning.
        '\u{feff}' => None,
        letter if letter.is_control() => None,
        letter => Some(letter),
    }
}

fn trimmed(mut line: Vec<(char, Style)>) -> Vec<(char, Style)> {
    let is_blank = |(letter, _): &(char, Style)| letter.is_whitespace();
    while line.last().is_some_and(is_blank) {
        line.pop();
    }
    let first = line.iter().position(|one| !is_blank(one));
    line.split_off(first.unwrap_or(line.len()))
}

/// Closes what is open, in turn.
fn close(text: &mut String, open: Style) {
    let tags = open.tags().rev();
    text.extend(tags.flat_map(|tag| ['<', '/', tag, '>']));
}

fn push_escaped(text: &mut String, letter: char) {
    match letter {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        // Three of which would be an arrow between times.
        '>' => text.push_str("&gt;"),
        letter => text.push(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITALIC: Style = Style {
        italic: true,
        bold: false,
        underline: false,
    };

    fn plain(text: &str) -> Option<String> {
        let mut styled = Styled::default();
        styled.push_str(text, Style::default());
        styled.to_webvtt()
    }

    #[test]
    fn nothing_of_a_text_can_be_taken_for_webvtt() {
        for (text, expected) in [
            ("a --> b", Some("a --&gt; b")),
            ("<v x>&lt;", Some("&lt;v x&gt;&amp;lt;")),
            ("one\n\n\r\n \t \ntwo", Some("one\ntwo")),
            ("\r\na\rb\n", Some("a\nb")),
            ("a\0\u{7}\u{1b}[31mb\u{85}c\u{feff}", Some("a[31mbc")),
            ("a\u{2028}b\tc", Some("a b c")),
            (" \u{a0} \n\n", None),
            ("", None),
            ("\u{202b}\u{5e9}\u{5dc}", Some("\u{202b}\u{5e9}\u{5dc}")),
        ] {
            assert_eq!(plain(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn styles_are_tags_that_close_in_turn() {
        let both = Style {
            bold: true,
            ..ITALIC
        };
        let mut styled = Styled::default();
        styled.push_str(" a", ITALIC);
        styled.push_str("b\nc", both);
        styled.push_str("d", Style::default());
        styled.push_str("\n", Style::default());
        styled.push_str("e\n", ITALIC);
        styled.push_str("f", Style::default());
        let text = styled.to_webvtt().unwrap();
        assert_eq!(text, "<i>a</i><b><i>b\nc</i></b>d\n<i>e</i>\nf");
    }
}
