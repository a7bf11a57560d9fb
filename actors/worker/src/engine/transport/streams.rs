//! What a programme's table says of each stream.

use super::kinds::Kind;

/// A stream that a programme lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedStream {
    pub(super) pid: u16,
    /// What it is; `None` for what is neither picture, sound nor text, as far as the table tells.
    pub(super) kind: Option<Kind>,
    /// Whether only a look into it may tell what it is.
    pub(super) is_private: bool,
    /// Whether the programme's first table did not list it.
    pub(super) is_added: bool,
    /// How the channels of Opus are laid out.
    pub(super) layout: Option<u8>,
    /// As it is told: three letters.
    pub(super) language: Option<String>,
}

/// `stream_type` of what descriptors tell more of, and of AAC in LATM (ISO/IEC 13818-1, table 2-34).
const PRIVATE: u8 = 0x06;
const LATM: u8 = 0x11;
/// Tags of descriptors (ISO/IEC 13818-1, table 2-45; ETSI EN 300 468, table 12).
const REGISTRATION: u8 = 0x05;
const LANGUAGE: u8 = 0x0a;
const TELETEXT: u8 = 0x56;
const SUBTITLES: u8 = 0x59;
/// What of them begins with a language.
const LANGUAGES: [u8; 3] = [LANGUAGE, SUBTITLES, TELETEXT];
const EXTENSION: u8 = 0x7f;
/// `descriptor_tag_extension` of what a registration as Opus stands beside (its carriage in MPEG-TS, 4.2).
const OPUS_EXTENSION: u8 = 0x80;

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
        let mut told = LANGUAGES.into_iter();
        let told = told.find_map(|tag| descriptor(descriptors, tag));
        let language = told.and_then(|body| body.get(..3));
        let language = language.filter(|code| code.iter().all(u8::is_ascii_alphabetic));
        streams.push(ListedStream {
            pid: u16::from_be_bytes([a & 0x1f, *b]),
            kind: kind_of(*kind, descriptors, owner),
            is_private: [PRIVATE, LATM].contains(kind),
            is_added: false,
            layout: extension(descriptors, OPUS_EXTENSION).and_then(|body| body.first().copied()),
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

/// The body of the first extension of a tag, behind that tag.
fn extension(mut descriptors: &[u8], wanted: u8) -> Option<&[u8]> {
    while let Some(([tag, length], behind)) = descriptors.split_first_chunk::<2>() {
        let (body, behind) = behind.split_at_checked(usize::from(*length))?;
        match body.split_first() {
            Some((extended, body)) if *tag == EXTENSION && *extended == wanted => {
                return Some(body);
            }
            _ => descriptors = behind,
        }
    }
    None
}

fn kind_of(kind: u8, descriptors: &[u8], owner: Option<[u8; 4]>) -> Option<Kind> {
    let own = registration(descriptors);
    let is_blu_ray = owner == Some(*b"HDMV");
    Some(match kind {
        0x01 => Kind::video("MPEG-1 video"),
        0x02 => Kind::video("MPEG-2 video"),
        0x10 => Kind::video("MPEG-4 video"),
        0x1b | 0x1f | 0x20 => Kind::video("H.264"),
        0x21 => Kind::video("JPEG 2000"),
        0x24 | 0x25 => Kind::video("HEVC"),
        0x33 => Kind::video("VVC"),
        0x42 | 0xd2 | 0xd4 => Kind::video("AVS"),
        0xd1 => Kind::video("Dirac"),
        0xea => Kind::video("VC-1"),
        0x03 | 0x04 => Kind::audio("MPEG audio"),
        0x0f => Kind::audio("AAC"),
        LATM => Kind::audio("AAC in LATM"),
        0x1c => Kind::audio("MPEG-4 audio"),
        0x2d | 0x2e => Kind::audio("MPEG-H"),
        0x80 if is_blu_ray => Kind::audio("PCM"),
        0x80 => Kind::video("MPEG-2 video"),
        0x81 => Kind::audio("AC-3"),
        // Blu-ray's, which ffmpeg writes without saying so.
        0x82 | 0x8a => Kind::audio("DTS"),
        0x83 => Kind::audio("TrueHD"),
        0x84 | 0x87 => Kind::audio("E-AC-3"),
        0x85 | 0x86 if is_blu_ray => Kind::audio("DTS-HD"),
        0x90 if is_blu_ray => Kind::text("PGS"),
        0xa1 if is_blu_ray => Kind::audio("E-AC-3"),
        0xa2 if is_blu_ray => Kind::audio("DTS Express"),
        PRIVATE => return private(descriptors, own),
        _ => return None,
    })
}

/// A private stream, by its descriptors: ETSI EN 300 468, annexes D, G and H, and SMPTE's register.
fn private(descriptors: &[u8], own: Option<[u8; 4]>) -> Option<Kind> {
    let named = match own.as_ref() {
        Some(b"AC-3") => Some(Kind::audio("AC-3")),
        Some(b"EAC3") => Some(Kind::audio("E-AC-3")),
        Some(b"AC-4") => Some(Kind::audio("AC-4")),
        Some(b"DTS1" | b"DTS2" | b"DTS3") => Some(Kind::audio("DTS")),
        Some(b"Opus") => Some(Kind::audio("Opus")),
        Some(b"BSSD") => Some(Kind::audio("PCM of SMPTE 302M")),
        Some(b"HEVC") => Some(Kind::video("HEVC")),
        Some(b"AV01") => Some(Kind::video("AV1")),
        Some(b"VC-1") => Some(Kind::video("VC-1")),
        Some(b"drac") => Some(Kind::video("Dirac")),
        _ => None,
    };
    let extended = [
        (0x0e, Kind::audio("DTS-HD")),
        (0x0f, Kind::audio("DTS Neural")),
        (0x15, Kind::audio("AC-4")),
        (0x21, Kind::audio("DTS-UHD")),
    ];
    let extended = extended
        .into_iter()
        .find(|(tag, _)| extension(descriptors, *tag).is_some());
    let tagged = [
        (0x6a, Kind::audio("AC-3")),
        (0x7a, Kind::audio("E-AC-3")),
        (0x7b, Kind::audio("DTS")),
        (0x7c, Kind::audio("AAC")),
        (TELETEXT, Kind::text("teletext")),
        (SUBTITLES, Kind::text("DVB subtitles")),
    ];
    let tagged = tagged
        .into_iter()
        .find(|(tag, _)| descriptor(descriptors, *tag).is_some());
    named.or_else(|| extended.or(tagged).map(|(_, kind)| kind))
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
            &[0x06, 0xe1, 0x03, 0xf0, 0x05, 0x56, 3, b'f', b'r', b'a'],
            &[0x06, 0xe1, 0x04, 0xf0, 0x03, 0x7f, 1, 0x15],
            &[0x06, 0xe1, 0x05, 0xf0, 0x06, 0x0a, 4, b'd', b'e', b'u', 0],
        ]
        .concat();
        let named: Vec<_> = listed(&body)
            .into_iter()
            .map(|stream| (stream.pid, stream.kind, stream.language))
            .collect();
        let language = |code: &str| Some(code.to_owned());
        assert_eq!(
            named,
            [
                (0x100, Some(Kind::video("H.264")), None),
                (0x101, Some(Kind::audio("DTS")), language("eng")),
                (0x102, Some(Kind::audio("Opus")), None),
                (0x103, Some(Kind::text("teletext")), language("fra")),
                (0x104, Some(Kind::audio("AC-4")), None),
                (0x105, None, language("deu")),
            ]
        );
        for end in 0..body.len() {
            assert!(listed(&body[..end]).len() < 6, "{end}");
        }
    }
}
