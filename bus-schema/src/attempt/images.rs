//! What an attempt at still images wrote.

use serde::{Deserialize, Serialize};

use crate::plan::images::ImagesPlan;
use crate::request::images::{Poster, TIME_MS_MAX};
use crate::request::uploaded_image::ImageVerdict;

/// Still images in storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesResult {
    /// The poster, where one was asked for and there is a frame at its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster: Option<ImageResult>,
    /// The thumbnails that there are frames for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thumbnails: Vec<ImageResult>,
    /// Size of each of the storyboard's sheets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sheets: Vec<u32>,
    /// What became of the uploaded image, where the attempt was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<ImageVerdict>,
    /// CPU time of the child, for the job's cost.
    pub cpu_ms: u64,
}

/// One image, in all its sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageResult {
    /// The thumbnail's number, from 1; 0 for the poster.
    pub number: u32,
    /// Stream time of the frame; 0 of an uploaded image.
    pub time_ms: u64,
    /// Bytes in each of the plan's sizes.
    pub bytes: Vec<u32>,
}

impl ImagesResult {
    /// Whether it is what was planned, given how many thumbnails were.
    ///
    /// # Errors
    /// What is wrong, as half a sentence.
    pub fn check(&self, plan: &ImagesPlan, n_thumbnails: usize) -> Result<(), &'static str> {
        let all = || self.poster.iter().chain(&self.thumbnails);
        if all().any(|image| image.bytes.len() != plan.sizes.len() || image.bytes.contains(&0)) {
            return Err("images without a size");
        }
        // Beyond a day of film and a little.
        if all().any(|image| image.time_ms > 2 * TIME_MS_MAX) {
            return Err("images from behind the end of all films");
        }
        if self
            .poster
            .as_ref()
            .is_some_and(|poster| poster.number != 0 || plan.poster_pick().is_none())
        {
            return Err("a poster that nobody asked for");
        }
        if self.uploaded.is_some() && !matches!(plan.poster, Poster::Uploaded { .. }) {
            return Err("an uploaded image that nobody announced");
        }
        if self.uploaded == Some(ImageVerdict::Used) && self.poster.is_none() {
            return Err("an uploaded image without a poster");
        }
        let numbers = self.thumbnails.iter().map(|image| image.number as usize);
        let is_rising = numbers
            .clone()
            .zip(numbers.clone().skip(1))
            .all(|(one, next)| one < next);
        if !is_rising
            || !numbers
                .clone()
                .all(|number| (1..=n_thumbnails).contains(&number))
        {
            return Err("thumbnails in other numbers than planned");
        }
        let n_sheets = plan
            .storyboard
            .map_or(0, |storyboard| storyboard.n_sheets());
        if self.sheets.len() != n_sheets as usize || self.sheets.contains(&0) {
            return Err("another storyboard than planned");
        }
        Ok(())
    }
}
