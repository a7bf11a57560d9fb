//! A look at a container's frames without decoding them.

use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::Result;
use super::demux::{Demux, Medium, Stream, is_matroska, run_out};
use super::source::Source;

/// What went by on one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// What it holds.
    pub medium: Medium,
    /// As [`Stream::id`].
    pub id: String,
    /// The format at the end.
    pub caps: gst::Caps,
    /// Coded frames.
    pub frames: u64,
    /// Stream time of the earliest.
    pub first_ns: u64,
    /// Stream time of the latest.
    pub last_ns: u64,
    /// Where the latest ends.
    pub end_ns: u64,
}

/// Reads all frames from the keyframe before `from_ns` to the end. A
/// stream without a single timed frame is there with `frames` = 0.
///
/// # Errors
/// What the demuxer says.
pub fn run(source: &Source, from_ns: u64) -> Result<Vec<Track>> {
    let tracks: Arc<Mutex<Vec<Track>>> = Arc::default();
    let watched = Arc::clone(&tracks);
    let demux = Demux::open(source, move |pipeline, stream| {
        watch(&watched, stream, is_matroska(pipeline.upcast_ref()));
        run_out(pipeline, stream)
    })?;
    if !demux.seek_media(from_ns, true) {
        tracing::debug!("not seekable: scanning from the start");
    }
    let pipeline = demux.pipeline();
    let played = pipeline
        .set_state(gst::State::Playing)
        .and_then(|()| pipeline.wait_eos(|| demux.check()));
    played.map_err(|error| demux.explain(error))?;
    let seen = tracks
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    Ok(seen)
}

fn watch(tracks: &Arc<Mutex<Vec<Track>>>, stream: &Stream, is_matroska: bool) {
    let blank = Track {
        medium: stream.medium,
        id: stream.id.clone(),
        caps: stream.caps.clone(),
        frames: 0,
        first_ns: u64::MAX,
        last_ns: 0,
        end_ns: 0,
    };
    let index = {
        let mut tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner);
        tracks.push(blank.clone());
        tracks.len() - 1
    };
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_FLUSH;
    let tracks = Arc::clone(tracks);
    stream.pad.add_probe(kinds, move |pad, info| {
        let mut tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(track) = tracks.get_mut(index) {
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => see(track, pad, buffer, is_matroska),
                // A seek: what came before it is not of its span.
                Some(gst::PadProbeData::Event(_)) => track.clone_from(&blank),
                _ => {}
            }
        }
        gst::PadProbeReturn::Ok
    });
}

fn see(track: &mut Track, pad: &gst::Pad, buffer: &gst::Buffer, is_matroska: bool) {
    let time_ns = if is_matroska {
        buffer.pts().map(gst::ClockTime::nseconds)
    } else {
        stream_time_ns(pad, buffer)
    };
    let Some(time_ns) = time_ns else { return };
    let duration_ns = buffer.duration().map_or(0, gst::ClockTime::nseconds);
    if let Some(caps) = pad.current_caps().filter(|caps| *caps != track.caps) {
        track.caps = caps;
    }
    track.frames += 1;
    track.first_ns = track.first_ns.min(time_ns);
    track.last_ns = track.last_ns.max(time_ns);
    track.end_ns = track.end_ns.max(time_ns + duration_ns);
}

fn stream_time_ns(pad: &gst::Pad, buffer: &gst::Buffer) -> Option<u64> {
    let event = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
    // Some containers (AVI) know only when frames are decoded.
    segment
        .to_stream_time(buffer.pts().or_else(|| buffer.dts())?)
        .map(gst::ClockTime::nseconds)
}
