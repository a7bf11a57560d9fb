//! The formats that an intermediate can hold, and how each is told in it.

use gstreamer as gst;

use super::picture::mpeg4;
use crate::mp4::intermediate::entry::{self, object_type};

/// Lowest sample rate of MPEG-1 audio; MPEG-2's are below.
const MPEG1_RATE_MIN: u32 = 32_000;

/// How a stream is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    H264,
    Hevc,
    /// MPEG-1 or MPEG-2 video, by its number.
    Mpeg(u8),
    Mpeg4,
    Jpeg,
    Aac,
    /// Layers 1 to 3.
    MpegAudio,
    Ac3,
    Eac3,
    Pcm,
}

impl Coding {
    /// Of a stream as its parser gives it; `None` for what no intermediate holds.
    pub(super) fn of(caps: &gst::CapsRef) -> Option<Self> {
        let structure = caps.structure(0)?;
        let version = structure.get::<i32>("mpegversion").unwrap_or(0);
        Some(match (structure.name().as_str(), version) {
            ("video/x-h264", _) => Self::H264,
            ("video/x-h265", _) => Self::Hevc,
            ("video/mpeg", 1) => Self::Mpeg(1),
            // Which of them is known once a picture has gone by.
            ("video/mpeg", 2 | 0) => Self::Mpeg(2),
            ("video/mpeg", 4) | ("video/x-divx" | "video/x-xvid", _) => Self::Mpeg4,
            ("image/jpeg", _) => Self::Jpeg,
            // What its packets are wrapped in is known once some have gone by: what its parser cannot bring
            // into MP4's form ends in an error of the pipeline.
            ("audio/mpeg", version) if version != 1 => Self::Aac,
            ("audio/mpeg", 1) => Self::MpegAudio,
            ("audio/x-ac3", _) => Self::Ac3,
            ("audio/x-eac3", _) => Self::Eac3,
            ("audio/x-raw", _) => Self::Pcm,
            _ => return None,
        })
    }

    pub(super) fn is_video(self) -> bool {
        match self {
            Self::H264 | Self::Hevc | Self::Mpeg(_) | Self::Mpeg4 | Self::Jpeg => true,
            Self::Aac | Self::MpegAudio | Self::Ac3 | Self::Eac3 | Self::Pcm => false,
        }
    }

    /// The parser that brings it into MP4's form, and that form.
    pub(super) fn parser(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::H264 => ("h264parse", "video/x-h264,stream-format=avc,alignment=au"),
            Self::Hevc => ("h265parse", "video/x-h265,stream-format=hvc1,alignment=au"),
            Self::Aac => ("aacparse", "audio/mpeg,mpegversion={2,4},stream-format=raw"),
            Self::Mpeg(_)
            | Self::Mpeg4
            | Self::Jpeg
            | Self::MpegAudio
            | Self::Ac3
            | Self::Eac3
            | Self::Pcm => return None,
        })
    }

    /// Samples of sound in a packet whose length its parser does not tell.
    pub(super) fn usual_samples(self) -> u32 {
        match self {
            Self::Aac => 1_024,
            Self::MpegAudio => 1_152,
            Self::Ac3 | Self::Eac3 => 1_536,
            Self::H264 | Self::Hevc | Self::Mpeg(_) | Self::Mpeg4 | Self::Jpeg | Self::Pcm => 1,
        }
    }
}

/// The form of a stream, as its caps tell.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) caps: gst::Caps,
    pub(super) config: Vec<u8>,
}

impl Form {
    pub(super) fn of(caps: gst::Caps) -> Self {
        let data = caps
            .structure(0)
            .and_then(|s| s.get::<gst::Buffer>("codec_data").ok());
        let config = data.and_then(|data| Some(data.map_readable().ok()?.to_vec()));
        Self {
            config: config.unwrap_or_default(),
            caps,
        }
    }

