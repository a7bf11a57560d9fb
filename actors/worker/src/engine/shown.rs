//! What a container shows of a stream, carried past the decoder untouched.
//!
//! Decoders clip: a frame that begins before the shown segment and reaches into it is moved to the
//! segment's start, and samples are cut there to the nanosecond. Players do neither: they leave out
//! what begins earlier. So decoders are shown a segment without ends, and what it was rides along
//! in fields that they pass on without looking.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_audio as gst_audio;

use super::frame::Frame;
use super::{Error, Result};

type Segment = gst::FormattedSegment<gst::ClockTime>;

/// The part of a stream that is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    start: gst::ClockTime,
    stop: Option<gst::ClockTime>,
    /// Stream time of `start`.
    time: gst::ClockTime,
}

impl Shown {
    /// Replaces the segments that come into an element.
    pub(super) fn carry(element: &gst::Element) -> Result<()> {
        let sink = element
            .static_pad("sink")
            .ok_or_else(|| Error::internal("a queue without a sink"))?;
        sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, |_, info| {
            if let Some(event) = info.event().and_then(replaced) {
                info.data = Some(gst::PadProbeData::Event(event));
            }
            gst::PadProbeReturn::Ok
        });
        Ok(())
    }

    /// Everything, each buffer at its own time.
    pub(super) fn everything() -> Self {
        Self {
            start: gst::ClockTime::ZERO,
            stop: None,
            time: gst::ClockTime::ZERO,
        }
    }

    /// Reads what was carried.
    pub(super) fn read(segment: &Segment) -> Self {
        let zero = gst::ClockTime::ZERO;
        Self {
            start: segment.base().unwrap_or(zero),
            stop: segment.duration(),
            time: segment.time().unwrap_or(zero),
        }
    }

    /// The demuxer's own time of a buffer in nanoseconds, which may be negative. Demuxers shift time
    /// stamps and segments alike where they would be.
    pub(super) fn media_ns(&self, pts: gst::ClockTime) -> i128 {
        i128::from(pts.nseconds()) - i128::from(self.start.nseconds())
            + i128::from(self.time.nseconds())
    }

    /// The stream time of a picture; `None` when it is not shown.
    pub(super) fn time(&self, pts: gst::ClockTime) -> Option<gst::ClockTime> {
        let since = pts.checked_sub(self.start)?;
        self.stop
            .is_none_or(|stop| pts < stop)
            .then_some(since + self.time)
    }

    /// The shown part of a run of samples. What lies before the start is left out only where stream
    /// time would be negative: elsewhere it is only where a seek began, and as good as the rest.
    pub(super) fn samples(
        &self,
        buffer: &gst::BufferRef,
        pts: gst::ClockTime,
        info: &gst_audio::AudioInfo,
        caps: gst::Caps,
    ) -> Option<Frame> {
        let count = |time: gst::ClockTime| {
            let samples = u128::from(time.nseconds()) * u128::from(info.rate()) + 500_000_000;
            usize::try_from(samples / 1_000_000_000).unwrap_or(usize::MAX)
        };
        let origin = self.start.checked_sub(self.time);
        let (time, skip) = match origin {
            // Stream time 0 lies at `origin`.
            Some(origin) if pts < origin => (gst::ClockTime::ZERO, count(origin - pts)),
            Some(origin) => (pts - origin, 0),
            None => (pts + (self.time - self.start), 0),
        };
        let frame_bytes = info.bpf() as usize;
        let samples = buffer.size() / frame_bytes;
        let until_stop = |stop: gst::ClockTime| stop.checked_sub(pts).map_or(0, count);
        let end = self.stop.map_or(samples, until_stop).min(samples);
        if skip >= end {
            return None;
        }
        let range = skip * frame_bytes..end * frame_bytes;
        let buffer = buffer
            .copy_region(gst::BufferCopyFlags::MEMORY, range)
            .ok()?;
        Some(Frame {
            time_ns: Some(time.nseconds()),
            duration_ns: None,
            buffer,
            caps,
        })
    }
}

/// A segment without ends in place of one that has them.
fn replaced(event: &gst::Event) -> Option<gst::Event> {
    let gst::EventView::Segment(event) = event.view() else {
        return None;
    };
    let old = event.segment().downcast_ref::<gst::ClockTime>()?;
    let mut new = Segment::new();
    new.set_base(old.start());
    new.set_duration(old.stop());
    new.set_time(old.time());
    Some(
        gst::event::Segment::builder(&new)
            .seqnum(event.seqnum())
            .build(),
    )
}
