//! The command line: one file a command.

mod decode;
mod guard;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit codes, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Usage = 2,
    Refused = 3,
    Failed = 4,
    Cancelled = 5,
    Unreachable = 6,
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Self-hosted video transcoding: uploads in, HLS, DASH and MP4 out, watched while it happens.
#[derive(Debug, Parser)]
#[command(name = "tcoder", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration [default: tcoder.toml, where it exists].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Decode(decode::Decode),
    #[command(hide = true)]
    Guard(guard::Guard),
}

impl Cli {
    /// What is logged unless `RUST_LOG` says otherwise.
    pub(crate) fn log(&self) -> &'static str {
        match self.command {
            Command::Up(_) => "info,async_nats=warn,aws=warn",
            Command::Decode(_) | Command::Guard(_) => "warn",
        }
    }
}

/// Commands that need neither threads nor logs.
pub(crate) fn without_runtime(cli: &Cli) -> Option<ExitCode> {
    match &cli.command {
        Command::Guard(guard) => Some(guard.apply()),
        Command::Decode(decode) => Some(decode.apply()),
        Command::Up(_) => None,
    }
}

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Up(up) => up.apply(cli.config.as_deref()).await.into(),
        Command::Decode(_) | Command::Guard(_) => ExitCode::SUCCESS,
    }
}

/// For people, on stdout.
#[expect(clippy::print_stdout, reason = "the terminal is this program's page")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// For people, on stderr: what went wrong, and what to do.
#[expect(clippy::print_stderr, reason = "the terminal is this program's page")]
pub(crate) fn complain(text: &str) {
    eprintln!("tcoder: {text}");
}
