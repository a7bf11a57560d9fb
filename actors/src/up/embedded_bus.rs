//! A nats-server of our own, as a child.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context as _;
use nats::conf::{ServerConf, User};
use nats::server::{ServerOptions, ServerProcess, find_binary, write_private};
use tokio::time::Instant;

use super::DataDir;
use crate::config::Config;
use crate::restart::{ESSENTIAL, Restarts};

/// How often it is tried on one port after the other: systems that start at the same moment find the
/// same one free, and a few of them at most do.
const STARTS_MAX: u32 = 5;

/// What is kept of it: passwords must outlive restarts, for adopted workers know them.
const CONF: &str = "nats.json";

/// A nats-server as a child.
#[derive(Debug)]
pub(super) struct EmbeddedBus {
    conf: ServerConf,
    options: ServerOptions,
    process: ServerProcess,
    restarts: Restarts,
}

impl EmbeddedBus {
    /// Starts it; what an earlier run left running is ended first.
    pub(super) async fn start(
        data: &DataDir,
        config: &Config,
        guard: &[OsString],
    ) -> anyhow::Result<Self> {
        let binary = match &config.bus.server {
            Some(path) => path.clone(),
            None => find_binary().await?,
        };
        let folder = data.join("nats");
        std::fs::create_dir_all(&folder)?;
        let pid_path = folder.join("nats-server.pid");
        // Before the port is looked for: a leftover holds it.
        nats::server::PidFile::new(&pid_path)
            .end_leftover(super::DRAIN)
            .await?;
        let mut conf = conf(data, config)?;
        let mut n_starts = 1;
        loop {
            let conf_path = folder.join("nats.conf");
            write_private(&conf_path, &conf.render())?;
            let options = ServerOptions {
                binary: binary.clone(),
                conf_path,
                listen: conf.listen,
                pid_path: pid_path.clone(),
                log_path: folder.join("nats-server.log"),
                guard: guard.to_vec(),
                kill_on_drop: true,
            };
            let error = match ServerProcess::start(options.clone()).await {
                Ok(process) => {
                    return Ok(Self {
                        conf,
                        options,
                        process,
                        restarts: Restarts::new(ESSENTIAL),
                    });
                }
                Err(error) => error,
            };
            // Between our look and the server's start another may have taken the port.
            let next = self::conf(data, config)?;
            if next.listen == conf.listen || n_starts == STARTS_MAX {
                return Err(error.into());
            }
            tracing::warn!(port = conf.listen.port(), "taken meanwhile; trying another");
            conf = next;
            n_starts += 1;
        }
    }

    pub(super) fn conf(&self) -> &ServerConf {
        &self.conf
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id().pid
    }

    /// Waits for the server's end, and starts it again on the same port and store. May be dropped at
    /// any time and called again.
    pub(super) async fn restarted(&mut self) -> anyhow::Result<()> {
        let status = self.process.wait().await?;
        let mut reason = format!("{status:?}");
        loop {
            tracing::error!(reason, "nats-server ended by itself; starting it again");
            let pause = self.restarts.next(Instant::now()).with_context(|| {
                format!(
                    "nats-server ends again and again; the end of {} says why",
                    self.options.log_path.display()
                )
            })?;
            tokio::time::sleep(pause).await;
            // Everybody reconnects to the same address: another port would help nobody.
            match ServerProcess::start(self.options.clone()).await {
                Ok(process) => {
                    self.process = process;
                    return Ok(());
                }
                Err(error) => reason = error.to_string(),
            }
        }
    }

    pub(super) async fn stop(self) {
        if let Err(error) = self.process.stop().await {
            tracing::warn!(%error, "nats-server did not stop");
        }
    }
}

/// The configuration of the last run, with what has changed.
fn conf(data: &DataDir, config: &Config) -> anyhow::Result<ServerConf> {
    let path = data.join(CONF);
    let cap = config.pool.machines_max;
    let mut conf = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged: remove it", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            ServerConf::generate(loopback(config.bus.port), &data.join("nats/store"), cap)?
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    for n in conf.workers.len() + 1..=cap as usize {
        conf.workers.push(User::generate(&format!("w{n}"))?);
    }
    conf.store_dir = data.join("nats/store");
    conf.listen = free(conf.listen)?;
    write_private(&path, &serde_json::to_string_pretty(&conf)?)?;
    Ok(conf)
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// This address if it is free, else one that is.
fn free(wanted: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(wanted).or_else(|_| TcpListener::bind(loopback(0)))?;
    listener.local_addr()
}
