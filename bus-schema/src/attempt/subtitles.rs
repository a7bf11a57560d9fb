//! Subtitles in storage.

use serde::{Deserialize, Serialize};

use crate::plan::subtitles::{SUBTITLE_BYTES_MAX, SUBTITLE_CUES_MAX, SubtitlePlan};

/// All tracks of subtitles in storage, each a WebVTT file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitlesResult {
    /// In the plan's order.
    pub tracks: Vec<SubtitleResult>,
    /// CPU time of the child, for the job's cost.
    pub cpu_ms: u64,
}

/// One track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleResult {
    /// Size of its file; 0 where there is none, since there is nothing to show.
    pub bytes: u32,
    /// Cues in it.
    pub cues: u32,
    /// Cues of the source that are not in it: damaged ones, and those over a limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl SubtitlesResult {
    /// Whether it is what was planned.
    ///
    /// # Errors
    /// What is wrong, as half a sentence.
    pub fn check(&self, plan: &[SubtitlePlan]) -> Result<(), &'static str> {
        if self.tracks.len() != plan.len() {
            return Err("another number of tracks than planned");
        }
        let mut tracks = self.tracks.iter();
        if tracks.any(|track| (track.bytes == 0) != (track.cues == 0)) {
            return Err("cues without a file, or a file without a cue");
        }
        let is_over = |track: &SubtitleResult| {
            track.bytes > SUBTITLE_BYTES_MAX || track.cues > SUBTITLE_CUES_MAX
        };
        if self.tracks.iter().any(is_over) {
            return Err("more than a track of subtitles may have");
        }
        Ok(())
    }

    /// The tracks that have a file, with their plans.
    pub fn shown<'a>(
        &'a self,
        plan: &'a [SubtitlePlan],
    ) -> impl Iterator<Item = (&'a SubtitlePlan, SubtitleResult)> + 'a {
        let tracks = plan.iter().zip(self.tracks.iter().copied());
        tracks.filter(|(_, track)| track.cues > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_as_planned_and_within_limits() {
        let plan: Vec<SubtitlePlan> = crate::plan::subtitles::subtitle_names()
            .take(2)
            .map(|name| SubtitlePlan {
                name,
                track: 0,
                language: None,
                title: None,
                is_default: false,
                is_forced: false,
            })
            .collect();
        let with = |tracks: &[(u32, u32)]| SubtitlesResult {
            tracks: tracks
                .iter()
                .map(|&(bytes, cues)| SubtitleResult {
                    bytes,
                    cues,
                    left_out: 0,
                })
                .collect(),
            cpu_ms: 0,
        };
        let good = with(&[(100, 2), (0, 0)]);
        assert_eq!(good.check(&plan), Ok(()));
        let shown: Vec<&str> = good
            .shown(&plan)
            .map(|(one, _)| one.name.as_str())
            .collect();
        assert_eq!(shown, ["subtitles"]);
        for bad in [
            with(&[]),
            with(&[(1, 1), (1, 1), (1, 1)]),
            with(&[(0, 1), (1, 1)]),
            with(&[(1, 0), (1, 1)]),
            with(&[(SUBTITLE_BYTES_MAX + 1, 1), (1, 1)]),
            with(&[(1, SUBTITLE_CUES_MAX + 1), (1, 1)]),
        ] {
            assert!(bad.check(&plan).is_err(), "{bad:?}");
        }
    }
}
