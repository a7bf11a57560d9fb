//! One line of text as a picture: white letters with a dark edge, to be read over anything.

use std::path::Path;

use ab_glyph::{Font as _, FontVec, Glyph, ScaleFont as _, point};
use bus_schema::report::ErrorCode;

use super::super::super::{Error, Result};
use super::picture::{Picture, Pixel};

/// Height of a line in pixels: of 2160p it is a sixteenth, and renditions scale it down.
const LINE_PX: f32 = 128.0;
/// Width of the dark edge.
const EDGE_PX: usize = 6;
/// Its opacity.
const EDGE_OPACITY: f32 = 0.6;
/// Largest font file that is read; ours has 0.7 MB.
const FONT_BYTES_MAX: u64 = 16 << 20;

/// The font of texts.
pub struct Font(FontVec);

impl std::fmt::Debug for Font {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Font").finish_non_exhaustive()
    }
}

impl Font {
    /// Reads a font file.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let missing = |detail: String| {
            let message = "This worker has no font for the watermark's text: install the package \
                           fonts-dejavu-core, or ask for an image instead.";
            Error::new(ErrorCode::Unsupported, message).because(detail)
        };
        let at = path.display();
        let size = std::fs::metadata(path).map_err(|error| missing(format!("{at}: {error}")))?;
        if size.len() > FONT_BYTES_MAX {
            return Err(missing(format!("{at} has {} bytes", size.len())));
        }
        let bytes = std::fs::read(path).map_err(|error| missing(format!("{at}: {error}")))?;
        let font =
            FontVec::try_from_vec(bytes).map_err(|error| missing(format!("{at}: {error}")))?;
        Ok(Self(font))
    }

    /// Draws a line.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for a character that the font lacks, by name.
    pub(super) fn draw(&self, line: &str) -> Result<Picture> {
        let mask = Mask::draw(&self.glyphs(line)?, &self.0);
        let mask = mask.ok_or_else(|| {
            let message = "The watermark's text has nothing to see: ask for one with letters.";
            Error::new(ErrorCode::Unsupported, message)
        })?;
        mask.edged()
            .ok_or_else(|| Error::internal("a text of no size"))
    }

    /// Its letters, each at its place.
    fn glyphs(&self, line: &str) -> Result<Vec<Glyph>> {
        let font = self.0.as_scaled(LINE_PX);
        let mut glyphs: Vec<Glyph> = Vec::new();
        let mut x = 0.0;
        for c in line.chars() {
            let id = self.0.glyph_id(c);
            if id.0 == 0 {
                let message = format!(
                    "The watermark's text has the character `{c}` (U+{:04X}), which the worker's font \
                     lacks: leave it out, or ask for an image instead.",
                    u32::from(c)
                );
                return Err(Error::new(ErrorCode::Unsupported, message));
            }
            if let Some(before) = glyphs.last() {
                x += font.kern(before.id, id);
            }
            glyphs.push(id.with_scale_and_position(LINE_PX, point(x, font.ascent())));
            x += font.h_advance(id);
        }
        Ok(glyphs)
    }
}

/// How much of each pixel letters cover, from 0 to 1.
struct Mask {
    width: usize,
    height: usize,
    covered: Vec<f32>,
}

