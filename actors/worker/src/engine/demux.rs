//! A container, opened: its elementary streams, parsed but not decoded.

mod adpcm;
mod asf;
mod idle;
mod kinds;
mod stream;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bus_schema::report::ErrorCode;
use gstreamer as gst;
use gstreamer::prelude::*;
use tokio::time::Instant;

pub use self::idle::{idle_sink, run_out};
pub(super) use self::kinds::unread;
pub use self::stream::{Medium, Stream, Told};

use self::kinds::{believe_head, check_read, flv_streams, keep_to_our_demuxers};

use super::pipeline::{Build, Pipeline, element};
use super::probe::names;
use super::source::Source;
use super::{Error, Result, transport};

/// Containers that are read from their start. A transport stream has no index, and its demuxer, ours, seeks
/// nowhere; AVI's gives, by chance, pictures of before a seek behind it; the parsers of bare MPEG audio, with or
/// without a tag in front, and AC-3 guess by the bit rate where a time is, and then take it for reached: sound
/// lies elsewhere by tens of milliseconds.
const LOST_BY_SEEKS: &[&str] = &["avi", "mpegts", "mpeg", "id3", "ac3", "eac3"];
/// Elements that make whole pictures of a stream's pieces.
const PICTURE_PARSER: gst::ElementFactoryType =
    gst::ElementFactoryType::PARSER.union(gst::ElementFactoryType::MEDIA_VIDEO);
/// How long a stream is waited for that the head of an FLV promises: some promise one that never comes.
const LATE_MS_MAX: u64 = 2_000;
/// What is done with a stream before the first of its bytes flows: linked, or left alone.
type Connect = Box<dyn FnMut(&gst::Pipeline, &Stream) -> Result<()> + Send>;

/// A pipeline from the source to its parsed streams.
#[derive(Debug)]
pub struct Demux {
    pipeline: Pipeline,
    parsebin: gst::Element,
    shared: Arc<Shared>,
    source: Source,
    /// Where an ASF can be sought in.
    asf: Option<asf::Index>,
}

#[derive(Debug, Default)]
struct Shared {
    streams: Mutex<Vec<Stream>>,
    /// Whether anything flowed: then all streams that the container begins with are known.
    is_flowing: AtomicBool,
    /// Whether any stream was linked.
    is_taken: AtomicBool,
    /// Whether times are counted from the start: see [`adpcm`].
    is_counted: AtomicBool,
    /// When the first picture of each stream comes into its parser, by the stream's id: parsers drop what
    /// is before the first parameters.
    begins: Mutex<BTreeMap<String, u64>>,
    /// Streams that were found, and how many the file's head promises: see [`flv_streams`].
    n_found: AtomicUsize,
    n_promised: usize,
    failure: Mutex<Option<Error>>,
}

impl Demux {
    /// Opens a source and waits until every stream that `connect` linked to a waiting sink has its
    /// first buffer there. Streams that `connect` leaves alone are thrown away unread.
    ///
    /// # Errors
    /// [`ErrorCode::NotMedia`] for what no demuxer knows, what `connect` says, or what the
    /// pipeline's elements say.
    pub fn open(
        source: &Source,
        connect: impl FnMut(&gst::Pipeline, &Stream) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let pipeline = Pipeline::new()?;
        transport::register()?;
        let parsebin = element("parsebin")?;
        pipeline.chain(&[&source.element()?, &parsebin])?;
        let shared = Arc::new(Shared {
            n_promised: flv_streams(source),
            ..Shared::default()
        });
        keep_to_our_demuxers(&parsebin)?;
        believe_head(&parsebin, source);
        watch_streams(&parsebin, &pipeline, &shared, Box::new(connect));
        watch_begins(&parsebin, &shared);
        let demux = Self {
            pipeline,
            parsebin,
            shared,
            source: source.clone(),
            asf: asf::Index::read(source),
        };
        let late = Instant::now() + Duration::from_millis(LATE_MS_MAX);
        let built = demux.pipeline.preroll(|| match demux.build() {
            Build::Whole if demux.shared.is_waiting() && Instant::now() < late => Build::Growing,
            build => build,
        });
        match built {
            Ok(()) => demux.check().map(|()| demux),
            Err(error) => Err(demux.named(demux.explain(error))),
        }
    }

    /// The error with the kind of the file in it, where nothing here reads that.
    fn named(&self, error: Error) -> Error {
        let is_unread = error.code == ErrorCode::Unsupported && self.streams().is_empty();
        let caps = self.container().filter(|_| is_unread);
        caps.and_then(|caps| unread(&caps)).unwrap_or(error)
    }

