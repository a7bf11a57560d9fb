//! Remuxing a source without a usable index, in one pass over it: its streams, parsed and not decoded, go
//! into an MP4 of our own, in bounded memory.
//!
//! Whatever that MP4 could not tell exactly is left as it is: such a source is decoded from its start by
//! every task, which is slow, and right.

mod coding;
mod order;
mod output;
mod parameters;
mod picture;
mod track;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use bus_schema::intermediate::Intermediate;
use bus_schema::language::three_letters;
use bus_schema::report::ErrorCode;
use bus_schema::source::IndexFacts;
use gstreamer as gst;
use gstreamer::prelude::*;

use self::coding::Coding;
use self::output::Output;
use self::track::{Sink, Track};
use super::clock::Clock;
use super::demux::{Demux, Medium, Stream, idle_sink, link, run_out};
use super::pipeline::{Pipeline, element};
use super::results::Results;
use super::source::Source;
use super::{Error, Result};
use crate::mp4;
use crate::mp4::index::{self, MovieIndex};
use crate::mp4::intermediate::{Tables, TrackHead};
use crate::mp4::remux;
use crate::protocol::Position;

/// What a source was remuxed into.
#[derive(Debug)]
pub(super) struct Remuxed {
    /// Where its bytes are.
    pub(super) intermediate: Intermediate,
    /// Its index.
    pub(super) index: MovieIndex,
    /// What that means for a copy.
    pub(super) index_facts: IndexFacts,
    /// The source's streams that are in it, in its order: their tracks' numbers count from 1. Their caps
    /// are those of what is written.
    pub(super) streams: Vec<Stream>,
    /// How long its picture goes on before its first keyframe.
    pub(super) lead_ns: u64,
    /// The source's own streams, as its demuxer showed them.
    pub(super) shown: Vec<Stream>,
    /// Whether every sample is a frame, for certain.
    pub(super) is_counted: bool,
}

/// Why remuxing ended early.
#[derive(Debug)]
enum Stop {
    /// The task fails.
    Failed(Error),
    /// The source is left as it is.
    GivenUp(String),
}

