//! What the root's children are started with, from the configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bus_schema::task::TaskClass;
use fly::{Leftovers, LocalProvider, Provider};
use nats::conf::ServerConf;

use crate::config::Config;
use crate::gateway_actor::{self, bind};
use crate::machine_pool;
use crate::notifier;
use crate::platform::Platform;
use crate::up::data_dir::{CACHE, DataDir};

/// Prefix of webhook secrets, as Standard Webhooks writes them.
const SECRET_PREFIX: &str = "whsec_";

/// For the root's children.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// The edge, bound.
    pub gateway: gateway_actor::Options,
    /// Machines.
    pub pool: machine_pool::Options,
    /// Where the gateway is reached.
    pub url: String,
    webhook_secret: String,
    webhook_allow_loopback: bool,
}

impl Arguments {
    /// From the configuration. `port` must be free; without one, the next free one is taken.
    ///
    /// # Errors
    /// When no port is free, the worker's program is missing, or the data folder cannot be written.
    pub async fn new(
        config: &Config,
        data: &DataDir,
        port: Option<u16>,
        workers: Option<ServerConf>,
        guard: Vec<OsString>,
    ) -> anyhow::Result<Self> {
        let mut listen = config.gateway.listen;
        if let Some(port) = port {
            listen.set_port(port);
        }
        let listener = bind(listen, port.is_some()).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut edge = config.gateway.clone();
        edge.webhook_allow_loopback = config.webhook.allow_loopback;
        edge.ladder = config.transcode.qualities.clone();
        let webhook_secret = match &config.webhook.secret {
            Some(secret) => secret.clone(),
            None => data.secret("webhook.secret", new_secret)?,
        };
        Ok(Self {
            gateway: gateway_actor::Options {
                listener: Arc::new(listener),
                edge,
            },
            pool: pool(config, data, workers, guard).await?,
            url,
            webhook_secret,
            webhook_allow_loopback: config.webhook.allow_loopback,
        })
    }

    /// For the Notifier.
    pub(super) fn notifier(&self, platform: &Platform) -> notifier::Arguments {
        notifier::Arguments::new(platform, &self.webhook_secret, self.webhook_allow_loopback)
    }
}

/// 256 random bits.
fn new_secret() -> String {
    use base64::Engine as _;
    let random = bus_schema::Token::random().as_str().to_owned();
    format!(
        "{SECRET_PREFIX}{}",
        base64::engine::general_purpose::STANDARD.encode(random)
    )
}

async fn pool(
    config: &Config,
    data: &DataDir,
    workers: Option<ServerConf>,
    guard: Vec<OsString>,
) -> anyhow::Result<machine_pool::Options> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let half = u32::try_from(cores / 2).unwrap_or(1).max(1);
    let cpu = if config.pool.cpu_slots == 0 {
        half
    } else {
        config.pool.cpu_slots
    };
    let provider = LocalProvider::open(fly::local::Options {
        program: program(config)?,
        args: vec![
            "serve".into(),
            "--exit-on-stdin-eof".into(),
            "--cache".into(),
            data.join(CACHE).into(),
        ],
        env: BTreeMap::new(),
        guard,
        folder: data.join("workers"),
        cap: config.pool.machines_max,
        leftovers: Leftovers::Kill,
        drain_wait: machine_pool::DRAIN,
    });
    let provider = provider.await?;
    Ok(machine_pool::Options {
        provider: Provider::Local(provider),
        slots: BTreeMap::from([
            (TaskClass::Cpu, cpu),
            (TaskClass::Light, config.pool.light_slots.max(1)),
        ]),
        machines_max: config.pool.machines_max,
        idle: Duration::from_millis(config.pool.idle_ms),
        workers,
    })
}

/// The worker's program: as configured, else beside this one.
fn program(config: &Config) -> anyhow::Result<PathBuf> {
    if let Some(program) = &config.pool.worker {
        return Ok(program.clone());
    }
    let beside = std::env::current_exe()?.with_file_name("tcoder-worker");
    anyhow::ensure!(
        beside.exists(),
        "{} is missing: build it with `cargo build -p worker`, or set pool.worker",
        beside.display()
    );
    Ok(beside)
}

#[cfg(test)]
mod tests {
    use fly::Launch;

    use super::*;

    /// To catch a hang, not to measure.
    const DEADLINE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn workers_keep_their_caches_in_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).await.unwrap();
        let mut config = Config::default();
        // What it is started with it says into its log.
        config.pool.worker = Some("/bin/echo".into());
        let options = pool(&config, &data, None, Vec::new()).await.unwrap();
        let launch = Launch {
            name: "w1".parse().unwrap(),
            env: BTreeMap::new(),
        };
        options.provider.launch(&launch).await.unwrap();
        let log = data.join("workers").join("w1.log");
        let saying = async {
            loop {
                match std::fs::read_to_string(&log) {
                    Ok(said) if said.ends_with('\n') => return said,
                    Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let said = tokio::time::timeout(DEADLINE, saying).await.unwrap();
        let cache = format!("--cache {}", data.join(CACHE).display());
        assert!(said.contains(&cache), "{said}");
    }
}
