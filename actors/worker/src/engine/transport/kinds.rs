//! Kinds of streams, and which of them are read here.

use crate::engine::demux::Medium;

/// What a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// Text is of the other kind, though it may be a picture of text.
    pub(super) medium: Medium,
    /// What people call it.
    pub(super) name: &'static str,
}

/// What is read, as GStreamer calls it; what is told of Opus and AAC in LATM is added by
/// [`super::framing`].
const READ: [(&str, &str); 14] = [
    (
        "MPEG-1 video",
        "video/mpeg,mpegversion=1,systemstream=false",
    ),
    (
        "MPEG-2 video",
        "video/mpeg,mpegversion=2,systemstream=false",
    ),
    (
        "MPEG-4 video",
        "video/mpeg,mpegversion=4,systemstream=false",
    ),
    // Without an alignment: a unit may hold half a picture, or three, and what was damaged may begin anywhere.
    ("H.264", "video/x-h264,stream-format=byte-stream"),
    ("HEVC", "video/x-h265,stream-format=byte-stream"),
    ("MPEG audio", "audio/mpeg,mpegversion=1"),
    ("AAC", "audio/mpeg,mpegversion=4,stream-format=adts"),
    ("AAC in LATM", "audio/mpeg,mpegversion=4,stream-format=raw"),
    ("AC-3", "audio/x-ac3"),
    ("E-AC-3", "audio/x-eac3"),
    ("Opus", "audio/x-opus"),
    ("teletext", "application/x-teletext"),
    ("DVB subtitles", "subpicture/x-dvb"),
    ("PGS", "subpicture/x-pgs"),
];

/// Whether what people call so can be read.
pub(super) fn is_read(name: &str) -> bool {
    READ.iter().any(|(read, _)| *read == name)
}

/// Streams of sound by their units' heads (ISO/IEC 13818-1, table 2-22): MPEG's, private ones, extended ones.
const SOUND_IDS: std::ops::RangeInclusive<u8> = 0xc0..=0xdf;
const PRIVATE_IDS: [u8; 2] = [0xbd, 0xfd];

/// What begins a unit of sound: which bits are looked at, and what they are.
const BEGINNINGS: [(&str, u32, u32); 6] = [
    ("AC-3", 0xffff_0000, 0x0b77_0000),
    ("DTS", 0xffff_ffff, 0x7ffe_8001),
    // ADTS: twelve bits of sync, and two of no layer behind the version.
    ("AAC", 0xfff6_0000, 0xfff0_0000),
    ("AAC in LATM", 0xffe0_0000, 0x56e0_0000),
    // Layers 2 and 3.
    ("MPEG audio", 0xffe6_0000, 0xffe4_0000),
    ("MPEG audio", 0xffe6_0000, 0xffe2_0000),
];

impl Kind {
    pub(super) const fn video(name: &'static str) -> Self {
        Self {
            medium: Medium::Video,
            name,
        }
    }

    pub(super) const fn audio(name: &'static str) -> Self {
        Self {
            medium: Medium::Audio,
            name,
        }
    }

    pub(super) const fn text(name: &'static str) -> Self {
        Self {
            medium: Medium::Other,
            name,
        }
    }

    /// What the beginning of a unit sounds like, of a stream of which no table says what it is: ffmpeg
    /// writes sound so in Blu-ray's format.
    pub(super) fn of_beginning(stream_id: u8, body: &[u8]) -> Option<Self> {
        let may_be_sound = SOUND_IDS.contains(&stream_id) || PRIVATE_IDS.contains(&stream_id);
        let begin = body.first_chunk::<4>().filter(|_| may_be_sound)?;
        let begin = u32::from_be_bytes(*begin);
        let found = BEGINNINGS
            .iter()
            .find(|(_, mask, bits)| begin & mask == *bits);
        found.map(|(name, ..)| Self::audio(name))
    }

    /// Whether a look into it may say otherwise than a table: ffmpeg calls AAC so that it only copies, in its own
    /// frames.
    pub(super) fn may_be_another(self) -> bool {
        self.name == "AAC in LATM"
    }

    /// Whether it is neither picture nor sound.
    pub(super) fn is_text(self) -> bool {
        self.medium == Medium::Other
    }

    /// What its units are called in a pipeline, where they are read.
    pub(super) fn caps(self) -> Option<&'static str> {
        let read = READ.iter().find(|(name, _)| *name == self.name);
        read.map(|(_, caps)| *caps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_told_by_its_beginning() {
        let told = |id, body: &[u8]| Kind::of_beginning(id, body).map(|kind| kind.name);
        assert_eq!(told(0xc0, &[0xff, 0xf1, 0x4c, 0x80]), Some("AAC"));
        assert_eq!(told(0xc0, &[0xff, 0xfd, 0x84, 0x04]), Some("MPEG audio"));
        assert_eq!(told(0xc0, &[0xff, 0xfb, 0x90, 0x64]), Some("MPEG audio"));
        assert_eq!(told(0xc0, &[0x56, 0xe1, 0x19, 0x20]), Some("AAC in LATM"));
        assert_eq!(told(0xbd, &[0x0b, 0x77, 1, 2]), Some("AC-3"));
        assert_eq!(told(0xfd, &[0x7f, 0xfe, 0x80, 0x01]), Some("DTS"));
        // A picture, teletext, too little.
        assert_eq!(told(0xe0, &[0xff, 0xf1, 0x4c, 0x80]), None);
        assert_eq!(told(0xbd, &[0x10, 0x02, 0x2c, 0xff]), None);
        assert_eq!(told(0xc0, &[0xff, 0xf1]), None);
    }

    #[test]
    fn what_is_read_has_a_form() {
        gstreamer::init().unwrap();
        for (name, caps) in READ {
            let caps: gstreamer::Caps = caps.parse().unwrap();
            assert!(caps.is_fixed(), "{name}");
        }
        assert_eq!(Kind::audio("DTS").caps(), None);
    }
}