fn gives_up<T>(why: &str) -> Result<T, Stop> {
    Err(Stop::GivenUp(why.to_owned()))
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<mp4::Error> for Stop {
    fn from(error: mp4::Error) -> Self {
        Self::GivenUp(error.to_string())
    }
}

/// What all streams' threads share.
#[derive(Debug)]
struct Remux {
    tracks: Vec<Track>,
    sink: Sink,
    stop: Option<Stop>,
    /// Why the source is left as it is, where that is known and its pictures are still looked at: see
    /// [`Remux::leave`].
    left: Option<String>,
}

/// Remuxes a source, of whose pictures the one of this id is the film; `None` where it is left as it is.
///
/// # Errors
/// What the demuxer or the parent says.
pub(super) fn run(
    source: &Source,
    container: &str,
    film: Option<&str>,
    results: &Arc<Results>,
) -> Result<Option<Remuxed>> {
    let remux = Arc::new(Mutex::new(Remux {
        tracks: Vec::new(),
        sink: Sink {
            tables: Tables::default(),
            output: Output::new(results, source.size()),
            clock: Clock::default(),
            has_presentation: container != "avi",
            is_damaged: false,
        },
        stop: None,
        left: None,
    }));
    let (shared, film) = (Arc::clone(&remux), film.map(str::to_owned));
    let demux = Demux::open(source, move |pipeline, stream| {
        let is_kept = match stream.medium {
            Medium::Video => film.as_deref() == Some(stream.id.as_str()),
            Medium::Audio => true,
            Medium::Other => false,
        };
        if !is_kept {
            return run_out(pipeline, stream);
        }
        match Coding::of(&stream.caps) {
            Some(coding) => connect(pipeline, stream, coding, &shared),
            None => {
                let why = format!("no intermediate holds `{}`", stream.caps);
                lock(&shared).leave(stream.medium, why);
                run_out(pipeline, stream)
            }
        }
    })?;
    let finished = match flow(&demux, &remux, results, source.size()) {
        Ok(()) => finish(&demux, &remux),
        Err(error) => Err(match lock(&remux).stop.take() {
            Some(stop) => stop,
            // What cannot be parsed may still be decoded; if not, that will say why.
            None if source.failure().is_none() => Stop::GivenUp(error.to_log()),
            None => Stop::Failed(demux.explain(error)),
        }),
    };
    match finished {
        Ok(remuxed) => Ok(Some(remuxed)),
        Err(Stop::GivenUp(why)) => lock(&remux).left(results, &why),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Lets everything flow to its end.
fn flow(
    demux: &Demux,
    remux: &Arc<Mutex<Remux>>,
    results: &Results,
    source_bytes: u64,
) -> Result<()> {
    let pipeline: &Pipeline = demux.pipeline();
    pipeline.set_state(gst::State::Playing)?;
    pipeline.wait_eos(|| {
        demux.check()?;
        let shared = match remux.try_lock() {
            Ok(shared) => shared,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // It waits for the parent, or works.
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        if shared.stop.is_some() {
            return Err(Error::internal("remuxing was stopped"));
        }
        let done = shared.sink.tables.payload_bytes().min(source_bytes);
        drop(shared);
        results.progress(Position {
            done_ns: vec![done],
            total_ns: source_bytes,
            frames_per_s: 0,
        })
    })
}

/// Brings a stream into MP4's form, and watches what comes out.
fn connect(
    pipeline: &gst::Pipeline,
    stream: &Stream,
    coding: Coding,
    remux: &Arc<Mutex<Remux>>,
) -> Result<()> {
    let sink = idle_sink()?;
    let mut elements = Vec::new();
    if let Some((parser, form)) = coding.parser() {
        let filter = element("capsfilter")?;
        filter.set_property_from_str("caps", form);
        elements.extend([element(parser)?, filter]);
    }
    elements.push(sink.clone());
    pipeline.add_many(elements.iter())?;
    gst::Element::link_many(elements.iter())?;
    for element in elements.iter().rev() {
        element.sync_state_with_parent()?;
    }
    let place = {
        let mut remux = lock(remux);
        remux.tracks.push(Track::new(stream, coding));
        remux.tracks.len() - 1
    };
    let pad = sink
        .static_pad("sink")
        .ok_or_else(|| Error::internal("a sink without a pad"))?;
    let remux = Arc::clone(remux);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        if let Some(buffer) = info.buffer() {
            lock(&remux).take(place, pad, buffer);
        }
        gst::PadProbeReturn::Ok
    });
    let first = elements
        .first()
        .ok_or_else(|| Error::internal("an empty chain"))?;
    link(&stream.pad, first)
}

impl Remux {
    fn take(&mut self, place: usize, pad: &gst::Pad, buffer: &gst::BufferRef) {
        let is_left = self.left.is_some();
        let Some(track) = self.tracks.get_mut(place) else {
            return;
        };
        if self.stop.is_some() || (is_left && !track.coding.is_video()) {
            return;
        }
        let medium = track.stream.medium;
        match track.take(pad, buffer, &mut self.sink) {
            Ok(()) if is_left && track.is_out_of_order() => {
                self.stop = self.left.take().map(Stop::GivenUp);
            }
            Ok(()) => {}
            Err(Stop::GivenUp(why)) => self.leave(medium, why),
            Err(failed) => self.stop = Some(failed),
        }
    }

    /// The source is left as it is, for a stream of this kind. Where its pictures may be shown in another
    /// order than that of decoding, and only remuxing tells which, they have to be looked at all the same:
    /// of such ones, what decoders give out has wrong times.
    fn leave(&mut self, medium: Medium, why: String) {
        if self.sink.has_presentation || medium == Medium::Video {
            self.stop.get_or_insert(Stop::GivenUp(why));
        } else {
            self.sink.output.discard();
            self.left.get_or_insert(why);
        }
    }

    /// The source is not remuxed; why is for the log.
    fn left(&self, results: &Results, why: &str) -> Result<Option<Remuxed>> {
        if !self.sink.has_presentation && self.tracks.iter().any(Track::is_out_of_order) {
            let message = "The file's pictures are stored in another order than they are shown in, and it \
                           does not say when: convert it to MP4 with H.264 and AAC, and upload that.";
            return Err(Error::new(ErrorCode::Unsupported, message).because(why.to_owned()));
        }
        results.log(false, format!("the source is not remuxed: {why}"))?;
        Ok(None)
    }
}

/// Writes the head, and reads from it what it says.
fn finish(demux: &Demux, remux: &Arc<Mutex<Remux>>) -> Result<Remuxed, Stop> {
    // The threads may still hold it, and have nothing more to say.
    let told = demux.streams();
    let mut shared = lock(remux);
    if let Some(stop) = shared.stop.take() {
        return Err(stop);
    }
    if let Some(why) = shared.left.take() {
        return Err(Stop::GivenUp(why));
    }
    let shared = &mut *shared;
    for track in &mut shared.tracks {
        track.finish(&mut shared.sink)?;
    }
    let tables = &shared.sink.tables;
    let mut tracks: Vec<(&Track, usize)> = shared
        .tracks
        .iter()
        .filter_map(|track| Some((track, track.table?)))
        .filter(|(_, table)| tables.n_samples(*table) > 0)
        .collect();
    // The picture first; sounds as their demuxer counts them.
    tracks.sort_by_key(|(track, _)| (!track.coding.is_video(), track.stream.id.clone()));
    let has_picture = tracks.iter().any(|(track, _)| track.coding.is_video());
    if shared.tracks.iter().any(|track| track.coding.is_video()) && !has_picture {
        return gives_up("there is no keyframe");
    }
    let streams: Vec<Stream> = tracks
        .iter()
        .zip(1..)
        .map(|((track, _), track_id)| at_the_end(track, &told, track_id))
        .collect();
    let mut heads = Vec::with_capacity(tracks.len());
    for ((track, table), stream) in tracks.iter().zip(&streams) {
        let form = track.form.as_ref();
        let entry =
            form.and_then(|form| form.entry(track.coding, &track.first, track.is_changed()));
        let Some(entry) = entry else {
            return gives_up("a configuration is missing");
        };
        let size = form.and_then(coding::Form::size).unwrap_or((0, 0));
        heads.push((entry, language(stream), size, *table));
    }
    let film = tracks.iter().find(|(track, _)| track.coding.is_video());
    let lead_ns = film.and_then(|(track, _)| {
        let begin_ns = demux.begin_ns(&track.stream.id)?;
        track.begin_ns().checked_sub(begin_ns)
    });
    if heads.is_empty() {
        return gives_up("nothing of it can be decoded");
    }
    let heads: Vec<TrackHead<'_>> = heads
        .iter()
        .map(|(entry, language, size, table)| TrackHead {
            table: *table,
            entry,
            language,
            size: *size,
        })
        .collect();
    let head = tables.head(&heads)?;
    let size = head.len() as u64 + tables.payload_bytes();
    let (index, index_facts) = read_back(&head, size)?;
    let is_counted = !shared.sink.is_damaged && !shared.sink.clock.has_leapt();
    Ok(Remuxed {
        intermediate: shared.sink.output.finish(&head)?,
        index,
        index_facts,
        streams,
        lead_ns: lead_ns.unwrap_or(0),
        shown: told,
        is_counted,
    })
}

/// A track's stream with what is told of it by now, and what the intermediate calls it.
fn at_the_end(track: &Track, told: &[Stream], track_id: u32) -> Stream {
    let stream = told.iter().find(|stream| stream.pad == track.stream.pad);
    let stream = stream.unwrap_or(&track.stream).clone();
    let caps = track.form.as_ref().map(|form| form.caps.clone());
    Stream {
        track_id: Some(track_id),
        // As the demuxer of MP4 calls it.
        id: format!("{track_id:03}"),
        caps: caps.unwrap_or_else(|| stream.caps.clone()),
        ..stream
    }
}

/// Three letters.
fn language(stream: &Stream) -> String {
    let tag = stream.told.tags.get::<gst::tags::LanguageCode>();
    let tag = tag.as_ref().map_or("und", |value| value.get());
    three_letters(tag).to_owned()
}

/// What a head says, of a file of `size` bytes: by the code that reads it in every task.
fn read_back(head: &[u8], size: u64) -> Result<(MovieIndex, IndexFacts), Stop> {
    let read = |offset: u64, len: u32| {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len as usize];
        let there = head.get(from..).unwrap_or(&[]);
        bytes
            .iter_mut()
            .zip(there)
            .for_each(|(to, from)| *to = *from);
        Ok(bytes.into())
    };
    match index::read_whole(read, size)? {
        Some(found) => {
            let facts = remux::facts(&found.index, &found.moov, size);
            Ok((found.index, facts))
        }
        None => Err(Error::internal("an intermediate that is no MP4").into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
