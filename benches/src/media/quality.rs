//! How near each rendition is to the source, beside ffmpeg's at the same rate.
//!
//! ffmpeg encodes in three qualities, which give a curve of likeness over rate for each rendition; ours is compared
//! with that curve at our own rate. The measure is SSIM over all planes, against the source scaled by Lanczos.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bus_schema::plan::VideoRendition;

use super::speed::crf;
use super::{Bench, QUALITIES, ours, process, theirs};
use crate::report::{Row, complain};

/// How much lower ours may be, in thousandths.
const LOWER_MAX: f64 = 1.0;

/// A rendition's file, measured.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Bits of all pictures.
    bits: f64,
    /// From 0 to 1.
    ssim: f64,
}

/// Measures.
pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let planned = bench.engine.plan(&bench.film, &QUALITIES).await?;
    let renditions = &planned.video()?.renditions;
    let out = bench.scratch()?;
    bench
        .engine
        .encode(&planned, ours::WHOLE, 0, out.path())
        .await?;
    let files = renditions
        .iter()
        .map(|rendition| ours::joined(out.path(), &rendition.name.to_string()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let ours = measure(&planned, &files, out.path()).await?;
    let mut curves = vec![Vec::new(); renditions.len()];
    let crf = crf(&planned)?;
    for crf in [crf + 1, crf, crf - 1] {
        complain(&format!("ffmpeg at quality {crf}"));
        let out = bench.scratch()?;
        process::run(&mut theirs::at_once(&planned, crf, out.path())?, "ffmpeg").await?;
        let files: Vec<_> = renditions
            .iter()
            .map(|r| theirs::file(out.path(), r))
            .collect();
        let points = measure(&planned, &files, out.path()).await?;
        for (curve, point) in curves.iter_mut().zip(points) {
            curve.push(point);
        }
    }
    let mut rows = Vec::new();
    for ((rendition, ours), curve) in renditions.iter().zip(ours).zip(&curves) {
        rows.extend(compared(rendition, ours, curve, bench.film.seconds)?);
    }
    Ok(rows)
}

fn compared(
    rendition: &VideoRendition,
    ours: Point,
    curve: &[Point],
    seconds: u32,
) -> anyhow::Result<[Row; 3]> {
    let theirs = at_rate(curve, ours.bits).context("a curve of fewer than two points")?;
    let name = &rendition.name;
    Ok([
        Row::plain(
            format!("rate of {name}"),
            ours.bits / f64::from(seconds) / 1_000.0,
            "kb/s",
        ),
        Row::plain(
            format!("SSIM of {name}, in thousandths"),
            ours.ssim * 1_000.0,
            "",
        ),
        Row::at_most(
            format!("SSIM of {name} below ffmpeg's at this rate"),
            (theirs - ours.ssim) * 1_000.0,
            "0.001",
            LOWER_MAX,
        ),
    ])
}

/// The likeness at a rate on a curve that rises with it: straight over the logarithm of the rate, between the two
/// points around it or beyond the two at its end.
fn at_rate(curve: &[Point], bits: f64) -> Option<f64> {
    let above = curve.iter().position(|point| point.bits >= bits);
    let last = curve.len().checked_sub(1).filter(|last| *last > 0)?;
    let end = above.unwrap_or(last).clamp(1, last);
    let (a, b) = (curve.get(end - 1)?, curve.get(end)?);
    let share = (bits.ln() - a.bits.ln()) / (b.bits.ln() - a.bits.ln());
    Some(a.ssim + share * (b.ssim - a.ssim))
}

/// Measures one file for each rendition.
async fn measure(
    planned: &ours::Planned,
    files: &[PathBuf],
    out: &Path,
) -> anyhow::Result<Vec<Point>> {
    let renditions = &planned.video()?.renditions;
    let mut command = process::ffmpeg();
    command.args(["-i", &planned.source()]);
    for file in files {
        command.arg("-i").arg(file);
    }
    let n = files.len();
    let names: String = (0..n).map(|n| format!("[s{n}]")).collect();
    // Paired by their ordinals: time stamps differ in their origin alone.
    let mut graph = format!("[0:v]setpts=N,split={n}{names}");
    for (n, rendition) in renditions.iter().enumerate() {
        let (width, height) = (rendition.width, rendition.height);
        graph += &format!(
            ";[s{n}]scale={width}:{height}:flags=lanczos+accurate_rnd+full_chroma_inp[r{n}]\
             ;[{}:v]setpts=N[o{n}];[o{n}][r{n}]ssim=stats_file=ssim-{n}[x{n}]",
            n + 1
        );
    }
    command.args(["-filter_complex", &graph]);
    for n in 0..n {
        command.args(["-map", &format!("[x{n}]"), "-f", "null", "-"]);
    }
    process::run(command.current_dir(out), "ffmpeg").await?;
    let mut points = Vec::new();
    for (n, file) in files.iter().enumerate() {
        let sizes = theirs::pictures(file).await?;
        let likeness = likeness(&std::fs::read_to_string(out.join(format!("ssim-{n}")))?)?;
        ensure!(
            likeness.len() == sizes.len(),
            "{} has {} frames, and {} were compared",
            file.display(),
            sizes.len(),
            likeness.len()
        );
        points.push(Point {
            bits: sizes.iter().sum::<u64>() as f64 * 8.0,
            ssim: likeness.iter().sum::<f64>() / likeness.len() as f64,
        });
    }
    Ok(points)
}

/// Of each frame: `n:1 Y:0.98 U:0.99 V:0.99 All:0.985 (18.2)`.
fn likeness(text: &str) -> anyhow::Result<Vec<f64>> {
    let of = |line: &str| {
        let word = line.split(' ').find_map(|word| word.strip_prefix("All:"));
        Ok(word.context("ffmpeg says no SSIM")?.parse()?)
    };
    text.lines().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_between_two_points_has_a_likeness_between_theirs() {
        let curve = [(1_000.0, 0.90), (2_000.0, 0.92), (4_000.0, 0.96)];
        let curve = curve.map(|(bits, ssim)| Point { bits, ssim });
        let at = |bits| (at_rate(&curve, bits).unwrap() * 1e6).round() / 1e6;
        assert_eq!(at(1_000.0), 0.90);
        assert_eq!(at(2_000.0 * 2.0_f64.sqrt()), 0.94);
        assert_eq!(at(8_000.0), 1.0, "beyond the end it goes on");
        assert_eq!(at(500.0), 0.88);
        assert_eq!(at_rate(&curve[..1], 1.0).map(|_| ()), None);
    }
}
