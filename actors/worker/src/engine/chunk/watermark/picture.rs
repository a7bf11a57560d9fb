//! A picture of red, green, blue and opacity: out of a PNG, and at any size.

use std::io::Cursor;

use bus_schema::request::watermark::PNG_PIXELS_MAX;

/// A pixel: red, green and blue from 0 to 1, multiplied by the fourth, which is the opacity. So it can
/// be averaged with others.
pub(super) type Pixel = [f32; 4];

/// A picture in rows from the top.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    width: u32,
    height: u32,
    pixels: Vec<Pixel>,
}

impl Picture {
    /// A picture of these pixels, and `None` if there are not as many as that.
    pub(super) fn new(width: u32, height: u32, pixels: Vec<Pixel>) -> Option<Self> {
        let is_whole = pixels.len() == width as usize * height as usize;
        (width > 0 && height > 0 && is_whole).then_some(Self {
            width,
            height,
            pixels,
        })
    }

    /// The first picture of a PNG; `None` when it is damaged, too large, or no PNG.
    pub(super) fn from_png(bytes: &[u8]) -> Option<Self> {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(
            png::Transformations::normalize_to_color8() | png::Transformations::ALPHA,
        );
        let (width, height) = decoder.read_header_info().ok()?.size();
        // Looked at before memory is found for it.
        if width.max(height) > PNG_PIXELS_MAX {
            return None;
        }
        let mut reader = decoder.read_info().ok()?;
        let mut data = vec![0; reader.output_buffer_size()?];
        let info = reader.next_frame(&mut data).ok()?;
        let data = data.get(..info.buffer_size())?;
        let pixels = match info.color_type {
            png::ColorType::Rgba => data
                .chunks_exact(4)
                .map(|p| premultiplied([p[0], p[1], p[2], p[3]]))
                .collect(),
            png::ColorType::GrayscaleAlpha => data
                .chunks_exact(2)
                .map(|p| premultiplied([p[0], p[0], p[0], p[1]]))
                .collect(),
            // Not with the transformations asked for.
            png::ColorType::Rgb | png::ColorType::Grayscale | png::ColorType::Indexed => {
                return None;
            }
        };
        Self::new(width, height, pixels)
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    /// The pixel at a place, and nothing outside of the picture.
    pub(super) fn at(&self, x: u32, y: u32) -> Pixel {
        if x >= self.width || y >= self.height {
            return [0.0; 4];
        }
        let at = y as usize * self.width as usize + x as usize;
        self.pixels.get(at).copied().unwrap_or([0.0; 4])
    }

    /// The same picture at another size: each side by a triangle as wide as the step, so that nothing
    /// of a larger one is left out.
    pub(super) fn scaled(&self, width: u32, height: u32) -> Self {
        let across = taps(self.width, width);
        let mut rows = Vec::with_capacity(width as usize * self.height as usize);
        for row in self.pixels.chunks_exact(self.width as usize) {
            rows.extend(across.iter().map(|tap| tap.sum(|n| row[n])));
        }
        let down = taps(self.height, height);
        let wide = width as usize;
        let mut pixels = Vec::with_capacity(wide * height as usize);
        for tap in &down {
            pixels.extend((0..wide).map(|x| tap.sum(|n| rows[n * wide + x])));
        }
        Self {
            width,
            height,
            pixels,
        }
    }
}

fn premultiplied([r, g, b, a]: [u8; 4]) -> Pixel {
    let part = |value: u8| f32::from(value) / 255.0;
    let a = part(a);
    [part(r) * a, part(g) * a, part(b) * a, a]
}

/// Which pixels of a row become one of another, and by which weight each.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

impl Tap {
    fn sum(&self, pixel: impl Fn(usize) -> Pixel) -> Pixel {
        let mut sum = [0.0; 4];
        for (n, weight) in self.weights.iter().enumerate() {
            for (sum, value) in sum.iter_mut().zip(pixel(self.first + n)) {
                *sum += weight * value;
            }
        }
        sum
    }
}

/// One for each of `to` pixels out of `from`, neither of which is 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a row of a few thousand pixels"
)]
fn taps(from: u32, to: u32) -> Vec<Tap> {
    let step = f64::from(from) / f64::from(to);
    let reach = step.max(1.0);
    let tap = |n| {
        let center = (f64::from(n) + 0.5) * step;
        let first = (center - reach).floor().max(0.0) as u32;
        let end = ((center + reach).ceil() as u32).min(from);
        let weight = |n| (1.0 - (f64::from(n) + 0.5 - center).abs() / reach).max(0.0);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let all: f64 = weights.iter().sum();
        Tap {
            first: first as usize,
            weights: weights.iter().map(|weight| (weight / all) as f32).collect(),
        }
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(color: png::ColorType, width: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, 1);
        encoder.set_color(color);
        if color == png::ColorType::Indexed {
            encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
            encoder.set_trns(vec![255, 0]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn every_kind_of_png_is_read() {
        let red = [1.0, 0.0, 0.0, 1.0];
        let none = [0.0; 4];
        for (color, data, pixels) in [
            (
                png::ColorType::Rgba,
                &[255, 0, 0, 255, 9, 9, 9, 0][..],
                [red, none],
            ),
            (
                png::ColorType::Rgb,
                &[255, 0, 0, 0, 0, 0],
                [red, [0.0, 0.0, 0.0, 1.0]],
            ),
            (
                png::ColorType::Grayscale,
                &[255, 0],
                [[1.0; 4], [0.0, 0.0, 0.0, 1.0]],
            ),
            (
                png::ColorType::GrayscaleAlpha,
                &[255, 255, 255, 0],
                [[1.0; 4], none],
            ),
            (png::ColorType::Indexed, &[0, 1], [red, none]),
        ] {
            let picture = Picture::from_png(&png(color, 2, data)).unwrap();
            assert_eq!([picture.at(0, 0), picture.at(1, 0)], pixels, "{color:?}");
        }
    }

    #[test]
    fn large_and_damaged_ones_are_none() {
        let wide = PNG_PIXELS_MAX + 1;
        let good = png(png::ColorType::Grayscale, 2, &[1, 2]);
        assert_eq!(
            Picture::from_png(&png(
                png::ColorType::Grayscale,
                wide,
                &vec![0; wide as usize]
            )),
            None
        );
        for end in 0..good.len() - 12 {
            assert_eq!(Picture::from_png(&good[..end]), None, "cut at {end}");
        }
    }

    #[test]
    fn scaling_keeps_a_plain_picture_and_the_mean_of_another() {
        let plain = Picture::new(7, 5, vec![[0.25, 0.5, 0.75, 1.0]; 35]).unwrap();
        for (width, height) in [(1, 1), (7, 5), (100, 3), (2, 64)] {
            for pixel in plain.scaled(width, height).pixels {
                for (value, wanted) in pixel.into_iter().zip([0.25, 0.5, 0.75, 1.0]) {
                    assert!((value - wanted).abs() < 1e-5);
                }
            }
        }
        let halves = (0..64).map(|n| [1.0, 1.0, 1.0, 1.0].map(|v| if n % 8 < 4 { v } else { 0.0 }));
        let halves = Picture::new(8, 8, halves.collect()).unwrap().scaled(2, 2);
        assert!(halves.at(0, 0)[3] > 0.8 && halves.at(1, 0)[3] < 0.2);
    }
}
