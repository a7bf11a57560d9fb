//! Where scenes change, seen on the frames of a chunk as they pass: nothing is decoded for it.
//!
//! The measure is that of ffmpeg's `scdet`: the mean difference of luma between a frame and the one
//! before, and by how much that differs from the same of the frame before; the smaller of both
//! counts. So a cut counts, while a film that moves fast all the time has none. Luma is looked at on a
//! grid of points. A fade is no cut; a flash of one frame is taken for one.

use bus_schema::attempt::{SCENES_A_CHUNK_MAX, SceneChange};
use gstreamer_video::prelude::*;
use gstreamer_video::{VideoFrameRef, VideoInfo};

use super::super::Result;
use super::super::frame::Frame;

/// Points of the grid: as many as a small picture has, and a frame of it costs microseconds.
const COLUMNS: usize = 128;
const ROWS: usize = 72;
/// Frames before a chunk that its first score depends on.
pub(super) const LEAD_FRAMES: u64 = 3;

/// Looks at frames.
#[derive(Debug)]
pub(super) struct Scenes {
    score_permille: u16,
    before: Option<Vec<u16>>,
    /// The mean difference between the last two frames, of 1.
    moved: f64,
    found: Vec<SceneChange>,
}

impl Scenes {
    /// Finds frames that score at least so much.
    pub(super) fn new(score_permille: u16) -> Self {
        Self {
            score_permille,
            before: None,
            moved: 0.0,
            found: Vec::new(),
        }
    }

    /// Looks at the next frame; `at` is its time where it is one of the chunk.
    ///
    /// # Errors
    /// When a frame is not what its caps say.
    pub(super) fn look(&mut self, frame: &Frame, at: Option<u64>) -> Result<()> {
        let Some(points) = points(frame)? else {
            return Ok(());
        };
        let score = match &self.before {
            Some(before) => {
                let moved = difference(before, &points);
                let score = moved.min((moved - self.moved).abs());
                self.moved = moved;
                permille(score)
            }
            None => 0,
        };
        self.before = Some(points);
        if let Some(at) = at.filter(|_| score >= self.score_permille) {
            self.found.push(SceneChange {
                at,
                score_permille: score,
            });
        }
        Ok(())
    }

    /// What was found, the strongest where it was too much.
    pub(super) fn finish(mut self) -> Vec<SceneChange> {
        if self.found.len() > SCENES_A_CHUNK_MAX {
            self.found
                .sort_by_key(|change| std::cmp::Reverse(change.score_permille));
            self.found.truncate(SCENES_A_CHUNK_MAX);
            self.found.sort_by_key(|change| change.at);
        }
        self.found
    }
}

/// Luma at the points of the grid, as parts of 65,536; of red, green and blue it is one of these.
/// `None` of a picture that is packed in a way without places for samples.
fn points(frame: &Frame) -> Result<Option<Vec<u16>>> {
    let Ok(info) = VideoInfo::from_caps(&frame.caps) else {
        return Ok(None);
    };
    let picture = VideoFrameRef::from_buffer_ref_readable(&frame.buffer, &info)?;
    let (depth, shift) = (info.comp_depth(0), info.format_info().shift()[0]);
    let step = usize::try_from(info.comp_pstride(0)).unwrap_or(0);
    let stride = usize::try_from(picture.comp_stride(0)).unwrap_or(0);
    if !(8..=16).contains(&depth) || step == 0 || stride == 0 {
        return Ok(None);
    }
    let data = picture.comp_data(0)?;
    let (wide, high) = (info.width() as usize, info.height() as usize);
    let mut points = Vec::with_capacity(COLUMNS * ROWS);
    for row in 0..ROWS {
        let y = (2 * row + 1) * high / (2 * ROWS);
        for column in 0..COLUMNS {
            let x = (2 * column + 1) * wide / (2 * COLUMNS);
            let at = y * stride + x * step;
            let byte = |n: usize| data.get(at + n).copied().unwrap_or(0);
            let value = if depth == 8 {
                u16::from(byte(0)) << 8
            } else {
                (u16::from_le_bytes([byte(0), byte(1)]) >> shift) << (16 - depth)
            };
            points.push(value);
        }
    }
    Ok(Some(points))
}

/// The mean difference, of 1.
fn difference(one: &[u16], other: &[u16]) -> f64 {
    let sum: u64 = one
        .iter()
        .zip(other)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / (one.len().max(1) as f64 * 65_536.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 1,000"
)]
fn permille(score: f64) -> u16 {
    (score * 1_000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use gstreamer as gst;
    use gstreamer_video::VideoFormat;

    use super::*;

    fn frame(format: VideoFormat, luma: impl Fn(usize) -> u16) -> Frame {
        let info = VideoInfo::builder(format, 64, 36).build().unwrap();
        let mut data = vec![0_u8; info.size()];
        let is_wide = info.comp_depth(0) > 8;
        for n in 0..64 * 36 {
            if is_wide {
                data[2 * n..2 * n + 2].copy_from_slice(&luma(n).to_le_bytes());
            } else {
                data[n] = luma(n).to_le_bytes()[0];
            }
        }
        Frame {
            time_ns: Some(0),
            duration_ns: None,
            buffer: gst::Buffer::from_slice(data),
            caps: info.to_caps().unwrap(),
        }
    }

    #[test]
    fn cuts_are_found_and_steady_motion_is_not() {
        gst::init().unwrap();
        for (format, scale) in [(VideoFormat::I420, 1), (VideoFormat::I42010le, 4)] {
            let mut scenes = Scenes::new(100);
            // Brighter by 10 of 256 each time, a cut to dark, still, a cut to bright.
            let lumas = [20, 30, 40, 50, 180, 190, 200, 60, 60, 60, 200];
            for (n, luma) in (0..).zip(lumas) {
                scenes
                    .look(&frame(format, |_| luma * scale), Some(n))
                    .unwrap();
            }
            let found = scenes.finish();
            let at: Vec<u64> = found.iter().map(|change| change.at).collect();
            assert_eq!(at, [4, 7, 10], "{format:?}: {found:?}");
            // 140 of 256, of which the step before was 0.
            assert_eq!(found[2].score_permille, 547, "{format:?}");
        }
    }

    #[test]
    fn frames_before_the_chunk_count_and_are_not_reported() {
        gst::init().unwrap();
        let mut scenes = Scenes::new(100);
        for (luma, at) in [
            (20, None),
            (200, None),
            (200, None),
            (20, Some(0)),
            (20, Some(1)),
        ] {
            scenes
                .look(&frame(VideoFormat::I420, |_| luma), at)
                .unwrap();
        }
        let found: Vec<u64> = scenes.finish().iter().map(|change| change.at).collect();
        assert_eq!(found, [0]);
    }

    #[test]
    fn the_strongest_of_too_many_are_kept_in_order() {
        gst::init().unwrap();
        let mut scenes = Scenes::new(1);
        for n in 0..400_u64 {
            let luma = if n % 4 < 2 {
                20
            } else {
                20 + u16::try_from(n / 4).unwrap()
            };
            scenes
                .look(&frame(VideoFormat::I420, |_| luma), Some(n))
                .unwrap();
        }
        let found = scenes.finish();
        assert_eq!(found.len(), SCENES_A_CHUNK_MAX);
        assert!(found.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert!(found[0].at > 100, "{:?}", found[0]);
    }
}
