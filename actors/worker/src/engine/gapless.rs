//! What an MP3's encoder put before the beginning and behind the end of a recording.
//!
//! Encoders since LAME leave it in the first frame, beside what Xing's encoder left there first: a
//! delay and a padding in samples. Nothing else in such a file tells it. As ffmpeg does, three
//! encoders are believed; GStreamer 1.22 knows LAME alone, and would then leave it out by itself, so
//! that it is shown a tag of no known encoder.
//!
//! The layout is that of LAME's "Mp3 Info Tag rev 1".

use bus_schema::plan::Span;

use super::scan::Track;
use super::source::Source;
use crate::mp4::index::Patch;

/// How an ID3v2 tag begins.
const ID3: &[u8] = b"ID3";
/// Its version, flags and size.
const ID3_BYTES: u64 = 10;
/// Tags in a row before the first frame: one is usual, and a few are what editors leave.
const ID3_MAX: usize = 8;
/// How much is looked through for the first frame, which lies at the very beginning, or behind some
/// bytes that a tag did not count.
const LOOK_BYTES: u64 = 4 << 10;
/// Those whose delay and padding are believed.
const ENCODERS: [&[u8; 4]; 3] = [b"LAME", b"Lavf", b"Lavc"];
/// Written over their names.
const NO_ENCODER: [u8; 4] = [0; 4];
/// Samples by which every decoder of layer III is late: that of its filter bank, and one.
const DECODER_SAMPLES: u64 = 528 + 1;
/// Where delay and padding lie in the encoder's own part of the tag, twelve bits each.
const DELAYS_AT: usize = 21;

/// What a file tells of the beginning and the end of its recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gapless {
    /// The recording, in the time of what comes out of the decoder.
    pub(super) span: Span,
    /// What hides it from GStreamer.
    patch: Patch,
}

impl Gapless {
    /// The source as pipelines are to see it.
    pub(super) fn hidden(&self, source: &Source) -> Source {
        source.patched(vec![self.patch.clone()])
    }

    /// What was seen of such a file, with the recording's own end.
    pub(super) fn applied(&self, mut seen: Vec<Track>) -> Vec<Track> {
        for track in &mut seen {
            track.end_ns = self.duration_ns(track.end_ns);
        }
        seen
    }

    /// How long the recording is, of which so much is decoded.
    fn duration_ns(&self, decoded_ns: u64) -> u64 {
        let end_ns = self.span.end_ns.unwrap_or(u64::MAX).min(decoded_ns);
        end_ns.saturating_sub(self.span.start_ns)
    }
}

/// Reads it; nothing where the file is no MP3, or does not tell. A read that fails is told by the
/// source.
pub(super) fn read(source: &Source) -> Option<Gapless> {
    let at = first_frame(source)?;
    let bytes = source.read(at, LOOK_BYTES).ok()?;
    (0..bytes.len()).find_map(|skipped| {
        let tag = Tag::read(bytes.get(skipped..)?)?;
        Some(Gapless {
            span: tag.span(),
            patch: Patch {
                offset: at + skipped as u64 + tag.encoder_at as u64,
                bytes: NO_ENCODER.to_vec(),
            },
        })
    })
}

/// Where the first frame of what looks like an MP3 is, or lies near.
fn first_frame(source: &Source) -> Option<u64> {
    let mut at = 0;
    for _ in 0..ID3_MAX {
        let head = source.read(at, ID3_BYTES).ok()?;
        if !head.starts_with(ID3) {
            let is_frame = head.first() == Some(&0xff);
            return (at > 0 || is_frame).then_some(at);
        }
        // 7 bits a byte; a footer is as long as the header.
        let size = head.get(6..10)?.iter();
        let size = size.fold(0, |size, byte| (size << 7) | u64::from(byte & 0x7f));
        let has_footer = head.get(5)? & 0x10 != 0;
        at += ID3_BYTES + size + if has_footer { ID3_BYTES } else { 0 };
    }
    None
}

/// The tag of a first frame.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tag {
    sample_rate_hz: u64,
    frame_samples: u64,
    /// Frames that follow, where it tells.
    frames: Option<u64>,
    /// Where the encoder's name begins, from the frame's first byte.
    encoder_at: usize,
    delay: u64,
    padding: u64,
}

impl Tag {
    /// Reads the tag of the frame that begins here, if one does.
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = number(bytes, 0)?;
        let field = |shift: u32, bits: u32| (header >> shift) & ((1 << bits) - 1);
        let (version, layer) = (field(19, 2), field(17, 2));
        let (bit_rate, rate) = (field(12, 4), field(10, 2));
        // Layer III of version 1, 2 or 2.5, with a bit rate and a sample rate that there are.
        if header >> 21 != 0x7ff || version == 1 || layer != 1 || bit_rate == 15 {
            return None;
        }
        let rate_hz: u64 = [44_100, 48_000, 32_000].get(rate as usize).copied()?;
        let (is_first, is_mono) = (version == 3, field(6, 2) == 3);
        let side_bytes = match (is_first, is_mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        let tag = bytes.get(4 + side_bytes..)?;
        if !tag.starts_with(b"Xing") && !tag.starts_with(b"Info") {
            return None;
        }
        let flags = number(tag, 4)?;
        // Frames, bytes, a table for seeking, a quality: each is there if its flag is.
        let fields = [4, 4, 100, 4].into_iter().enumerate();
        let present = fields.filter(|(bit, _)| (flags >> bit) & 1 == 1);
        let encoder_at: usize = 8 + present.map(|(_, bytes)| bytes).sum::<usize>();
        let encoder = tag.get(encoder_at..)?;
        if !ENCODERS.iter().any(|known| encoder.starts_with(*known)) {
            return None;
        }
        let delays = number(encoder, DELAYS_AT)? >> 8;
        Some(Self {
            sample_rate_hz: match version {
                3 => rate_hz,
                2 => rate_hz / 2,
                _ => rate_hz / 4,
            },
            frame_samples: if is_first { 1_152 } else { 576 },
            frames: number(tag, 8)
                .filter(|frames| flags & 1 == 1 && *frames > 0)
                .map(u64::from),
            encoder_at: 4 + side_bytes + encoder_at,
            delay: u64::from(delays >> 12),
            padding: u64::from(delays & 0xfff),
        })
    }

