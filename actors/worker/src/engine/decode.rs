//! One stream of a container, decoded, from any time on.

mod chain;
mod film;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use bus_schema::request::clip::Clip;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_audio as gst_audio;

use self::film::{Film, other_film};
use super::clip::Within;
use super::colour::Declared;
use super::demux::{Demux, Medium, Stream, link};
use super::downmix;
use super::edited::{Edit, Edited};
use super::frame::Frame;
use super::gapless;
use super::pipeline::POLL_MS;
use super::shown::Shown;
use super::source::Source;
use super::{Error, Result, table};
use crate::mp4::index::MovieIndex;
use chain::connect;

/// Decoded frames between decoder and us; a 1080p frame has 3 MB.
const DECODED_FRAMES_MAX: u32 = 3;

/// What is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// The first picture.
    Video,
    /// This audio track, from 0, as interleaved 32-bit float.
    Audio {
        /// Its ordinal among the audio tracks.
        track: u32,
        /// What its demuxer calls it: what decides, where it is known.
        stream: String,
        /// Channels to mix to.
        channels: u32,
        /// Rate to convert to.
        sample_rate_hz: u32,
    },
    /// The first picture, if there is one.
    AnyVideo,
}

impl Want {
    /// The only track of a table that matters, where that is known before anything is opened.
    fn alone(&self, index: &MovieIndex) -> Option<u32> {
        match self {
            Self::Video => index.video().map(|track| track.track_id),
            Self::Audio { stream, .. } => {
                let id = stream.parse().ok()?;
                index.track(id).map(|track| track.track_id)
            }
            Self::AnyVideo => None,
        }
    }
}

/// A decoded stream.
#[derive(Debug)]
pub struct Decode {
    demux: Demux,
    sink: gst_app::AppSink,
    colours: Declared,
    /// How many channels a sound is mixed to.
    channels: Option<u32>,
    /// The one that is decoded.
    stream: Option<Stream>,
    /// Where the container's table is known.
    edited: Option<Edited>,
    /// The part that is taken, in the container's stream time; frames' times are counted from its start.
    clip: Span,
    /// Whether anything was taken, or sought.
    is_moved: AtomicBool,
    /// Whether something was seen that lies behind the part that is taken.
    is_behind: AtomicBool,
    /// Decoded, and not yet asked for.
    ready: Mutex<VecDeque<Frame>>,
}

impl Decode {
    /// Opens a source and decodes what is wanted with so many threads, up to the first frame.
    ///
    /// # Errors
    /// [`ErrorCode::NoVideo`] or [`ErrorCode::NoAudio`] where there is no such stream,
    /// [`ErrorCode::Unsupported`] where no decoder takes it, and what [`Demux::open`] says.
    pub fn open(source: &Source, want: Want, threads: u32) -> Result<Self> {
        let mut decode = Self::open_with(source, &want, threads, &Film::default())?;
        let wants_video = !matches!(want, Want::Audio { .. });
        if wants_video && let Some(film) = other_film(&decode) {
            drop(decode);
            decode = Self::open_with(source, &want, threads, &film)?;
        }
        check_taken(want, decode.stream.as_ref())?;
        Ok(decode)
    }

