//! An image that the client uploaded: a JPEG, PNG or WebP of strangers. It is read by decoders in Rust, here in the
//! sandbox; what its head promises is looked at before memory is found for it.

mod exif;
mod upright;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bus_schema::plan::images::ImageSize;
use bus_schema::request::uploaded_image::{IMAGE_PIXELS_MAX, IMAGE_SIDE_MAX, ImageFault};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::still::Rgb;

/// What a PNG begins with (W3C PNG, section 5.2).
const PNG_HEAD: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Scans of a progressive JPEG: encoders write about ten, and each is a pass over the picture.
const SCANS_MAX: usize = 64;

/// A picture as it is stored, with how it is to be turned.
struct Stored {
    image: Rgb,
    /// 1 to 8, see [`upright`].
    orientation: u8,
}

/// The image upright and cut to this shape of width and height, in its middle.
pub(super) fn read(bytes: &[u8], shape: (u32, u32)) -> Result<Rgb, ImageFault> {
    // A decoder that gives up on what it did not expect has met a damaged image.
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes)));
    let Stored { image, orientation } = decoded.unwrap_or(Err(ImageFault::Damaged))?;
    upright::cut(&image, orientation, shape).ok_or(ImageFault::Damaged)
}

fn decode(bytes: &[u8]) -> Result<Stored, ImageFault> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(bytes),
        _ if bytes.starts_with(PNG_HEAD) => png(bytes),
        _ => Err(ImageFault::NotAnImage),
    }
}

/// A size that is within limits.
fn checked(width: u32, height: u32) -> Result<ImageSize, ImageFault> {
    let is_small = width.max(height) <= IMAGE_SIDE_MAX
        && u64::from(width) * u64::from(height) <= IMAGE_PIXELS_MAX;
    match (width, height) {
        (0, _) | (_, 0) => Err(ImageFault::Damaged),
        (width, height) if is_small => Ok(ImageSize { width, height }),
        _ => Err(ImageFault::TooLarge),
    }
}

fn jpeg(bytes: &[u8]) -> Result<Stored, ImageFault> {
    let options = DecoderOptions::default()
        // Else what is missing at the end is grey, and nothing is said.
        .set_strict_mode(true)
        .jpeg_set_max_scans(SCANS_MAX)
        // Larger ones are refused below, by name.
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| ImageFault::Damaged)?;
    let info = decoder.info().ok_or(ImageFault::Damaged)?;
    let size = checked(u32::from(info.width), u32::from(info.height))?;
    let data = decoder.decode().map_err(|_| ImageFault::Damaged)?;
    let orientation = decoder.exif().map_or(1, |exif| exif::orientation(exif));
    stored(size, data, 3, orientation)
}

fn png(bytes: &[u8]) -> Result<Stored, ImageFault> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let head = decoder.read_header_info();
    let (width, height) = head.map_err(|_| ImageFault::Damaged)?.size();
    let size = checked(width, height)?;
    let mut reader = decoder.read_info().map_err(|_| ImageFault::Damaged)?;
    let info = reader.info();
    if info
        .animation_control()
        .is_some_and(|control| control.num_frames > 1)
    {
        return Err(ImageFault::Animated);
    }
    let exif = info.exif_metadata.as_deref();
    let orientation = exif.map_or(1, exif::orientation);
    let most = reader.output_buffer_size().ok_or(ImageFault::TooLarge)?;
    let mut data = vec![0; most];
    let read = reader.next_frame(&mut data);
    let read = read.map_err(|_| ImageFault::Damaged)?;
    data.truncate(read.buffer_size());
    stored(size, data, read.color_type.samples(), orientation)
}

fn webp(bytes: &[u8]) -> Result<Stored, ImageFault> {
    // The decoder takes what is missing at the end for nothing.
    let promised = bytes.get(4..8).and_then(|size| size.try_into().ok());
    let promised = promised.map_or(0, u32::from_le_bytes) as usize;
    if bytes.len() < promised.saturating_add(8) {
        return Err(ImageFault::Damaged);
    }
    let decoder = image_webp::WebPDecoder::new(Cursor::new(bytes));
    let mut decoder = decoder.map_err(|_| ImageFault::Damaged)?;
    let (width, height) = decoder.dimensions();
    let size = checked(width, height)?;
    if decoder.is_animated() {
        return Err(ImageFault::Animated);
    }
    let most = decoder.output_buffer_size().ok_or(ImageFault::TooLarge)?;
    let mut data = vec![0; most];
    let read = decoder.read_image(&mut data);
    read.map_err(|_| ImageFault::Damaged)?;
    let n_samples = if decoder.has_alpha() { 4 } else { 3 };
    let exif = decoder.exif_metadata().ok().flatten();
    let orientation = exif.map_or(1, |exif| exif::orientation(&exif));
    stored(size, data, n_samples, orientation)
}

/// Pixels of so many samples as red, green and blue; what shines through does so on black, as players have it.
fn stored(
    size: ImageSize,
    mut data: Vec<u8>,
    n_samples: usize,
    orientation: u8,
) -> Result<Stored, ImageFault> {
    let n_pixels = size.width as usize * size.height as usize;
    if data.len() != n_pixels * n_samples {
        return Err(ImageFault::Damaged);
    }
    let over_black = |value: u8, opacity: u8| {
        u8::try_from((u16::from(value) * u16::from(opacity) + 127) / 255).unwrap_or(u8::MAX)
    };
    match n_samples {
        1 => data = data.iter().flat_map(|grey| [*grey; 3]).collect(),
        2 => {
            let pixels = data.chunks_exact(2);
            data = pixels
                .flat_map(|pixel| [over_black(pixel[0], pixel[1]); 3])
                .collect();
        }
        3 => {}
        4 => {
            // In place: a picture of this size is not there twice.
            for n in 0..n_pixels {
                let [red, green, blue, opacity] = [0, 1, 2, 3].map(|sample| data[n * 4 + sample]);
                for (sample, value) in [red, green, blue].into_iter().enumerate() {
                    data[n * 3 + sample] = over_black(value, opacity);
                }
            }
            data.truncate(n_pixels * 3);
        }
        _ => return Err(ImageFault::Damaged),
    }
    Ok(Stored {
        image: Rgb { size, data },
        orientation,
    })
}

#[cfg(test)]
mod tests;
