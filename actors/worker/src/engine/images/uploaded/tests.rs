//! PNG and WebP as their encoders write them, and damaged. Common JPEG is in the tests of whole tasks, which have an
//! encoder of it; a progressive one, for which there is none, is written here.

use std::borrow::Cow;

use image_webp::{ColorType as WebpColor, WebPEncoder};

use super::*;

/// Four by two pixels: red, green, blue, white, and the same in half their light.
const RGB: [u8; 24] = [
    255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, //
    128, 0, 0, 0, 128, 0, 0, 0, 128, 128, 128, 128,
];
const WIDE: u32 = 4;
const HIGH: u32 = 2;

fn png_of(color: png::ColorType, depth: png::BitDepth, data: &[u8], orientation: u16) -> Vec<u8> {
    let mut info = png::Info::with_size(WIDE, HIGH);
    (info.color_type, info.bit_depth) = (color, depth);
    info.exif_metadata = Some(Cow::Owned(exif::tests::block(orientation, true)));
    let mut bytes = Vec::new();
    let encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

fn rgb_png() -> Vec<u8> {
    png_of(png::ColorType::Rgb, png::BitDepth::Eight, &RGB, 1)
}

fn rgba(opacity: u8) -> Vec<u8> {
    let pixels = RGB.chunks_exact(3);
    pixels
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], opacity])
        .collect()
}

fn webp_of(color: WebpColor, data: &[u8], exif: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new(&mut bytes);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif);
    }
    encoder.encode(data, WIDE, HIGH, color).unwrap();
    bytes
}

fn seen(bytes: &[u8]) -> Vec<u8> {
    read(bytes, (WIDE, HIGH)).unwrap().data
}

fn fault(bytes: &[u8]) -> Option<ImageFault> {
    read(bytes, (WIDE, HIGH)).err()
}

#[test]
fn every_kind_of_png_is_read_and_what_shines_through_is_on_black() {
    use png::{BitDepth, ColorType};
    let wide: Vec<u8> = RGB.iter().flat_map(|value| [*value; 2]).collect();
    let greys = [0, 50, 100, 150, 200, 250, 255, 1];
    let grey: Vec<u8> = greys.iter().flat_map(|value| [*value; 3]).collect();
    let half: Vec<u8> = greys.iter().flat_map(|value| [*value, 128]).collect();
    let faded = |bytes: &[u8]| -> Vec<u8> {
        let half = |value: &u8| u8::try_from((u16::from(*value) * 128 + 127) / 255).unwrap();
        bytes.iter().map(half).collect()
    };
    for (color, depth, data, expected) in [
        (ColorType::Rgb, BitDepth::Eight, RGB.to_vec(), RGB.to_vec()),
        (ColorType::Rgb, BitDepth::Sixteen, wide, RGB.to_vec()),
        (ColorType::Rgba, BitDepth::Eight, rgba(255), RGB.to_vec()),
        (ColorType::Rgba, BitDepth::Eight, rgba(128), faded(&RGB)),
        (ColorType::Rgba, BitDepth::Eight, rgba(0), vec![0; 24]),
        (
            ColorType::Grayscale,
            BitDepth::Eight,
            greys.to_vec(),
            grey.clone(),
        ),
        (
            ColorType::GrayscaleAlpha,
            BitDepth::Eight,
            half,
            faded(&grey),
        ),
    ] {
        let bytes = png_of(color, depth, &data, 1);
        assert_eq!(seen(&bytes), expected, "{color:?} {depth:?}");
    }
}

#[test]
fn webp_is_read_with_opacity_and_without() {
    assert_eq!(seen(&webp_of(WebpColor::Rgb8, &RGB, None)), RGB);
    assert_eq!(seen(&webp_of(WebpColor::Rgba8, &rgba(255), None)), RGB);
    assert_eq!(seen(&webp_of(WebpColor::Rgba8, &rgba(0), None)), [0; 24]);
}

#[test]
fn the_orientation_of_either_is_undone() {
    let upside_down: Vec<u8> = RGB.chunks_exact(3).rev().flatten().copied().collect();
    let png = png_of(png::ColorType::Rgb, png::BitDepth::Eight, &RGB, 3);
    assert_eq!(seen(&png), upside_down);
    let exif = exif::tests::block(3, false);
    assert_eq!(
        seen(&webp_of(WebpColor::Rgb8, &RGB, Some(exif))),
        upside_down
    );
}

