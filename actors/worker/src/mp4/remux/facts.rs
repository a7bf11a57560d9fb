//! What decides whether a source can be copied, for the planner to judge.

use bus_schema::source::IndexFacts;

use super::layout::Layout;
use super::source_track::{SourceMovie, SourceTrack};
use super::{asc, head, sps};
use crate::mp4::index::{MovieIndex, STILL, TrackIndex};

/// Samples of sound that an edit may hide: the 2,112 samples that AAC encoders put in front are three
/// packets, and one may be hidden at the end.
const HIDDEN_PACKETS_MAX: u64 = 4;

/// Facts of a file of `size` bytes, from its index and the body of `moov` that it was read from.
#[must_use]
pub fn facts(index: &MovieIndex, moov: &[u8], size: u64) -> IndexFacts {
    let moving = index.tracks.iter().filter(|track| is_moving(track));
    let mut facts = IndexFacts {
        is_fragmented: index.is_fragmented,
        n_video: u32::try_from(moving.count()).unwrap_or(u32::MAX),
        has_plain_edits: false,
        is_consistent: false,
        h264: None,
        aac: None,
    };
    let movie = match SourceMovie::read(index, moov) {
        Ok(movie) => movie,
        Err(error) => {
            tracing::info!(%error, "an index that is not copied");
            return facts;
        }
    };
    let [video, audio] = [true, false].map(|is_video| {
        let mut tracks = movie.tracks.iter();
        tracks.find(|track| track.index.is_video() == is_video)
    });
    facts.has_plain_edits = movie.tracks.iter().all(has_plain_edits);
    facts.h264 = video.and_then(SourceTrack::avcc).and_then(sps::facts);
    facts.aac = audio.and_then(SourceTrack::asc).and_then(asc::facts);
    if !index.is_fragmented {
        let layout = Layout::new(&movie.tracks, size);
        let checked = layout.and_then(|layout| head::check_size(&movie, &layout));
        facts.is_consistent = checked
            .inspect_err(|error| tracing::info!(%error, "tables that are not copied"))
            .is_ok();
    }
    facts
}

fn is_moving(track: &TrackIndex) -> bool {
    track.is_video() && track.n_samples > 0 && !STILL.contains(&&track.codec)
}

/// A picture is shown whole, and sound but for what its encoder put in front.
fn has_plain_edits(track: &SourceTrack<'_>) -> bool {
    let index = track.index;
    let hidden = index.n_samples.saturating_sub(index.frames_shown());
    let hidden_max = if index.is_video() {
        0
    } else {
        HIDDEN_PACKETS_MAX
    };
    index.has_plain_edits() && hidden <= hidden_max
}
