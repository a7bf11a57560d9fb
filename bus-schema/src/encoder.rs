//! The encoders that there are settings for: what plans pin, workers try, and heartbeats tell of.

use crate::video_codec::VideoCodec;

/// An encoder, by the name of its GStreamer element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    /// The element: `x264enc`.
    pub element: &'static str,
    /// What it makes.
    pub codec: VideoCodec,
    /// Whether it needs a device.
    pub is_hardware: bool,
    /// The constant quality that a plan pins and the cap may override, on this encoder's own scale.
    pub quality: u8,
}

/// All of them; of each codec best first, the one in software last.
///
/// Qualities of the software ones were measured on a real clip of 720p (SSIM against the source, rate): x264 23
/// 0.988 at 1.8 Mb/s, x265 24 0.983 at 1.1, VP9 22 and AV1 23 0.982 at 1.5. VP9 and AV1 take theirs as a
/// lower bound of the quantizer (0 to 63).
pub const ENCODERS: &[Encoder] = &[
    software("x264enc", VideoCodec::H264, 23),
    software("x265enc", VideoCodec::Hevc, 24),
    software("vp9enc", VideoCodec::Vp9, 22),
    software("av1enc", VideoCodec::Av1, 23),
];

const fn software(element: &'static str, codec: VideoCodec, quality: u8) -> Encoder {
    Encoder {
        element,
        codec,
        is_hardware: false,
        quality,
    }
}

/// The encoder of this name.
#[must_use]
pub fn encoder(element: &str) -> Option<Encoder> {
    ENCODERS.iter().copied().find(|one| one.element == element)
}

/// The encoders of a codec, best first.
pub fn of(codec: VideoCodec) -> impl Iterator<Item = Encoder> {
    ENCODERS
        .iter()
        .copied()
        .filter(move |one| one.codec == codec)
}

/// The encoder of a codec that every worker has.
#[must_use]
pub fn in_software(codec: VideoCodec) -> Encoder {
    of(codec)
        .find(|one| !one.is_hardware)
        .expect("each codec has an encoder in software")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_codec_ends_with_its_one_encoder_in_software() {
        for codec in VideoCodec::ALL {
            let kinds: Vec<bool> = of(codec).map(|one| one.is_hardware).collect();
            let (last, before) = kinds.split_last().unwrap();
            assert!(!last && before.iter().all(|is| *is), "{codec}: {kinds:?}");
            assert_eq!(in_software(codec).codec, codec);
        }
    }

    #[test]
    fn no_element_stands_there_twice() {
        for one in ENCODERS {
            let same = ENCODERS.iter().filter(|other| other.element == one.element);
            assert_eq!(same.count(), 1, "{}", one.element);
            assert_eq!(encoder(one.element), Some(*one));
        }
        assert_eq!(encoder("x266enc"), None);
    }
}
