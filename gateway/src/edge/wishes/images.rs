//! Still images as clients ask for them.

use bus_schema::request::images::{
    ImageFormat, ImagesRequest, Poster, Refusal, Thumbnails, WIDTH_DEFAULT,
};
use bus_schema::request::uploaded_image::IMAGE_MEDIA_TYPES;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{refused, sentence};
use crate::problem::{Code, Problem};

/// Thumbnails that are chosen where no number is said.
const COUNT_DEFAULT: u32 = 3;

/// Still images of the film: a poster, thumbnails, a storyboard.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct ImagesBody {
    /// `jpeg` (the default) or `webp`.
    format: Option<String>,
    /// Up to 4 widths of 16 to 3840 pixels, none above the film's own; 640 by default.
    widths: Option<Vec<u32>>,
    /// Whether there is a poster; true by default.
    poster: Option<bool>,
    /// The poster shows the frame at this time, in seconds; one is chosen by default.
    poster_at_s: Option<f64>,
    /// An image of yours is the poster: the answer says where to send it. Only with an upload.
    uploaded: Option<UploadedBody>,
    /// Further images; none by default.
    thumbnails: Option<ThumbnailsBody>,
    /// Small images of the whole film on sheets, with a WebVTT index for players; false by default.
    #[serde(default)]
    storyboard: bool,
}

/// An image to be uploaded beside the film, and before it: it is cut to the film's shape, and encoded anew.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct UploadedBody {
    /// `image/jpeg`, `image/png` or `image/webp`; sent and signed with the upload.
    pub(in crate::edge) content_type: String,
    /// Exactly so many bytes will come, 10 MiB at most.
    #[schema(minimum = 1, maximum = 10485760)]
    pub(in crate::edge) size: u64,
}

/// Which thumbnails.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::edge) enum ThumbnailsBody {
    /// None.
    None {},
    /// The film in so many parts, and of each the frame that shows most.
    Automatic {
        /// 1 to 50; 3 by default.
        count: Option<u32>,
    },
    /// The frames at these times.
    Times {
        /// Up to 100, in seconds.
        at_s: Vec<f64>,
    },
    /// The first frames of those scenes that differ most; none of a film that is copied.
    Scenes {
        /// 1 to 50 at most; 3 by default.
        count: Option<u32>,
    },
    /// One at regular times, from 0 on; at most 500 of a film.
    Interval {
        /// Seconds from one to the next, 0.1 at least.
        every_s: f64,
    },
}

impl ImagesBody {
    /// The image that is to be uploaded, if one is.
    pub(in crate::edge) fn uploaded(&self) -> Option<&UploadedBody> {
        self.uploaded.as_ref()
    }

    /// What was asked for, checked.
    pub(super) fn check(self) -> Result<ImagesRequest, Problem> {
        self.read()
            .map_err(|refusal| refused(Code::InvalidImages, sentence(&refusal.to_string())))
    }

    fn read(self) -> Result<ImagesRequest, Refusal> {
        let poster = match (self.poster, self.poster_at_s, self.uploaded) {
            (Some(false), None, None) => Poster::None,
            (Some(false), Some(_), None) => return Err(Refusal::NoPoster),
            (_, None, None) => Poster::Automatic,
            (_, Some(at_s), None) => Poster::At {
                ms: ms(at_s).ok_or(Refusal::Times)?,
            },
            (None | Some(true), None, Some(uploaded)) => {
                if !IMAGE_MEDIA_TYPES.contains(&uploaded.content_type.as_str()) {
                    return Err(Refusal::UploadedType);
                }
                Poster::Uploaded {
                    bytes: uploaded.size,
                }
            }
            (_, _, Some(_)) => return Err(Refusal::TwoPosters),
        };
        let thumbnails = match self.thumbnails {
            None | Some(ThumbnailsBody::None {}) => Thumbnails::None,
            Some(ThumbnailsBody::Automatic { count }) => Thumbnails::Automatic {
                count: count.unwrap_or(COUNT_DEFAULT),
            },
            Some(ThumbnailsBody::Scenes { count }) => Thumbnails::Scenes {
                count_max: count.unwrap_or(COUNT_DEFAULT),
            },
            Some(ThumbnailsBody::Times { at_s }) => Thumbnails::Times {
                ms: at_s
                    .into_iter()
                    .map(ms)
                    .collect::<Option<_>>()
                    .ok_or(Refusal::Times)?,
            },
            Some(ThumbnailsBody::Interval { every_s }) => Thumbnails::Interval {
                ms: ms(every_s).ok_or(Refusal::Interval)?,
            },
        };
        let images = ImagesRequest {
            format: self
                .format
                .map_or_else(|| Ok(ImageFormat::default()), |format| format.parse())?,
            widths: self.widths.unwrap_or_else(|| vec![WIDTH_DEFAULT]),
            poster,
            thumbnails,
            has_storyboard: self.storyboard,
        };
        images.check()?;
        Ok(images)
    }
}

