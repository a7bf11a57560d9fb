//! A plane's rows, and the drawing of one that is missing.

use gstreamer_video::VideoFrameExt as _;
use gstreamer_video::video_frame::{Readable, VideoFrame};

use super::super::super::{Error, Result};

/// Samples to either side of one that an edge is looked for in; next to a border none is.
const EDGE_SAMPLES: usize = 3;

/// The rows of a plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    data: &'a [u8],
    stride: usize,
    height: usize,
}

impl<'a> Rows<'a> {
    /// Of a plane of a frame.
    pub(super) fn of(frame: &'a VideoFrame<Readable>, plane: u32) -> Result<Self> {
        let data = frame.plane_data(plane)?;
        let stride = frame.plane_stride().get(plane as usize).copied();
        let stride = stride.and_then(|stride| usize::try_from(stride).ok());
        let stride = stride
            .filter(|stride| *stride > 0)
            .ok_or_else(|| Error::internal("a picture without rows"))?;
        // The last row may lack its padding.
        let height = (frame.plane_height(plane) as usize).min(data.len().div_ceil(stride));
        Ok(Self {
            data,
            stride,
            height,
        })
    }

    /// How many there are.
    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// Copies one, as far as both reach.
    pub(super) fn copy(&self, y: usize, to: &mut [u8]) {
        let row = self.row(y);
        let n = row.len().min(to.len());
        to[..n].copy_from_slice(&row[..n]);
    }

    /// A row so far down from `y`, mirrored at the borders so that it stays of the same field.
    fn near(&self, y: usize, down: isize) -> &'a [u8] {
        let at = y.saturating_add_signed(down);
        let is_inside = y.checked_add_signed(down).is_some() && at < self.height;
        let at = if is_inside {
            at
        } else {
            y.saturating_add_signed(-down).min(self.height - 1)
        };
        self.row(at)
    }

    fn row(&self, y: usize) -> &'a [u8] {
        let start = (y * self.stride).min(self.data.len());
        let end = (start + self.stride).min(self.data.len());
        &self.data[start..end]
    }
}

/// Sample `x` of a row, of one byte or of two.
fn at<const WIDE: bool>(row: &[u8], x: usize) -> i32 {
    if WIDE {
        i32::from(u16::from_le_bytes([row[2 * x], row[2 * x + 1]]))
    } else {
        i32::from(row[x])
    }
}

/// Draws row `y`, which is not of the field that is kept, from the rows above and below it in
/// `now`, and from the frames before and behind.
///
/// Its own row in the frame before is half a frame older than the kept field, its own row in `now`
/// half a frame younger. Where those agree, and the kept field's rows have not changed since the
/// frame before or until the one behind, nothing moves, and their mean is the picture. The more
/// they differ, the further the drawn value may be from that mean.
pub(super) fn draw<const WIDE: bool>(
    to: &mut [u8],
    now: &Rows<'_>,
    around: Option<&(Rows<'_>, Rows<'_>)>,
    y: usize,
) {
    let (above, below) = (now.near(y, -1), now.near(y, 1));
    let (older, younger) = around.map_or((*now, *now), |(before, _)| (*before, *now));
    let [up, own, down] = [-2, 0, 2].map(|at| (older.near(y, at), younger.near(y, at)));
    let changed = around.map(|(before, behind)| {
        [before, behind].map(|frame| (frame.near(y, -1), frame.near(y, 1)))
    });
    let mut lengths = vec![to.len(), above.len(), below.len()];
    for (a, b) in [up, own, down].iter().chain(changed.iter().flatten()) {
        lengths.extend([a.len(), b.len()]);
    }
    let bytes = if WIDE { 2 } else { 1 };
    let samples = lengths.into_iter().min().unwrap_or(0) / bytes;
    for x in 0..samples {
        let drawn = || edge::<WIDE>(above, below, x, samples);
        let Some(changed) = &changed else {
            put::<WIDE>(to, x, drawn());
            continue;
        };
        let (c, e) = (at::<WIDE>(above, x), at::<WIDE>(below, x));
        let mean = |(a, b): (&[u8], &[u8])| (at::<WIDE>(a, x) + at::<WIDE>(b, x)) / 2;
        let d = mean(own);
        let flicker = (at::<WIDE>(own.0, x) - at::<WIDE>(own.1, x)).abs() / 2;
        let moved =
            changed.map(|(a, b)| ((at::<WIDE>(a, x) - c).abs() + (at::<WIDE>(b, x) - e).abs()) / 2);
        let freedom = flicker.max(moved[0]).max(moved[1]);
        if freedom == 0 {
            put::<WIDE>(to, x, d);
            continue;
        }
        // Fine rows that stand still look like combs by themselves: only what stands out of the
        // rows two away as well is one.
        let (b, f) = (mean(up), mean(down));
        let most = (d - e).max(d - c).max((b - c).min(f - e));
        let least = (d - e).min(d - c).min((b - c).max(f - e));
        let freedom = freedom.max(least).max(-most);
        put::<WIDE>(to, x, drawn().clamp(d - freedom, d + freedom));
    }
}

