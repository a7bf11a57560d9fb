//! Subtitles of MP4 and MOV: timed text of 3GPP, QuickTime's text, and WebVTT.

use bus_schema::source::SubtitleFacts;

use super::{Result, Work, changed};
use crate::engine::Error;
use crate::engine::source::Source;
use crate::mp4::index::Found;
use crate::mp4::{TextSample, TextTrack, text_tracks};
use crate::subtitles::tx3g::Description;
use crate::subtitles::webvtt::Cue;
use crate::subtitles::{PAYLOAD_BYTES_MAX, Times};

/// How samples of a track are read.
enum Reader {
    Timed(Description),
    WebVtt,
}

/// Reads these tracks.
pub(super) fn read(
    facts: &[SubtitleFacts],
    source: &Source,
    found: &Found,
    work: &mut Work<'_>,
) -> Result<()> {
    let tracks = text_tracks(&found.index, &found.moov)
        .map_err(|error| Error::internal(format!("an index that was read before: {error}")))?;
    for (place, facts) in facts.iter().enumerate() {
        let is_its = |track: &&TextTrack<'_>| track.index.track_id.to_string() == facts.stream;
        let track = tracks.iter().find(is_its).ok_or_else(|| changed(facts))?;
        let reader = match &track.index.codec {
            b"tx3g" => Reader::Timed(Description::read(track.entry)),
            b"text" => Reader::Timed(Description::default()),
            b"wvtt" => Reader::WebVtt,
            _ => return Err(changed(facts)),
        };
        for sample in track.samples() {
            take(place, track, sample, &reader, source, work)?;
        }
    }
    Ok(())
}

fn take(
    place: usize,
    track: &TextTrack<'_>,
    sample: TextSample,
    reader: &Reader,
    source: &Source,
    work: &mut Work<'_>,
) -> Result<()> {
    let shown: Vec<Times> = track
        .shown(sample)
        .map(|(start_ns, end_ns)| Times {
            start_ns,
            end_ns: Some(end_ns),
        })
        .collect();
    let Some(last) = shown.last() else {
        return Ok(());
    };
    work.reached(last.start_ns)?;
    if sample.bytes as usize > PAYLOAD_BYTES_MAX {
        work.leave_out(place);
        return Ok(());
    }
    let bytes = source.read(sample.offset, u64::from(sample.bytes));
    let bytes = bytes.map_err(|error| {
        let unread = || Error::internal(format!("a sample that cannot be read: {error}"));
        source.failure().unwrap_or_else(unread)
    })?;
    for times in shown {
        match reader {
            Reader::Timed(description) => work.take(place, times, &description.sample(&bytes)),
            Reader::WebVtt => {
                for cue in Cue::of_mp4(&bytes) {
                    work.go_on(place, times, &cue);
                }
            }
        }
    }
    Ok(())
}