    fn open_with(source: &Source, want: &Want, threads: u32, film: &Film) -> Result<Self> {
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .max_buffers(DECODED_FRAMES_MAX)
            .drop(false)
            .build();
        let table = table::read(source)?;
        let picture = table
            .as_ref()
            .and_then(|found| found.index.video())
            .map(|track| track.track_id);
        let gapless = match &table {
            Some(_) => None,
            None => gapless::read(source),
        };
        let seen = match (&table, &gapless) {
            (Some(found), _) => source.patched(found.without_edits(want.alone(&found.index))),
            (None, Some(gapless)) => gapless.hidden(source),
            (None, None) => source.clone(),
        };
        let (end, colours) = (sink.clone(), Declared::default());
        let declared = colours.clone();
        let (taken, wanted, film) = (Arc::new(OnceLock::new()), want.clone(), film.clone());
        let take = Arc::clone(&taken);
        let demux = Demux::open(&seen, move |pipeline, stream| {
            let is_picture = match picture {
                Some(track_id) => stream.track_id == Some(track_id),
                None => film.may_be(stream),
            };
            if is_wanted(&wanted, is_picture, stream) && end.parent().is_none() {
                let first = connect(pipeline, stream, &wanted, threads, &end)?;
                declared.keep(&first)?;
                link(&stream.pad, &first)?;
                drop(take.set(stream.clone()));
            }
            Ok(())
        })?;
        let stream = taken.get().cloned();
        let whole = Span {
            start_ns: 0,
            end_ns: None,
        };
        let (channels, clip) = match want {
            Want::Audio { channels, .. } => {
                let recording = gapless.map_or(whole, |gapless| gapless.span);
                (Some(*channels), recording)
            }
            Want::Video | Want::AnyVideo => (None, whole),
        };
        let edited = match (&table, &stream) {
            (Some(found), Some(stream)) => Some(Edited::of(found, stream)?),
            _ => None,
        };
        Ok(Self {
            demux,
            sink,
            colours,
            channels,
            stream,
            edited,
            clip,
            is_moved: AtomicBool::new(false),
            is_behind: AtomicBool::new(false),
            ready: Mutex::default(),
        })
    }

    /// The stream that is decoded; `None` where a picture was wanted if there is one.
    #[must_use]
    pub fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Takes this part of the source alone, as if it were the whole.
    #[must_use]
    pub fn clipped(self, clip: Option<Clip>) -> Self {
        let Some(part) = clip.map(|clip| clip.span()) else {
            return self;
        };
        let whole = self.clip;
        let in_stream = |ns: u64| whole.start_ns.saturating_add(ns);
        let ends = whole.end_ns.into_iter().chain(part.end_ns.map(in_stream));
        let clip = Span {
            start_ns: in_stream(part.start_ns),
            end_ns: ends.min(),
        };
        Self { clip, ..self }
    }

    /// Goes to where decoding has to begin for everything from a stream time on to be right. Always
    /// done before playing, also for 0. `false` where the container cannot be sought in.
    #[must_use]
    pub fn seek(&self, to_ns: u64) -> bool {
        self.seek_before(to_ns, 0)
    }

    /// As [`Self::seek`], and so much earlier; in a clip also earlier than its start.
    #[must_use]
    pub fn seek_before(&self, to_ns: u64, lead_ns: u64) -> bool {
        let in_source_ns = self.clip.start_ns.saturating_add(to_ns);
        let to_ns = in_source_ns.saturating_sub(lead_ns);
        let is_fresh = !self.is_moved.load(Ordering::Relaxed);
        self.ready().clear();
        let Some(edited) = &self.edited else {
            self.is_moved.fetch_or(to_ns > 0, Ordering::Relaxed);
            return self.demux.seek_media(to_ns, is_fresh);
        };
        match edited.entry_ns(to_ns) {
            // What has given nothing yet is at its beginning.
            Ok(None) if is_fresh => true,
            Ok(entry_ns) => {
                self.is_moved.store(true, Ordering::Relaxed);
                self.demux.seek_media(entry_ns.unwrap_or(0), false)
            }
            Err(_) => false,
        }
    }

    /// The container.
    #[must_use]
    pub fn demux(&self) -> &Demux {
        &self.demux
    }

    /// Starts to flow.
    ///
    /// # Errors
    /// What the pipeline's elements say.
    pub fn play(&self) -> Result<()> {
        let started = self.demux.pipeline().set_state(gst::State::Playing);
        started.map_err(|error| self.demux.explain(error))
    }

