//! What a programme's table says of each stream.

/// A stream that a programme lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedStream {
    pub(super) pid: u16,
    /// Whether it is a picture, and what people call it; `None` for what is neither picture nor sound.
    pub(super) kind: Option<(bool, &'static str)>,
    /// As it is told: three letters.
    pub(super) language: Option<String>,
}

/// `stream_type` of what descriptors tell more of (ISO/IEC 13818-1, table 2-34).
const PRIVATE: u8 = 0x06;
/// Tags of descriptors (ISO/IEC 13818-1, table 2-45; ETSI EN 300 468, table 12).
const REGISTRATION: u8 = 0x05;
const LANGUAGE: u8 = 0x0a;
const EXTENSION: u8 = 0x7f;

/// What the demuxer shows, where it is not too damaged.
const READ: [&str; 12] = [
    "MPEG-1 video",
    "MPEG-2 video",
    "MPEG-4 video",
    "H.264",
    "HEVC",
    "JPEG 2000",
    "MPEG audio",
    "AAC",
    "AAC in LATM",
    "AC-3",
    "E-AC-3",
    "Opus",
];

/// Whether what people call so can be read.
pub(super) fn is_read(codec: &str) -> bool {
    READ.contains(&codec)
}

/// The streams that the body of a programme's section lists.
pub(super) fn listed(body: &[u8]) -> Vec<ListedStream> {
    let mut streams = Vec::new();
    // Two bytes of where its clock is, and the programme's own descriptors.
    let Some((programme, mut rest)) = body.get(2..).and_then(with_length) else {
        return streams;
    };
    let owner = registration(programme);
    while let Some(([kind, a, b], behind)) = rest.split_first_chunk::<3>() {
        let Some((descriptors, behind)) = with_length(behind) else {
            break;
        };
        let language = descriptor(descriptors, LANGUAGE).and_then(|body| body.get(..3));
        let language = language.filter(|code| code.iter().all(u8::is_ascii_alphabetic));
        streams.push(ListedStream {
            pid: u16::from_be_bytes([a & 0x1f, *b]),
            kind: kind_of(*kind, descriptors, owner),
            language: language.map(|code| String::from_utf8_lossy(code).into_owned()),
        });
        rest = behind;
    }
    streams
}

/// What a length of twelve bits counts, and what is behind it.
fn with_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([a, b], behind) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes([a & 0x0f, *b]));
    behind.split_at_checked(length)
}

/// The body of the first descriptor of a tag.
fn descriptor(mut descriptors: &[u8], wanted: u8) -> Option<&[u8]> {
    while let Some(([tag, length], behind)) = descriptors.split_first_chunk::<2>() {
        let (body, behind) = behind.split_at_checked(usize::from(*length))?;
        if *tag == wanted {
            return Some(body);
        }
        descriptors = behind;
    }
    None
}

/// Who says what a private stream is.
fn registration(descriptors: &[u8]) -> Option<[u8; 4]> {
    let body = descriptor(descriptors, REGISTRATION)?;
    body.first_chunk().copied()
}

fn kind_of(kind: u8, descriptors: &[u8], owner: Option<[u8; 4]>) -> Option<(bool, &'static str)> {
    let own = registration(descriptors);
    let is_blu_ray = owner == Some(*b"HDMV");
    let (is_video, name) = match kind {
        0x01 => (true, "MPEG-1 video"),
        0x02 => (true, "MPEG-2 video"),
        0x10 => (true, "MPEG-4 video"),
        0x1b | 0x1f | 0x20 => (true, "H.264"),
        0x21 => (true, "JPEG 2000"),
        0x24 | 0x25 => (true, "HEVC"),
        0x33 => (true, "VVC"),
        0x42 | 0xd2 | 0xd4 => (true, "AVS"),
        0xd1 => (true, "Dirac"),
        0xea => (true, "VC-1"),
        0x03 | 0x04 => (false, "MPEG audio"),
        0x0f => (false, "AAC"),
        0x11 => (false, "AAC in LATM"),
        0x1c => (false, "MPEG-4 audio"),
        0x2d | 0x2e => (false, "MPEG-H"),
        0x80 if is_blu_ray => (false, "PCM"),
        0x80 => (true, "MPEG-2 video"),
        0x81 => (false, "AC-3"),
        // Blu-ray's, which ffmpeg writes without saying so.
        0x82 | 0x8a => (false, "DTS"),
        0x83 => (false, "TrueHD"),
        0x84 | 0x87 => (false, "E-AC-3"),
        0x85 | 0x86 if own != Some(*b"CUEI") => (false, "DTS-HD"),
        0xa1 if is_blu_ray => (false, "E-AC-3"),
        0xa2 if is_blu_ray => (false, "DTS Express"),
        PRIVATE => return private(descriptors, own),
        _ => return None,
    };
    Some((is_video, name))
}

