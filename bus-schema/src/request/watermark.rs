//! A mark that is drawn over the picture of every rendition.

use serde::{Deserialize, Serialize};

/// Most characters of a text: one line across the picture, that can still be read.
pub const TEXT_CHARS_MAX: usize = 64;
/// Largest image, in bytes. It lies in the job's record and goes with every task; a logo takes less.
pub const PNG_BYTES_MAX: usize = 24 * 1024;
/// Largest width and height of an image: no rendition shows more of it.
pub const PNG_PIXELS_MAX: u32 = 2_048;
/// Share of the picture's width that a mark takes when nothing is said.
pub const WIDTH_PERCENT_DEFAULT: u8 = 15;
/// Opacity when nothing is said.
pub const OPACITY_PERCENT_DEFAULT: u8 = 100;
/// Distance from the borders when nothing is said.
pub const MARGIN_PERCENT_DEFAULT: u8 = 2;
/// Widest margin: a mark of the least width still has its place.
pub const MARGIN_PERCENT_MAX: u8 = 40;

/// Scripts that are written from left to right, one shape a character, and which the worker's font
/// (DejaVu Sans) has: others would be drawn wrongly, and are refused.
const SCRIPTS: &[std::ops::RangeInclusive<char>] = &[
    // Latin.
    ' '..='~',
    '\u{a1}'..='\u{ac}',
    '\u{ae}'..='\u{24f}',
    // Greek and Cyrillic, without marks that combine.
    '\u{386}'..='\u{3ff}',
    '\u{400}'..='\u{482}',
    '\u{48a}'..='\u{4ff}',
    // Dashes, quotes, dots; currencies; letters as signs; arrows; mathematics; shapes.
    '\u{2010}'..='\u{2027}',
    '\u{2030}'..='\u{203a}',
    '\u{20a0}'..='\u{20b5}',
    '\u{2100}'..='\u{214f}',
    '\u{2190}'..='\u{21ff}',
    '\u{2200}'..='\u{22ff}',
    '\u{25a0}'..='\u{25ff}',
    '\u{2600}'..='\u{266f}',
];

/// A mark, and where it is drawn. Percentages are of the picture's width, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// What is drawn.
    pub mark: Mark,
    /// Where.
    pub position: Position,
    /// Its width, 1 to 100. One that would be higher than the picture is made smaller.
    pub width_percent: u8,
    /// 1 to 100.
    pub opacity_percent: u8,
    /// Its distance from the nearest borders, 0 to [`MARGIN_PERCENT_MAX`]; of no matter in the centre.
    pub margin_percent: u8,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Letters, in white with a dark edge.
    Text {
        /// One line of at most [`TEXT_CHARS_MAX`].
        line: String,
    },
    /// A PNG.
    Png {
        /// In base64 with padding (RFC 4648, section 4), at most [`PNG_BYTES_MAX`] before that.
        base64: String,
    },
}

/// Where on the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// As it is named.
    TopLeft,
    /// As it is named.
    TopRight,
    /// As it is named.
    BottomLeft,
    /// As it is named; where broadcasters have theirs.
    #[default]
    BottomRight,
    /// In the middle of both sides.
    Center,
}

impl Position {
    /// All of them, as help texts list them.
    pub const ALL: [Self; 5] = [
        Self::TopLeft,
        Self::TopRight,
        Self::BottomLeft,
        Self::BottomRight,
        Self::Center,
    ];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopLeft => "top-left",
            Self::TopRight => "top-right",
            Self::BottomLeft => "bottom-left",
            Self::BottomRight => "bottom-right",
            Self::Center => "center",
        }
    }
}

impl std::str::FromStr for Position {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|position| position.as_str() == text)
            .ok_or(Refusal::Position)
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a watermark cannot be drawn as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such place.
    #[error(
        "the watermark's position must be top-left, top-right, bottom-left, bottom-right or center"
    )]
    Position,
    /// Of the width.
    #[error("the watermark's width must be 1 to 100 percent of the picture's")]
    Width,
    /// Of the opacity.
    #[error("the watermark's opacity must be 1 to 100 percent")]
    Opacity,
    /// Of the margin.
    #[error(
        "the watermark's margin must be 0 to {MARGIN_PERCENT_MAX} percent of the picture's width"
    )]
    Margin,
    /// Too long, or nothing to see.
    #[error("the watermark's text must be 1 to {TEXT_CHARS_MAX} characters that can be seen")]
    Length,
    /// A character that would be drawn wrongly.
    #[error("the watermark's text cannot show the character {0}: draw it as an image instead")]
    Character(String),
    /// Too many bytes, or none.
    #[error("the watermark's image must be a PNG of 1 to {} KiB", PNG_BYTES_MAX / 1_024)]
    Size,
    /// Too wide or too high, or without a size.
    #[error("the watermark's image must be of 1 to {PNG_PIXELS_MAX} pixels a side")]
    Pixels,
}

