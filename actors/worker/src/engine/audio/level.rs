//! The loudness of a track, measured over all of it, and the one gain that brings it to its target.
//!
//! EBU R 128 is met by a single gain: nothing is compressed, so that what was quiet within the track
//! stays as much below the rest. It is bounded by the true peak, which a gain moves as it moves the
//! loudness. Every attempt measures the whole track anew, also one that goes on behind the parts of
//! another: the same samples give the same gain, to the hundredth of a decibel that it is rounded to.

use bus_schema::request::loudness::{Loudness, LoudnessResult};
use bus_schema::task::AudioSpec;
use ebur128::{EbuR128, Mode};

use super::timeline::Timeline;
use crate::engine::decode::Decode;
use crate::engine::{Error, Result};

/// Bytes of one sample of one channel: 32-bit float.
const SAMPLE_BYTES: usize = 4;
/// An encoder's noise lifts peaks; this much is left for it, in hundredths of dB. Measured on
/// ffmpeg's AAC at 128 kb/s: up to 0.4 dB on noise and on music near full scale.
const ENCODER_CENTIDB: i32 = 50;

/// A track being measured.
pub(super) struct Meter {
    timeline: Timeline,
    ebur128: EbuR128,
    channels: u32,
}

impl Meter {
    pub(super) fn new(spec: &AudioSpec) -> Result<Self> {
        let plan = &spec.audio;
        let mode = Mode::I | Mode::TRUE_PEAK | Mode::HISTOGRAM;
        Ok(Self {
            timeline: Timeline::new(plan.channels, plan.sample_rate_hz, 0),
            ebur128: EbuR128::new(plan.channels, plan.sample_rate_hz, mode).map_err(broken)?,
            channels: plan.channels,
        })
    }

    /// Measures all that comes out of a decoder; `tell` hears of every frame's time.
    pub(super) fn measure(
        mut self,
        decode: &Decode,
        wish: Loudness,
        mut tell: impl FnMut(u64) -> Result<()>,
    ) -> Result<LoudnessResult> {
        while let Some(frame) = decode.next()? {
            let samples = frame
                .buffer
                .map_readable()
                .map_err(|_| super::unreadable())?;
            let Self {
                timeline, ebur128, ..
            } = &mut self;
            timeline.push(frame.time_ns, &samples, &mut |blocks| add(ebur128, &blocks))?;
            tell(frame.time_ns.unwrap_or(0))?;
        }
        let Self {
            timeline, ebur128, ..
        } = &mut self;
        timeline.end(&mut |blocks| add(ebur128, &blocks))?;
        self.result(wish)
    }

    fn result(&self, wish: Loudness) -> Result<LoudnessResult> {
        let lufs = self.ebur128.loudness_global().map_err(broken)?;
        let mut peak = 0.0_f64;
        for channel in 0..self.channels {
            peak = peak.max(self.ebur128.true_peak(channel).map_err(broken)?);
        }
        let measured = centi(lufs).zip(centi(20.0 * peak.log10()));
        Ok(match measured {
            Some((lufs, peak)) => LoudnessResult {
                source_centilufs: Some(lufs),
                gain_centidb: wish.gain_centidb(lufs, peak.saturating_add(ENCODER_CENTIDB)),
            },
            // The gate leaves nothing of it.
            None => LoudnessResult {
                source_centilufs: None,
                gain_centidb: 0,
            },
        })
    }
}

fn add(ebur128: &mut EbuR128, blocks: &[u8]) -> Result<()> {
    let samples: Vec<f32> = blocks.chunks_exact(SAMPLE_BYTES).map(sample).collect();
    ebur128.add_frames_f32(&samples).map_err(broken)
}

/// Multiplies samples in place.
pub(super) fn amplify(blocks: &mut [u8], gain_centidb: i32) {
    if gain_centidb == 0 {
        return;
    }
    #[expect(clippy::cast_possible_truncation, reason = "samples have 24 bits")]
    let factor = 10_f64.powf(f64::from(gain_centidb) / 2_000.0) as f32;
    for bytes in blocks.chunks_exact_mut(SAMPLE_BYTES) {
        let amplified = sample(bytes) * factor;
        bytes.copy_from_slice(&amplified.to_le_bytes());
    }
}

fn sample(bytes: &[u8]) -> f32 {
    f32::from_le_bytes(bytes.try_into().unwrap_or_default())
}

/// To a hundredth; `None` for what is no level, like that of silence.
#[expect(clippy::cast_possible_truncation, reason = "checked to be small")]
fn centi(level: f64) -> Option<i32> {
    (level.abs() < 1_000.0).then(|| (level * 100.0).round() as i32)
}

fn broken(error: ebur128::Error) -> Error {
    Error::internal(format!("the loudness cannot be measured: {error}"))
}
