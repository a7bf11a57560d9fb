//! `tcoder up`: everything on one machine with nothing to configure - a real nats-server as a child,
//! an S3 store in the process, the control plane, and workers as processes.

pub mod data_dir;
mod embedded_bus;
mod embedded_store;
pub mod run_file;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gateway::storage::Storage;
use nats::topology::{self, Replicas};
use nats::{Bus, Register, Timers};
use ractor::ActorRef;

use crate::board::Board;
use crate::config::Config;
use crate::platform::{Limits, Platform};
use crate::root::{self, Root};
use data_dir::DataDir;
use embedded_bus::EmbeddedBus;
use embedded_store::EmbeddedStore;
use run_file::RunFile;

/// How long the bus may take to come up: replaying a large store takes seconds.
const BUS_PATIENCE: Duration = Duration::from_secs(60);

/// How often the topology is applied to a server that was started again, until it holds.
const PREPARATIONS_MAX: u32 = 10;
/// The pause between two of these.
const PREPARATION_PAUSE: Duration = Duration::from_millis(500);

/// How long a clean stop of the control plane and its machines may take; store and bus, which go after
/// them, take a moment each, and all of it is to be within 5 s.
pub const DRAIN: Duration = Duration::from_millis(4_200);

/// How long leaving the bus may take: one ping there and back.
const BUS_CLOSE_MAX: Duration = Duration::from_millis(300);

/// What `tcoder up` is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The configuration.
    pub config: Config,
    /// The port that was asked for: it must be free. Without one the next free port is taken.
    pub port: Option<u16>,
    /// The `tcoder` program: children are started through its `guard`, so that they end with us.
    pub tcoder: PathBuf,
}

/// A running system.
#[derive(Debug)]
pub struct Up {
    /// As in `run.json`.
    pub run: RunFile,
    client: Bus,
    root: root::Running,
    store: Option<EmbeddedStore>,
    bus: Option<EmbeddedBus>,
    data: DataDir,
}

impl Up {
    /// Starts everything, and returns when the gateway answers.
    ///
    /// # Errors
    /// What could not be started, and what to do about it.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let Options {
            data,
            mut config,
            port,
            tcoder,
        } = options;
        let data = DataDir::open(&data).await?;
        let guard = vec![tcoder.into_os_string(), "guard".into(), "--".into()];
        let (bus, embedded_bus) = bus(&data, &config, &guard).await?;
        prepare(&bus).await?;
        let client = bus.clone();
        let embedded_store = match config.storage.endpoint {
            Some(_) => None,
            None => Some(EmbeddedStore::start(&data, &bus, &mut config.storage).await?),
        };
        let storage = Storage::new(&config.storage)?;
        storage
            .ensure_bucket()
            .await
            .context("the storage bucket cannot be made")?;
        let platform = Platform {
            jobs: Register::new(&bus, "jobs"),
            attempts: Register::new(&bus, "attempts"),
            timers: Timers::new(&bus),
            bus,
            storage,
            board: Arc::new(Board::default()),
            limits: Arc::new(Limits {
                ladder: config.transcode.qualities.clone(),
                ..Limits::default()
            }),
        };
        let workers = embedded_bus.as_ref().map(EmbeddedBus::conf).cloned();
        let arguments = root::Arguments::new(&config, &data, port, workers, guard).await?;
        let root = Box::pin(Root::start(platform, arguments)).await?;
        let run = RunFile {
            url: root.url(),
            nats: embedded_bus
                .as_ref()
                .map(|bus| bus.conf().ops_credentials()),
            store: embedded_store
                .as_ref()
                .map(|_| run_file::Store::of(&config.storage)),
            pids: run_file::Pids {
                tcoder: std::process::id(),
                nats_server: embedded_bus.as_ref().map(EmbeddedBus::pid),
            },
        };
        run.write(&data.run_file())?;
        Ok(Self {
            run,
            client,
            root,
            store: embedded_store,
            bus: embedded_bus,
            data,
        })
    }

    /// The root supervisor's mailbox.
    #[must_use]
    pub fn root(&self) -> &ActorRef<root::Message> {
        self.root.actor()
    }

    /// Starts the nats-server again when it ends; returns only when something essential has ended for
    /// good.
    pub async fn failed(&mut self) -> anyhow::Error {
        let bus_ended = async {
            let Some(server) = &mut self.bus else {
                return std::future::pending().await;
            };
            loop {
                let started = async {
                    server.restarted().await?;
                    // What it kept in memory is gone, streams and buckets with it.
                    prepare_again(&self.client).await?;
                    self.run.pids.nats_server = Some(server.pid());
                    self.run.write(&self.data.run_file())
                };
                if let Err(error) = started.await {
                    return error;
                }
            }
        };
        let store_ended = async {
            match &mut self.store {
                Some(store) => store.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = self.root.ended() => error,
            error = bus_ended => error,
            error = store_ended => error,
        }
    }

    /// Stops everything in the order of the data's way, within about [`DRAIN`].
    pub async fn stop(self) {
        self.root.stop(DRAIN).await;
        if let Some(store) = self.store {
            store.stop().await;
        }
        self.client.close(BUS_CLOSE_MAX).await;
        if let Some(bus) = self.bus {
            bus.stop().await;
        }
        self.data.forget_run();
    }
}

/// Waits for the bus, and makes the streams, consumers and buckets that it lacks.
async fn prepare(bus: &Bus) -> anyhow::Result<()> {
    bus.ready(BUS_PATIENCE)
        .await
        .context("the bus does not come up")?;
    let report = topology::apply(&bus.js, Replicas::One).await?;
    tracing::info!(?report.created, ?report.updated, "topology applied");
    Ok(())
}

/// The same after the server was started again: the client may take a while to notice both its end
/// and its return.
async fn prepare_again(bus: &Bus) -> anyhow::Result<()> {
    for _ in 1..PREPARATIONS_MAX {
        match prepare(bus).await {
            Ok(()) => return Ok(()),
            Err(error) => tracing::warn!("the bus is not as it should be yet: {error:#}"),
        }
        tokio::time::sleep(PREPARATION_PAUSE).await;
    }
    prepare(bus).await
}

/// The bus that is configured, or one of our own.
async fn bus(
    data: &DataDir,
    config: &Config,
    guard: &[OsString],
) -> anyhow::Result<(Bus, Option<EmbeddedBus>)> {
    let Some(url) = &config.bus.url else {
        let embedded = EmbeddedBus::start(data, config, guard).await?;
        let bus = nats::connect(&embedded.conf().control_credentials(), "tcoder").await?;
        return Ok((bus, Some(embedded)));
    };
    let credentials = nats::Credentials::app(url, &config.bus.user, &config.bus.password);
    Ok((nats::connect(&credentials, "tcoder").await?, None))
}
