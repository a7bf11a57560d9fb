//! Chapters that follow from what a film shows.

use serde::{Deserialize, Serialize};

/// Score of a scene's first frame where none is said, in thousandths: what ffmpeg's `scdet` has.
pub const SCORE_PERMILLE_DEFAULT: u16 = 100;
/// Shortest chapter where none is said.
pub const LENGTH_MS_DEFAULT: u64 = 30_000;
/// What can be asked for as a shortest chapter.
pub const LENGTHS_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;

/// Chapters that begin where scenes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaptersRequest {
    /// By how much the first frame of a scene differs from what was before, 1 to 1,000: see
    /// [`crate::attempt::SceneChange`].
    pub score_permille: u16,
    /// No chapter is shorter.
    pub length_ms_min: u64,
}

/// Why there can be no such chapters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Of the score.
    #[error("the threshold of chapters must be 0.1 to 100 percent")]
    Score,
    /// Of the length.
    #[error("chapters must be at least {} and at most {} seconds apart", LENGTHS_MS.start() / 1_000, LENGTHS_MS.end() / 1_000)]
    Length,
}

impl ChaptersRequest {
    /// Whether there can be such chapters.
    ///
    /// # Errors
    /// What is wrong, as half a sentence that says what is right.
    pub fn check(&self) -> Result<(), Refusal> {
        if !(1..=1_000).contains(&self.score_permille) {
            return Err(Refusal::Score);
        }
        let fits = LENGTHS_MS.contains(&self.length_ms_min);
        fits.then_some(()).ok_or(Refusal::Length)
    }
}
