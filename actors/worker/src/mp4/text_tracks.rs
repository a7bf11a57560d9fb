//! Tracks of subtitles of an MP4 or MOV: where their samples lie, and when these are shown.

use super::error::Error;
use super::index::boxes::{Child, Children, Fields};
use super::index::tables::Tables;
use super::index::{MovieIndex, TrackIndex};

/// Handlers of what is shown as text: subtitles, text, closed captions, and subtitles as pictures.
const HANDLERS: [&[u8; 4]; 5] = [b"sbtl", b"subt", b"text", b"clcp", b"subp"];
/// Most samples of a track that are looked at: a cue, and nothing after it, and both again for edits.
const SAMPLES_MAX: usize = 1 << 20;
/// QuickTime's own numbers of languages, from 0 on, as ISO 639-2 (Apple's QuickTime File Format, "Macintosh
/// language codes"); behind them are some that no film has.
#[rustfmt::skip]
const MACINTOSH: [&str; 46] = [
    "eng", "fra", "deu", "ita", "nld", "swe", "spa", "dan", "por", "nor", "heb", "jpn", "ara", "fin", "ell",
    "isl", "mlt", "tur", "hrv", "zho", "urd", "hin", "tha", "kor", "lit", "pol", "hun", "est", "lav", "sme",
    "fao", "fas", "rus", "zho", "nld", "gle", "sqi", "ron", "ces", "slk", "slv", "yid", "srp", "mkd", "bul",
    "ukr",
];
/// Longest name of a track, in bytes.
const NAME_BYTES_MAX: usize = 1_024;

/// A track of subtitles.
#[derive(Debug)]
pub struct TextTrack<'a> {
    /// What the index says of it.
    pub index: &'a TrackIndex,
    /// The body of its first sample entry.
    pub entry: &'a [u8],
    /// ISO 639-2 or BCP 47, where known.
    pub language: Option<String>,
    /// Its name for people.
    pub name: Option<String>,
    tables: Tables<'a>,
}

/// A sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSample {
    /// Its first byte in the file.
    pub offset: u64,
    /// Its size.
    pub bytes: u32,
    /// Media time at which it begins to be shown, in units of the track.
    pub start: u64,
    /// For how long.
    pub duration: u32,
}

/// The tracks of subtitles, in the file's order, out of the body of `moov` that the index was read
/// from. Titles of chapters, which are tracks of text too, are none; neither are samples that lie in
/// fragments.
///
/// # Errors
/// [`Error::Damaged`] for boxes that contradict each other.
pub fn text_tracks<'a>(index: &'a MovieIndex, moov: &'a [u8]) -> Result<Vec<TextTrack<'a>>, Error> {
    let boxes: Vec<Child<'a>> = Children::new(moov).collect::<Result<_, _>>()?;
    let boxes: Vec<&[u8]> = boxes
        .iter()
        .filter(|child| child.kind == *b"trak")
        .map(|child| child.body)
        .collect();
    let chapters: Vec<u32> = boxes.iter().flat_map(|body| chapters(body)).collect();
    // Both went through the same boxes in the same order.
    let tracks = index.tracks.iter().zip(boxes);
    let tracks = tracks.filter(|(track, _)| {
        HANDLERS.contains(&&track.handler) && !chapters.contains(&track.track_id)
    });
    tracks
        .map(|(track, body)| TextTrack::read(track, body, index.is_quicktime))
        .collect()
}

/// The tracks that hold titles of a track's chapters (Apple's QuickTime File Format, "Chapter lists").
fn chapters(track: &[u8]) -> Vec<u32> {
    let list = find(track, *b"tref").and_then(|references| find(references, *b"chap"));
    let (ids, _) = list.unwrap_or_default().as_chunks::<4>();
    ids.iter().map(|id| u32::from_be_bytes(*id)).collect()
}

