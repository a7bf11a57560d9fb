//! A decoder configuration: its sample entry, its name in playlists, its digest.

use std::fmt::Write as _;

use bytes::Bytes;
use mp4_atom::esds::{DecoderConfig, DecoderSpecific, EsDescriptor, SLConfig};
use mp4_atom::{Audio, BufMut as _, Colr, Encode, Esds, FourCC, Mp4a, Pasp, Visual};
use sha2::{Digest as _, Sha256};

use super::error::Error;

pub mod av1;
mod hevc;
mod vp9;

pub use vp9::Vp9Config;

/// The longest decoder configuration that is written or read. Real ones have 40 bytes.
const CONFIG_BYTES_MAX: usize = 4096;

/// A decoder configuration with what its sample entry holds beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecConfig {
    /// H.264, with parameter sets in the configuration and length-prefixed units in the samples.
    Avc {
        /// `AVCDecoderConfigurationRecord`, the body of `avcC`.
        avcc: Bytes,
        /// Pixels, as coded after cropping.
        width: u16,
        /// Pixels, as coded after cropping.
        height: u16,
        /// Pixel aspect ratio, width to height.
        par: (u32, u32),
    },
    /// HEVC, with parameter sets in the configuration alone and length-prefixed units in the samples.
    Hevc {
        /// `HEVCDecoderConfigurationRecord`, the body of `hvcC`.
        hvcc: Bytes,
        /// Pixels, as coded after cropping.
        width: u16,
        /// Pixels, as coded after cropping.
        height: u16,
        /// Pixel aspect ratio, width to height.
        par: (u32, u32),
    },
    /// VP9, one superframe or frame to a sample: each shows one picture.
    Vp9 {
        /// `VPCodecConfigurationRecord`, the body of `vpcC` behind its version.
        vpcc: Bytes,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// Pixel aspect ratio, width to height.
        par: (u32, u32),
    },
    /// AV1, one temporal unit without its delimiter to a sample.
    Av1 {
        /// `AV1CodecConfigurationRecord`, the body of `av1C`.
        av1c: Bytes,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// Pixel aspect ratio, width to height.
        par: (u32, u32),
    },
    /// AAC in raw access units.
    Aac {
        /// `AudioSpecificConfig`.
        asc: Bytes,
        /// Number of channels.
        channels: u16,
        /// Samples per second.
        sample_rate_hz: u32,
    },
}

/// Names of codecs as one list, each once.
pub(super) fn all(names: impl IntoIterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all.join(",")
}

/// What all pictures' configurations have.
#[derive(Debug, Clone, Copy)]
struct Picture<'a> {
    /// Of the sample entry.
    entry: &'static [u8; 4],
    /// Of the box that holds `record`.
    config: &'static [u8; 4],
    /// That box's body.
    record: &'a Bytes,
    width: u16,
    height: u16,
    par: (u32, u32),
}

