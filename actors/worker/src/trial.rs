//! `tcoder-worker sandbox`: tries in processes of its own what a task's process could do.

use std::process::{Command, ExitCode};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use worker::child::Limits;
use worker::devices;
use worker::sandbox::trial::{self, Deadly, Report};

/// Enter the sandbox that tasks run in, and print as JSON what is refused there.
#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Use landlock as a kernel with this version of it would; 0: none.
    #[arg(long, value_name = "ABI")]
    landlock: Option<u32>,
    /// Try what a task may that encodes with this: nvh264enc.
    #[arg(long)]
    encoder: Option<String>,
    /// Be the process that tries.
    #[arg(long, hide = true)]
    inside: bool,
    /// Be the process that makes this attempt, and ends by it.
    #[arg(long, hide = true)]
    alone: Option<Alone>,
}

/// [`Deadly`], as an argument.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Alone {
    X32,
    #[value(name = "32-bit")]
    Bits32,
}

impl Sandbox {
    pub(crate) fn apply(self) -> anyhow::Result<ExitCode> {
        let data_bytes_max = Limits::default().data_bytes_max();
        if let Some(alone) = self.alone {
            let deadly = match alone {
                Alone::X32 => Deadly::X32,
                Alone::Bits32 => Deadly::Bits32,
            };
            trial::alone(data_bytes_max, deadly).map_err(|e| anyhow!(e.to_log()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let landlock_abi_max = self.landlock.unwrap_or(u32::MAX);
        let report = if self.inside {
            let families = self.encoder.as_deref().map_or(&[][..], devices::of);
            trial::inside(data_bytes_max, families, landlock_abi_max)
                .map_err(|e| anyhow!(e.to_log()))?
        } else {
            outside(landlock_abi_max, self.encoder.as_deref())?
        };
        for notice in report.notices.iter().filter(|_| !self.inside) {
            tracing::warn!(notice, "sandbox");
        }
        crate::print::line(&report)?;
        // Inside, it is for the other process to judge.
        Ok(if self.inside || report.is_tight() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(4)
        })
    }
}

/// Nothing may be written to files inside, where output may go: what is said there is taken through
/// pipes.
fn outside(landlock_abi_max: u32, encoder: Option<&str>) -> anyhow::Result<Report> {
    let mut command = ourselves()?;
    command.args(["--inside", "--landlock", &landlock_abi_max.to_string()]);
    if let Some(encoder) = encoder {
        command.args(["--encoder", encoder]);
    }
    let output = command.output().context("cannot start another process")?;
    anyhow::ensure!(
        output.status.success(),
        "the sandbox cannot be entered ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let mut report: Report = serde_json::from_slice(&output.stdout)?;
    for deadly in Deadly::ALL {
        let mut command = ourselves()?;
        command.args(["--alone", deadly.name()]);
        report.attempts.push(trial::outlived(command, *deadly)?);
    }
    Ok(report)
}

fn ourselves() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("sandbox");
    Ok(command)
}
