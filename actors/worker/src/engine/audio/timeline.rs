//! Decoded sound laid on a line without gaps: what comes late is silence, what comes twice is
//! dropped.

use bus_schema::report::ErrorCode;

use super::grid::UNIT_SAMPLES;
use crate::engine::{Error, Result};

/// Bytes of one sample of one channel: 32-bit float.
const SAMPLE_BYTES: usize = 4;
/// Silence laid down at once: a third of a second. Hours of it never lie in memory.
const SILENCE_SAMPLES_MAX: u64 = 16 * UNIT_SAMPLES;
/// Differences up to this many thousandths of a second are a container's rounding, not gaps.
const JITTER_MS: u64 = 20;
/// Longest silence that is filled in: a whole day. A longer one is a broken time stamp.
const SILENCE_S_MAX: u64 = 24 * 3_600;

/// Samples on their way to the encoder, in whole blocks.
#[derive(Debug)]
pub(super) struct Timeline {
    frame_bytes: usize,
    sample_rate_hz: u64,
    /// The number of the next sample to come, counted from stream time 0.
    at: u64,
    /// Where the last run ended by its own count of samples.
    run_end: Option<u64>,
    /// Less than a block.
    pending: Vec<u8>,
}

impl Timeline {
    /// A line that begins with the sample of this number.
    pub(super) fn new(channels: u32, sample_rate_hz: u32, from_sample: u64) -> Self {
        Self {
            frame_bytes: SAMPLE_BYTES * channels.max(1) as usize,
            sample_rate_hz: u64::from(sample_rate_hz.max(1)),
            at: from_sample,
            run_end: None,
            pending: Vec::new(),
        }
    }

    /// Lays down interleaved samples where they belong; whole blocks go to `blocks`.
    pub(super) fn push(
        &mut self,
        time_ns: Option<u64>,
        bytes: &[u8],
        blocks: &mut impl FnMut(Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let n = (bytes.len() / self.frame_bytes) as u64;
        let jitter = JITTER_MS * self.sample_rate_hz / 1_000;
        // A run that follows the one before but for rounding follows it exactly; the first one, and
        // one behind a gap, lie where they say.
        let stamped = time_ns.map(|ns| self.sample_at(ns));
        let start = match (stamped, self.run_end) {
            (Some(start), Some(end)) if start.abs_diff(end) <= jitter => end,
            (Some(start), _) => start,
            (None, end) => end.unwrap_or(self.at),
        };
        self.run_end = Some(start.saturating_add(n));
        if start > self.at {
            self.silence(start - self.at, blocks)?;
        }
        // Also how what is decoded before the first sample, for the decoder's sake, is left out.
        let skipped = self.at.saturating_sub(start).min(n);
        self.append(bytes.get(self.bytes(skipped)..).unwrap_or_default(), blocks)
    }

    /// The number of the sample behind the last one that was laid down.
    pub(super) fn end_sample(&self) -> u64 {
        self.at
    }

    /// What is left, filled up with silence to a whole block; and one block more, since the encoder
    /// gives the last block out only when it sees the one behind it.
    pub(super) fn end(&mut self, blocks: &mut impl FnMut(Vec<u8>) -> Result<()>) -> Result<()> {
        let block_bytes = self.bytes(UNIT_SAMPLES);
        let missing = self.pending.len().next_multiple_of(block_bytes) - self.pending.len();
        self.append(&vec![0; missing + block_bytes], blocks)
    }

    fn silence(
        &mut self,
        mut samples: u64,
        blocks: &mut impl FnMut(Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        if samples > SILENCE_S_MAX * self.sample_rate_hz {
            let message = "The sound's time stamps leap by more than a day: the file is damaged. \
                           Upload a repaired copy.";
            return Err(Error::new(ErrorCode::Damaged, message));
        }
        while samples > 0 {
            let piece = samples.min(SILENCE_SAMPLES_MAX);
            self.append(&vec![0; self.bytes(piece)], blocks)?;
            samples -= piece;
        }
        Ok(())
    }

    fn append(
        &mut self,
        bytes: &[u8],
        blocks: &mut impl FnMut(Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.at += (bytes.len() / self.frame_bytes) as u64;
        self.pending.extend_from_slice(bytes);
        let block_bytes = self.bytes(UNIT_SAMPLES);
        let whole = self.pending.len() / block_bytes * block_bytes;
        if whole == 0 {
            return Ok(());
        }
        let rest = self.pending.split_off(whole);
        blocks(std::mem::replace(&mut self.pending, rest))
    }

    fn bytes(&self, samples: u64) -> usize {
        usize::try_from(samples)
            .unwrap_or(usize::MAX)
            .saturating_mul(self.frame_bytes)
    }

    fn sample_at(&self, ns: u64) -> u64 {
        let samples =
            (u128::from(ns) * u128::from(self.sample_rate_hz) + 500_000_000) / 1_000_000_000;
        u64::try_from(samples).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of pushing mono pieces of `n` samples with a value, each at a time in ms.
    fn laid(from_sample: u64, pieces: &[(u64, usize, f32)]) -> Vec<f32> {
        let mut timeline = Timeline::new(1, 48_000, from_sample);
        let mut out = Vec::new();
        let mut blocks = |bytes: Vec<u8>| {
            assert_eq!(bytes.len() % 4_096, 0, "whole blocks");
            out.extend(
                bytes
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            );
            Ok(())
        };
        for &(ms, n, value) in pieces {
            let bytes: Vec<u8> = std::iter::repeat_n(value.to_le_bytes(), n)
                .flatten()
                .collect();
            timeline
                .push(Some(ms * 1_000_000), &bytes, &mut blocks)
                .unwrap();
        }
        timeline.end(&mut blocks).unwrap();
        out
    }

    fn count(samples: &[f32], value: f32) -> usize {
        samples
            .iter()
            .filter(|sample| (**sample - value).abs() < 1e-6)
            .count()
    }

    #[test]
    fn a_late_start_and_gaps_are_silence() {
        let out = laid(0, &[(100, 4_800, 1.0), (300, 4_800, 2.0)]);
        assert_eq!(out.iter().position(|s| *s > 0.5), Some(4_800));
        assert_eq!(out.iter().position(|s| *s > 1.5), Some(14_400));
        assert_eq!((count(&out, 1.0), count(&out, 2.0)), (4_800, 4_800));
    }

    #[test]
    fn what_comes_twice_or_too_early_is_dropped() {
        let out = laid(
            4_800,
            &[(0, 9_600, 1.0), (100, 4_800, 2.0), (200, 4_800, 3.0)],
        );
        assert_eq!(
            (count(&out, 1.0), count(&out, 2.0), count(&out, 3.0)),
            (4_800, 0, 4_800)
        );
    }

    #[test]
    fn a_line_that_begins_inside_a_run_begins_at_the_very_sample() {
        let out = laid(4_900, &[(100, 4_800, 1.0), (200, 100, 2.0)]);
        assert_eq!((count(&out, 1.0), count(&out, 2.0)), (4_700, 100));
    }

    #[test]
    fn a_container_s_rounding_is_no_gap() {
        let out = laid(0, &[(0, 1_000, 1.0), (21, 1_000, 1.0), (41, 1_000, 1.0)]);
        assert_eq!(count(&out, 1.0), 3_000);
        assert_eq!(out.len(), 3_072 + 1_024);
    }
}