impl CodecConfig {
    fn picture(&self) -> Option<Picture<'_>> {
        let (entry, config, (record, width, height, par)) = match self {
            Self::Avc {
                avcc,
                width,
                height,
                par,
            } => (b"avc1", b"avcC", (avcc, width, height, par)),
            Self::Hevc {
                hvcc,
                width,
                height,
                par,
            } => (b"hvc1", b"hvcC", (hvcc, width, height, par)),
            Self::Vp9 {
                vpcc,
                width,
                height,
                par,
            } => (b"vp09", b"vpcC", (vpcc, width, height, par)),
            Self::Av1 {
                av1c,
                width,
                height,
                par,
            } => (b"av01", b"av1C", (av1c, width, height, par)),
            Self::Aac { .. } => return None,
        };
        Some(Picture {
            entry,
            config,
            record,
            width: *width,
            height: *height,
            par: *par,
        })
    }

    /// The RFC 6381 name for playlists: `avc1.64001f`, `hvc1.1.6.L93.90`, `vp09.00.31.08`,
    /// `av01.0.05M.08`, `mp4a.40.2`.
    #[must_use]
    pub fn codecs(&self) -> String {
        match self {
            Self::Avc { avcc, .. } => {
                let profile = avcc.get(1..4).unwrap_or(&[0; 3]);
                profile.iter().fold("avc1.".to_owned(), push_hex)
            }
            Self::Hevc { hvcc, .. } => hevc::codecs(hvcc),
            Self::Vp9 { vpcc, .. } => vp9::codecs(vpcc),
            Self::Av1 { av1c, .. } => av1::codecs(av1c),
            Self::Aac { asc, .. } => format!("mp4a.40.{}", audio_object_type(asc)),
        }
    }

    /// 16 hex digits that are equal only for equal configurations. Segments may follow each other
    /// under one init segment exactly when these are equal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        if let Some(picture) = self.picture() {
            hash.update(picture.entry);
            hash.update(picture.width.to_be_bytes());
            hash.update(picture.height.to_be_bytes());
            hash.update(picture.par.0.to_be_bytes());
            hash.update(picture.par.1.to_be_bytes());
            hash.update(picture.record);
        }
        if let Self::Aac {
            asc,
            channels,
            sample_rate_hz,
        } = self
        {
            hash.update(b"mp4a");
            hash.update(channels.to_be_bytes());
            hash.update(sample_rate_hz.to_be_bytes());
            hash.update(asc);
        }
        hash.finalize().iter().take(8).fold(String::new(), push_hex)
    }

    /// Whether this is a picture; else it is sound.
    #[must_use]
    pub fn is_video(&self) -> bool {
        self.picture().is_some()
    }

    /// Refuses what no decoder would accept, before it is written a thousand times.
    pub(super) fn check(&self) -> Result<(), Error> {
        let (bytes, is_whole) = match self {
            // Version 1, profile, compatibility, level, length size, counts of SPS and PPS.
            Self::Avc { avcc, .. } => (avcc, avcc.len() >= 7 && avcc.first() == Some(&1)),
            Self::Hevc { hvcc, .. } => (hvcc, hevc::is_whole(hvcc)),
            Self::Vp9 { vpcc, .. } => (vpcc, vpcc.len() == vp9::RECORD_BYTES),
            Self::Av1 { av1c, .. } => (av1c, av1::is_whole(av1c)),
            Self::Aac { asc, .. } => (asc, asc.len() >= 2),
        };
        if bytes.len() > CONFIG_BYTES_MAX {
            return Err(Error::TooLarge {
                what: "decoder configuration",
                limit: CONFIG_BYTES_MAX as u64,
            });
        }
        if !is_whole {
            return Err(Error::Damaged {
                what: "decoder configuration without its fixed fields",
            });
        }
        Ok(())
    }

    /// Size as shown, in whole pixels: what `tkhd` tells.
    pub(super) fn shown_size(&self) -> (u16, u16) {
        self.picture().map_or((0, 0), |picture| {
            let Picture {
                width, height, par, ..
            } = picture;
            let shown = u64::from(width) * u64::from(par.0) / u64::from(par.1.max(1));
            (u16::try_from(shown).unwrap_or(u16::MAX), height)
        })
    }

    /// Writes the one entry of `stsd`; of a picture with the colours that it is known to have.
    pub(super) fn encode_sample_entry(
        &self,
        buf: &mut Vec<u8>,
        colours: Option<&Colr>,
    ) -> mp4_atom::Result<()> {
        if let Self::Aac {
            asc,
            channels,
            sample_rate_hz,
        } = self
        {
            return aac_entry(asc, *channels, *sample_rate_hz).encode(buf);
        }
        let Some(picture) = self.picture() else {
            return Ok(());
        };
        buf.encode_atom(FourCC::new(picture.entry), |buf| {
            Visual {
                data_reference_index: 1,
                width: picture.width,
                height: picture.height,
                ..Visual::default()
            }
            .encode(buf)?;
            // The record goes through as it was made, byte for byte.
            buf.encode_atom(FourCC::new(picture.config), |buf| {
                if matches!(self, Self::Vp9 { .. }) {
                    buf.append_slice(&vp9::VERSION_FLAGS);
                }
                buf.append_slice(picture.record);
                Ok(())
            })?;
            if let Some(colours) = colours {
                colours.encode(buf)?;
            }
            Pasp::new(picture.par.0, picture.par.1)?.encode(buf)
        })
    }
}

