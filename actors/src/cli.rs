//! The command line: one file a command.

mod client;
mod clip_time;
mod collect;
mod decode;
mod doctor;
mod follow;
mod guard;
mod images;
mod jobs;
mod output;
mod transcode;
mod up;
mod watermark;

pub(crate) use output::{complain, say};

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use actors::config::Config;
use actors::up::run_file::RunFile;
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
#[command(
    name = "tcoder",
    version,
    propagate_version = true,
    max_term_width = 100
)]
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
    Transcode(Box<transcode::Transcode>),
    Jobs(jobs::Jobs),
    Watch(jobs::Watch),
    Cancel(jobs::Cancel),
    Doctor(doctor::Doctor),
    Decode(decode::Decode),
    #[command(hide = true)]
    Guard(guard::Guard),
}

impl Cli {
    /// What is logged unless `RUST_LOG` says otherwise.
    pub(crate) fn log(&self) -> &'static str {
        match &self.command {
            Command::Up(up) => up.log(),
            Command::Transcode(_)
            | Command::Jobs(_)
            | Command::Watch(_)
            | Command::Cancel(_)
            | Command::Doctor(_)
            | Command::Decode(_)
            | Command::Guard(_) => "error",
        }
    }
}

/// Commands that need neither threads nor logs.
pub(crate) fn without_runtime(cli: &Cli) -> Option<ExitCode> {
    match &cli.command {
        Command::Guard(guard) => Some(guard.apply()),
        Command::Decode(decode) => Some(output::checked(decode.apply()).into()),
        _ => None,
    }
}

/// Runs a command.
pub(crate) async fn run(cli: Cli) -> ExitCode {
    // Those that need none refuse a wrong one all the same: silence would pass for consent.
    if let Some(path) = cli.config.as_deref()
        && let Err(error) = Config::load(Some(path), std::env::vars())
    {
        complain(&error.to_string());
        return Exit::Usage.into();
    }
    let exit = match cli.command {
        Command::Up(up) => Box::pin(up.apply(cli.config.as_deref())).await,
        Command::Transcode(transcode) => transcode.apply().await,
        Command::Jobs(jobs) => jobs.apply().await,
        Command::Watch(watch) => watch.apply().await,
        Command::Cancel(cancel) => cancel.apply().await,
        Command::Doctor(doctor) => doctor.apply(cli.config.as_deref()).await,
        Command::Decode(_) | Command::Guard(_) => Exit::Done,
    };
    output::checked(exit).into()
}

/// Which gateway, and how to talk to it.
#[derive(Debug, clap::Args)]
pub(crate) struct Remote {
    /// The gateway [default: the one that runs on this folder, else http://127.0.0.1:8080].
    #[arg(long, env = "TCODER_URL", value_name = "URL")]
    url: Option<String>,
    /// An API key, where the gateway wants one.
    #[arg(long, env = "TCODER_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
    /// Print JSON, one value a line, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Remote {
    /// The gateway that is meant.
    pub(crate) fn client(&self) -> Result<client::Client, client::Error> {
        let running = || {
            RunFile::read(Path::new(".tcoder/run.json"))
                .ok()
                .map(|run| run.url)
        };
        let url = self.url.clone().or_else(running);
        client::Client::new(
            url.as_deref().unwrap_or("http://127.0.0.1:8080"),
            self.key.clone(),
        )
    }
}

/// Says what went wrong; the exit code of that.
pub(crate) fn failed(error: &client::Error) -> Exit {
    complain(&error.to_string());
    error.exit()
}
