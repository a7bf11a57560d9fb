//! From access units to objects: one rendition's segments, init segment and sample table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus_schema::attempt::RenditionResult;
use bus_schema::object_key;
use bus_schema::plan::VideoRendition;
use bus_schema::report::ErrorCode;
use bytes::Bytes;
use gstreamer as gst;

use super::super::results::Results;
use super::super::{Error, Result};
use super::encode::{AccessUnit, Sink};
use super::encoder::Coding;
use super::window::to_units;
use crate::mp4::{self, PieceWriter, Sample, Track};
use crate::protocol::OBJECT_BYTES_MAX;

/// Where segments begin, as the decoding side finds out; the same for all renditions.
#[derive(Debug, Default)]
pub struct Cuts {
    starts: Mutex<Vec<u64>>,
}

impl Cuts {
    /// A frame at `units` begins the next segment. Said before the frame is pushed.
    pub fn begin(&self, units: u64) {
        lock(&self.starts).push(units);
    }

    /// All starts so far.
    #[must_use]
    pub fn starts(&self) -> Vec<u64> {
        lock(&self.starts).clone()
    }

    /// The start of the n-th segment of this chunk, when it is known.
    fn start(&self, index: usize) -> Option<u64> {
        lock(&self.starts).get(index).copied()
    }
}

/// Collects one rendition.
#[derive(Debug)]
pub struct Collector {
    rendition: VideoRendition,
    coding: Coding,
    timescale: u32,
    first_segment: u32,
    cuts: Arc<Cuts>,
    results: Arc<Results>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    writer: Option<PieceWriter>,
    /// Frames of the segment in hand, in decode order.
    pending: Vec<Pending>,
    pending_bytes: u64,
    done: Vec<u32>,
    keyframe_bytes: Vec<u32>,
    init_bytes: u32,
    frames: u64,
    done_ns: u64,
}

#[derive(Debug)]
struct Pending {
    units: u64,
    is_sync: bool,
    data: Bytes,
}

impl Collector {
    /// A collector whose first segment has the number `first_segment` in its rendition.
    #[must_use]
    pub(in crate::engine) fn new(
        coding: Coding,
        timescale: u32,
        first_segment: u32,
        cuts: Arc<Cuts>,
        results: Arc<Results>,
    ) -> Self {
        Self {
            rendition: coding.rendition().clone(),
            coding,
            timescale,
            first_segment,
            cuts,
            results,
            state: Mutex::default(),
        }
    }

    /// Frames encoded so far, and the source time that they reach.
    #[must_use]
    pub fn position(&self) -> (u64, u64) {
        let state = lock(&self.state);
        (state.frames, state.done_ns)
    }

    /// Writes the last segment, which ends at `end`, and the sample table.
    ///
    /// # Errors
    /// When the encoder did not give back `frames` frames, or the parent is gone.
    pub fn finish(&self, frames: u64, end: u64) -> Result<RenditionResult> {
        let mut state = lock(&self.state);
        if state.frames != frames {
            return Err(Error::internal(format!(
                "{} made {} of {frames} frames",
                self.rendition.encoder, state.frames
            )));
        }
        self.close_segment(&mut state, end)?;
        let name = self.rendition.name.clone();
        let (mut samples_bytes, mut codecs, mut config) = (0, String::new(), String::new());
        if let Some(writer) = state.writer.take() {
            let table = writer.finish();
            codecs = table.track().config.codecs();
            config = table.track().config.digest();
            samples_bytes =
                self.send(object_key::samples(&name), table.encode().map_err(broken)?)?;
        }
        let (bytes, init_bytes) = (std::mem::take(&mut state.done), state.init_bytes);
        let keyframe_bytes = std::mem::take(&mut state.keyframe_bytes);
        Ok(RenditionResult {
            name,
            bytes,
            keyframe_bytes,
            init_bytes,
            samples_bytes,
            codecs,
            config,
        })
    }

    /// The first access unit's caps tell the decoder configuration.
    fn begin(
        &self,
        state: &mut State,
        caps: &gst::CapsRef,
        first: &[u8],
        start: u64,
    ) -> Result<()> {
        let config = self.coding.config(caps, first)?;
        let track = Track {
            timescale: self.timescale,
            config,
            language: None,
            priming: 0,
        };
        let writer = PieceWriter::new(track, self.first_segment, start).map_err(broken)?;
        let init = writer.init().map_err(broken)?;
        state.init_bytes = self.send(object_key::init(&self.rendition.name), init)?;
        state.writer = Some(writer);
        Ok(())
    }

    fn close_segment(&self, state: &mut State, end: u64) -> Result<()> {
        let pending = std::mem::take(&mut state.pending);
        state.pending_bytes = 0;
        let (Some(writer), false) = (state.writer.as_mut(), pending.is_empty()) else {
            return Ok(());
        };
        let times: Vec<u64> = pending.iter().map(|frame| frame.units).collect();
        let timings = mp4::schedule(&times, end).map_err(broken)?;
        let samples: Vec<Sample> = pending
            .into_iter()
            .zip(timings)
            .map(|(frame, timing)| Sample {
                duration: timing.duration,
                composition_offset: timing.composition_offset,
                is_sync: frame.is_sync,
                data: frame.data,
            })
            .collect();
        let bytes = writer.segment(&samples).map_err(broken)?;
        let keyframe_bytes = first_frame_end(&samples, bytes.len());
        let number = self.first_segment + u32::try_from(state.done.len()).unwrap_or(u32::MAX);
        let bytes = self.send(object_key::segment(&self.rendition.name, number), bytes)?;
        state.done.push(bytes);
        state.keyframe_bytes.push(keyframe_bytes);
        Ok(())
    }

    fn send(&self, name: String, bytes: Vec<u8>) -> Result<u32> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.results.object(name, bytes)?;
        Ok(len)
    }
}

impl Sink for Collector {
    fn access_unit(&self, caps: &gst::CapsRef, unit: AccessUnit) -> Result<()> {
        let units = to_units(unit.time_ns, self.timescale);
        let mut state = lock(&self.state);
        let next = state.done.len() + usize::from(!state.pending.is_empty());
        if self.cuts.start(next) == Some(units) {
            if !unit.is_sync {
                let what = format!("the segment at {units} would begin without a keyframe");
                return Err(Error::internal(what));
            }
            if state.writer.is_none() {
                self.begin(&mut state, caps, &unit.data, units)?;
            }
            self.close_segment(&mut state, units)?;
        }
        let data = self.coding.sample(unit.data)?;
        state.pending_bytes += data.len() as u64;
        if state.pending_bytes > OBJECT_BYTES_MAX {
            return Err(Error::new(
                ErrorCode::LimitExceeded,
                format!(
                    "A segment of {} is over {OBJECT_BYTES_MAX} bytes: ask for a lower rate, or for \
                     shorter segments.",
                    self.rendition.name
                ),
            ));
        }
        state.pending.push(Pending {
            units,
            is_sync: unit.is_sync,
            data,
        });
        state.frames += 1;
        state.done_ns = state.done_ns.max(unit.time_ns);
        Ok(())
    }
}

/// Where the first frame of a segment of so many bytes ends: frames lie in their order at its end.
fn first_frame_end(samples: &[Sample], segment_bytes: usize) -> u32 {
    let behind = samples.iter().skip(1).map(|sample| sample.data.len());
    u32::try_from(segment_bytes - behind.sum::<usize>()).unwrap_or(u32::MAX)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: mp4::Error) -> Error {
    Error::internal(format!("segments cannot be written: {error}"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
