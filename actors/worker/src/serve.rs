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
use tokio::signal::unix::{Signal, SignalKind, signal};
use worker::plugins::{self, Plugins};
use worker::{encoders, runtime};

use super::cache::Cache;

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
    #[command(flatten)]
    cache: Cache,
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
        let plugins = plugins::prepare(&self.cache.folder()?)?;
        let options = runtime::Options {
            credentials: serde_json::from_str(&self.credentials)
                .context("TCODER_WORKER_CREDENTIALS is not what the control plane gives")?,
            slots: BTreeMap::from([
                (TaskClass::Cpu, self.cpu_slots),
                (TaskClass::Light, self.light_slots),
            ]),
            program: self.program.map_or_else(std::env::current_exe, Ok)?,
            environment: plugins.environment().clone(),
            encoders: Vec::new(),
            name: self.name,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let served = runtime.block_on(serve(options, &plugins, self.exit_on_stdin_eof));
        runtime.shutdown_timeout(Duration::from_secs(1));
        served.map(|()| ExitCode::SUCCESS)
    }
}

async fn serve(
    options: runtime::Options,
    plugins: &Plugins,
    exits_on_eof: bool,
) -> anyhow::Result<()> {
    let mut told = Told {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        parent: exits_on_eof.then(stdin).flatten(),
    };
    // Trials and a bus that is away take their time: who is told to leave meanwhile just leaves.
    let mut running = tokio::select! {
        running = start(options, plugins) => running?,
        _ = told.leave() => return Ok(()),
    };
    let how = tokio::select! {
        ended = running.ended() => return ended,
        how = told.leave() => how,
    };
    match how {
        Leave::Drained => running.drain(DRAIN).await,
        // Nobody is there to take anything back.
        Leave::AtOnce => {}
    }
    Ok(())
}

/// Starts to work. The trials come before the first task: they also build the plugins' registry,
/// which would else cost that task a second.
async fn start(
    mut options: runtime::Options,
    plugins: &Plugins,
) -> anyhow::Result<runtime::Running> {
    let mut checks = encoders::check_once(&options.program, plugins).await;
    // Once a second, to say of twenty devices that they are not here: `tcoder doctor` tells that.
    checks.retain(|check| check.failure.as_deref() != Some(encoders::ABSENT));
    options.encoders = checks;
    runtime::start(options).await
}

/// How to leave.
#[derive(Debug, Clone, Copy)]
enum Leave {
    /// Finishing or giving back what is in hand.
    Drained,
    /// As one stands.
    AtOnce,
}

/// Who may tell the worker to leave.
#[derive(Debug)]
struct Told {
    terminate: Signal,
    interrupt: Signal,
    parent: Option<pipe::Receiver>,
}

impl Told {
    /// Returns when one of them does. Cancel safe.
    async fn leave(&mut self) -> Leave {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("told to leave"),
            _ = self.interrupt.recv() => tracing::info!("interrupted"),
            () = ended(&mut self.parent) => {
                tracing::warn!("the parent is gone");
                return Leave::AtOnce;
            }
        }
        Leave::Drained
    }
}

/// Our end of stdin, when that is a pipe.
fn stdin() -> Option<pipe::Receiver> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().ok()?;
    pipe::Receiver::from_owned_fd(stdin).ok()
}

/// Returns when the other end of the pipe is closed; never when there is no pipe.
async fn ended(parent: &mut Option<pipe::Receiver>) {
    let Some(parent) = parent else {
        return std::future::pending().await;
    };
    let mut bytes = [0_u8; 64];
    while parent.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
}
