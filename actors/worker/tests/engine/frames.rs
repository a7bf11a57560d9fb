//! A source's frames as the engine decodes them, in this process, and as ffmpeg does: each by its
//! time and a hash of its pixels, so that "the same frames" means the same bytes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Once;

use bus_schema::plan::Span;
use bus_schema::request::clip::Clip;
use bytes::Bytes;
use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use worker::engine::chunk::window::{Place, Window, to_ns};
use worker::engine::decode::{Decode, Want};
use worker::engine::source::{RangeSource, Source};

use super::task::{self, SECOND_NS};

/// A frame: when it is shown, in nanoseconds, and a hash of its pixels as planes of 4:2:0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) time_ns: u64,
    pub(crate) hash: u64,
}

struct File(std::fs::File, u64);

impl RangeSource for File {
    fn size(&self) -> u64 {
        self.1
    }

    fn read(&mut self, offset: u64, len: u64) -> std::io::Result<Bytes> {
        let mut bytes = vec![0; usize::try_from(len).expect("a short read")];
        self.0.read_exact_at(&mut bytes, offset)?;
        Ok(bytes.into())
    }
}

/// GStreamer as a child has it: with the plugins of its list and no others.
fn init() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        gst::init().expect("GStreamer is installed");
        let links = &task::options().environment["GST_PLUGIN_SYSTEM_PATH_1_0"];
        let registry = gst::Registry::get();
        for plugin in registry.plugins() {
            let file = plugin.filename();
            let name = file.as_deref().and_then(Path::file_name);
            if name.is_some_and(|name| !Path::new(links).join(name).exists()) {
                registry.remove_plugin(&plugin);
            }
        }
    });
}

pub(crate) fn source(path: &Path) -> Source {
    init();
    let file = std::fs::File::open(path).expect("the source can be opened");
    let size = file.metadata().expect("it has a size").len();
    Source::new(Box::new(File(file, size)))
}

/// All frames, decoded in chunks that begin at these times, as a task's window takes them.
pub(crate) fn decoded(path: &Path, timescale: u32, starts_ms: &[u64]) -> Vec<Frame> {
    decoded_clip(path, timescale, None, starts_ms)
}

/// The same of a clip, in its own time.
pub(crate) fn decoded_clip(
    path: &Path,
    timescale: u32,
    clip: Option<Clip>,
    starts_ms: &[u64],
) -> Vec<Frame> {
    let mut all = Vec::new();
    for (index, start_ms) in starts_ms.iter().enumerate() {
        let end_ns = starts_ms.get(index + 1).map(|ms| ms * 1_000_000);
        let span = Span {
            start_ns: start_ms * 1_000_000,
            end_ns,
        };
        let decode = Decode::open(&source(path), Want::Video, 2).expect("it can be decoded");
        let decode = decode.clipped(clip);
        // In some containers nobody can: then it is decoded from its start.
        let name = path.to_string_lossy();
        let is_unfit = name.ends_with(".avi") || name.ends_with("unindexed.wmv");
        let is_sought = decode.seek(span.start_ns);
        assert!(is_sought || is_unfit, "{name}: no seeking");
        decode.play().expect("it flows");
        let mut window = Window::new(span, timescale, SECOND_NS);
        while let Some(frame) = decode.next().expect("no error") {
            let time_ns = frame.time_ns.expect("a frame has a time");
            match window.place(time_ns) {
                Place::Before => {}
                Place::Inside { units, .. } => all.push(Frame {
                    time_ns: to_ns(units, timescale),
                    hash: hash(&frame.buffer, &frame.caps),
                }),
                Place::Behind { .. } => break,
            }
        }
    }
    all
}

