//! Software takes over: a device failed when a part of what it had made was listed already.
//!
//! What is listed never changes. From the first chunk on that is not, the picture is made by another encoder;
//! players learn of it by a discontinuity, behind which another init segment applies. The files, which have one
//! decoder configuration, are made by software from the start: the chunks before are encoded once more for
//! them.

use serde::{Deserialize, Serialize};

use super::VideoPlan;
use crate::encoder;

/// Who makes the picture from a chunk on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    /// The first chunk that it makes.
    pub from_chunk: u32,
    /// GStreamer element of all renditions from there on, one in software.
    pub encoder: String,
    /// Its constant quality.
    pub crf: u8,
}

impl VideoPlan {
    /// What a chunk is encoded to, where players are to see it.
    #[must_use]
    pub fn of_chunk(&self, chunk: u32) -> Self {
        match &self.takeover {
            Some(takeover) if chunk >= takeover.from_chunk => self.of_file(),
            Some(_) | None => Self {
                takeover: None,
                ..self.clone()
            },
        }
    }

    /// What every chunk of a file is encoded to.
    #[must_use]
    pub fn of_file(&self) -> Self {
        let mut video = self.clone();
        if let Some(Takeover { encoder, crf, .. }) = video.takeover.take() {
            for rendition in &mut video.renditions {
                encoder.clone_into(&mut rendition.encoder);
                rendition.crf = crf;
            }
        }
        video
    }

    /// The device that the plan pins, whether or not it has failed since.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        let mut encoders = self.renditions.iter().map(|rendition| &rendition.encoder);
        let device = encoders.find(|name| encoder::is_hardware(name));
        device.map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::super::VideoRendition;
    use super::*;

    #[test]
    fn software_makes_what_follows_and_all_of_a_file() {
        let rendition = |name: &str| VideoRendition {
            name: name.parse().unwrap(),
            width: 640,
            height: 360,
            encoder: "nvh264enc".to_owned(),
            crf: 30,
            bitrate_max_bps: 1,
            buffer_bits: 1,
            keyframe_frames_max: 1,
        };
        let mut video = VideoPlan {
            timescale: 90_000,
            end_ns: 1,
            renditions: vec![rendition("360p"), rendition("720p")],
            takeover: None,
        };
        let made = |video: VideoPlan| -> Vec<(String, u8)> {
            assert_eq!(video.takeover, None);
            let renditions = video.renditions.into_iter();
            renditions.map(|one| (one.encoder, one.crf)).collect()
        };
        let by = |encoder: &str, crf| vec![(encoder.to_owned(), crf); 2];
        assert_eq!(made(video.of_chunk(7)), by("nvh264enc", 30));
        assert_eq!(made(video.of_file()), by("nvh264enc", 30));
        video.takeover = Some(Takeover {
            from_chunk: 3,
            encoder: "x264enc".to_owned(),
            crf: 23,
        });
        assert_eq!(made(video.of_chunk(2)), by("nvh264enc", 30));
        assert_eq!(made(video.of_chunk(3)), by("x264enc", 23));
        assert_eq!(made(video.of_file()), by("x264enc", 23));
        assert_eq!(video.device(), Some("nvh264enc"));
        assert_eq!(video.of_file().device(), None);
    }
}
