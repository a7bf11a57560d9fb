//! A clip's bounds, applied to decoded frames: pictures whole, sound to the sample.

use bus_schema::plan::Span;
use gstreamer as gst;
use gstreamer_audio as gst_audio;

use super::frame::Frame;
use super::{Error, Result};

/// Where a frame lies.
#[derive(Debug)]
pub(super) enum Within {
    /// Before the clip.
    Before,
    /// In it: the frame in the clip's own time, or what of its samples is in it.
    Inside(Frame),
    /// Behind it, and all that follow.
    Behind,
}

impl Frame {
    /// The frame as one of the clip. One without a time is taken as it is: it follows one that has one.
    pub(super) fn within(self, clip: Span) -> Result<Within> {
        let is_whole = clip.start_ns == 0 && clip.end_ns.is_none();
        let Some(time_ns) = self.time_ns.filter(|_| !is_whole) else {
            return Ok(Within::Inside(self));
        };
        match gst_audio::AudioInfo::from_caps(&self.caps) {
            Ok(info) => self.samples_within(time_ns, clip, &info),
            Err(_) => Ok(self.picture_within(time_ns, clip)),
        }
    }

    fn picture_within(self, time_ns: u64, clip: Span) -> Within {
        let end_ns = clip.end_ns.unwrap_or(u64::MAX);
        if time_ns >= end_ns {
            return Within::Behind;
        }
        let Some(own_ns) = time_ns.checked_sub(clip.start_ns) else {
            return Within::Before;
        };
        Within::Inside(Self {
            time_ns: Some(own_ns),
            duration_ns: self.duration_ns.map(|ns| ns.min(end_ns - time_ns)),
            ..self
        })
    }

    fn samples_within(
        self,
        time_ns: u64,
        clip: Span,
        info: &gst_audio::AudioInfo,
    ) -> Result<Within> {
        let frame_bytes = (info.bpf() as usize).max(1);
        let n_samples = self.buffer.size() / frame_bytes;
        // The first sample at or after a time, counted from the buffer's first.
        let sample_at = |ns: u64| {
            let since_ns = u128::from(ns.saturating_sub(time_ns));
            let sample = (since_ns * u128::from(info.rate()) + 500_000_000) / 1_000_000_000;
            usize::try_from(sample).unwrap_or(usize::MAX).min(n_samples)
        };
        let first = sample_at(clip.start_ns);
        let end = clip.end_ns.map_or(n_samples, sample_at);
        if end == 0 && n_samples > 0 {
            return Ok(Within::Behind);
        }
        if first >= end {
            return Ok(Within::Before);
        }
        let buffer = self
            .buffer
            .copy_region(
                gst::BufferCopyFlags::MEMORY,
                first * frame_bytes..end * frame_bytes,
            )
            .map_err(|_| Error::internal("a run of samples cannot be cut"))?;
        Ok(Within::Inside(Self {
            time_ns: Some(time_ns.saturating_sub(clip.start_ns)),
            buffer,
            ..self
        }))
    }
}