    pub(super) fn number(&self, name: &str) -> u32 {
        let value = self.caps.structure(0).and_then(|s| s.get::<i32>(name).ok());
        value.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    fn text(&self, name: &str) -> &str {
        let structure = self.caps.structure(0);
        structure
            .and_then(|s| s.get::<&str>(name).ok())
            .unwrap_or_default()
    }

    pub(super) fn fraction(&self, name: &str) -> Option<(u32, u32)> {
        let structure = self.caps.structure(0)?;
        let value = structure.get::<gst::Fraction>(name).ok()?;
        let number = |n: i32| u32::try_from(n).ok().filter(|n| *n > 0);
        Some((number(value.numer())?, number(value.denom())?))
    }

    /// Width and height in pixels; `None` where the parser does not tell, or no entry can.
    pub(super) fn size(&self) -> Option<(u16, u16)> {
        let side = |name| u16::try_from(self.number(name)).ok().filter(|n| *n > 0);
        Some((side("width")?, side("height")?))
    }

    /// Bytes of a sample of sound without coding in all channels.
    pub(super) fn frame_bytes(&self) -> u32 {
        let info = gstreamer_audio::AudioInfo::from_caps(&self.caps);
        info.map_or(0, |info| info.bpf())
    }

    /// The sample entry, given the first packet and whether parameters changed on the way; `None` where
    /// something is missing.
    pub(super) fn entry(&self, coding: Coding, first: &[u8], is_changed: bool) -> Option<Vec<u8>> {
        if coding.is_video() {
            return self.picture_entry(coding, first, is_changed);
        }
        let rate_hz = self.number("rate");
        let channels = u16::try_from(self.number("channels")).ok();
        let channels = channels.filter(|n| *n > 0)?;
        if rate_hz == 0 {
            return None;
        }
        let sound = |kind, config: &[u8]| entry::sound(kind, channels, 16, rate_hz, config);
        Some(match coding {
            Coding::Aac if self.config.len() >= 2 => sound(
                *b"mp4a",
                &entry::audio_descriptor(object_type::AAC, &self.config),
            ),
            Coding::MpegAudio => {
                let kind = if rate_hz < MPEG1_RATE_MIN {
                    object_type::MPEG2_AUDIO
                } else {
                    object_type::MPEG1_AUDIO
                };
                sound(*b"mp4a", &entry::audio_descriptor(kind, &[]))
            }
            Coding::Ac3 => sound(*b"ac-3", &entry::plain_box(*b"dac3", &ac3_config(first)?)),
            Coding::Eac3 => sound(*b"ec-3", &entry::plain_box(*b"dec3", &eac3_config(first)?)),
            Coding::Pcm => self.pcm_entry(rate_hz, channels)?,
            Coding::Aac
            | Coding::H264
            | Coding::Hevc
            | Coding::Mpeg(_)
            | Coding::Mpeg4
            | Coding::Jpeg => return None,
        })
    }

    fn picture_entry(&self, coding: Coding, first: &[u8], is_changed: bool) -> Option<Vec<u8>> {
        let size = self.size()?;
        let par = self.fraction("pixel-aspect-ratio").unwrap_or((1, 1));
        let of = |kind, config: &[u8]| entry::picture(kind, size, par, config);
        let described = |kind, config: &[u8]| of(*b"mp4v", &entry::visual_descriptor(kind, config));
        // The entries of which parameters may also stand in the samples are the second ones.
        Some(match coding {
            Coding::H264 => {
                let kind = if is_changed { *b"avc3" } else { *b"avc1" };
                of(kind, &entry::plain_box(*b"avcC", &self.config))
            }
            Coding::Hevc => {
                let kind = if is_changed { *b"hev1" } else { *b"hvc1" };
                of(kind, &entry::plain_box(*b"hvcC", &self.config))
            }
            Coding::Mpeg(1) => described(object_type::MPEG1_VIDEO, &self.config),
            Coding::Mpeg(_) => described(object_type::MPEG2_VIDEO, &self.config),
            Coding::Mpeg4 => {
                let config = match self.config.as_slice() {
                    [] => mpeg4::config(first),
                    config => config,
                };
                let config = mpeg4::unpacked(config.to_vec());
                described(object_type::MPEG4_VIDEO, &config)
            }
            Coding::Jpeg => described(object_type::JPEG, &[]),
            Coding::Aac | Coding::MpegAudio | Coding::Ac3 | Coding::Eac3 | Coding::Pcm => {
                return None;
            }
        })
    }

    /// Of the forms that MP4 has no word for, QuickTime's demuxer here reads these two rightly.
    fn pcm_entry(&self, rate_hz: u32, channels: u16) -> Option<Vec<u8>> {
        let (kind, bits) = match self.text("format") {
            "S16LE" => (*b"sowt", 16),
            "U8" => (*b"raw ", 8),
            _ => return None,
        };
        Some(entry::sound(kind, channels, bits, rate_hz, &[]))
    }
}

/// `dac3` of an AC-3 packet (ETSI TS 102 366, F.4).
fn ac3_config(first: &[u8]) -> Option<[u8; 3]> {
    let [0x0b, 0x77, _, _, sizes, kind, modes @ ..] = first else {
        return None;
    };
    let (rate, bit_rate) = (sizes >> 6, sizes >> 1 & 0x1f);
    let (id, mode) = (kind >> 3, kind & 7);
    let modes = u16::from_be_bytes([*modes.first()?, *modes.get(1)?]);
    let channels = u8::try_from(modes >> 13).ok()?;
    // Levels of the mix stand before the bit for low frequencies, as the channels have it.
    let mut before = 3;
    for is_there in [
        channels & 1 != 0 && channels != 1,
        channels & 4 != 0,
        channels == 2,
    ] {
        before += if is_there { 2 } else { 0 };
    }
    let low = modes >> (15 - before) & 1;
    let word = u32::from(rate) << 22
        | u32::from(id) << 17
        | u32::from(mode) << 14
        | u32::from(channels) << 11
        | u32::from(low) << 10
        | u32::from(bit_rate) << 5;
    let [_, a, b, c] = word.to_be_bytes();
    Some([a, b, c])
}

/// `dec3` of an E-AC-3 packet (ETSI TS 102 366, F.6), without a rate.
fn eac3_config(first: &[u8]) -> Option<[u8; 5]> {
    let [0x0b, 0x77, _, _, modes, kind, ..] = first else {
        return None;
    };
    let (rate, channels, low) = (modes >> 6, modes >> 1 & 7, modes & 1);
    let id = kind >> 3;
    // Behind 16 bits of rate and number of streams: rate, version, two bits, service, channels, low
    // frequencies, three bits, no streams that depend, one bit.
    let word = u32::from(rate) << 22
        | u32::from(id) << 17
        | u32::from(channels) << 9
        | u32::from(low) << 8;
    let [_, a, b, c] = word.to_be_bytes();
    Some([0, 0, a, b, c])
}

/// Whether an E-AC-3 packet is a part of the one before it.
pub(super) fn is_dependent(packet: &[u8]) -> bool {
    packet.get(2).is_some_and(|byte| byte >> 6 == 1)
}
