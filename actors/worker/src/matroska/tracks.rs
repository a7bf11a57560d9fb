//! The tracks of subtitles, and what comes before the first block.

use super::ebml::{self, Children, Element, text, unsigned};
use super::encoding::Encoding;
use super::{Error, Read};

/// The first element of every file, and the one that holds all others.
const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
pub(super) const CLUSTER: u32 = 0x1f43_b675;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
const TRACK_ENTRY: u32 = 0xae;
/// `TrackType` of subtitles.
const IS_SUBTITLES: u64 = 17;

/// The largest list of tracks that is read: scripts of ASS lie in it.
const TRACKS_BYTES_MAX: u64 = 16 << 20;
/// The largest `Info`.
const INFO_BYTES_MAX: u64 = 1 << 20;
/// Largest header of a codec, decoded: a script with its styles.
const PRIVATE_BYTES_MAX: usize = 2 << 20;
/// Most elements before the first block: fonts that are attached lie there.
const ELEMENTS_MAX: usize = 1_000;
/// Most tracks of subtitles that are read.
const TRACKS_MAX: usize = 256;
/// Nanoseconds of a timestamp where nothing is said: a millisecond.
const SCALE_NS: u64 = 1_000_000;

/// What a file has of subtitles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracks {
    /// In the file's order.
    pub subtitles: Vec<TextTrack>,
    /// Nanoseconds of a timestamp's unit.
    pub(super) scale_ns: u64,
    /// Where the first cluster begins.
    pub(super) clusters_at: u64,
    /// Where the segment ends.
    pub(super) end: u64,
}

/// A track of subtitles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTrack {
    /// Its number in the file's blocks.
    pub number: u64,
    /// `S_TEXT/UTF8`, `S_TEXT/ASS`, ...
    pub codec: String,
    /// The codec's own header, decoded.
    pub private: Vec<u8>,
    /// BCP 47 or ISO 639-2.
    pub language: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Whether it may be chosen when nobody chooses: so where nothing is said (RFC 9559, section
    /// 5.1.4.1.5), which writers know.
    pub is_default: bool,
    /// Whether it holds only what everybody must read.
    pub is_forced: bool,
    /// What was done to its blocks.
    pub encoding: Encoding,
    /// How long a block lasts that does not say so, in nanoseconds.
    pub(super) block_ns: Option<u64>,
}

/// Reads all that comes before the first block of a file of `size` bytes.
///
/// # Errors
/// [`Error::Damaged`] for what is not Matroska, or has no list of tracks in front of its blocks.
pub fn read_tracks(read: Read<'_>, size: u64) -> Result<Tracks, Error> {
    let head = Element::read(read, 0, size)?.filter(|head| head.id == EBML);
    let head = head.ok_or(Error::Damaged("no EBML header"))?;
    let segment = Element::read(read, head.end(size), size)?.filter(|one| one.id == SEGMENT);
    let segment = segment.ok_or(Error::Damaged("no segment"))?;
    let end = segment.end(size);
    let mut tracks = Tracks {
        subtitles: Vec::new(),
        scale_ns: SCALE_NS,
        clusters_at: end,
        end,
    };
    let mut has_tracks = false;
    let mut at = segment.body;
    for _ in 0..ELEMENTS_MAX {
        let Some(element) = Element::read(read, at, end)? else {
            break;
        };
        match element.id {
            CLUSTER => {
                tracks.clusters_at = at;
                break;
            }
            INFO => {
                let body = ebml::body(read, element, INFO_BYTES_MAX)?;
                let scale = body
                    .as_deref()
                    .and_then(|body| ebml::find(body, TIMESTAMP_SCALE));
                tracks.scale_ns = scale.and_then(unsigned).unwrap_or(SCALE_NS);
            }
            TRACKS => {
                let body = ebml::body(read, element, TRACKS_BYTES_MAX)?;
                let body = body.ok_or(Error::Damaged("a list of tracks that is too long"))?;
                tracks.subtitles = subtitles(&body);
                has_tracks = true;
            }
            _ => {}
        }
        at = element.end(end);
    }
    if has_tracks {
        Ok(tracks)
    } else {
        Err(Error::Damaged(
            "no list of tracks in front of the first block",
        ))
    }
}

fn subtitles(body: &[u8]) -> Vec<TextTrack> {
    let entries = Children(body).filter(|(id, _)| *id == TRACK_ENTRY);
    let tracks = entries.filter_map(|(_, entry)| track(entry));
    tracks.take(TRACKS_MAX).collect()
}

/// The track of an entry, if it is one of subtitles.
fn track(entry: &[u8]) -> Option<TextTrack> {
    let mut track = TextTrack {
        number: 0,
        codec: String::new(),
        private: Vec::new(),
        // RFC 9559, section 5.1.4.1.19: English, where nothing is said.
        language: "eng".to_owned(),
        name: None,
        is_default: true,
        is_forced: false,
        encoding: Encoding::default(),
        block_ns: None,
    };
    let (mut kind, mut tag, mut private) = (0, None, &[][..]);
    for (id, body) in Children(entry) {
        match id {
            0xd7 => track.number = unsigned(body)?,
            0x83 => kind = unsigned(body)?,
            0x86 => track.codec = text(body),
            0x63a2 => private = body,
            0x0022_b59c => track.language = text(body),
            0x0022_b59d => tag = Some(text(body)),
            0x536e => track.name = Some(text(body)),
            0x88 => track.is_default = unsigned(body) == Some(1),
            0x55aa => track.is_forced = unsigned(body) == Some(1),
            0x0023_e383 => track.block_ns = unsigned(body).filter(|ns| *ns > 0),
            0x6d80 => track.encoding = Encoding::read(body),
            _ => {}
        }
    }
    // The newer element is the one that counts.
    track.language = tag.unwrap_or(track.language);
    let decoded = track.encoding.decode_private(private, PRIVATE_BYTES_MAX);
    track.private = decoded.unwrap_or_default().into_owned();
    (kind == IS_SUBTITLES).then_some(track)
}