    fn span(&self) -> Span {
        let ns = |samples: u64| {
            let ns = u128::from(samples) * 1_000_000_000 / u128::from(self.sample_rate_hz.max(1));
            u64::try_from(ns).unwrap_or(u64::MAX)
        };
        let first = self.delay + DECODER_SAMPLES;
        let end = self.frames.map(|frames| {
            let decoded = frames * self.frame_samples + DECODER_SAMPLES;
            decoded.saturating_sub(self.padding)
        });
        Span {
            start_ns: ns(first),
            // What says that nothing is left says nothing.
            end_ns: end.filter(|end| *end > first).map(ns),
        }
    }
}

/// Four bytes, the highest first.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of layer III with a tag of all fields, as an encoder writes it.
    fn frame(header: u32, tag_at: usize, encoder: &[u8; 4]) -> Vec<u8> {
        let mut bytes = header.to_be_bytes().to_vec();
        bytes.resize(tag_at, 0);
        bytes.extend(b"Info");
        bytes.extend([0, 0, 0, 15]);
        bytes.extend(1_000u32.to_be_bytes());
        bytes.extend([0; 4 + 100 + 4]);
        bytes.extend(encoder);
        bytes.extend([0; DELAYS_AT - 4]);
        // 576 and 1,000.
        bytes.extend([0x24, 0x03, 0xe8]);
        bytes.resize(bytes.len() + 100, 0);
        bytes
    }

    /// Samples of 44.1 kHz, to the nearest.
    fn samples(ns: u64) -> u64 {
        (ns * 441 + 5_000_000) / 10_000_000
    }

    /// Version 1, 44.1 kHz, joint stereo.
    const STEREO: u32 = 0xfffb_9064;
    /// Version 2, 22.05 kHz, mono.
    const LOW_MONO: u32 = 0xfff3_80c4;

    #[test]
    fn delay_and_padding_are_counted_as_ffmpeg_counts_them() {
        let tag = Tag::read(&frame(STEREO, 36, b"LAME")).unwrap();
        assert_eq!(
            (tag.delay, tag.padding, tag.frames),
            (576, 1_000, Some(1_000))
        );
        assert_eq!((tag.sample_rate_hz, tag.frame_samples), (44_100, 1_152));
        let span = tag.span();
        assert_eq!(samples(span.start_ns), 1_105);
        assert_eq!(samples(span.end_ns.unwrap()), 1_152_000 + 529 - 1_000);
        let tag = Tag::read(&frame(LOW_MONO, 13, b"Lavc")).unwrap();
        assert_eq!((tag.sample_rate_hz, tag.frame_samples), (22_050, 576));
    }

    #[test]
    fn what_is_no_such_tag_tells_nothing() {
        let good = frame(STEREO, 36, b"Lavf");
        assert!(Tag::read(&good).is_some());
        assert_eq!(Tag::read(&frame(STEREO, 36, b"GOGO")), None);
        assert_eq!(
            Tag::read(&frame(STEREO, 21, b"LAME")),
            None,
            "a place of mono"
        );
        // Layer II, a reserved version, a bit rate and a sample rate that there are not; ADTS.
        for header in [
            0xfffd_9064,
            0xffeb_9064,
            0xfffb_f064,
            0xfffb_9c64,
            0xfff1_5080,
        ] {
            assert_eq!(Tag::read(&frame(header, 36, b"LAME")), None, "{header:x}");
        }
        for cut in 0..good.len() - 100 {
            assert_eq!(Tag::read(&good[..cut]), None, "{cut} bytes");
        }
    }

    #[test]
    fn a_tag_that_leaves_nothing_has_no_end() {
        let mut bytes = frame(STEREO, 36, b"LAME");
        bytes[44..48].copy_from_slice(&1u32.to_be_bytes());
        let span = Tag::read(&bytes).unwrap().span();
        assert_eq!(span.end_ns, None);
    }

    #[test]
    fn a_recording_is_as_long_as_what_was_put_in() {
        let tag = Tag::read(&frame(STEREO, 36, b"LAME")).unwrap();
        let gapless = Gapless {
            span: tag.span(),
            patch: Patch {
                offset: 0,
                bytes: Vec::new(),
            },
        };
        let ns = gapless.duration_ns(u64::MAX);
        assert_eq!(samples(ns), 1_152_000 - 576 - 1_000);
        assert_eq!(gapless.duration_ns(1), 0, "a file that was cut");
    }
}
