//! A track while its samples are being read, from tables or from fragments alike.

use super::TrackIndex;
use super::times::Times;
use super::{Edits, FRAMES_MAX};
use crate::mp4::error::{Error, OrDamaged as _};

/// Samples that follow each other and are alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleRun {
    pub(super) count: u32,
    pub(super) duration: u32,
    pub(super) composition_offset: i32,
    pub(super) is_sync: bool,
}

/// What fragments leave unsaid: `trex`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FragmentDefaults {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) flags: u32,
}

/// A track and its samples so far.
#[derive(Debug)]
pub(super) struct TrackBuilder {
    pub(super) track: TrackIndex,
    pub(super) defaults: FragmentDefaults,
    /// Of a picture: presentation times in decode order.
    frames: Vec<i64>,
    /// Of anything else, which is decoded in the order in which it is shown.
    times: Times,
    keyframes: Vec<i64>,
    next_decode_time: i64,
}

impl TrackBuilder {
    pub(super) fn new(track: TrackIndex) -> Self {
        Self {
            track,
            defaults: FragmentDefaults::default(),
            frames: Vec::new(),
            times: Times::default(),
            keyframes: Vec::new(),
            next_decode_time: 0,
        }
    }

    /// Where a fragment begins.
    pub(super) fn seek(&mut self, decode_time: u64) -> Result<(), Error> {
        let time = i64::try_from(decode_time).ok();
        self.next_decode_time = time.or_damaged("a decode time over 63 bits")?;
        Ok(())
    }

    /// Appends samples. Those of a picture one by one, up to [`FRAMES_MAX`]; others as a run, however
    /// many there are.
    pub(super) fn push(&mut self, run: SampleRun) -> Result<(), Error> {
        if run.count == 0 {
            return Ok(());
        }
        let step = i64::from(run.duration);
        let start = self.next_decode_time;
        // A product of two 32-bit numbers fits.
        let end = start.checked_add(step.saturating_mul(i64::from(run.count)));
        let end = end.or_damaged("decode times over 63 bits")?;
        self.track.n_samples = self.track.n_samples.saturating_add(u64::from(run.count));
        if self.track.is_video() {
            if self.track.n_samples > FRAMES_MAX {
                return Err(Error::TooLarge {
                    what: "frames of a picture",
                    limit: FRAMES_MAX,
                });
            }
            for index in 0..i64::from(run.count) {
                let decode_time = start + index * step;
                let shown = decode_time.saturating_add(i64::from(run.composition_offset));
                self.frames.push(shown);
                if run.is_sync {
                    self.keyframes.push(shown);
                }
            }
        } else {
            self.times.push(start, step, u64::from(run.count));
        }
        self.next_decode_time = end;
        self.track.last_duration = run.duration;
        Ok(())
    }

    /// What comes now lies in fragments.
    pub(super) fn begin_fragments(&mut self) {
        self.track.fragments_from = (self.track.n_samples > 0).then_some(self.next_decode_time);
    }

    pub(super) fn set_edits(&mut self, edits: Edits) {
        self.track.edits = edits;
    }

    /// The track, when all of its samples are known.
    pub(super) fn finish(mut self) -> TrackIndex {
        if self.track.is_video() {
            if self.keyframes.len() < self.frames.len() {
                self.keyframes.sort_unstable();
                self.track.keyframes = Some(self.keyframes);
            }
            self.track.times = Times::from_unsorted(self.frames);
        } else {
            self.track.times = self.times;
        }
        self.track
    }
}
