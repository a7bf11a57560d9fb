//! A mark in the planes of a rendition's frames, and over them.

use gstreamer as gst;
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoFormat, VideoFrameRef, VideoInfo};

use super::super::super::{Error, Result};
use super::Place;
use super::picture::{Picture, Pixel};

/// Fractions are whole numbers of this.
const ONE: u32 = 1 << 16;

/// A mark at the size and place of one rendition.
#[derive(Debug)]
pub struct Overlay {
    /// Luma, then both chroma.
    layers: [Layer; 3],
}

/// What lies over a part of one plane.
#[derive(Debug)]
struct Layer {
    x: usize,
    y: usize,
    width: usize,
    /// For each sample: what is added, and how much of what was there stays; in 65,536ths.
    samples: Vec<(u32, u32)>,
}

impl Overlay {
    /// `mark` has the size of its place.
    pub(super) fn new(mark: &Picture, place: Place, opacity: f32) -> Self {
        let pixel = |x: u32, y: u32| mark.at(x, y).map(|value| value * opacity);
        let quarter = |x: u32, y: u32| {
            let four = [
                pixel(2 * x, 2 * y),
                pixel(2 * x + 1, 2 * y),
                pixel(2 * x, 2 * y + 1),
                pixel(2 * x + 1, 2 * y + 1),
            ];
            std::array::from_fn(|n| four.iter().map(|pixel| pixel[n]).sum::<f32>() / 4.0)
        };
        let half = Place {
            x: place.x / 2,
            y: place.y / 2,
            width: place.width / 2,
            height: place.height / 2,
        };
        // ITU-R BT.709 in limited range, which all renditions are.
        let luma = |[r, g, b, _]: Pixel| 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let layers = [
            Layer::new(place, pixel, |p| 16.0 * p[3] + 219.0 * luma(p)),
            Layer::new(half, quarter, |p| {
                128.0 * p[3] + 224.0 * (p[2] - luma(p)) / 1.8556
            }),
            Layer::new(half, quarter, |p| {
                128.0 * p[3] + 224.0 * (p[0] - luma(p)) / 1.5748
            }),
        ];
        Self { layers }
    }

    /// Draws the mark over a frame.
    ///
    /// # Errors
    /// When the frame is not what `info` says, or in another format than all renditions are.
    pub fn draw(&self, buffer: &mut gst::BufferRef, info: &VideoInfo) -> Result<()> {
        if info.format() != VideoFormat::I420 {
            return Err(Error::internal(format!(
                "no mark is drawn over {:?}",
                info.format()
            )));
        }
        let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer, info)?;
        let strides: [usize; 3] = std::array::from_fn(|plane| {
            let stride = frame.plane_stride().get(plane).copied().unwrap_or(0);
            usize::try_from(stride).unwrap_or(0)
        });
        let [luma, blue, red, _] = frame.planes_data_mut();
        for ((layer, data), stride) in self.layers.iter().zip([luma, blue, red]).zip(strides) {
            layer
                .draw(data, stride)
                .ok_or_else(|| Error::internal("a frame smaller than it says"))?;
        }
        Ok(())
    }
}

impl Layer {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 255 by 65,536"
    )]
    fn new(place: Place, pixel: impl Fn(u32, u32) -> Pixel, value: impl Fn(Pixel) -> f32) -> Self {
        let fraction = |value: f32| (value * ONE as f32).round().max(0.0) as u32;
        let mut samples = Vec::new();
        for y in 0..place.height {
            for x in 0..place.width {
                let pixel = pixel(x, y);
                let stays = ONE - fraction(pixel[3]).min(ONE);
                samples.push((fraction(value(pixel)), stays));
            }
        }
        Self {
            x: place.x as usize,
            y: place.y as usize,
            width: place.width as usize,
            samples,
        }
    }

    fn draw(&self, data: &mut [u8], stride: usize) -> Option<()> {
        for (n, row) in self.samples.chunks_exact(self.width.max(1)).enumerate() {
            let start = (self.y + n) * stride + self.x;
            let drawn = data.get_mut(start..start + self.width)?;
            for (drawn, (added, stays)) in drawn.iter_mut().zip(row) {
                let value = (added + u32::from(*drawn) * stays + ONE / 2) / ONE;
                *drawn = u8::try_from(value).unwrap_or(u8::MAX);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use gstreamer_video::VideoFrame;

    use super::*;

    fn drawn(pixel: Pixel, opacity: f32) -> [u8; 3] {
        let place = Place {
            x: 2,
            y: 2,
            width: 4,
            height: 2,
        };
        let mark = Picture::new(4, 2, vec![pixel; 8]).unwrap();
        let overlay = Overlay::new(&mark, place, opacity);
        let planes = overlay.layers.iter().map(|layer| {
            let mut plane = [50; 8 * 8];
            layer.draw(&mut plane, 8).unwrap();
            let n = plane.iter().filter(|value| **value != 50).count();
            assert!(
                n <= layer.samples.len(),
                "nothing is drawn outside of its place"
            );
            plane[layer.y * 8 + layer.x]
        });
        let planes: Vec<u8> = planes.collect();
        [planes[0], planes[1], planes[2]]
    }

    #[test]
    fn colours_are_those_of_bt709() {
        gst::init().unwrap();
        // Code values by ITU-R BT.709, section 3.
        assert_eq!(drawn([1.0; 4], 1.0), [235, 128, 128]);
        assert_eq!(drawn([0.0, 0.0, 0.0, 1.0], 1.0), [16, 128, 128]);
        assert_eq!(drawn([1.0, 0.0, 0.0, 1.0], 1.0), [63, 102, 240]);
        assert_eq!(drawn([0.0, 0.0, 1.0, 1.0], 1.0), [32, 240, 118]);
        // Half of what was there, half of white; and nothing where the mark is not.
        assert_eq!(drawn([1.0; 4], 0.5), [143, 89, 89]);
        assert_eq!(drawn([0.0; 4], 1.0), [50, 50, 50]);
    }

    #[test]
    fn a_frame_that_is_too_small_is_an_error() {
        gst::init().unwrap();
        let info = VideoInfo::builder(VideoFormat::I420, 16, 16)
            .build()
            .unwrap();
        let place = Place {
            x: 12,
            y: 12,
            width: 8,
            height: 8,
        };
        let mark = Picture::new(8, 8, vec![[1.0; 4]; 64]).unwrap();
        let mut buffer = gst::Buffer::with_size(info.size()).unwrap();
        let overlay = Overlay::new(&mark, place, 1.0);
        assert!(overlay.draw(buffer.get_mut().unwrap(), &info).is_err());
        assert!(VideoFrame::from_buffer_readable(buffer, &info).is_ok());
    }
}