fn aac_entry(asc: &Bytes, channels: u16, sample_rate_hz: u32) -> Mp4a {
    Mp4a {
        audio: Audio {
            data_reference_index: 1,
            channel_count: channels,
            sample_size: 16,
            // A 16.16 number; rates above 65,535 are 0 here and read from the configuration.
            sample_rate: u16::try_from(sample_rate_hz).unwrap_or(0).into(),
        },
        esds: Esds {
            es_desc: EsDescriptor {
                dec_config: DecoderConfig {
                    // ISO/IEC 14496-3 audio, in an audio stream.
                    object_type_indication: 0x40,
                    stream_type: 5,
                    dec_specific: Some(DecoderSpecific {
                        raw: asc.to_vec(),
                        ..DecoderSpecific::default()
                    }),
                    ..DecoderConfig::default()
                },
                sl_config: SLConfig::default(),
                ..EsDescriptor::default()
            },
        },
        btrt: None,
        taic: None,
    }
}

/// The first five bits; 31 escapes to six more (ISO/IEC 14496-3, 1.6.2.1).
fn audio_object_type(asc: &[u8]) -> u8 {
    let first = asc.first().copied().unwrap_or(0);
    let second = asc.get(1).copied().unwrap_or(0);
    match first >> 3 {
        31 => 32 + (((first & 7) << 3) | (second >> 5)),
        object_type => object_type,
    }
}

fn push_hex(mut text: String, byte: &u8) -> String {
    write!(text, "{byte:02x}").expect("writing to a String cannot fail");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn avc(avcc: &'static [u8]) -> CodecConfig {
        CodecConfig::Avc {
            avcc: Bytes::from_static(avcc),
            width: 1280,
            height: 720,
            par: (1, 1),
        }
    }

    fn aac(asc: &'static [u8]) -> CodecConfig {
        CodecConfig::Aac {
            asc: Bytes::from_static(asc),
            channels: 2,
            sample_rate_hz: 48_000,
        }
    }

    #[test]
    fn codecs_are_named_as_rfc_6381_says() {
        assert_eq!(
            avc(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]).codecs(),
            "avc1.64001f"
        );
        assert_eq!(aac(&[0x11, 0x90]).codecs(), "mp4a.40.2");
        assert_eq!(aac(&[0x2b, 0x11]).codecs(), "mp4a.40.5");
        assert_eq!(aac(&[0xf9, 0x40]).codecs(), "mp4a.40.42");
        assert_eq!(avc(&[]).codecs(), "avc1.000000");
    }

    #[test]
    fn digests_tell_configurations_apart() {
        let one = avc(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]);
        let again = avc(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]);
        assert_eq!(one.digest(), again.digest());
        assert_eq!(one.digest().len(), 16);
        assert_ne!(
            one.digest(),
            avc(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 1]).digest()
        );
        assert_ne!(one.digest(), aac(&[1, 0x64]).digest());
    }

    #[test]
    fn a_configuration_without_its_fixed_fields_is_refused() {
        avc(&[1, 0x64, 0, 0x1f, 0xff, 0xe0, 0]).check().unwrap();
        aac(&[0x11, 0x90]).check().unwrap();
        avc(&[0, 0, 0, 1, 0x67, 1, 2, 3]).check().unwrap_err();
        aac(&[]).check().unwrap_err();
        let long = CodecConfig::Aac {
            asc: vec![0; CONFIG_BYTES_MAX + 1].into(),
            channels: 1,
            sample_rate_hz: 1,
        };
        assert!(matches!(long.check(), Err(Error::TooLarge { .. })));
    }
}
