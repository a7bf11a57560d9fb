//! Facts of a source that was remuxed, and of what a broadcast lacks.

use bus_schema::broadcast::BroadcastFacts;
use bus_schema::source::{SourceFacts, VideoFacts};

use super::{all_audio, check_whole, duration_ns, from_table, seen, video};
use crate::engine::Result;
use crate::engine::demux::{Medium, Stream};
use crate::engine::frame::Frame;
use crate::engine::intermediate::Remuxed;
use crate::engine::source::Source;
use crate::engine::transport::Transport;

/// Containers that are made for ways on which bytes are lost.
const BROADCASTS: &[&str] = &["mpegts", "mpegps"];

/// Those of the intermediate, which has no subtitles, given the source's first picture and the duration that
/// it declares.
pub(super) fn facts(
    remuxed: Remuxed,
    container: String,
    (first, declared_ns): (Option<&Frame>, Option<u64>),
    (source, transport): (&Source, &Transport),
) -> Result<SourceFacts> {
    let Remuxed {
        intermediate,
        index,
        index_facts,
        streams,
        lead_ns,
        shown,
        is_counted,
    } = remuxed;
    let tracks = from_table(&index, &streams);
    check_whole(&container, &tracks, declared_ns)?;
    let film = streams.iter().zip(&tracks);
    let mut film = film.filter(|(stream, _)| stream.medium == Medium::Video);
    let video = match film.next() {
        Some((stream, track)) => {
            let facts = video::facts(stream, seen(first)?, track, index.video())?;
            let may_lack = BROADCASTS.contains(&container.as_str());
            Some(VideoFacts {
                // Of a broadcast every picture is there, be it by the one before it.
                frames: facts.frames.filter(|_| is_counted || may_lack),
                may_lack,
                ..facts
            })
        }
        None => None,
    };
    let audio = all_audio(&streams, &tracks, Some(&index));
    let duration_ns = duration_ns(video.as_ref(), &audio)?;
    let broadcast = BroadcastFacts {
        lead_ns,
        ..lacks(source, transport, &shown, duration_ns)?
    };
    Ok(SourceFacts {
        container,
        duration_ns,
        video,
        audio,
        subtitles: Vec::new(),
        index: Some(index_facts),
        intermediate: Some(intermediate),
        broadcast: (!broadcast.is_whole()).then(|| Box::new(broadcast)),
    })
}

/// What a broadcast lacks; a picture that cannot be read, where no other is shown, is refused.
pub(super) fn lacks(
    source: &Source,
    transport: &Transport,
    shown: &[Stream],
    duration_ns: u64,
) -> Result<BroadcastFacts> {
    let has_picture = shown.iter().any(|stream| stream.medium == Medium::Video);
    match transport.refusal(shown).filter(|_| !has_picture) {
        Some(refusal) => Err(refusal),
        None => Ok(transport.facts(shown, source.size(), duration_ns)),
    }
}
