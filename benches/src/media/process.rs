//! Programs, run one at a time, and what they took.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// From start to end, in seconds.
    pub(super) wall_s: f64,
    /// User and system time of all processes, in seconds.
    pub(super) cpu_s: f64,
}

/// ffmpeg without questions and without talk.
pub(super) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    command
}

/// Runs a program to its end; what it says on standard output.
pub(super) async fn run(command: &mut Command, name: &str) -> anyhow::Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{name} cannot be started: `make bench` installs it"))?;
    ensure!(
        output.status.success(),
        "{name}: {} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

/// Starts a program whose output does not matter.
pub(super) fn start(command: &mut Command, name: &str) -> anyhow::Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{name} cannot be started: `make bench` installs it"))
}

/// What programs took that ended while `work` ran. Nothing else may run meanwhile.
pub(super) async fn cost(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<Cost> {
    let (began, cpu_s) = (Instant::now(), children_cpu_s()?);
    work.await?;
    Ok(Cost {
        wall_s: began.elapsed().as_secs_f64(),
        cpu_s: children_cpu_s()? - cpu_s,
    })
}

/// User and system time of all children that have ended and of theirs, to a hundredth of a second:
/// `cutime` and `cstime` of proc(5), fields 16 and 17.
fn children_cpu_s() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').context("a stat without a name")?.1;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(16 - 3)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The most resident memory of a program and of those that it starts, each at its own peak, in MB.
pub(super) async fn peak_mb(mut child: Child, name: &str) -> anyhow::Result<f64> {
    let pid = child.id().context("it is gone")?;
    let mut peaks: BTreeMap<u32, u64> = BTreeMap::new();
    let status = loop {
        for pid in family(pid) {
            if let Some(kb) = high_water_kb(pid) {
                let peak = peaks.entry(pid).or_default();
                *peak = kb.max(*peak);
            }
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        tokio::time::sleep(LOOK).await;
    };
    ensure!(status.success(), "{name}: {status}");
    Ok(peaks.values().sum::<u64>() as f64 / 1_000.0)
}

/// A process and all below it.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        next += 1;
        let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let children = std::fs::read_to_string(thread.path().join("children"));
            let children = children.unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    all
}

fn high_water_kb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
