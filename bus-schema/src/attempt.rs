//! What an attempt wrote: kept beside the job record, under `<job>.<task>.<attempt>[.<part>]`.

mod images;
mod subtitles;

pub use images::{ImageResult, ImagesResult};
pub use subtitles::{SubtitleResult, SubtitlesResult};

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, JobId, RenditionName, TaskNumber};

/// The key of an attempt's details in the `attempts` bucket.
#[must_use]
pub fn key(job: &JobId, task: TaskNumber, attempt: Attempt, part: Option<u32>) -> String {
    match part {
        None => format!("{job}.{task}.{attempt}"),
        Some(part) => format!("{job}.{task}.{attempt}.{part}"),
    }
}

/// A chunk in storage. All renditions have the same frames and are cut at the same times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkResult {
    /// Frames in the chunk's own window.
    pub frames: u64,
    /// How many of them show the picture of another, since their own could not be decoded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: u64,
    /// Decode time of the first frame, in units of the video timescale.
    pub start: u64,
    /// Duration of each segment, in units; their sum leads exactly to the next chunk's `start`.
    pub durations: Vec<u32>,
    /// What was written, in the plan's order.
    pub renditions: Vec<RenditionResult>,
    /// CPU time of the child, for the job's cost.
    pub cpu_ms: u64,
    /// Where scenes begin, if that was looked for; at most [`SCENES_A_CHUNK_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenes: Vec<SceneChange>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Most scenes of a chunk that are reported: what changes more often has none.
pub const SCENES_A_CHUNK_MAX: usize = 32;

/// The first frame of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneChange {
    /// Its time, in units of the video timescale.
    pub at: u64,
    /// By how much it differs from the frame before, in thousandths of the range of luma: the mean over
    /// the picture, or by how much that differs from the same of the frame before, if that is less.
    pub score_permille: u16,
}

impl ChunkResult {
    /// Whether its numbers fit together. A chunk without frames has no segments, and is a chunk all
    /// the same: a container may promise more time than there are pictures for, and a slide may be
    /// shown for longer than a chunk lasts.
    ///
    /// # Errors
    /// What is wrong, as half a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.durations.is_empty() != (self.frames == 0) {
            return Err("frames without a segment, or segments without a frame");
        }
        if self.held > self.frames {
            return Err("more pictures held than there are");
        }
        for one in &self.renditions {
            one.check_keyframes()?;
        }
        let sizes = self.renditions.iter().map(|one| one.bytes.as_slice());
        check_segments(self.start, &self.durations, sizes)?;
        let units: u64 = self.durations.iter().map(|&units| u64::from(units)).sum();
        let is_inside =
            |change: &SceneChange| change.at >= self.start && change.at - self.start < units;
        let times = self.scenes.iter().map(|change| change.at);
        let is_rising = times
            .clone()
            .zip(times.skip(1))
            .all(|(one, next)| one < next);
        if self.scenes.len() > SCENES_A_CHUNK_MAX
            || !is_rising
            || !self.scenes.iter().all(is_inside)
        {
            return Err("scenes outside of the chunk, or too many");
        }
        Ok(())
    }
}

/// One rendition of a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionResult {
    /// Which.
    pub name: RenditionName,
    /// Size of each segment.
    pub bytes: Vec<u32>,
    /// How many of its first bytes show the keyframe that each segment begins with; for I-frame
    /// playlists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keyframe_bytes: Vec<u32>,
    /// Size of the init segment.
    pub init_bytes: u32,
    /// Size of the table of samples.
    pub samples_bytes: u32,
    /// RFC 6381: `avc1.64001f`.
    pub codecs: String,
    /// A digest of the decoder configuration; must be the same in every chunk.
    pub config: String,
}

impl RenditionResult {
    /// A keyframe for each segment and within it, or none at all.
    fn check_keyframes(&self) -> Result<(), &'static str> {
        let keyframes = &self.keyframe_bytes;
        if keyframes.is_empty() {
            return Ok(());
        }
        if keyframes.len() != self.bytes.len() {
            return Err("numbers of keyframes and of segments differ");
        }
        let mut pairs = keyframes.iter().zip(&self.bytes);
        if pairs.any(|(keyframe, segment)| *keyframe == 0 || keyframe > segment) {
            return Err("a keyframe that is not within its segment");
        }
        Ok(())
    }
}

/// A part of the sound in storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioPart {
    /// Which part, from 0.
    pub part: u32,
    /// Number of its first segment.
    pub first_segment: u32,
    /// Time at which the first segment is shown, in units of the sample rate: its decode time less the
    /// encoder's priming, which is before time 0.
    pub start: u64,
    /// For how long each segment is shown, in units: the priming in the first one is not.
    pub durations: Vec<u32>,
    /// Size of each segment.
    pub bytes: Vec<u32>,
    /// Size of the init segment.
    pub init_bytes: u32,
    /// Size of the table of samples.
    pub samples_bytes: u32,
    /// RFC 6381: `mp4a.40.2`.
    pub codecs: String,
}

impl AudioPart {
    /// Whether its numbers fit together.
    ///
    /// # Errors
    /// What is wrong, as half a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let n = u32::try_from(self.durations.len()).ok();
        if n.and_then(|n| self.first_segment.checked_add(n)).is_none() {
            return Err("more segments than can be numbered");
        }
        check_segments(self.start, &self.durations, [self.bytes.as_slice()])
    }
}

