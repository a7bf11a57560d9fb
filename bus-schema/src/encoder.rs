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
///
/// Hardware comes in the order NVENC, VA-API, Quick Sync, AMF, V4L2, Vulkan, VideoToolbox: where a machine has
/// several, the ones in front are those of a graphics card of its own. Their qualities are what their vendors
/// call comparable; they were not measured, for want of such machines.
pub const ENCODERS: &[Encoder] = &[
    hardware("nvh264enc", VideoCodec::H264, 23),
    hardware("vah264enc", VideoCodec::H264, 23),
    hardware("qsvh264enc", VideoCodec::H264, 23),
    hardware("amfh264enc", VideoCodec::H264, 23),
    hardware("v4l2h264enc", VideoCodec::H264, 23),
    hardware("vulkanh264enc", VideoCodec::H264, 23),
    hardware("vtenc_h264", VideoCodec::H264, 23),
    software("x264enc", VideoCodec::H264, 23),
    hardware("nvh265enc", VideoCodec::Hevc, 25),
    hardware("vah265enc", VideoCodec::Hevc, 25),
    hardware("qsvh265enc", VideoCodec::Hevc, 25),
    hardware("amfh265enc", VideoCodec::Hevc, 25),
    hardware("v4l2h265enc", VideoCodec::Hevc, 25),
    hardware("vulkanh265enc", VideoCodec::Hevc, 25),
    hardware("vtenc_h265", VideoCodec::Hevc, 25),
    software("x265enc", VideoCodec::Hevc, 24),
    hardware("vavp9enc", VideoCodec::Vp9, 30),
    hardware("qsvvp9enc", VideoCodec::Vp9, 30),
    hardware("v4l2vp9enc", VideoCodec::Vp9, 30),
    software("vp9enc", VideoCodec::Vp9, 22),
    hardware("nvav1enc", VideoCodec::Av1, 30),
    hardware("vaav1enc", VideoCodec::Av1, 30),
    hardware("qsvav1enc", VideoCodec::Av1, 30),
    hardware("amfav1enc", VideoCodec::Av1, 30),
    software("av1enc", VideoCodec::Av1, 23),
];

const fn hardware(element: &'static str, codec: VideoCodec, quality: u8) -> Encoder {
    Encoder {
        element,
        codec,
        is_hardware: true,
        quality,
    }
}

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

/// Whether this element needs a device. One that is not known does: nothing else would explain it.
#[must_use]
pub fn is_hardware(element: &str) -> bool {
    encoder(element).is_none_or(|one| one.is_hardware)
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