    fn build(&self) -> Build {
        // Held while a stream is being connected, through which something may flow already.
        let streams = lock(&self.shared.streams);
        if self.shared.is_flowing.load(Ordering::Relaxed) && !streams.is_empty() {
            Build::Whole
        } else if streams.is_empty() && !self.pipeline.is_running() {
            Build::Stopped
        } else {
            Build::Growing
        }
    }

    /// The streams as they came, with what is told of them up to now.
    #[must_use]
    pub fn streams(&self) -> Vec<Stream> {
        lock(&self.shared.streams)
            .iter()
            .map(Stream::told)
            .collect()
    }

    /// When the first picture of a stream came, be it one that cannot be decoded: in the demuxer's time
    /// stamps.
    #[must_use]
    pub fn begin_ns(&self, id: &str) -> Option<u64> {
        lock(&self.shared.begins).get(id).copied()
    }

    /// The container's media type, as the parser's own look at the first bytes found it.
    #[must_use]
    pub fn container(&self) -> Option<gst::Caps> {
        container(self.parsebin.downcast_ref::<gst::Bin>()?)
    }

    /// Whether time stamps are stream times, whatever the segments say: see [`is_matroska`].
    #[must_use]
    pub fn is_matroska(&self) -> bool {
        self.parsebin
            .downcast_ref::<gst::Bin>()
            .is_some_and(is_matroska)
    }

    /// Whether a seek may end elsewhere than it says.
    #[must_use]
    pub fn is_lost_by_seeks(&self) -> bool {
        let name = self.container().and_then(|caps| names::container(&caps));
        let is_lost = name.is_some_and(|name| match name.as_str() {
            "asf" => self.asf.is_none(),
            name => LOST_BY_SEEKS.contains(&name),
        });
        is_lost || self.shared.is_counted.load(Ordering::Relaxed)
    }

    /// The pipeline.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Fails when an element, a read or the connection of streams has failed.
    ///
    /// # Errors
    /// That failure.
    pub fn check(&self) -> Result<()> {
        if let Some(error) = lock(&self.shared.failure).clone() {
            return Err(error);
        }
        if let Some(error) = self.source.failure() {
            return Err(error);
        }
        self.pipeline
            .take_error()
            .map_or(Ok(()), |error| Err(self.explain(error)))
    }

    /// The better reason, where something of ours failed and the pipeline only saw the effect.
    #[must_use]
    pub fn explain(&self, error: Error) -> Error {
        lock(&self.shared.failure)
            .clone()
            .or_else(|| self.source.failure())
            .unwrap_or(error)
    }

    /// Goes to the keyframe at or before a time of the container's own, in every stream. Always done
    /// before playing, also for 0. `false` where the container cannot be sought in.
    ///
    /// To 0 nothing is sought where that would leave something out, and nothing was taken yet
    /// (`is_fresh`).
    ///
    /// This is no stream time where edits are applied by us: [`super::decode::Decode::seek`] knows both.
    #[must_use]
    pub fn seek_media(&self, to_ns: u64, is_fresh: bool) -> bool {
        let to_ns = if self.is_matroska() {
            to_ns.saturating_sub(self.origin_ns())
        } else {
            to_ns
        };
        if self.is_lost_by_seeks() {
            return to_ns == 0 && is_fresh;
        }
        if to_ns == 0 && is_fresh && (self.is_matroska() || self.asf.is_some()) {
            return true;
        }
        let mut flags =
            gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT | gst::SeekFlags::SNAP_BEFORE;
        let to_ns = match &self.asf {
            Some(index) => index.entry_ns(to_ns).unwrap_or_else(|| {
                // Or the demuxer begins at its entry's time.
                flags |= gst::SeekFlags::ACCURATE;
                0
            }),
            None => to_ns,
        };
        let to = gst::ClockTime::from_nseconds(to_ns);
        self.pipeline.inner().seek_simple(flags, to).is_ok()
    }

    /// The time stamp that a demuxer counts positions from.
    fn origin_ns(&self) -> u64 {
        let origin = |stream: &Stream| {
            let event = stream.pad.sticky_event::<gst::event::Segment>(0)?;
            let segment = event.segment().downcast_ref::<gst::ClockTime>()?;
            let start = segment.start()?;
            start.checked_sub(segment.time().unwrap_or(gst::ClockTime::ZERO))
        };
        let streams = self.streams();
        let origin = streams.iter().find_map(origin);
        origin.map_or(0, gst::ClockTime::nseconds)
    }

    /// The duration that the container declares.
    #[must_use]
    pub fn declared_duration_ns(&self) -> Option<u64> {
        let from_pipeline = self.pipeline.inner().query_duration::<gst::ClockTime>();
        let from_stream = || {
            self.streams()
                .iter()
                .filter_map(|stream| stream.pad.query_duration::<gst::ClockTime>())
                .max()
        };
        from_pipeline
            .or_else(from_stream)
            .map(gst::ClockTime::nseconds)
    }
}