fn put<const WIDE: bool>(to: &mut [u8], x: usize, value: i32) {
    if WIDE {
        let value = u16::try_from(value.max(0)).unwrap_or(u16::MAX);
        to[2 * x..2 * x + 2].copy_from_slice(&value.to_le_bytes());
    } else {
        to[x] = u8::try_from(value.max(0)).unwrap_or(u8::MAX);
    }
}

/// The mean of the rows above and below, along the direction in which they differ least.
fn edge<const WIDE: bool>(above: &[u8], below: &[u8], x: usize, samples: usize) -> i32 {
    let straight = (at::<WIDE>(above, x) + at::<WIDE>(below, x)) / 2;
    if x < EDGE_SAMPLES || x + EDGE_SAMPLES >= samples {
        return straight;
    }
    let score = |to: isize| -> i32 {
        (-1..=1)
            .map(|by| {
                let a = at::<WIDE>(above, x.saturating_add_signed(by + to));
                let b = at::<WIDE>(below, x.saturating_add_signed(by - to));
                (a - b).abs()
            })
            .sum()
    };
    let mut best = (score(0) - 1, straight);
    for side in [-1, 1] {
        for to in [side, 2 * side] {
            let scored = score(to);
            if scored >= best.0 {
                break;
            }
            let a = at::<WIDE>(above, x.saturating_add_signed(to));
            let b = at::<WIDE>(below, x.saturating_add_signed(-to));
            best = (scored, (a + b) / 2);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 16;

    fn rows(data: &[u8]) -> Rows<'_> {
        Rows {
            data,
            stride: WIDTH,
            height: data.len() / WIDTH,
        }
    }

    /// A row of the middle, as drawn from three planes.
    fn drawn(before: &[u8], now: &[u8], behind: &[u8]) -> Vec<u8> {
        let mut row = vec![0; WIDTH];
        let around = (rows(before), rows(behind));
        draw::<false>(&mut row, &rows(now), Some(&around), 3);
        row
    }

    fn plane(value: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        (0..8 * WIDTH)
            .map(|n| value(n % WIDTH, n / WIDTH))
            .collect()
    }

    #[test]
    fn what_stands_still_is_kept_to_the_row() {
        let lines = plane(|_, y| if y % 4 < 2 { 235 } else { 16 });
        assert_eq!(drawn(&lines, &lines, &lines), [16; WIDTH]);
    }

    #[test]
    fn what_moves_is_drawn_from_the_field_that_is_kept() {
        let bar = |left: usize| {
            move |x: usize| {
                if (left..left + 4).contains(&x) {
                    200
                } else {
                    20
                }
            }
        };
        let frame = |top: usize, bottom: usize| {
            plane(move |x, y| {
                if y % 2 == 0 {
                    bar(top)(x)
                } else {
                    bar(bottom)(x)
                }
            })
        };
        let (before, now, behind) = (frame(0, 2), frame(4, 6), frame(8, 10));
        let row = drawn(&before, &now, &behind);
        assert_eq!(row, now[2 * WIDTH..3 * WIDTH]);
        let mut alone = vec![0; WIDTH];
        draw::<false>(&mut alone, &rows(&now), None, 3);
        assert_eq!(alone, now[2 * WIDTH..3 * WIDTH]);
    }

    #[test]
    fn deep_samples_are_drawn_like_bytes() {
        let bytes = plane(|x, y| u8::try_from((x * 31 + y * y * 7) % 256).unwrap());
        let deep: Vec<u8> = bytes
            .iter()
            .flat_map(|b| (u16::from(*b) * 4).to_le_bytes())
            .collect();
        let mut narrow = vec![0; WIDTH];
        draw::<false>(&mut narrow, &rows(&bytes), None, 3);
        let wide = Rows {
            data: &deep,
            stride: 2 * WIDTH,
            height: 8,
        };
        let mut row = vec![0; 2 * WIDTH];
        draw::<true>(&mut row, &wide, None, 3);
        for (narrow, wide) in narrow.iter().zip(row.chunks(2)) {
            let wide = u16::from_le_bytes([wide[0], wide[1]]);
            assert!(
                wide.abs_diff(u16::from(*narrow) * 4) <= 3,
                "{wide} for {narrow}"
            );
        }
    }
}
