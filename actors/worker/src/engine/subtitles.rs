//! Subtitles: every track of text becomes a WebVTT file, in one pass over the source.
//!
//! No demuxer of GStreamer's is asked: an MP4's own tables tell where each sample lies, so that little
//! else is read, and of Matroska each block's head is looked at.

mod matroska;
mod movie;

use bus_schema::attempt::{SubtitleResult, SubtitlesResult};
use bus_schema::object_key;
use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use bus_schema::source::SubtitleFacts;
use bus_schema::task::SubtitlesSpec;

use super::results::Results;
use super::source::Source;
use super::{Error, Result, table};
use crate::protocol::Position;
use crate::subtitles::webvtt::Cue;
use crate::subtitles::{CueList, File, Shown, Times};

/// Source time between two words about how far the task is.
const PROGRESS_NS: u64 = 10_000_000_000;

/// Makes all files.
///
/// # Errors
/// [`ErrorCode::Unsupported`] for a container whose subtitles are not read, and what the source or the
/// parent says. Damaged cues are no error: they are counted.
pub fn run(spec: &SubtitlesSpec, source: &Source, results: &Results) -> Result<SubtitlesResult> {
    let clip = spec.clip.map_or(WHOLE, |clip| clip.span());
    let mut work = Work {
        tracks: spec.facts.iter().map(|_| CueList::new(clip)).collect(),
        clip,
        duration_ns: spec.duration_ns,
        told_ns: 0,
        results,
    };
    match table::read(source)? {
        Some(found) => movie::read(&spec.facts, source, &found, &mut work)?,
        None => matroska::read(&spec.facts, source, &mut work)?,
    }
    let mut tracks: Vec<SubtitleResult> = Vec::new();
    for (plan, list) in spec.subtitles.iter().zip(work.tracks) {
        let File { text, result } = list.finish();
        if !text.is_empty() {
            results.object(object_key::subtitles(&plan.name), text.into_bytes())?;
        }
        tracks.push(result);
    }
    Ok(SubtitlesResult {
        tracks,
        cpu_ms: super::cpu_ms(),
    })
}

const WHOLE: Span = Span {
    start_ns: 0,
    end_ns: None,
};

/// Subtitles at work.
struct Work<'a> {
    /// In the plan's order.
    tracks: Vec<CueList>,
    clip: Span,
    duration_ns: u64,
    told_ns: u64,
    results: &'a Results,
}

impl Work<'_> {
    /// Takes what a payload shows; nothing, where it shows nothing.
    fn take(&mut self, track: usize, times: Times, shown: &Shown) {
        if let (Some(list), Some(text)) = (self.tracks.get_mut(track), shown.text.to_webvtt()) {
            list.push(times, shown.place.settings(), text);
        }
    }

    /// Takes a cue of WebVTT.
    fn push(&mut self, track: usize, times: Times, cue: &Cue) {
        if let (Some(list), Some(text)) = (self.tracks.get_mut(track), cue.text.to_webvtt()) {
            list.push(times, &cue.settings, text);
        }
    }

    /// Takes a cue of WebVTT that may be the rest of one before.
    fn go_on(&mut self, track: usize, times: Times, cue: &Cue) {
        if let (Some(list), Some(text)) = (self.tracks.get_mut(track), cue.text.to_webvtt()) {
            list.push_or_go_on(times, &cue.settings, text);
        }
    }

    fn leave_out(&mut self, track: usize) {
        if let Some(list) = self.tracks.get_mut(track) {
            list.leave_out();
        }
    }

    /// Says how far it is, every so often.
    fn reached(&mut self, source_ns: u64) -> Result<()> {
        let done_ns = source_ns.saturating_sub(self.clip.start_ns);
        let done_ns = done_ns.min(self.duration_ns);
        if done_ns < self.told_ns.saturating_add(PROGRESS_NS) {
            return Ok(());
        }
        self.told_ns = done_ns;
        self.results.progress(Position {
            done_ns: vec![done_ns],
            total_ns: self.duration_ns,
            frames_per_s: 0,
        })
    }
}

/// The tracks that were planned are not those that are there.
fn changed(facts: &SubtitleFacts) -> Error {
    let message =
        "The file's subtitles are not those that were found first: upload the file again.";
    Error::new(ErrorCode::Damaged, message).because(format!("no track {}", facts.stream))
}