/// Whether segments have a length each, a size each in every rendition, and an end.
fn check_segments<'a>(
    start: u64,
    durations: &[u32],
    sizes: impl IntoIterator<Item = &'a [u32]>,
) -> Result<(), &'static str> {
    if sizes
        .into_iter()
        .any(|bytes| bytes.len() != durations.len())
    {
        return Err("numbers of durations and of sizes differ");
    }
    if durations.contains(&0) {
        return Err("a segment that takes no time");
    }
    let units: u64 = durations.iter().map(|&units| u64::from(units)).sum();
    match start.checked_add(units) {
        Some(_) => Ok(()),
        None => Err("times behind the end of all times"),
    }
}

/// A finished file whose parts are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssembleResult {
    /// Size of the whole file.
    pub bytes: u64,
    /// Number of parts.
    pub n_parts: u32,
    /// Frames of the picture in its index; 0 for sound alone.
    pub frames: u64,
    /// Duration of the longest track.
    pub duration_ms: u64,
    /// RFC 6381, each codec once, the picture's first: `avc1.64001f,mp4a.40.2`. Reports of older workers lack it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub codecs: String,
}

/// Longest list of a file's codecs: names of up to 64 characters for a picture and a sound.
const CODECS_BYTES_MAX: usize = 130;

impl AssembleResult {
    /// Whether what it says can be shown.
    ///
    /// # Errors
    /// What is wrong, as half a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".,".contains(&byte);
        if self.codecs.len() > CODECS_BYTES_MAX || !self.codecs.bytes().all(is_plain) {
            return Err("codecs that are none");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(frames: u64, start: u64, durations: &[u32], bytes: &[u32]) -> ChunkResult {
        let rendition = RenditionResult {
            name: "720p".parse().unwrap(),
            bytes: bytes.to_vec(),
            keyframe_bytes: Vec::new(),
            init_bytes: 0,
            samples_bytes: 0,
            codecs: String::new(),
            config: String::new(),
        };
        ChunkResult {
            frames,
            held: 0,
            start,
            durations: durations.to_vec(),
            renditions: vec![rendition],
            cpu_ms: 0,
            scenes: Vec::new(),
        }
    }

    #[test]
    fn a_chunk_may_be_empty_but_not_absurd() {
        assert_eq!(chunk(0, 90_000, &[], &[]).check(), Ok(()));
        assert_eq!(
            chunk(100, u64::MAX - 512, &[512], &[u32::MAX]).check(),
            Ok(())
        );
        for odd in [
            chunk(1, 0, &[], &[]),
            chunk(0, 0, &[512], &[1]),
            chunk(1, 0, &[512], &[]),
            chunk(1, 0, &[512], &[1, 2]),
            chunk(1, 0, &[512, 0], &[1, 2]),
            chunk(1, u64::MAX - 511, &[512], &[1]),
        ] {
            assert!(odd.check().is_err(), "{odd:?}");
        }
    }

    #[test]
    fn codecs_are_words() {
        let file = |codecs: &str| AssembleResult {
            bytes: 1,
            n_parts: 1,
            frames: 1,
            duration_ms: 1,
            codecs: codecs.to_owned(),
        };
        for good in ["", "avc1.64001f,mp4a.40.2", "av01.0.05M.08"] {
            assert_eq!(file(good).check(), Ok(()), "{good}");
        }
        for odd in ["avc1\n", "<b>", &"a".repeat(131)] {
            assert!(file(odd).check().is_err(), "{odd}");
        }
    }

    #[test]
    fn keyframes_lie_within_their_segments() {
        let with = |keyframe_bytes: &[u32]| {
            let mut chunk = chunk(2, 0, &[512, 512], &[100, 200]);
            chunk.renditions[0].keyframe_bytes = keyframe_bytes.to_vec();
            chunk.check()
        };
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&[1, 200]), Ok(()));
        for odd in [&[50][..], &[0, 50], &[101, 50], &[50, 50, 50]] {
            assert!(with(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn no_more_pictures_are_held_than_there_are() {
        let with = |held| {
            ChunkResult {
                held,
                ..chunk(10, 1_000, &[512, 512], &[1, 2])
            }
            .check()
        };
        assert_eq!(with(10), Ok(()));
        assert!(with(11).is_err());
    }

    #[test]
    fn scenes_lie_within_their_chunk() {
        let with = |times: &[u64]| {
            let change = |&at| SceneChange {
                at,
                score_permille: 200,
            };
            ChunkResult {
                scenes: times.iter().map(change).collect(),
                ..chunk(10, 1_000, &[512, 512], &[1, 2])
            }
            .check()
        };
        assert_eq!(with(&[1_000, 1_500, 2_023]), Ok(()));
        for bad in [&[999][..], &[2_024], &[1_200, 1_100], &[1_200, 1_200]] {
            assert!(with(bad).is_err(), "{bad:?}");
        }
        let many: Vec<u64> = (1_000..=1_000 + SCENES_A_CHUNK_MAX as u64).collect();
        assert!(with(&many).is_err());
    }

    #[test]
    fn a_part_s_segments_can_be_numbered() {
        let part = |first_segment, durations: &[u32]| AudioPart {
            part: 0,
            first_segment,
            start: 0,
            durations: durations.to_vec(),
            bytes: durations.to_vec(),
            init_bytes: 0,
            samples_bytes: 0,
            codecs: String::new(),
        };
        assert_eq!(part(u32::MAX - 2, &[1_024, 1_024]).check(), Ok(()));
        assert!(part(u32::MAX - 1, &[1_024, 1_024]).check().is_err());
        assert!(part(0, &[1_024, 0]).check().is_err());
    }
}