/// Visible pixels alone: decoders pad rows.
fn hash(buffer: &gst::Buffer, caps: &gst::Caps) -> u64 {
    let info = gst_video::VideoInfo::from_caps(caps).expect("a picture");
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).expect("pixels");
    let mut hasher = DefaultHasher::new();
    // Planar formats alone: a plane is a component.
    for plane in 0..frame.n_planes() {
        let stride = usize::try_from(frame.plane_stride()[plane as usize]).expect("a stride");
        let bytes_each = usize::try_from(frame.comp_pstride(plane)).expect("a sample");
        let width = frame.comp_width(plane) as usize * bytes_each;
        let rows = frame.plane_data(plane).expect("a plane").chunks(stride);
        for row in rows.take(frame.comp_height(plane) as usize) {
            row[..width].hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// The frames that ffmpeg shows of a stream, with the times that it has for them.
pub(crate) fn by_ffmpeg(path: &Path, stream: &str, (width, height): (usize, usize)) -> Vec<Frame> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-noautorotate", "-i"])
        .arg(path)
        .args([
            "-map",
            stream,
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-",
        ])
        .output()
        .expect("ffmpeg starts");
    let chroma = width.div_ceil(2) * height.div_ceil(2);
    let luma = width * height;
    let pixels = output.stdout.chunks(luma + 2 * chroma).map(|frame| {
        let mut hasher = DefaultHasher::new();
        let (y, uv) = frame.split_at(luma);
        for row in y.chunks(width).chain(uv.chunks(width.div_ceil(2))) {
            row.hash(&mut hasher);
        }
        hasher.finish()
    });
    let pixels: Vec<u64> = pixels.collect();
    let times = times_by_ffprobe(path, stream);
    assert_eq!(
        pixels.len(),
        times.len(),
        "{}: ffmpeg's own",
        path.display()
    );
    let frame = |(hash, time_ns)| Frame { time_ns, hash };
    pixels.into_iter().zip(times).map(frame).collect()
}

/// Times before 0 are 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "hours at most, and what is negative becomes 0"
)]
fn times_by_ffprobe(path: &Path, stream: &str) -> Vec<u64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-select_streams"])
        .arg(stream.trim_start_matches("0:"))
        .args(["-show_entries", "frame=best_effort_timestamp_time"])
        .arg(path)
        .output()
        .expect("ffprobe starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut times: Vec<u64> = Vec::new();
    for line in text.lines() {
        let field = line.split(',').next().unwrap_or_default();
        if field == "N/A" {
            // Behind the last packet of an AVI: a frame later.
            let gaps = times.windows(2).map(|two| two[1] - two[0]);
            let frame_ns = gaps.min().unwrap_or(0);
            times.extend(times.last().map(|last| last + frame_ns));
        } else if let Ok(seconds) = field.parse::<f64>() {
            times.push((seconds * 1e9).round() as u64);
        }
    }
    times
}

/// Whether two lists are the same frames at the same times, but for the rounding of a container to
/// milliseconds and of ffprobe to microseconds; says where they part.
pub(crate) fn compare(what: &str, ours: &[Frame], theirs: &[Frame], tolerance_ns: u64) {
    for (n, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(
            a.hash,
            b.hash,
            "{what}: frame {n} at {} ns, {} ns is their frame {:?}",
            a.time_ns,
            b.time_ns,
            theirs.iter().position(|frame| frame.hash == a.hash)
        );
        assert!(
            a.time_ns.abs_diff(b.time_ns) <= tolerance_ns,
            "{what}: frame {n} at {} ns, not {} ns",
            a.time_ns,
            b.time_ns
        );
    }
    assert_eq!(ours.len(), theirs.len(), "{what}: frames");
}

/// The first sound as one channel of 48,000 samples a second: where it begins, and what is heard.
pub(crate) fn sound(path: &Path, from_ms: u64) -> Vec<(u64, Vec<f32>)> {
    sound_clip(path, None, from_ms)
}

/// The same of a clip, in its own time; decoding begins half a second before.
pub(crate) fn sound_clip(path: &Path, clip: Option<Clip>, from_ms: u64) -> Vec<(u64, Vec<f32>)> {
    sound_of(path, "", clip, from_ms)
}

/// The same of the sound that its demuxer calls this.
pub(crate) fn sound_of(
    path: &Path,
    stream: &str,
    clip: Option<Clip>,
    from_ms: u64,
) -> Vec<(u64, Vec<f32>)> {
    let want = Want::Audio {
        track: 0,
        stream: stream.to_owned(),
        channels: 1,
        sample_rate_hz: 48_000,
    };
    let decode = Decode::open(&source(path), want, 2).expect("it can be decoded");
    let decode = decode.clipped(clip);
    let lead_ns = clip.map_or(0, |_| 500_000_000);
    let is_sought = decode.seek_before(from_ms * 1_000_000, lead_ns);
    assert!(is_sought, "{}", path.display());
    decode.play().expect("it flows");
    let mut runs = Vec::new();
    while let Some(frame) = decode.next().expect("no error") {
        let bytes = frame.buffer.map_readable().expect("samples");
        let samples = bytes.chunks_exact(4);
        let samples = samples.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        runs.push((frame.time_ns.expect("sound has a time"), samples.collect()));
    }
    runs
}
