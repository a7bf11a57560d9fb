//! ADPCM of WAV and AVI, at the times that its blocks have.
//!
//! GStreamer counts the samples of a block as it lies in these files too low (`gst_riff_create_audio_caps`:
//! without those of its head, and in one channel half of the others), so that sound runs ahead of its picture
//! by seconds in an hour, and ends early. A block's samples are told by its size (Microsoft's "Multimedia
//! Data Standards Update" 3.0, "New WAVE Types"): here its time is.

use std::sync::{Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::Stream;

/// How a stream's samples lie in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    bytes: u64,
    samples: u64,
    rate_hz: u64,
}

impl Blocks {
    /// Of a stream in blocks; `None` of any other.
    pub(super) fn of(caps: &gst::CapsRef) -> Option<Self> {
        let structure = caps.structure(0).filter(|s| s.name() == "audio/x-adpcm")?;
        let number = |name: &str| {
            let value = structure.get::<i32>(name).ok()?;
            u64::try_from(value).ok().filter(|value| *value > 0)
        };
        let (bytes, channels) = (number("block_align")?, number("channels")?);
        // Bytes of the head of each channel, and how many samples lie in that.
        let (head, first) = match structure.get::<&str>("layout").ok()? {
            "microsoft" => (7, 2),
            "dvi" => (4, 1),
            _ => return None,
        };
        let coded = bytes.checked_sub(head * channels)?;
        Some(Self {
            bytes,
            samples: coded * 2 / channels + first,
            rate_hz: number("rate")?,
        })
    }

    /// When what lies behind so many bytes is heard, counted from the first of them.
    fn time_ns(&self, bytes: u64) -> u64 {
        let samples = u128::from(bytes) * u128::from(self.samples) * 1_000_000_000;
        let ns = samples / (u128::from(self.bytes) * u128::from(self.rate_hz));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// Gives every buffer of a stream its time, from the file's start on: what is read so is never sought in.
    pub(super) fn retime(self, stream: &Stream) {
        // Where it comes out of its demuxer, so that everything behind that is told the same.
        let ghost = stream.pad.downcast_ref::<gst::GhostPad>();
        let pad = ghost.and_then(GhostPadExt::target);
        let pad = pad.unwrap_or_else(|| stream.pad.clone());
        let seen = Mutex::new((0, None));
        let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(kinds, move |_, info| {
            match &mut info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let (bytes, origin) = &mut *seen;
                    let origin = *origin.get_or_insert(buffer.pts().unwrap_or_default());
                    let from_ns = self.time_ns(*bytes);
                    *bytes += buffer.size() as u64;
                    let duration_ns = self.time_ns(*bytes) - from_ns;
                    let buffer = buffer.make_mut();
                    buffer.set_pts(origin.saturating_add(gst::ClockTime::from_nseconds(from_ns)));
                    buffer.set_duration(gst::ClockTime::from_nseconds(duration_ns));
                }
                Some(gst::PadProbeData::Event(event)) => {
                    if let Some(endless) = without_end(event) {
                        *event = endless;
                    }
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// A segment that does not end where the demuxer believes.
fn without_end(event: &gst::Event) -> Option<gst::Event> {
    let gst::EventView::Segment(segment) = event.view() else {
        return None;
    };
    let mut endless = segment.segment().downcast_ref::<gst::ClockTime>()?.clone();
    endless.set_stop(gst::ClockTime::NONE);
    endless.set_duration(gst::ClockTime::NONE);
    let event = gst::event::Segment::builder(&endless).seqnum(event.seqnum());
    Some(event.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counted_as_ffmpeg_writes_them_into_its_heads() {
        gst::init().unwrap();
        for (layout, channels, bytes, samples) in [
            ("microsoft", 1, 1_024_i32, 2_036),
            ("microsoft", 2, 1_024, 1_012),
            ("dvi", 1, 1_024, 2_041),
            ("dvi", 2, 1_024, 1_017),
        ] {
            let caps = gst::Caps::builder("audio/x-adpcm")
                .field("layout", layout)
                .field("channels", channels)
                .field("rate", 48_000)
                .field("block_align", bytes)
                .build();
            let blocks = Blocks::of(&caps).unwrap();
            assert_eq!(blocks.samples, samples, "{layout} {channels}");
            let hour_ns = blocks.time_ns(u64::from(bytes.unsigned_abs()) * 48_000);
            assert_eq!(hour_ns, samples * 1_000_000_000);
        }
    }
}
