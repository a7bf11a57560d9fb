//! `tcoder-worker serve`: the worker of a machine.

use std::collections::BTreeMap;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bus_schema::id::WorkerName;
use bus_schema::task::TaskClass;
use clap::Args;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use worker::{encoders, plugins, runtime};

/// How long work in hand may take when the worker is told to leave; what takes longer is given back.
const DRAIN: Duration = Duration::from_secs(2);

/// Serve a control plane: pull tasks, do them, report.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The worker's name, also its user on the bus.
    #[arg(long, env = "TCODER_WORKER_NAME")]
    name: WorkerName,
    /// How it connects, as JSON.
    #[arg(long, env = "TCODER_WORKER_CREDENTIALS", hide_env_values = true)]
    credentials: String,
    /// Chunks of picture encoded at once.
    #[arg(long, env = "TCODER_WORKER_CPU_SLOTS", default_value_t = 1)]
    cpu_slots: u32,
    /// Probes, sound and assembly done at once.
    #[arg(long, env = "TCODER_WORKER_LIGHT_SLOTS", default_value_t = 2)]
    light_slots: u32,
    /// Where the list of plugins is kept between starts [default: a folder of this user].
    #[arg(long)]
    cache: Option<PathBuf>,
    /// What children are started from instead of this program: for measuring.
    #[arg(long, hide = true)]
    program: Option<PathBuf>,
    /// Leave at once when stdin ends: whoever started this is gone.
    #[arg(long)]
    exit_on_stdin_eof: bool,
}

impl Serve {
    pub(crate) fn apply(self) -> anyhow::Result<ExitCode> {
        if rustls::crypto::ring::default_provider()
            .install_default()
            .is_err()
        {
            tracing::debug!("the TLS provider is there already");
        }
        let cache = self.cache.clone().unwrap_or_else(super::cache_dir);
        let environment = plugins::prepare(&cache)?.environment().clone();
        let options = runtime::Options {
            credentials: serde_json::from_str(&self.credentials)
                .context("TCODER_WORKER_CREDENTIALS is not what the control plane gives")?,
            slots: BTreeMap::from([
                (TaskClass::Cpu, self.cpu_slots),
                (TaskClass::Light, self.light_slots),
            ]),
            program: self.program.map_or_else(std::env::current_exe, Ok)?,
            environment,
            encoders: Vec::new(),
            name: self.name,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let served = runtime.block_on(serve(options, self.exit_on_stdin_eof));
        runtime.shutdown_timeout(Duration::from_secs(1));
        served.map(|()| ExitCode::SUCCESS)
    }
}

async fn serve(mut options: runtime::Options, exits_on_eof: bool) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    // Before the first task: it also builds the plugins' registry, which would else cost that task a
    // second.
    options.encoders = encoders::check(&options.program, &options.environment).await;
    let mut running = runtime::start(options).await?;
    tokio::select! {
        ended = running.ended() => return ended,
        _ = terminate.recv() => tracing::info!("told to leave"),
        _ = tokio::signal::ctrl_c() => tracing::info!("interrupted"),
        () = stdin_ended(), if exits_on_eof => {
            // Nobody is there to take anything back.
            tracing::warn!("the parent is gone");
            return Ok(());
        }
    }
    running.drain(DRAIN).await;
    Ok(())
}

/// Returns when the other end of stdin is closed; never when stdin is no pipe.
async fn stdin_ended() {
    let receiver = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .and_then(pipe::Receiver::from_owned_fd);
    let Ok(mut stdin) = receiver else {
        return std::future::pending().await;
    };
    let mut bytes = [0_u8; 64];
    while stdin.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
}
