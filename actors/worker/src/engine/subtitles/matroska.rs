//! Subtitles of Matroska and WebM: SubRip, SubStation Alpha, and WebVTT.

use bus_schema::report::ErrorCode;
use bus_schema::source::SubtitleFacts;

use super::{Result, Work, changed};
use crate::engine::Error;
use crate::engine::source::Source;
use crate::matroska::{self, Block, TextTrack, Walk, read_tracks, walk};
use crate::subtitles::ass::Script;
use crate::subtitles::webvtt::Cue;
use crate::subtitles::{PAYLOAD_BYTES_MAX, Times, srt};

/// How blocks of a track are read.
enum Reader {
    SubRip,
    Ssa(Script),
    /// Settings lie beside the block.
    WebVtt,
    /// Settings lie in the block.
    WebM,
}

impl Reader {
    fn of(track: &TextTrack) -> Option<Self> {
        Some(match track.codec.as_str() {
            "S_TEXT/UTF8" | "S_TEXT/ASCII" => Self::SubRip,
            "S_TEXT/ASS" | "S_TEXT/SSA" | "S_ASS" | "S_SSA" => {
                Self::Ssa(Script::read(&String::from_utf8_lossy(&track.private)))
            }
            "S_TEXT/WEBVTT" => Self::WebVtt,
            "D_WEBVTT/SUBTITLES" | "D_WEBVTT/CAPTIONS" => Self::WebM,
            _ => return None,
        })
    }
}

/// Reads these tracks.
pub(super) fn read(facts: &[SubtitleFacts], source: &Source, work: &mut Work<'_>) -> Result<()> {
    let mut bytes = |offset, len| source.read(offset, len);
    let tracks = read_tracks(&mut bytes, source.size()).map_err(|error| explain(source, error))?;
    let mut wanted = Vec::new();
    let mut readers = Vec::new();
    for facts in facts {
        let mut found = tracks.subtitles.iter();
        let track = found.find(|track| track.number.to_string() == facts.stream);
        let track = track.ok_or_else(|| changed(facts))?;
        wanted.push(track.number);
        let reader = Reader::of(track).ok_or_else(|| changed(facts))?;
        readers.push((reader, track));
    }
    let bytes_max = PAYLOAD_BYTES_MAX as u64;
    let walked = walk(&mut bytes, &tracks, &wanted, bytes_max, |told| match told {
        Walk::Reached(ns) => work.reached(ns).map_err(Stop::Told),
        Walk::Damaged => {
            for place in 0..readers.len() {
                work.leave_out(place);
            }
            Ok(())
        }
        Walk::Block(block) => {
            if let Some((reader, track)) = readers.get(block.track) {
                take(&block, reader, track, work);
            }
            Ok(())
        }
    });
    walked.map_err(|stop| match stop {
        Stop::Told(error) => error,
        Stop::Walk(error) => explain(source, error),
    })
}

/// Why a walk ends early.
enum Stop {
    Told(Error),
    Walk(matroska::Error),
}

impl From<matroska::Error> for Stop {
    fn from(error: matroska::Error) -> Self {
        Self::Walk(error)
    }
}

fn explain(source: &Source, error: matroska::Error) -> Error {
    source.failure().unwrap_or_else(|| match error {
        matroska::Error::Damaged(what) => {
            let message = "The subtitles cannot be found in the file: write it anew with a current \
                           program, and upload that.";
            Error::new(ErrorCode::Unsupported, message).because(what)
        }
        matroska::Error::Read(error) => Error::internal(format!("a read that failed: {error}")),
    })
}

fn take(block: &Block, reader: &Reader, track: &TextTrack, work: &mut Work<'_>) {
    let payload = block.payload.as_deref();
    let Some(bytes) = payload.and_then(|bytes| track.encoding.decode(bytes, PAYLOAD_BYTES_MAX))
    else {
        return work.leave_out(block.track);
    };
    let text = String::from_utf8_lossy(&bytes);
    let times = Times {
        start_ns: block.start_ns,
        end_ns: block.end_ns,
    };
    match reader {
        Reader::SubRip => work.take(block.track, times, &srt::parse(&text)),
        Reader::Ssa(script) => match script.event(&text) {
            Some(shown) => work.take(block.track, times, &shown),
            None => work.leave_out(block.track),
        },
        Reader::WebVtt => {
            let beside = block.addition.as_deref().map(String::from_utf8_lossy);
            let settings = beside.as_deref().and_then(|text| text.lines().next());
            work.push(
                block.track,
                times,
                &Cue::new(&text, settings.unwrap_or_default()),
            );
        }
        Reader::WebM => match Cue::of_webm(&text) {
            Some(cue) => work.push(block.track, times, &cue),
            None => work.leave_out(block.track),
        },
    }
}