impl Shared {
    /// Whether a promised stream was not found yet.
    fn is_waiting(&self) -> bool {
        self.n_found.load(Ordering::Relaxed) < self.n_promised
    }
}

/// What the bin's parser, or one in it, found.
fn container(bin: &gst::Bin) -> Option<gst::Caps> {
    let typefind = bin.by_name("typefind")?;
    typefind.property::<Option<gst::Caps>>("caps")
}

/// Whether the parser reads WAV or AVI.
fn is_riff(parsebin: &gst::Element) -> bool {
    let caps = parsebin.downcast_ref().and_then(container);
    let name = caps.and_then(|caps| names::container(&caps));
    name.is_some_and(|name| name == "wav" || name == "avi")
}

/// Whether the bin's parser reads Matroska or WebM. Until it is sought in, their demuxer takes the time
/// of whatever comes first for the beginning, counts positions from there, and goes to the first
/// keyframe for 0, behind sound that comes before it. So nothing is sought for 0, positions are counted
/// as it does, and time stamps are believed and segments not.
#[must_use]
pub fn is_matroska(bin: &gst::Bin) -> bool {
    let name = container(bin).and_then(|caps| names::container(&caps));
    name.is_some_and(|name| name == "matroska" || name == "webm")
}

/// Links streams as they appear. Those that a container begins with all appear before the first of
/// them flows; in a joined broadcast others may come later.
fn watch_streams(
    parsebin: &gst::Element,
    pipeline: &Pipeline,
    shared: &Arc<Shared>,
    connect: Connect,
) {
    let connect = Mutex::new(connect);
    let (weak, shared) = (pipeline.inner().downgrade(), Arc::clone(shared));
    parsebin.connect_pad_added(move |parsebin, pad| {
        let Some(pipeline) = weak.upgrade() else {
            return;
        };
        let mut streams = lock(&shared.streams);
        let stream = Stream::of(pad, &streams);
        watch_flow(pad, &shared);
        if let Some(blocks) = adpcm::Blocks::of(&stream.caps).filter(|_| is_riff(parsebin)) {
            blocks.retime(&stream);
            shared.is_counted.store(true, Ordering::Relaxed);
        }
        let checked = check_read(parsebin, &stream);
        let linked = checked.and_then(|()| lock(&connect)(&pipeline, &stream));
        let linked = linked.and_then(|()| {
            if pad.is_linked() {
                Ok(true)
            } else {
                idle::discard(&pipeline, &stream, &shared).map(|()| false)
            }
        });
        match linked {
            Ok(true) => shared.is_taken.store(true, Ordering::Relaxed),
            Ok(false) => {}
            Err(error) => {
                let text = error.to_log();
                lock(&shared.failure).get_or_insert(error);
                gst::element_error!(parsebin, gst::CoreError::Failed, ["{text}"]);
            }
        }
        streams.push(stream);
        shared.n_found.store(streams.len(), Ordering::Relaxed);
    });
}

/// Notes what comes first into the parsers of pictures.
fn watch_begins(parsebin: &gst::Element, shared: &Arc<Shared>) {
    let Some(bin) = parsebin.downcast_ref::<gst::Bin>() else {
        return;
    };
    let shared = Arc::clone(shared);
    bin.connect_element_added(move |_, element| {
        let is_parser = element
            .factory()
            .is_some_and(|factory| factory.has_type(PICTURE_PARSER));
        let pad = element.static_pad("sink").filter(|_| is_parser);
        let Some(pad) = pad else {
            return;
        };
        let shared = Arc::clone(&shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let Some(begin) = info.buffer().and_then(|buffer| buffer.pts()) else {
                return gst::PadProbeReturn::Ok;
            };
            lock(&shared.begins).insert(stream::id(pad), begin.nseconds());
            gst::PadProbeReturn::Remove
        });
    });
}

fn watch_flow(pad: &gst::Pad, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |_, _| {
        shared.is_flowing.store(true, Ordering::Relaxed);
        gst::PadProbeReturn::Remove
    });
}

/// Links a stream to an element's only sink pad.
///
/// # Errors
/// When they do not fit together.
pub fn link(pad: &gst::Pad, to: &gst::Element) -> Result<()> {
    let sink = to
        .static_pad("sink")
        .ok_or_else(|| Error::internal("an element without a sink"))?;
    pad.link(&sink).map(drop).map_err(|error| {
        let message = "The file holds a stream in a form that this worker's decoder does not take: \
                       convert it to MP4 with H.264 and AAC, and upload that.";
        Error::new(ErrorCode::Unsupported, message).because(error.to_string())
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
