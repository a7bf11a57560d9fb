//! The most memory that encoding a chunk takes, the worker's own half included.

use super::film::Film;
use super::{Bench, QUALITIES, ours, process};
use crate::report::Row;

/// From 1080p into four renditions, in MB.
const HD_MB_MAX: f64 = 600.0;
/// From 2160p into six, in MB.
const UHD_MB_MAX: f64 = 2_000.0;
/// Renditions of the large film.
const UHD_QUALITIES: [&str; 6] = ["2160p", "1440p", "1080p", "720p", "480p", "360p"];
/// All queues and lookaheads are full long before.
const SECONDS: u32 = 12;

/// Measures.
pub(super) async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let hd = Film::hd(&bench.cache, SECONDS).await?;
    let uhd = Film::uhd(&bench.cache, SECONDS).await?;
    Ok(vec![
        Row::at_most(
            "peak memory, 1080p into four renditions",
            peak(bench, &hd, &QUALITIES).await?,
            "MB",
            HD_MB_MAX,
        ),
        Row::at_most(
            "peak memory, 2160p into six renditions",
            peak(bench, &uhd, &UHD_QUALITIES).await?,
            "MB",
            UHD_MB_MAX,
        ),
    ])
}

async fn peak(bench: &Bench, film: &Film, qualities: &[&str]) -> anyhow::Result<f64> {
    let planned = bench.engine.plan(film, qualities).await?;
    let out = bench.scratch()?;
    let spec = planned.chunk(ours::WHOLE, 0)?;
    let mut command = bench.engine.command(&spec, &planned.source(), out.path())?;
    let child = process::start(&mut command, "tcoder-worker")?;
    process::peak_mb(child, "tcoder-worker").await
}
