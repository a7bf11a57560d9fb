//! What the control plane costs when there is nothing to do, and how fast it is there.

use std::time::Duration;

use anyhow::Context as _;

use crate::report::{Row, percentile};
use crate::system::System;

/// Most resident memory, in MB.
const RESIDENT_MB: f64 = 60.0;
/// Longest warm start, in milliseconds.
const WARM_MS: f64 = 1_000.0;
/// Starts whose median is taken.
const STARTS: usize = 5;
/// After a start caches fill; then nothing happens any more.
const SETTLE: Duration = Duration::from_secs(5);

/// Measures.
pub(crate) async fn run() -> anyhow::Result<Vec<Row>> {
    let (system, cold) = System::start().await?;
    let mut dir = system.stop().await?;
    let mut warm = Vec::new();
    let mut resident = 0.0;
    for start in 0..STARTS {
        let (system, took) = System::start_on(dir).await?;
        warm.push(took.as_secs_f64() * 1_000.0);
        if start + 1 == STARTS {
            tokio::time::sleep(SETTLE).await;
            resident = resident_mb(system.pid().context("it is gone")?)?;
        }
        dir = system.stop().await?;
    }
    Ok(vec![
        Row::plain(
            "first start on an empty folder, until it answers",
            cold.as_secs_f64() * 1_000.0,
            "ms",
        ),
        Row::at_most(
            "warm start, until it answers, median of 5",
            percentile(&mut warm, 50),
            "ms",
            WARM_MS,
        ),
        Row::at_most("idle control plane, resident", resident, "MB", RESIDENT_MB),
    ])
}

fn resident_mb(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .context("no VmRSS")?;
    let kb: f64 = line
        .split_whitespace()
        .nth(1)
        .context("no number")?
        .parse()?;
    Ok(kb / 1_000.0)
}