/// Seconds to the nearest millisecond; `None` of what is no time of a film.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to some days"
)]
pub(super) fn ms(seconds: f64) -> Option<u64> {
    (0.0..1e6)
        .contains(&seconds)
        .then(|| (seconds * 1_000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<ImagesRequest, Problem> {
        serde_json::from_str::<ImagesBody>(json).unwrap().check()
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let images = check("{}").unwrap();
        let expected = ImagesRequest {
            format: ImageFormat::Jpeg,
            widths: vec![640],
            poster: Poster::Automatic,
            thumbnails: Thumbnails::None,
            has_storyboard: false,
        };
        assert_eq!(images, expected);
        let images = check(r#"{"thumbnails": {"mode": "automatic"}, "poster": false}"#).unwrap();
        assert_eq!(images.thumbnails, Thumbnails::Automatic { count: 3 });
        assert_eq!(images.poster, Poster::None);
        let json = r#"{"uploaded": {"content_type": "image/png", "size": 7}}"#;
        assert_eq!(check(json).unwrap().poster, Poster::Uploaded { bytes: 7 });
    }

    #[test]
    fn seconds_become_milliseconds() {
        let images = check(
            r#"{"poster_at_s": 12.3456, "thumbnails": {"mode": "times", "at_s": [0, 0.0404]}}"#,
        )
        .unwrap();
        assert_eq!(images.poster, Poster::At { ms: 12_346 });
        assert_eq!(images.thumbnails, Thumbnails::Times { ms: vec![0, 40] });
        let images =
            check(r#"{"format": "webp", "thumbnails": {"mode": "interval", "every_s": 2.5}}"#)
                .unwrap();
        assert_eq!(images.thumbnails, Thumbnails::Interval { ms: 2_500 });
    }

    #[test]
    fn each_mistake_is_named() {
        for (json, named) in [
            (r#"{"format": "gif"}"#, "jpeg or webp"),
            (r#"{"widths": []}"#, "widths"),
            (r#"{"widths": [8]}"#, "widths"),
            (r#"{"poster": false, "poster_at_s": 1}"#, "poster"),
            (r#"{"poster_at_s": -1}"#, "times"),
            (
                r#"{"uploaded": {"content_type": "image/gif", "size": 7}}"#,
                "image/webp",
            ),
            (
                r#"{"uploaded": {"content_type": "image/png", "size": 10485761}}"#,
                "10485760",
            ),
            (
                r#"{"uploaded": {"content_type": "image/png", "size": 7}, "poster_at_s": 1}"#,
                "one of the two",
            ),
            (
                r#"{"uploaded": {"content_type": "image/png", "size": 7}, "poster": false}"#,
                "one of the two",
            ),
            (
                r#"{"thumbnails": {"mode": "automatic", "count": 51}}"#,
                "1 to 50",
            ),
            (
                r#"{"thumbnails": {"mode": "times", "at_s": [1, 1e9]}}"#,
                "times",
            ),
            (r#"{"thumbnails": {"mode": "times", "at_s": []}}"#, "times"),
            (
                r#"{"thumbnails": {"mode": "interval", "every_s": 0}}"#,
                "100 ms",
            ),
        ] {
            let problem = check(json).unwrap_err();
            assert_eq!(problem.code, Code::InvalidImages, "{json}");
            assert!(problem.detail.contains(named), "{json}: {}", problem.detail);
        }
        for json in [r#"{"thumbnails": {"mode": "all"}}"#, r#"{"thumbnail": {}}"#] {
            assert!(serde_json::from_str::<ImagesBody>(json).is_err(), "{json}");
        }
    }
}