    /// The next frame with its stream time, or `None` at the end. Frames outside of what the
    /// container shows (its edit list), and of the clip, are left out.
    ///
    /// # Errors
    /// What the pipeline's elements say.
    pub fn next(&self) -> Result<Option<Frame>> {
        loop {
            let ready = self.ready().pop_front();
            if let Some(frame) = ready {
                match frame.within(self.clip)? {
                    Within::Before => continue,
                    Within::Behind => {
                        self.is_behind.store(true, Ordering::Relaxed);
                        return Ok(None);
                    }
                    Within::Inside(frame) => return self.finished(frame).map(Some),
                }
            }
            let timeout = gst::ClockTime::from_mseconds(POLL_MS);
            // From here on its beginning has to be gone back to.
            self.is_moved.store(true, Ordering::Relaxed);
            match self.sink.try_pull_sample(timeout) {
                Some(sample) => {
                    self.is_moved.store(true, Ordering::Relaxed);
                    match self.frames_of(&sample)? {
                        Edit::Frames(frames) => self.ready().extend(frames),
                        Edit::Over => return Ok(None),
                    }
                }
                None => {
                    // An error also ends the stream: it must be looked for first.
                    let is_end = self.sink.is_eos();
                    self.demux.check()?;
                    if is_end {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether the end that [`Self::next`] told is that of a clip, and the source goes on.
    #[must_use]
    pub fn is_behind_clip(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// The frame as it is given out: sound in the channels asked for, a picture with all of its colours.
    fn finished(&self, frame: Frame) -> Result<Frame> {
        if let Some(channels) = self.channels {
            return downmix::mixed(frame, channels);
        }
        let caps = self.colours.complete(frame.caps);
        Ok(Frame { caps, ..frame })
    }

    fn ready(&self) -> std::sync::MutexGuard<'_, VecDeque<Frame>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_taken(want: Want, stream: Option<&Stream>) -> Result<()> {
    match (want, stream) {
        (Want::Video, None) => {
            let message = "The file has no picture: upload one that has, or ask for sound alone.";
            Err(Error::new(ErrorCode::NoVideo, message))
        }
        (Want::Audio { track, .. }, None) => {
            let message = format!("The file has no audio track {}.", track.saturating_add(1));
            Err(Error::new(ErrorCode::NoAudio, message))
        }
        _ => Ok(()),
    }
}

impl Decode {
    /// What of a sample is shown: by the edits of the container's table, or by its own segment.
    fn frames_of(&self, sample: &gst::Sample) -> Result<Edit> {
        let nothing = || Edit::Frames(Vec::new());
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps_owned()) else {
            return Ok(nothing());
        };
        let segment = sample.segment();
        let Some(segment) = segment.and_then(|s| s.downcast_ref::<gst::ClockTime>()) else {
            return Ok(nothing());
        };
        let shown = if self.demux.is_matroska() {
            Shown::everything()
        } else {
            Shown::read(segment)
        };
        let duration_ns = buffer.duration().map(gst::ClockTime::nseconds);
        let Some(pts) = buffer.pts() else {
            return Ok(Edit::Frames(vec![Frame {
                time_ns: None,
                duration_ns,
                buffer,
                caps,
            }]));
        };
        if let Some(edited) = &self.edited {
            return edited.apply(buffer, pts, shown, caps);
        }
        let frame = if let Ok(info) = gst_audio::AudioInfo::from_caps(&caps) {
            shown.samples(&buffer, pts, &info, caps)
        } else {
            shown.time(pts).map(|time| Frame {
                time_ns: Some(time.nseconds()),
                duration_ns,
                buffer,
                caps,
            })
        };
        Ok(Edit::Frames(frame.into_iter().collect()))
    }
}

/// Whether a stream is wanted, given whether it may be the film's picture.
fn is_wanted(want: &Want, is_picture: bool, stream: &Stream) -> bool {
    match want {
        Want::Video | Want::AnyVideo => stream.medium == Medium::Video && is_picture,
        Want::Audio {
            track, stream: id, ..
        } => {
            let is_named = if id.is_empty() {
                stream.ordinal == *track as usize
            } else {
                stream.id == *id
            };
            stream.medium == Medium::Audio && is_named
        }
    }
}
