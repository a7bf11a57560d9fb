//! A track's edits, applied by us to what a demuxer gives out by media time: see
//! [`crate::mp4::index::Found::without_edits`] for why.

use std::sync::Arc;

use bus_schema::report::ErrorCode;
use gstreamer as gst;
use gstreamer_audio as gst_audio;

use super::demux::Stream;
use super::frame::Frame;
use super::shown::Shown;
use super::{Error, Result};
use crate::mp4::index::{Found, Placed, TrackIndex};

/// Which frames of a track are shown, and when.
#[derive(Debug, Clone)]
pub(super) struct Edited {
    found: Arc<Found>,
    track_id: u32,
}

/// What becomes of a decoded buffer.
#[derive(Debug)]
pub(super) enum Edit {
    /// What of it is shown: a picture, or sound in a piece for each stretch that it lies in.
    Frames(Vec<Frame>),
    /// Nothing of it, nor of what follows it.
    Over,
}

impl Edited {
    /// The edits of the table's track that a stream is.
    ///
    /// # Errors
    /// [`ErrorCode::Unsupported`] for edits that show parts twice, backwards or at another pace.
    pub(super) fn of(found: &Arc<Found>, stream: &Stream) -> Result<Self> {
        let edited = Self {
            found: Arc::clone(found),
            track_id: stream.track_id.unwrap_or_default(),
        };
        if edited.track()?.has_ordered_edits() {
            return Ok(edited);
        }
        let message = "The file's edit list shows parts of it twice, in another order or at another \
                       speed, which is not supported: export it as a film without edits, and upload that.";
        Err(Error::new(ErrorCode::Unsupported, message))
    }

    /// Where decoding has to begin for what is shown from a stream time on; `None` for the beginning.
    pub(super) fn entry_ns(&self, stream_ns: u64) -> Result<Option<u64>> {
        Ok(self.track()?.entry_ns(stream_ns))
    }

    /// Applies the edits to a buffer with a time.
    pub(super) fn apply(
        &self,
        buffer: gst::Buffer,
        pts: gst::ClockTime,
        shown: Shown,
        caps: gst::Caps,
    ) -> Result<Edit> {
        let media_ns = shown.media_ns(pts);
        match gst_audio::AudioInfo::from_caps(&caps) {
            Ok(info) => self.samples(&buffer, media_ns, &info, &caps),
            Err(_) => self.picture(buffer, media_ns, caps),
        }
    }

    fn picture(&self, buffer: gst::Buffer, media_ns: i128, caps: gst::Caps) -> Result<Edit> {
        let track = self.track()?;
        // To the nearest unit: the demuxer rounded down.
        let units =
            (media_ns * i128::from(track.timescale) + 500_000_000).div_euclid(1_000_000_000);
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        Ok(match track.place(units) {
            Placed::Hidden => Edit::Frames(Vec::new()),
            Placed::Over => Edit::Over,
            Placed::Shown { time_ns, until_ns } => {
                let duration_ns = buffer.duration().map(gst::ClockTime::nseconds);
                let left_ns = until_ns.saturating_sub(time_ns);
                Edit::Frames(vec![Frame {
                    time_ns: Some(time_ns),
                    duration_ns: duration_ns.map(|ns| ns.min(left_ns)),
                    buffer,
                    caps,
                }])
            }
        })
    }

    /// Cut to the sample, in each stretch that the run lies in.
    fn samples(
        &self,
        buffer: &gst::Buffer,
        media_ns: i128,
        info: &gst_audio::AudioInfo,
        caps: &gst::Caps,
    ) -> Result<Edit> {
        let frame_bytes = info.bpf() as usize;
        let n_samples = buffer.size() / frame_bytes.max(1);
        let rate = i128::from(info.rate());
        // The first sample at or after a media time, counted from the buffer's first.
        let sample_at = |ns: i128| {
            let since_ns = ns.saturating_sub(media_ns);
            // A stretch without an end is as long as there are numbers.
            let rounded = since_ns.saturating_mul(rate).saturating_add(500_000_000);
            let sample = rounded.div_euclid(1_000_000_000);
            usize::try_from(sample.clamp(0, n_samples as i128)).unwrap_or(n_samples)
        };
        let mut is_over = true;
        let mut frames = Vec::new();
        for (from_ns, until_ns, stream_ns) in self.track()?.stretches_ns() {
            let (first, end) = (sample_at(from_ns), sample_at(until_ns));
            is_over &= end == 0;
            // Where there is no edit list, media time is stream time, and what is before 0 is not shown.
            let from_ns = from_ns.max(-i128::from(u64::MAX));
            let begins_at = if from_ns < 0 { 0 } else { from_ns };
            let first = first.max(sample_at(begins_at));
            if first >= end {
                continue;
            }
            let at_ns = media_ns + first as i128 * 1_000_000_000 / rate.max(1);
            let time_ns = i128::from(stream_ns) + (at_ns - begins_at).max(0);
            let bytes = first * frame_bytes..end * frame_bytes;
            let piece = buffer
                .copy_region(gst::BufferCopyFlags::MEMORY, bytes)
                .map_err(|_| Error::internal("a run of samples cannot be cut"))?;
            frames.push(Frame {
                time_ns: u64::try_from(time_ns).ok(),
                duration_ns: None,
                buffer: piece,
                caps: caps.clone(),
            });
        }
        Ok(if is_over {
            Edit::Over
        } else {
            Edit::Frames(frames)
        })
    }

    fn track(&self) -> Result<&TrackIndex> {
        let track = self.found.index.track(self.track_id);
        track.ok_or_else(|| Error::internal("a stream that the file's index does not have"))
    }
}
