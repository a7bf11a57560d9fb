//! One stream of a container, decoded, from any time on.

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

use super::clip::Within;
use super::colour::Declared;
use super::demux::{Demux, Medium, Stream, link};
use super::downmix;
use super::edited::{Edit, Edited};
use super::pipeline::{self, POLL_MS, element};
use super::probe::names;
use super::shown::Shown;
use super::source::Source;
use super::{Error, Result, table};
use crate::mp4::index::MovieIndex;

/// Coded frames between demuxer and decoder.
const CODED_FRAMES_MAX: u32 = 16;
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
    /// The part that is taken, in stream time; frames' times are counted from its start.
    clip: Span,
    /// Whether anything was taken, or sought.
    is_moved: AtomicBool,
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
        let decode = Self::open_with(source, &want, threads, false)?;
        let wants_video = !matches!(want, Want::Audio { .. });
        if decode.stream.is_none() && wants_video {
            // Motion JPEG, which a cover looks like: taken where there is no other picture.
            let streams = decode.demux.streams();
            if streams.iter().any(|stream| stream.medium == Medium::Video) {
                drop(decode);
                return Self::open_with(source, &want, threads, true);
            }
        }
        check_taken(want, decode.stream.as_ref())?;
        Ok(decode)
    }

    fn open_with(source: &Source, want: &Want, threads: u32, takes_jpeg: bool) -> Result<Self> {
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
        let seen = match &table {
            Some(found) => source.patched(found.without_edits(want.alone(&found.index))),
            None => source.clone(),
        };
        let (end, colours) = (sink.clone(), Declared::default());
        let declared = colours.clone();
        let (taken, wanted) = (Arc::new(OnceLock::new()), want.clone());
        let take = Arc::clone(&taken);
        let demux = Demux::open(&seen, move |pipeline, stream| {
            let is_picture = match picture {
                Some(track_id) => stream.track_id == Some(track_id),
                None => takes_jpeg || !is_jpeg(&stream.caps),
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
        let channels = match want {
            Want::Audio { channels, .. } => Some(*channels),
            Want::Video | Want::AnyVideo => None,
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
            clip: Span {
                start_ns: 0,
                end_ns: None,
            },
            is_moved: AtomicBool::new(false),
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
        let clip = clip.map_or(self.clip, |clip| clip.span());
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
                    Within::Behind => return Ok(None),
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

/// A decoded frame, or a run of decoded samples.
#[derive(Debug, Clone)]
pub struct Frame {
    /// When it is shown, in stream time; `None` where the decoder could not tell.
    pub time_ns: Option<u64>,
    /// For how long, where known.
    pub duration_ns: Option<u64>,
    /// Its content.
    pub buffer: gst::Buffer,
    /// What the content is.
    pub caps: gst::Caps,
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

/// Adds queue, decoder, converters and sink for a stream; returns the first, to link it to.
fn connect(
    pipeline: &gst::Pipeline,
    stream: &Stream,
    want: &Want,
    threads: u32,
    sink: &gst_app::AppSink,
) -> Result<gst::Element> {
    let mut elements = vec![pipeline::queue(CODED_FRAMES_MAX)?];
    if !is_raw(&stream.caps) {
        elements.push(decoder(&stream.caps, threads)?);
    }
    match want {
        Want::Audio { sample_rate_hz, .. } => {
            let convert = element("audioconvert")?;
            keep_channels(&convert, sink, *sample_rate_hz)?;
            elements.extend([convert, element("audioresample")?]);
        }
        Want::Video | Want::AnyVideo => {}
    }
    elements.push(sink.clone().upcast());
    let elements: Vec<&gst::Element> = elements.iter().collect();
    pipeline.add_many(elements.iter().copied())?;
    gst::Element::link_many(elements.iter().copied())?;
    for element in elements.iter().rev() {
        element.sync_state_with_parent()?;
    }
    let first = elements
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("an empty chain"))?;
    Shown::carry(first)?;
    Ok(first.clone())
}

/// Whatever channels come into a converter come out of it, into a sink that takes no others: they are
/// mixed behind that. Left to itself, a converter may choose one.
fn keep_channels(
    convert: &gst::Element,
    sink: &gst_app::AppSink,
    sample_rate_hz: u32,
) -> Result<()> {
    let pad = convert
        .static_pad("sink")
        .ok_or_else(|| Error::internal("a converter without a sink"))?;
    let sink = sink.downgrade();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let (Some(event), Some(sink)) = (info.event(), sink.upgrade())
            && let gst::EventView::Caps(event) = event.view()
            && let Some(found) = event.caps().structure(0)
            && let Ok(channels) = found.get::<i32>("channels")
        {
            let mut caps = pcm_caps(u32::try_from(channels).unwrap_or(1), sample_rate_hz);
            if let (Ok(mask), Some(wanted)) = (
                found.get::<gst::Bitmask>("channel-mask"),
                caps.make_mut().structure_mut(0),
            ) {
                wanted.set("channel-mask", mask);
            }
            sink.set_caps(Some(&caps));
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Interleaved 32-bit float.
#[must_use]
pub fn pcm_caps(channels: u32, sample_rate_hz: u32) -> gst::Caps {
    let int = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    gst::Caps::builder("audio/x-raw")
        .field("format", "F32LE")
        .field("layout", "interleaved")
        .field("channels", int(channels))
        .field("rate", int(sample_rate_hz))
        .build()
}

fn is_jpeg(caps: &gst::Caps) -> bool {
    caps.structure(0)
        .is_some_and(|s| s.name().as_str() == "image/jpeg")
}

fn is_raw(caps: &gst::Caps) -> bool {
    caps.structure(0)
        .is_some_and(|s| matches!(s.name().as_str(), "video/x-raw" | "audio/x-raw"))
}

/// The highest-ranked decoder that takes these caps. The plugin whitelist is what keeps others out.
fn decoder(caps: &gst::Caps, threads: u32) -> Result<gst::Element> {
    let kind = gst::ElementFactoryType::DECODER;
    let mut factories: Vec<_> = gst::ElementFactory::factories_with_type(kind, gst::Rank::MARGINAL)
        .into_iter()
        .collect();
    factories.sort_by_key(|factory| std::cmp::Reverse(factory.rank()));
    let factory = factories
        .into_iter()
        .find(|factory| factory.can_sink_any_caps(caps))
        .ok_or_else(|| {
            let message = format!(
                "This worker has no decoder for the format `{}`: convert the file to MP4 with H.264 \
                 and AAC, and upload that.",
                names::codec(caps)
            );
            Error::new(ErrorCode::Unsupported, message).because(caps.to_string())
        })?;
    // Its threads tell each other too late which encoder made the film, and with it which of several
    // transforms to use: the same frames came out with other pixels, by chance.
    let threads = if factory.name() == "avdec_mpeg4" {
        1
    } else {
        threads
    };
    let decoder = factory.create().build()?;
    // libav's decoders say `max-threads`, libvpx's and libaom's `threads`.
    for name in ["max-threads", "threads"] {
        let is_number = |pspec: gst::glib::ParamSpec| pspec.value_type() == i32::static_type();
        if decoder.find_property(name).is_some_and(is_number) {
            decoder.set_property(name, i32::try_from(threads).unwrap_or(1));
        }
    }
    Ok(decoder)
}