impl Watermark {
    /// Whether it can be drawn, as far as can be told without reading an image.
    ///
    /// # Errors
    /// What is wrong, as half a sentence that says what is right.
    pub fn check(&self) -> Result<(), Refusal> {
        let percent = 1..=100;
        if !percent.contains(&self.width_percent) {
            return Err(Refusal::Width);
        }
        if !percent.contains(&self.opacity_percent) {
            return Err(Refusal::Opacity);
        }
        if self.margin_percent > MARGIN_PERCENT_MAX {
            return Err(Refusal::Margin);
        }
        match &self.mark {
            Mark::Text { line } => check_text(line),
            Mark::Png { base64 }
                if base64.is_empty() || base64.len() > PNG_BYTES_MAX.div_ceil(3) * 4 =>
            {
                Err(Refusal::Size)
            }
            Mark::Png { .. } => Ok(()),
        }
    }
}

fn check_text(text: &str) -> Result<(), Refusal> {
    if text.trim().is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Err(Refusal::Length);
    }
    let is_shown = |c: char| SCRIPTS.iter().any(|script| script.contains(&c));
    match text.chars().find(|c| !is_shown(*c)) {
        None => Ok(()),
        Some(c) if c.is_control() => Err(Refusal::Character(format!("U+{:04X}", u32::from(c)))),
        Some(c) => Err(Refusal::Character(format!(
            "`{c}` (U+{:04X})",
            u32::from(c)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> Watermark {
        Watermark {
            mark: Mark::Text {
                line: line.to_owned(),
            },
            position: Position::default(),
            width_percent: WIDTH_PERCENT_DEFAULT,
            opacity_percent: OPACITY_PERCENT_DEFAULT,
            margin_percent: MARGIN_PERCENT_DEFAULT,
        }
    }

    #[test]
    fn texts_of_known_scripts_pass_and_others_are_named() {
        for good in [
            "© tcoder 2026",
            "Ünï Çödé",
            "Ελληνικά",
            "Привет",
            "100 % – “so”",
            "5 € → ★",
        ] {
            assert_eq!(text(good).check(), Ok(()), "{good}");
        }
        for (bad, named) in [
            ("日本", "`日`"),
            ("שלום", "05E9"),
            ("a\nb", "U+000A"),
            ("e\u{301}", "0301"),
            ("🎬", "1F3AC"),
        ] {
            let refusal = text(bad).check().unwrap_err();
            assert!(refusal.to_string().contains(named), "{refusal}");
        }
        let long = "x".repeat(TEXT_CHARS_MAX + 1);
        for bad in ["", " ", &long] {
            assert_eq!(text(bad).check(), Err(Refusal::Length));
        }
    }

    #[test]
    fn percentages_and_sizes_have_limits() {
        let png = |n| Mark::Png {
            base64: "A".repeat(n),
        };
        let most = PNG_BYTES_MAX / 3 * 4;
        let with = |change: &dyn Fn(&mut Watermark)| {
            let mut watermark = text("x");
            change(&mut watermark);
            watermark.check()
        };
        assert_eq!(with(&|w| w.width_percent = 0), Err(Refusal::Width));
        assert_eq!(with(&|w| w.width_percent = 101), Err(Refusal::Width));
        assert_eq!(with(&|w| w.opacity_percent = 0), Err(Refusal::Opacity));
        assert_eq!(with(&|w| w.margin_percent = 41), Err(Refusal::Margin));
        assert_eq!(with(&|w| w.mark = png(most)), Ok(()));
        assert_eq!(with(&|w| w.mark = png(most + 1)), Err(Refusal::Size));
        assert_eq!(with(&|w| w.mark = png(0)), Err(Refusal::Size));
    }

    #[test]
    fn positions_are_read_as_they_are_written() {
        for position in Position::ALL {
            assert_eq!(position.as_str().parse(), Ok(position));
        }
        assert_eq!("middle".parse::<Position>(), Err(Refusal::Position));
    }
}