impl<'a> TextTrack<'a> {
    fn read(index: &'a TrackIndex, body: &'a [u8], is_quicktime: bool) -> Result<Self, Error> {
        let table = find(body, *b"mdia")
            .and_then(|media| find(media, *b"minf"))
            .and_then(|info| find(info, *b"stbl"))
            .unwrap_or_default();
        let entry = find(table, *b"stsd").and_then(first_entry);
        let name = find(body, *b"udta").and_then(|data| find(data, *b"name"));
        let own = || quicktime_language(find(body, *b"mdia")?).filter(|_| is_quicktime);
        Ok(Self {
            index,
            language: index.language.clone().or_else(own),
            entry: entry.unwrap_or_default(),
            name: name.and_then(text),
            tables: Tables::read(table)?,
        })
    }

    /// Its samples, in the order in which they are shown; no more than a limit.
    pub fn samples(&self) -> impl Iterator<Item = TextSample> {
        let mut sizes = self.tables.sizes();
        let offsets = self
            .tables
            .chunks()
            .flat_map(move |(offset, _, n_samples)| {
                let sizes = sizes.by_ref().take(n_samples as usize);
                let sizes: Vec<u32> = sizes.take(SAMPLES_MAX).collect();
                let mut at = offset;
                sizes.into_iter().map(move |bytes| {
                    let offset = at;
                    at = at.saturating_add(u64::from(bytes));
                    (offset, bytes)
                })
            });
        let runs = self.tables.durations().iter().flat_map(|entry| {
            let [a, b, c, d, e, f, g, h] = *entry;
            let count = u32::from_be_bytes([a, b, c, d]);
            let duration = u32::from_be_bytes([e, f, g, h]);
            std::iter::repeat_n(duration, count as usize)
        });
        let mut clock = 0_u64;
        let samples = offsets.zip(runs).map(move |((offset, bytes), duration)| {
            let start = clock;
            clock = clock.saturating_add(u64::from(duration));
            TextSample {
                offset,
                bytes,
                start,
                duration,
            }
        });
        samples.take(SAMPLES_MAX)
    }

    /// When a sample is shown, by the track's edits: from and to which stream time in nanoseconds, once
    /// for each edit that it lies in.
    pub fn shown(&self, sample: TextSample) -> impl Iterator<Item = (u64, u64)> {
        let scale = i128::from(self.index.timescale.max(1));
        let ns = |units: u64| i128::from(units) * 1_000_000_000 / scale;
        let start = ns(sample.start);
        let end = ns(sample.start.saturating_add(u64::from(sample.duration)));
        let edits = self.index.stretches_ns();
        edits.filter_map(move |(from, until, shown_from)| {
            let (begin, stop) = (start.max(from), end.min(until));
            // Without an edit list media times are stream times.
            let from = from.max(0);
            let place = |ns: i128| u64::try_from(i128::from(shown_from) + ns - from).ok();
            (begin < stop).then(|| Some((place(begin)?, place(stop)?)))?
        })
    }
}

/// The language by QuickTime's number, which stands where others have three letters.
fn quicktime_language(media: &[u8]) -> Option<String> {
    let (version, _, mut fields) = Fields::full_box(find(media, *b"mdhd")?).ok()?;
    fields.skip(if version == 0 { 16 } else { 28 }).ok()?;
    let number = usize::from(fields.u16().ok()?);
    MACINTOSH.get(number).map(|&code| code.to_owned())
}

/// The body of the first entry of `stsd`.
fn first_entry(body: &[u8]) -> Option<&[u8]> {
    let (_, _, mut fields) = Fields::full_box(body).ok()?;
    fields.skip(4).ok()?;
    Some(Children::new(fields.rest()).next()?.ok()?.body)
}

fn find(body: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    let mut boxes = Children::new(body).map_while(Result::ok);
    boxes
        .find(|child| child.kind == kind)
        .map(|child| child.body)
}

/// A name as QuickTime's user data have it: bytes alone.
fn text(body: &[u8]) -> Option<String> {
    let body = body.get(..body.len().min(NAME_BYTES_MAX))?;
    let text = String::from_utf8_lossy(body);
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!text.is_empty()).then(|| text.to_owned())
}
