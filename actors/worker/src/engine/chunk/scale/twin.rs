//! The scaler's safe twin: the same bicubic scaling in plain numbers, slow, to hold the library against.

use super::library::BICUBIC;
use super::picture::{Layout, Site};

/// Scales one plane of bytes; the result row by row, not yet rounded.
pub(super) fn plane(n: usize, data: &[u8], stride: usize, from: &Layout, to: &Layout) -> Vec<f64> {
    let (from_columns, from_rows) = from.plane(n);
    let (to_columns, to_rows) = to.plane(n);
    let across = weights(n, to_columns, from_columns, Side::across(from, to));
    let down = weights(n, to_rows, from_rows, Side::down(from, to));
    let rows: Vec<Vec<f64>> = (0..from_rows)
        .map(|y| {
            let row = &data[y * stride..y * stride + from_columns];
            across
                .iter()
                .map(|taps| taps.iter().map(|(x, w)| f64::from(row[*x]) * w).sum())
                .collect()
        })
        .collect();
    down.iter()
        .flat_map(|taps| {
            let rows = &rows;
            (0..to_columns).map(move |x| taps.iter().map(|(y, w)| rows[*y][x] * w).sum())
        })
        .collect()
}

/// One direction of two layouts.
#[derive(Debug, Clone, Copy)]
struct Side {
    /// Pixels that are shown, before and after.
    pixels: (usize, usize),
    /// Subsampling, before and after.
    halves: (u32, u32),
    /// Where the first chroma sample lies in luma pixels, counted from the edge, before and after.
    first: (f64, f64),
}

impl Side {
    fn across(from: &Layout, to: &Layout) -> Self {
        let first = |of: &Layout| match of.site {
            _ if of.across == 0 => 0.5,
            Site::Left | Site::TopLeft => 0.5,
            Site::Centre | Site::Top => 1.0,
        };
        Self {
            pixels: (from.width, to.width),
            halves: (from.across, to.across),
            first: (first(from), first(to)),
        }
    }

    fn down(from: &Layout, to: &Layout) -> Self {
        let first = |of: &Layout| match of.site {
            _ if of.down == 0 => 0.5,
            Site::TopLeft | Site::Top => 0.5,
            Site::Left | Site::Centre => 1.0,
        };
        Self {
            pixels: (from.height, to.height),
            halves: (from.down, to.down),
            first: (first(from), first(to)),
        }
    }
}

/// For each sample of a row or column the samples that it is made of, and how much of each.
fn weights(plane: usize, n_to: usize, n_from: usize, side: Side) -> Vec<Vec<(usize, f64)>> {
    let (halves, first) = if plane == 0 {
        ((0, 0), (0.5, 0.5))
    } else {
        (side.halves, side.first)
    };
    let unit = |halves: u32| f64::from(1 << halves);
    let scale = real(side.pixels.0) / real(side.pixels.1);
    // The distance of two results in samples of the source.
    let step = scale * unit(halves.1) / unit(halves.0);
    let wide = step.max(1.0);
    (0..n_to)
        .map(|i| {
            let at = (real(i) * unit(halves.1) + first.1) * scale;
            let at = (at - first.0) / unit(halves.0);
            let reach = (2.0 * wide).ceil() + 1.0;
            let near = (at - reach).floor();
            let taps = (0..2 * whole(reach) + 2).map(|k| near + real(k));
            let taps: Vec<(f64, f64)> = taps.map(|x| (x, kernel((x - at) / wide))).collect();
            let sum: f64 = taps.iter().map(|(_, w)| w).sum();
            let taps = taps.into_iter().filter(|(_, w)| *w != 0.0);
            taps.map(|(x, w)| (mirrored(x, n_from), w / sum)).collect()
        })
        .collect()
}

/// Beyond an edge the picture goes on as in a mirror.
fn mirrored(x: f64, n: usize) -> usize {
    let last = real(n) - 1.0;
    let x = if x < 0.0 { -1.0 - x } else { x };
    let x = if x > last { 2.0 * last + 1.0 - x } else { x };
    whole(x.clamp(0.0, last))
}

/// The cubic of Mitchell and Netravali.
fn kernel(x: f64) -> f64 {
    let ((b, c), x) = (BICUBIC, x.abs());
    if x < 1.0 {
        ((12.0 - 9.0 * b - 6.0 * c) * x.powi(3) + (12.0 * b + 6.0 * c - 18.0) * x.powi(2) + 6.0
            - 2.0 * b)
            / 6.0
    } else if x < 2.0 {
        ((-b - 6.0 * c) * x.powi(3)
            + (6.0 * b + 30.0 * c) * x.powi(2)
            + (-12.0 * b - 48.0 * c) * x
            + 8.0 * b
            + 24.0 * c)
            / 6.0
    } else {
        0.0
    }
}

fn real(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("pictures are small"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a picture"
)]
fn whole(x: f64) -> usize {
    x as usize
}
