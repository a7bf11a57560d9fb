//! From the upload's end to `playable`, for films of different lengths: it should not depend on them.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::report::{Row, complain, percentile};
use crate::system::System;

/// Lengths of the same film, in seconds.
const LENGTHS_S: [u32; 3] = [10, 60, 600];
/// Runs of each, alternating; the median counts.
const RUNS: usize = 3;
/// The longest may take at most so many times the shortest.
const RATIO: f64 = 1.3;

/// Measures.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let (system, _) = System::start().await?;
    let mut films = Vec::new();
    for length_s in LENGTHS_S {
        complain(&format!("making a film of {length_s} s"));
        let film = system.dir().join(format!("{length_s}.mp4"));
        make(&film, length_s).await?;
        films.push(film);
    }
    // The first job of all also starts the worker.
    time(&system, films.first().context("no film")?).await?;
    let mut times = vec![Vec::new(); films.len()];
    for run in 0..RUNS {
        for (film, times) in films.iter().zip(&mut times) {
            complain(&format!("run {} of {RUNS}: {}", run + 1, film.display()));
            times.push(time(&system, film).await?);
        }
    }
    let medians: Vec<f64> = times
        .iter_mut()
        .map(|times| percentile(times, 50))
        .collect();
    let mut rows: Vec<Row> = LENGTHS_S
        .iter()
        .zip(&medians)
        .map(|(s, ms)| {
            Row::plain(
                format!("upload's end to playable, {s} s of film"),
                *ms,
                "ms",
            )
        })
        .collect();
    let longest = medians.iter().copied().fold(0.0, f64::max);
    let shortest = medians.iter().copied().fold(f64::INFINITY, f64::min);
    rows.push(Row::at_most(
        "longest : shortest",
        longest / shortest,
        "times",
        RATIO,
    ));
    Ok(rows)
}

/// Milliseconds from the upload's end to playable.
async fn time(system: &System, film: &Path) -> anyhow::Result<f64> {
    let job = system.upload(tokio::fs::read(film).await?).await?;
    let mut events = system.facts(&job).await?;
    let after_ms = loop {
        let fact: Value = events.next().await?;
        match fact["type"].as_str() {
            Some("playable") => break fact["after_ms"].as_f64().context("no time")?,
            Some("failed") => anyhow::bail!("the job failed: {fact}"),
            _ => {}
        }
    };
    // What follows would only be in the way of the next run.
    system.cancel(&job).await?;
    Ok(after_ms)
}

/// The same picture whatever the length: noise on bars, 720p at 30 frames a second.
async fn make(path: &Path, length_s: u32) -> anyhow::Result<()> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg(format!(
            "testsrc2=s=1280x720:r=30:d={length_s},noise=alls=3"
        ))
        .args(["-f", "lavfi", "-i"])
        .arg(format!(
            "sine=frequency=440:sample_rate=48000:duration={length_s}"
        ))
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "60",
            "-pix_fmt",
            "yuv420p",
        ])
        .args(["-c:a", "aac", "-movflags", "+faststart"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .await
        .context("ffmpeg is missing: apt-get install ffmpeg")?;
    ensure!(
        output.status.success(),
        "ffmpeg: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
