//! How soon the first segment of every rendition is there, beside ffmpeg's HLS from the same local file.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use bus_schema::object_key;
use tokio::process::Command;
use tokio::time::Instant;

use super::{Bench, QUALITIES, process, theirs};
use crate::report::{Row, percentile};

/// How often one looks whether they are there.
const POLL: Duration = Duration::from_millis(1);
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// Ours by ffmpeg's.
const RATIO_MAX: f64 = 1.2;

/// Measures.
pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let planned = bench.engine.plan(&bench.film, &QUALITIES).await?;
    let (mut ours, mut ffmpeg, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.pairs {
        let out = bench.scratch()?;
        let spec = planned.chunk(planned.first_chunk(), 0)?;
        let command = bench.engine.command(&spec, &planned.source(), out.path())?;
        let renditions = planned.video()?.renditions.iter();
        let segments = renditions.map(|one| out.path().join(object_key::segment(&one.name, 0)));
        let our_s = until(command, segments.collect()).await?;
        let out = bench.scratch()?;
        let (command, lists) = theirs::hls(&planned, out.path())?;
        let their_s = until(command, lists).await?;
        ours.push(our_s);
        ffmpeg.push(their_s);
        ratios.push(our_s / their_s);
    }
    Ok(vec![
        Row::plain(
            "first segment of every rendition, ours",
            percentile(&mut ours, 50),
            "s",
        ),
        Row::plain(
            "first segment of every rendition, ffmpeg",
            percentile(&mut ffmpeg, 50),
            "s",
        ),
        Row::at_most(
            "first segment : ffmpeg",
            percentile(&mut ratios, 50),
            "times",
            RATIO_MAX,
        ),
    ])
}

/// Seconds from the start of a program until files are there and not empty.
async fn until(mut command: Command, files: Vec<PathBuf>) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut child = process::start(&mut command, "a program")?;
    let is_there = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    while !files.iter().all(is_there) {
        ensure!(began.elapsed() < PATIENCE, "no first segment comes");
        if let Some(status) = child.try_wait()? {
            ensure!(
                files.iter().all(is_there),
                "ended without a segment: {status}"
            );
        }
        tokio::time::sleep(POLL).await;
    }
    let took = began.elapsed().as_secs_f64();
    child.kill().await?;
    Ok(took)
}
