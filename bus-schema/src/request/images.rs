//! Still images that are made of a film: a poster, thumbnails, a storyboard.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::uploaded_image::{IMAGE_BYTES_MAX, IMAGE_MEDIA_TYPES};

/// Most thumbnails of a film: one every ten seconds of an hour and a half.
pub const THUMBNAILS_MAX: u32 = 500;
/// Most thumbnails that are chosen by what they show: several frames are looked at for each.
pub const CHOSEN_MAX: u32 = 50;
/// Most times that can be named: they lie in the job's record.
pub const TIMES_MAX: usize = 100;
/// Latest time that can be named: the longest film has a day.
pub const TIME_MS_MAX: u64 = 24 * 3_600 * 1_000;
/// Shortest distance of thumbnails that come at regular times.
pub const INTERVAL_MS_MIN: u64 = 100;
/// Most widths that each image is made in.
pub const WIDTHS_MAX: usize = 4;
/// Widths that can be asked for; none is above the film's own.
pub const WIDTHS: std::ops::RangeInclusive<u32> = 16..=3_840;
/// The width where none is said.
pub const WIDTH_DEFAULT: u32 = 640;

/// Which images, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesRequest {
    /// As what they are stored.
    pub format: ImageFormat,
    /// Pixels; the height follows from the film's shape. Each image is made in each of them.
    pub widths: Vec<u32>,
    /// The image that stands for the film.
    pub poster: Poster,
    /// Further ones.
    pub thumbnails: Thumbnails,
    /// Whether small images of the whole film are laid out on sheets, with an index for players.
    pub has_storyboard: bool,
}

/// As what an image is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFormat {
    /// Shown everywhere.
    #[default]
    Jpeg,
    /// Smaller by a quarter to a third.
    Webp,
}

/// The image that stands for the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Poster {
    /// There is none.
    None,
    /// A frame that shows something: not black, not blurred.
    #[default]
    Automatic,
    /// The frame that is shown at this time.
    At {
        /// Since the film's begin.
        ms: u64,
    },
    /// An image that the client uploads beside the film; one chosen as [`Self::Automatic`] does where that has not come
    /// when the images are made, or is none.
    Uploaded {
        /// As announced, 1 to [`IMAGE_BYTES_MAX`].
        bytes: u64,
    },
}

/// Which thumbnails.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thumbnails {
    /// None.
    #[default]
    None,
    /// The film in so many parts of the same length, and of each the frame that shows most.
    Automatic {
        /// At most [`CHOSEN_MAX`].
        count: u32,
    },
    /// The frames that are shown at these times.
    Times {
        /// Since the film's begin, at most [`TIMES_MAX`] of them.
        ms: Vec<u64>,
    },
    /// The frames that are shown at 0 and at each multiple of this; at most [`THUMBNAILS_MAX`].
    Interval {
        /// At least [`INTERVAL_MS_MIN`].
        ms: u64,
    },
    /// The first frames of scenes, those that differ most.
    Scenes {
        /// So many at most, and at most [`CHOSEN_MAX`].
        count_max: u32,
    },
}

impl ImageFormat {
    /// All of them, as help texts list them.
    pub const ALL: [Self; 2] = [Self::Jpeg, Self::Webp];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// What a file of it is called behind the last dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ImageFormat {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or(Refusal::Format)
    }
}

/// Why images cannot be made as they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such format.
    #[error("the images' format must be jpeg or webp")]
    Format,
    /// Too many widths, or one out of range.
    #[error(
        "the images' widths must be 1 to {WIDTHS_MAX} different numbers of {} to {} pixels",
        WIDTHS.start(),
        WIDTHS.end()
    )]
    Widths,
    /// Too many or too few.
    #[error("so many thumbnails cannot be chosen: ask for 1 to {CHOSEN_MAX}")]
    Count,
    /// Too many times, or one that no film reaches.
    #[error("the images' times must be 1 to {TIMES_MAX} of 0 to {} seconds", TIME_MS_MAX / 1_000)]
    Times,
    /// A poster that is not there is shown at a time.
    #[error("the poster cannot have a time when there is to be no poster")]
    NoPoster,
    /// An image is brought, and another poster asked for.
    #[error(
        "the poster is either the uploaded image or a frame of the film, so leave out one of the two"
    )]
    TwoPosters,
    /// Too large, or none.
    #[error("an uploaded image must have 1 to {IMAGE_BYTES_MAX} bytes")]
    UploadedBytes,
    /// Of another kind.
    #[error("an uploaded image must be {}, {} or {}", IMAGE_MEDIA_TYPES[0], IMAGE_MEDIA_TYPES[1], IMAGE_MEDIA_TYPES[2])]
    UploadedType,
    /// Too short.
    #[error(
        "thumbnails are at least {} ms and at most a day apart",
        INTERVAL_MS_MIN
    )]
    Interval,
}