#[test]
fn what_is_no_image_is_told_from_what_is_damaged() {
    for other in [
        &b""[..],
        b"GIF89a",
        b"<svg/>",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\xff\xd8",
    ] {
        assert_eq!(fault(other), Some(ImageFault::NotAnImage), "{other:?}");
    }
    let webp = webp_of(WebpColor::Rgb8, &RGB, None);
    let png = rgb_png();
    // Of a PNG the last chunk, of twelve bytes, says only that it is the last one.
    for (whole, end) in [(&webp, webp.len()), (&png, png.len() - 12)] {
        for end in 16..end {
            let fault = fault(&whole[..end]);
            assert_eq!(fault, Some(ImageFault::Damaged), "cut at {end}");
        }
    }
    // Nothing else comes of any byte that is another.
    for whole in [&webp, &png] {
        for at in 0..whole.len() {
            for mask in [1, 0x80, 0xff] {
                let mut other = whole.clone();
                other[at] ^= mask;
                drop(read(&other, (WIDE, HIGH)));
            }
        }
    }
}

/// A head that promises more than there may be, with no picture behind it.
#[test]
fn too_many_pixels_are_refused_by_the_head_alone() {
    let mut bytes = rgb_png();
    for (width, height, expected) in [
        (IMAGE_SIDE_MAX + 1, 1, ImageFault::TooLarge),
        (1, u32::MAX >> 1, ImageFault::TooLarge),
        (8_000, 8_000, ImageFault::TooLarge),
        // It is not there: the picture is damaged.
        (8_000, 6_000, ImageFault::Damaged),
    ] {
        let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
        bytes[16..24].copy_from_slice(&sides);
        let head = bytes[12..29].to_vec();
        bytes[29..33].copy_from_slice(&crc(&head).to_be_bytes());
        assert_eq!(fault(&bytes), Some(expected), "{width} x {height}");
    }
}

#[test]
fn what_moves_is_refused() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDE, HIGH);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for _ in 0..2 {
        writer.write_image_data(&RGB).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(fault(&bytes), Some(ImageFault::Animated));
}

/// Bits of a JPEG's scan, the highest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn push(&mut self, value: u32, n_bits: u32) {
        let bit = |n: u32| value >> n & 1 == 1;
        self.0.extend((0..n_bits).rev().map(bit));
    }

    /// Filled with ones; a byte that could be a marker is followed by a zero.
    fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(8), true);
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        let bytes = self.0.chunks(8).map(byte);
        let stuffed = bytes.flat_map(|byte| [Some(byte), (byte == 0xff).then_some(0)]);
        stuffed.flatten().collect()
    }
}

/// A progressive JPEG (ITU-T T.81, annex G) of blocks of one grey each, side by side: one scan with their halves, one
/// with the bits that are left.
fn progressive(greys: &[u8]) -> Vec<u8> {
    let n_blocks = u8::try_from(greys.len()).unwrap();
    let levels = greys.iter().map(|grey| i32::from(*grey) - 128);
    let (mut halves, mut rests, mut last) = (Bits::default(), Bits::default(), 0);
    for level in levels {
        let step = (level >> 1) - last;
        last = level >> 1;
        let n_bits = 32 - step.unsigned_abs().leading_zeros();
        // Codes of four bits, by the number of bits that follow.
        halves.push(n_bits, 4);
        let value = if step < 0 { step - 1 } else { step };
        halves.push(value.cast_unsigned(), n_bits);
        rests.push(level.cast_unsigned() & 1, 1);
    }
    let scan = |bits: u8| [b"\xff\xda\0\x08\x01\x01\0\0\0", &[bits][..]].concat();
    [
        b"\xff\xd8\xff\xdb\0\x43\0".to_vec(),
        // A step of the level is one of grey.
        vec![8; 64],
        // 8 bits, 8 pixels high, one component.
        b"\xff\xc2\0\x0b\x08\0\x08\0".to_vec(),
        vec![n_blocks * 8, 1, 1, 0x11, 0],
        // Nine codes of four bits.
        b"\xff\xc4\0\x1c\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
        (0..9).collect(),
        scan(0x01),
        halves.bytes(),
        scan(0x10),
        rests.bytes(),
        b"\xff\xd9".to_vec(),
    ]
    .concat()
}

#[test]
fn a_progressive_jpeg_is_read_with_all_its_scans() {
    let greys = [0, 255, 128, 127, 77, 3];
    let bytes = progressive(&greys);
    let image = read(&bytes, (48, 8)).unwrap();
    for (n, grey) in greys.iter().enumerate() {
        // In the middle of its block.
        let at = (4 * 48 + n * 8 + 4) * 3;
        let found = image.data[at];
        assert!(found.abs_diff(*grey) <= 1, "{n}: {found}, not {grey}");
    }
    // The end of a JPEG is two bytes; what is cut in front of them has lost a scan or a part of one.
    for end in 3..bytes.len() - 2 {
        let fault = fault(&bytes[..end]);
        assert_eq!(fault, Some(ImageFault::Damaged), "cut at {end}");
    }
}

/// Of a chunk's name and content (W3C PNG, annex D).
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}