/// A private stream, by its descriptors: ETSI EN 300 468, annexes D, G and H, and SMPTE's register.
fn private(descriptors: &[u8], own: Option<[u8; 4]>) -> Option<(bool, &'static str)> {
    let named = match own.as_ref() {
        Some(b"AC-3") => Some((false, "AC-3")),
        Some(b"EAC3") => Some((false, "E-AC-3")),
        Some(b"AC-4") => Some((false, "AC-4")),
        Some(b"DTS1" | b"DTS2" | b"DTS3") => Some((false, "DTS")),
        Some(b"Opus") => Some((false, "Opus")),
        Some(b"BSSD") => Some((false, "PCM of SMPTE 302M")),
        Some(b"HEVC") => Some((true, "HEVC")),
        Some(b"AV01") => Some((true, "AV1")),
        Some(b"VC-1") => Some((true, "VC-1")),
        Some(b"drac") => Some((true, "Dirac")),
        _ => None,
    };
    // `descriptor_tag_extension`.
    let extended = descriptor(descriptors, EXTENSION).and_then(|body| body.first());
    let extended = match extended {
        Some(0x0e) => Some((false, "DTS-HD")),
        Some(0x0f) => Some((false, "DTS Neural")),
        Some(0x15) => Some((false, "AC-4")),
        Some(0x21) => Some((false, "DTS-UHD")),
        _ => None,
    };
    let tagged = [
        (0x6a, "AC-3"),
        (0x7a, "E-AC-3"),
        (0x7b, "DTS"),
        (0x7c, "AAC"),
    ];
    let tagged = tagged
        .into_iter()
        .find(|(tag, _)| descriptor(descriptors, *tag).is_some());
    named
        .or(extended)
        .or_else(|| tagged.map(|(_, name)| (false, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_by_their_type_or_their_descriptors() {
        let body = [
            // The clock, no descriptors; a picture.
            &[0xe1, 0x00, 0xf0, 0x00][..],
            &[0x1b, 0xe1, 0x00, 0xf0, 0x00],
            &[0x82, 0xe1, 0x01, 0xf0, 0x06, 0x0a, 4, b'e', b'n', b'g', 0],
            &[0x06, 0xe1, 0x02, 0xf0, 0x06, 5, 4, b'O', b'p', b'u', b's'],
            // Teletext.
            &[0x06, 0xe1, 0x03, 0xf0, 0x02, 0x56, 0],
            &[0x06, 0xe1, 0x04, 0xf0, 0x03, 0x7f, 1, 0x15],
        ]
        .concat();
        let named: Vec<_> = listed(&body)
            .into_iter()
            .map(|stream| (stream.pid, stream.kind, stream.language))
            .collect();
        let english = Some("eng".to_owned());
        assert_eq!(
            named,
            [
                (0x100, Some((true, "H.264")), None),
                (0x101, Some((false, "DTS")), english),
                (0x102, Some((false, "Opus")), None),
                (0x103, None, None),
                (0x104, Some((false, "AC-4")), None),
            ]
        );
        for end in 0..body.len() {
            assert!(listed(&body[..end]).len() < 5, "{end}");
        }
    }
}
