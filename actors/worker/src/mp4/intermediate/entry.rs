//! Sample entries of the formats that transport streams, programme streams and AVI hold.

/// `objectTypeIndication`s (ISO/IEC 14496-1, 7.2.6.6.2, and the registration authority's list).
pub mod object_type {
    /// MPEG-4 part 2 video.
    pub const MPEG4_VIDEO: u8 = 0x20;
    /// AAC.
    pub const AAC: u8 = 0x40;
    /// MPEG-2 video; the main profile's number stands for all of them.
    pub const MPEG2_VIDEO: u8 = 0x61;
    /// MPEG-2 audio: the lower rates of its layers.
    pub const MPEG2_AUDIO: u8 = 0x69;
    /// MPEG-1 video.
    pub const MPEG1_VIDEO: u8 = 0x6a;
    /// MPEG-1 audio.
    pub const MPEG1_AUDIO: u8 = 0x6b;
    /// JPEG.
    pub const JPEG: u8 = 0x6c;
}

/// `streamType` of pictures and of sound, shifted to its place, with the bit that is always set.
const VISUAL_STREAM: u8 = 4 << 2 | 1;
const AUDIO_STREAM: u8 = 5 << 2 | 1;
/// Longest configuration that is written: what parsers find is far below.
const CONFIG_BYTES_MAX: usize = 4096;

/// A picture of so many pixels, with its configuration in boxes.
#[must_use]
pub fn picture(kind: [u8; 4], size: (u16, u16), par: (u32, u32), config: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 6];
    body.extend(1u16.to_be_bytes());
    body.extend([0; 16]);
    body.extend(size.0.to_be_bytes());
    body.extend(size.1.to_be_bytes());
    // 72 dots an inch, twice; a reserved word; one frame to a sample.
    for word in [0x0048_0000u32, 0x0048_0000, 0] {
        body.extend(word.to_be_bytes());
    }
    body.extend(1u16.to_be_bytes());
    body.extend([0; 32]);
    body.extend(24u16.to_be_bytes());
    body.extend([0xff; 2]);
    body.extend(config);
    let mut aspect = par.0.to_be_bytes().to_vec();
    aspect.extend(par.1.to_be_bytes());
    body.extend(plain_box(*b"pasp", &aspect));
    plain_box(kind, &body)
}

/// Sound of so many channels and samples per second, each of so many bits.
#[must_use]
pub fn sound(kind: [u8; 4], channels: u16, bits: u16, rate_hz: u32, config: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 6];
    body.extend(1u16.to_be_bytes());
    body.extend([0; 8]);
    body.extend(channels.to_be_bytes());
    body.extend(bits.to_be_bytes());
    body.extend([0; 4]);
    // A 16.16 number; rates above 65,535 are 0 here and read from the stream.
    body.extend(u16::try_from(rate_hz).unwrap_or(0).to_be_bytes());
    body.extend([0; 2]);
    body.extend(config);
    plain_box(kind, &body)
}

/// `esds` of a picture (ISO/IEC 14496-14, 5.6).
#[must_use]
pub fn visual_descriptor(object_type: u8, config: &[u8]) -> Vec<u8> {
    descriptor_box(object_type, VISUAL_STREAM, config)
}

/// `esds` of sound.
#[must_use]
pub fn audio_descriptor(object_type: u8, config: &[u8]) -> Vec<u8> {
    descriptor_box(object_type, AUDIO_STREAM, config)
}

fn descriptor_box(object_type: u8, stream_type: u8, config: &[u8]) -> Vec<u8> {
    let config = config.get(..CONFIG_BYTES_MAX).unwrap_or(config);
    // Size of the decoder's buffer and the rates are not known.
    let mut decoder = vec![object_type, stream_type];
    decoder.extend([0; 11]);
    if !config.is_empty() {
        decoder.extend(descriptor(5, config));
    }
    let mut stream = vec![0, 1, 0];
    stream.extend(descriptor(4, &decoder));
    stream.extend(descriptor(6, &[2]));
    let mut body = vec![0; 4];
    body.extend(descriptor(3, &stream));
    plain_box(*b"esds", &body)
}

/// A descriptor with a length of four bytes (ISO/IEC 14496-1, 8.3.3).
fn descriptor(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(0);
    let mut bytes = vec![tag];
    for shift in [21, 14, 7] {
        bytes.push(0x80 | seven_bits(length >> shift));
    }
    bytes.push(seven_bits(length));
    bytes.extend(body);
    bytes
}

fn seven_bits(number: u32) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// A box.
#[must_use]
pub fn plain_box(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let bytes = u32::try_from(body.len() + 8).unwrap_or(u32::MAX);
    let mut whole = bytes.to_be_bytes().to_vec();
    whole.extend(kind);
    whole.extend(body);
    whole
}
