//! Which of several frames shows most: neither black nor white nor plain, and sharp.

use bus_schema::plan::images::ImageSize;
use bus_schema::source::VideoFacts;

use super::super::Result;
use super::super::frame::Frame;
use super::still::{Rgb, Scaler};

/// Side that is the longer one of the images that are judged: noise is gone at this size, while what
/// moved or is out of focus is still soft.
const SIDE_PX: u32 = 320;
/// Mean luma below or above which a frame is dark or blown out, of 255.
const MEANS: std::ops::RangeInclusive<f64> = 24.0..=231.0;
/// Standard deviation of luma below which there is next to nothing to see.
const DEVIATION_MIN: f64 = 12.0;
/// How much a frame counts that fails either: it is taken only where all others fail, too.
const FAILED: f64 = 0.001;

/// Judges frames.
#[derive(Debug)]
pub(super) struct Look(Scaler);

impl Look {
    pub(super) fn new(facts: &VideoFacts) -> Result<Self> {
        // Turned or not, it shows the same: judged as it was coded.
        let (width, height) = (facts.coded_width.max(1), facts.coded_height.max(1));
        let long = u64::from(width.max(height));
        let side = |side: u32| {
            let pixels = u64::from(side) * u64::from(SIDE_PX.min(width.max(height))) / long;
            u32::try_from(pixels).unwrap_or(SIDE_PX).max(4)
        };
        let size = ImageSize {
            width: side(width),
            height: side(height),
        };
        Scaler::new(0, size).map(Self)
    }

    /// How much a frame shows; only to be compared with others of the same film.
    pub(super) fn score(&mut self, frame: &Frame) -> Result<f64> {
        Ok(score(&self.0.scale(frame)?))
    }
}

/// The mean step between a pixel and its four neighbours, weighed by the light: sharp edges count, and
/// a frame in the middle of the range before one at its ends.
fn score(image: &Rgb) -> f64 {
    let (wide, high) = (image.size.width as usize, image.size.height as usize);
    let luma: Vec<f64> = image
        .data
        .chunks_exact(3)
        .map(|p| 0.2126 * f64::from(p[0]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[2]))
        .collect();
    let n = luma.len().max(1) as f64;
    let mean = luma.iter().sum::<f64>() / n;
    let deviation = (luma.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
    let mut steps = 0.0;
    for y in 1..high.saturating_sub(1) {
        for x in 1..wide.saturating_sub(1) {
            let at = y * wide + x;
            let around = luma[at - 1] + luma[at + 1] + luma[at - wide] + luma[at + wide];
            steps += (4.0 * luma[at] - around).abs();
        }
    }
    let sharpness = 1.0 + steps / n;
    let light = 1.0 - (mean / 255.0 - 0.5).abs();
    if MEANS.contains(&mean) && deviation >= DEVIATION_MIN {
        sharpness * light
    } else {
        FAILED * sharpness * light
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 255"
    )]
    fn image(luma: impl Fn(usize, usize) -> f64) -> Rgb {
        let size = ImageSize {
            width: 64,
            height: 36,
        };
        let mut rgb = Rgb::black(size);
        for (at, pixel) in rgb.data.chunks_exact_mut(3).enumerate() {
            pixel.fill(luma(at % 64, at / 64) as u8);
        }
        rgb
    }

    #[test]
    fn sharp_frames_win_over_blurred_plain_dark_and_bright_ones() {
        let sharp = score(&image(|x, y| {
            if (x / 8 + y / 8) % 2 == 0 {
                60.0
            } else {
                180.0
            }
        }));
        // The same checks, their edges washed out.
        let wave = |n: usize| (n as f64 * std::f64::consts::PI / 8.0).sin();
        let blurred = score(&image(|x, y| 120.0 + 60.0 * wave(x) * wave(y)));
        let plain = score(&image(|_, _| 120.0));
        let black = score(&image(|x, y| ((x * 7 + y * 13) % 5) as f64));
        let titles = score(&image(|x, y| {
            if x % 32 == 9 && y % 18 == 9 {
                255.0
            } else {
                0.0
            }
        }));
        let white = score(&image(|x, y| 250.0 + ((x + y) % 5) as f64));
        assert!(sharp > blurred, "{sharp} {blurred}");
        for (name, worse) in [
            ("plain", plain),
            ("black", black),
            ("titles", titles),
            ("white", white),
        ] {
            assert!(blurred > worse * 10.0, "{name}: {worse}, blurred {blurred}");
        }
    }
}
