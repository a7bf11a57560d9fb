//! An image that the client brings: it stands for the film in place of one of its frames.

use serde::{Deserialize, Serialize};

/// Largest file: what cameras write in their best quality.
pub const IMAGE_BYTES_MAX: u64 = 10 << 20;
/// Longest side in pixels: WebP's own limit.
pub const IMAGE_SIDE_MAX: u32 = 16_383;
/// Most pixels: those of a telephone's 48 megapixels. A decoder takes up to 10 bytes for each.
pub const IMAGE_PIXELS_MAX: u64 = 50_000_000;
/// As what it may come.
pub const IMAGE_MEDIA_TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

/// An uploaded image that lies in storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedImage {
    /// Its size as storage tells it; 1 to [`IMAGE_BYTES_MAX`].
    pub bytes: u64,
}

/// What became of an uploaded image that was there in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageVerdict {
    /// It is the poster.
    Used,
    /// It cannot be; a frame of the film stands for it.
    Refused(ImageFault),
}

/// Why an uploaded image cannot be used, as half a sentence for the job's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFault {
    /// Its first bytes are those of something else.
    #[error("it is neither a JPEG, a PNG nor a WebP")]
    NotAnImage,
    /// It holds several pictures, one after the other.
    #[error("it is animated, so send a single picture")]
    Animated,
    /// Told by its head, before memory is found for it.
    #[error(
        "it has more than {} million pixels or a side of more than {IMAGE_SIDE_MAX}, so make it smaller",
        IMAGE_PIXELS_MAX / 1_000_000
    )]
    TooLarge,
    /// Its picture cannot be read to the end.
    #[error("it is damaged or ends too early")]
    Damaged,
    /// Its bytes did not come.
    #[error("it could not be read from storage")]
    Unreadable,
}

impl ImageFault {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::NotAnImage,
        Self::Animated,
        Self::TooLarge,
        Self::Damaged,
        Self::Unreadable,
    ];
}
