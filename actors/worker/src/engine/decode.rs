//! One stream of a container, decoded, from any time on.

use bus_schema::report::ErrorCode;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_audio as gst_audio;

use super::colour::Declared;
use super::demux::{Demux, Medium, Stream, link};
use super::pipeline::{self, POLL_MS, element};
use super::probe::names;
use super::shown::Shown;
use super::source::Source;
use super::{Error, Result};

/// Coded frames between demuxer and decoder.
const CODED_FRAMES_MAX: u32 = 16;
/// Decoded frames between decoder and us; a 1080p frame has 3 MB.
const DECODED_FRAMES_MAX: u32 = 3;

/// What is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The first picture.
    Video,
    /// This audio track, from 0, as interleaved 32-bit float.
    Audio {
        /// Its ordinal among the audio tracks.
        track: u32,
        /// Channels to mix to.
        channels: u32,
        /// Rate to convert to.
        sample_rate_hz: u32,
    },
    /// The first picture, if there is one.
    AnyVideo,
}

/// A decoded stream.
#[derive(Debug)]
pub struct Decode {
    demux: Demux,
    sink: gst_app::AppSink,
    colours: Declared,
}

impl Decode {
    /// Opens a source and decodes what is wanted with so many threads, up to the first frame.
    ///
    /// # Errors
    /// [`ErrorCode::NoVideo`] or [`ErrorCode::NoAudio`] where there is no such stream,
    /// [`ErrorCode::Unsupported`] where no decoder takes it, and what [`Demux::open`] says.
    pub fn open(source: &Source, want: Want, threads: u32) -> Result<Self> {
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .max_buffers(DECODED_FRAMES_MAX)
            .drop(false)
            .build();
        let end = sink.clone();
        let colours = Declared::default();
        let declared = colours.clone();
        let demux = Demux::open(source, move |pipeline, stream| {
            if is_wanted(want, stream) && end.parent().is_none() {
                let first = connect(pipeline, stream, want, threads, &end)?;
                declared.keep(&first)?;
                link(&stream.pad, &first)?;
            }
            Ok(())
        })?;
        match want {
            Want::Video if sink.parent().is_none() => {
                let message =
                    "The file has no picture: upload one that has, or ask for sound alone.";
                Err(Error::new(ErrorCode::NoVideo, message))
            }
            Want::Audio { track, .. } if sink.parent().is_none() => {
                let message = format!("The file has no audio track {}.", track.saturating_add(1));
                Err(Error::new(ErrorCode::NoAudio, message))
            }
            _ => Ok(Self {
                demux,
                sink,
                colours,
            }),
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
    /// container shows (its edit list) are left out. `idle` is called while there is none yet.
    ///
    /// # Errors
    /// What the pipeline's elements say.
    pub fn next(&self) -> Result<Option<Frame>> {
        loop {
            let timeout = gst::ClockTime::from_mseconds(POLL_MS);
            match self.sink.try_pull_sample(timeout) {
                Some(sample) => {
                    if let Some(frame) = Frame::of(&sample) {
                        let caps = self.colours.complete(frame.caps);
                        return Ok(Some(Frame { caps, ..frame }));
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

impl Frame {
    fn of(sample: &gst::Sample) -> Option<Self> {
        let buffer = sample.buffer_owned()?;
        let caps = sample.caps_owned()?;
        let shown = Shown::read(sample.segment()?.downcast_ref::<gst::ClockTime>()?);
        let duration_ns = buffer.duration().map(gst::ClockTime::nseconds);
        let Some(pts) = buffer.pts() else {
            return Some(Self {
                time_ns: None,
                duration_ns,
                buffer,
                caps,
            });
        };
        if let Ok(info) = gst_audio::AudioInfo::from_caps(&caps) {
            return shown.samples(&buffer, pts, &info, caps);
        }
        let time_ns = Some(shown.time(pts)?.nseconds());
        Some(Self {
            time_ns,
            duration_ns,
            buffer,
            caps,
        })
    }
}

fn is_wanted(want: Want, stream: &Stream) -> bool {
    match want {
        Want::Video | Want::AnyVideo => stream.medium == Medium::Video,
        Want::Audio { track, .. } => {
            stream.medium == Medium::Audio && stream.ordinal == track as usize
        }
    }
}

/// Adds queue, decoder, converters and sink for a stream; returns the first, to link it to.
fn connect(
    pipeline: &gst::Pipeline,
    stream: &Stream,
    want: Want,
    threads: u32,
    sink: &gst_app::AppSink,
) -> Result<gst::Element> {
    let mut elements = vec![pipeline::queue(CODED_FRAMES_MAX)?];
    if !is_raw(&stream.caps) {
        elements.push(decoder(&stream.caps, threads)?);
    }
    match want {
        Want::Audio {
            channels,
            sample_rate_hz,
            ..
        } => {
            elements.extend([element("audioconvert")?, element("audioresample")?]);
            sink.set_caps(Some(&pcm_caps(channels, sample_rate_hz)));
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
