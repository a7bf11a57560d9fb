//! A mark over the picture, drawn by ourselves: into each rendition at its own size, in front of its
//! encoder, so that it is as sharp as that size allows and stands upright whatever the source.
//!
//! What it looks like follows from the task's words alone, and so is the same in every chunk.

mod blend;
mod picture;
mod text;

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus_schema::report::ErrorCode;
use bus_schema::request::watermark::{Mark, Position, Watermark};

pub use blend::Overlay;
pub use text::Font;

use self::picture::Picture;
use super::super::{Error, Result};

/// The font of texts: bold, since it is read over moving pictures. Debian: `fonts-dejavu-core`.
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf";

/// A mark that is read, in its own size.
#[derive(Debug)]
pub struct Drawing {
    picture: Picture,
    asked: Watermark,
}

/// A rectangle of a rendition, all even: its chroma has half the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// Reads the font that a watermark needs, if it needs one: later there are no files.
///
/// # Errors
/// [`ErrorCode::Unsupported`] where it is not installed.
pub fn font(watermark: Option<&Watermark>) -> Result<Option<Font>> {
    match watermark.map(|watermark| &watermark.mark) {
        Some(Mark::Text { .. }) => Font::open(Path::new(FONT)).map(Some),
        Some(Mark::Png { .. }) | None => Ok(None),
    }
}

impl Drawing {
    /// Reads the image, or draws the text.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for what cannot be drawn, in words for the job's owner.
    pub fn new(asked: &Watermark, font: Option<&Font>) -> Result<Self> {
        asked.check().map_err(|refusal| {
            Error::new(
                ErrorCode::Unsupported,
                format!("No rendition can be marked: {refusal}. Ask for another mark."),
            )
        })?;
        let picture = match &asked.mark {
            Mark::Text { line } => font
                .ok_or_else(|| Error::internal("a text without a font"))?
                .draw(line)?,
            Mark::Png { base64 } => STANDARD
                .decode(base64)
                .ok()
                .and_then(|bytes| Picture::from_png(&bytes))
                .ok_or_else(|| {
                    let message = "The watermark's image cannot be read: ask for it with a whole PNG of \
                                   at most 2048 x 2048 pixels, in base64.";
                    Error::new(ErrorCode::Unsupported, message)
                })?,
        };
        Ok(Self {
            picture,
            asked: asked.clone(),
        })
    }

    /// The mark as it lies over pictures of this size.
    pub fn over(&self, width: u32, height: u32) -> Overlay {
        let (own, asked) = ((self.picture.width(), self.picture.height()), &self.asked);
        let place = Place::of(asked, own, width, height);
        let scaled = self.picture.scaled(place.width, place.height);
        Overlay::new(&scaled, place, f32::from(asked.opacity_percent) / 100.0)
    }
}

impl Place {
    /// Where a mark of this size of its own lies on a picture, which is even and not empty.
    fn of(asked: &Watermark, own: (u32, u32), width: u32, height: u32) -> Self {
        let share = |percent: u8| even(u64::from(width) * u64::from(percent) / 100);
        let margin = match asked.position {
            Position::Center => 0,
            _ => share(asked.margin_percent),
        };
        let room = |side: u32| side.saturating_sub(2 * margin).max(2) & !1;
        let (most_wide, most_high) = (room(width), room(height));
        let (own_wide, own_high) = (u64::from(own.0.max(1)), u64::from(own.1.max(1)));
        let mut wide = share(asked.width_percent).clamp(2, most_wide);
        let mut high = even(u64::from(wide) * own_high / own_wide).max(2);
        if high > most_high {
            high = most_high;
            wide = even(u64::from(high) * own_wide / own_high).clamp(2, most_wide);
        }
        let (left, top) = (margin.min(width - wide), margin.min(height - high));
        let (right, bottom) = (width - wide - left, height - high - top);
        let (x, y) = match asked.position {
            Position::TopLeft => (left, top),
            Position::TopRight => (right, top),
            Position::BottomLeft => (left, bottom),
            Position::BottomRight => (right, bottom),
            Position::Center => ((width - wide) / 2, (height - high) / 2),
        };
        Self {
            x: x & !1,
            y: y & !1,
            width: wide,
            height: high,
        }
    }
}

/// The nearest even number below 2^31.
fn even(n: u64) -> u32 {
    u32::try_from(n.div_ceil(2)).map_or(u32::MAX / 2, |half| half.saturating_mul(2)) & !1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(position: Position, width_percent: u8, margin_percent: u8) -> Watermark {
        Watermark {
            mark: Mark::Text {
                line: "x".to_owned(),
            },
            position,
            width_percent,
            opacity_percent: 100,
            margin_percent,
        }
    }

    #[test]
    fn marks_lie_in_their_corner() {
        let at = |position| {
            let place = Place::of(&asked(position, 25, 5), (200, 100), 640, 360);
            (place.x, place.y, place.width, place.height)
        };
        assert_eq!(at(Position::TopLeft), (32, 32, 160, 80));
        assert_eq!(at(Position::TopRight), (448, 32, 160, 80));
        assert_eq!(at(Position::BottomLeft), (32, 248, 160, 80));
        assert_eq!(at(Position::BottomRight), (448, 248, 160, 80));
        assert_eq!(at(Position::Center), (240, 140, 160, 80));
    }

    #[test]
    fn whatever_is_asked_for_lies_within_the_picture() {
        for position in Position::ALL {
            for own in [(1, 2_048), (2_048, 1), (100, 100), (33, 7)] {
                for (width, height) in [(2, 2), (256, 144), (144, 256), (3_840, 2_160)] {
                    for (percent, margin) in [(1, 0), (1, 40), (100, 0), (100, 40), (50, 10)] {
                        let asked = asked(position, percent, margin);
                        let place = Place::of(&asked, own, width, height);
                        let what = format!("{asked:?} {own:?} {width}x{height}: {place:?}");
                        assert!(place.x + place.width <= width, "{what}");
                        assert!(place.y + place.height <= height, "{what}");
                        assert!(place.width >= 2 && place.height >= 2, "{what}");
                        let sides = [place.x, place.y, place.width, place.height];
                        assert!(sides.iter().all(|side| side % 2 == 0), "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_image_is_refused_with_what_to_do() {
        for base64 in ["AAAA", "not base64", "iVBORw0KGgo="] {
            let mark = Mark::Png {
                base64: base64.to_owned(),
            };
            let asked = Watermark {
                mark,
                ..asked(Position::Center, 10, 0)
            };
            let error = Drawing::new(&asked, None).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unsupported);
            assert!(error.message.contains("PNG"), "{error}");
        }
    }
}