impl ImagesRequest {
    /// Whether the images can be made.
    ///
    /// # Errors
    /// What is wrong, as half a sentence that says what is right.
    pub fn check(&self) -> Result<(), Refusal> {
        let widths = &self.widths;
        let is_new = |(n, width): (usize, &u32)| !widths.iter().take(n).any(|one| one == width);
        let fit = widths.iter().all(|width| WIDTHS.contains(width));
        if !(1..=WIDTHS_MAX).contains(&widths.len())
            || !fit
            || !widths.iter().enumerate().all(is_new)
        {
            return Err(Refusal::Widths);
        }
        match self.poster {
            Poster::At { ms } if ms > TIME_MS_MAX => return Err(Refusal::Times),
            Poster::Uploaded { bytes } if !(1..=IMAGE_BYTES_MAX).contains(&bytes) => {
                return Err(Refusal::UploadedBytes);
            }
            Poster::None | Poster::Automatic | Poster::At { .. } | Poster::Uploaded { .. } => {}
        }
        match &self.thumbnails {
            Thumbnails::Automatic { count } | Thumbnails::Scenes { count_max: count } => {
                let fits = (1..=CHOSEN_MAX).contains(count);
                fits.then_some(()).ok_or(Refusal::Count)
            }
            Thumbnails::Times { ms } => {
                let fit =
                    (1..=TIMES_MAX).contains(&ms.len()) && ms.iter().all(|ms| *ms <= TIME_MS_MAX);
                fit.then_some(()).ok_or(Refusal::Times)
            }
            Thumbnails::Interval { ms } => {
                let fits = (INTERVAL_MS_MIN..=TIME_MS_MAX).contains(ms);
                fits.then_some(()).ok_or(Refusal::Interval)
            }
            Thumbnails::None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_limits() {
        let good = ImagesRequest {
            format: ImageFormat::Webp,
            widths: vec![640, 320],
            poster: Poster::Automatic,
            thumbnails: Thumbnails::None,
            has_storyboard: true,
        };
        let with = |change: &dyn Fn(&mut ImagesRequest)| {
            let mut images = good.clone();
            change(&mut images);
            images.check()
        };
        assert_eq!(with(&|_| {}), Ok(()));
        for widths in [
            vec![],
            vec![15],
            vec![3_841],
            vec![64, 64],
            vec![16, 17, 18, 19, 20],
        ] {
            assert_eq!(
                with(&|i| i.widths.clone_from(&widths)),
                Err(Refusal::Widths),
                "{widths:?}"
            );
        }
        let thumbnails = |thumbnails: Thumbnails| with(&|i| i.thumbnails = thumbnails.clone());
        assert_eq!(
            thumbnails(Thumbnails::Automatic { count: 0 }),
            Err(Refusal::Count)
        );
        assert_eq!(
            thumbnails(Thumbnails::Scenes { count_max: 51 }),
            Err(Refusal::Count)
        );
        assert_eq!(
            thumbnails(Thumbnails::Times { ms: vec![] }),
            Err(Refusal::Times)
        );
        assert_eq!(
            thumbnails(Thumbnails::Times { ms: vec![0; 101] }),
            Err(Refusal::Times)
        );
        assert_eq!(
            thumbnails(Thumbnails::Times {
                ms: vec![0, TIME_MS_MAX]
            }),
            Ok(())
        );
        assert_eq!(
            thumbnails(Thumbnails::Interval { ms: 99 }),
            Err(Refusal::Interval)
        );
        assert_eq!(
            with(&|i| i.poster = Poster::At { ms: u64::MAX }),
            Err(Refusal::Times)
        );
        for (bytes, verdict) in [
            (0, Err(Refusal::UploadedBytes)),
            (1, Ok(())),
            (IMAGE_BYTES_MAX, Ok(())),
            (IMAGE_BYTES_MAX + 1, Err(Refusal::UploadedBytes)),
        ] {
            assert_eq!(with(&|i| i.poster = Poster::Uploaded { bytes }), verdict);
        }
    }
}