impl Mask {
    /// `None` when there is nothing to see.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 64 letters of 128 pixels, and positive from the left and upper bounds on"
    )]
    fn draw(glyphs: &[Glyph], font: &FontVec) -> Option<Self> {
        let outlines: Vec<_> = glyphs
            .iter()
            .filter_map(|glyph| font.outline_glyph(glyph.clone()))
            .collect();
        let bounds = outlines.iter().map(ab_glyph::OutlinedGlyph::px_bounds);
        let all = bounds.reduce(|a, b| ab_glyph::Rect {
            min: point(a.min.x.min(b.min.x), a.min.y.min(b.min.y)),
            max: point(a.max.x.max(b.max.x), a.max.y.max(b.max.y)),
        })?;
        let (width, height) = (
            all.width().ceil() as usize + 1,
            all.height().ceil() as usize + 1,
        );
        // Room for the edge on all sides.
        let (width, height) = (width + 2 * EDGE_PX, height + 2 * EDGE_PX);
        let mut covered = vec![0.0_f32; width * height];
        for outline in &outlines {
            let min = outline.px_bounds().min;
            let left = (min.x - all.min.x) as usize + EDGE_PX;
            let top = (min.y - all.min.y) as usize + EDGE_PX;
            outline.draw(|x, y, part| {
                let at = (top + y as usize) * width + left + x as usize;
                if let Some(covered) = covered.get_mut(at) {
                    *covered = (*covered + part).min(1.0);
                }
            });
        }
        Some(Self {
            width,
            height,
            covered,
        })
    }

    /// White where letters are, over black all around them.
    fn edged(&self) -> Option<Picture> {
        let edge = self.grown();
        let pixel = |(letter, edge): (&f32, &f32)| -> Pixel {
            let opacity = letter + (1.0 - letter) * edge * EDGE_OPACITY;
            [*letter, *letter, *letter, opacity]
        };
        let pixels = self.covered.iter().zip(&edge).map(pixel).collect();
        Picture::new(
            u32::try_from(self.width).ok()?,
            u32::try_from(self.height).ok()?,
            pixels,
        )
    }

    /// The most that any pixel within [`EDGE_PX`] covers: of a square by its rows and columns.
    fn grown(&self) -> Vec<f32> {
        let most = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, f32::max);
        let mut across = vec![0.0; self.covered.len()];
        for (row, made) in self
            .covered
            .chunks_exact(self.width)
            .zip(across.chunks_exact_mut(self.width))
        {
            for (x, made) in made.iter_mut().enumerate() {
                let near = x.saturating_sub(EDGE_PX)..(x + EDGE_PX + 1).min(self.width);
                *made = most(&mut row[near].iter().copied());
            }
        }
        let mut grown = vec![0.0; self.covered.len()];
        for (at, made) in grown.iter_mut().enumerate() {
            let (x, y) = (at % self.width, at / self.width);
            let near = y.saturating_sub(EDGE_PX)..(y + EDGE_PX + 1).min(self.height);
            *made = most(&mut near.map(|y| across[y * self.width + x]));
        }
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_white_on_a_dark_edge_and_nothing_else_is_covered() {
        let Ok(font) = Font::open(Path::new(super::super::FONT)) else {
            println!("SKIPPED: fonts-dejavu-core is not installed");
            return;
        };
        let picture = font.draw("Il").unwrap();
        let all = (0..picture.height()).flat_map(|y| (0..picture.width()).map(move |x| (x, y)));
        let (mut white, mut edge) = (0, 0);
        for (x, y) in all {
            match picture.at(x, y) {
                [r, _, _, a] if r > 0.99 && a > 0.99 => white += 1,
                [r, _, _, a] if r < 0.01 && (a - EDGE_OPACITY).abs() < 0.01 => edge += 1,
                _ => {}
            }
        }
        assert!(white > 1_000 && edge > 1_000, "{white} white, {edge} dark");
        assert_eq!(picture.at(0, 0)[3], 0.0, "outside of all edges");
        // A second line of letters is no higher than the first, and longer.
        let longer = font.draw("IlIl").unwrap();
        assert!(longer.width() > picture.width() && longer.height() == picture.height());
    }

    #[test]
    fn a_letter_that_the_font_lacks_is_named() {
        let Ok(font) = Font::open(Path::new(super::super::FONT)) else {
            println!("SKIPPED: fonts-dejavu-core is not installed");
            return;
        };
        let error = font.draw("a日").unwrap_err();
        assert!(
            error.message.contains('日') && error.message.contains("U+65E5"),
            "{error}"
        );
        assert_eq!(font.draw(" ").unwrap_err().code, ErrorCode::Unsupported);
    }

    #[test]
    fn without_a_font_the_package_is_named() {
        let error = Font::open(Path::new("/nowhere.ttf")).unwrap_err();
        assert!(error.message.contains("fonts-dejavu-core"), "{error}");
    }
}
