//! A real nats-server for one test: a free port, a store of its own, gone with the test.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::bus::{Bus, connect};
use crate::conf::ServerConf;
use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::topology::{self, Replicas};

use super::binary::find_binary;
use super::process::{ServerOptions, ServerProcess};
use super::write_private;

/// How many workers have users.
const WORKERS: u32 = 8;
/// How long a test waits for its connection: to catch a hang, not to measure.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// How often a server that is being stopped is looked at.
const POLL: Duration = Duration::from_millis(5);
/// Ports below those that the kernel gives out by itself, so that a server that is down keeps its.
const PORTS: std::ops::Range<u16> = 21_000..32_000;

/// A server of one test's own.
#[derive(Debug)]
pub struct TestServer {
    conf: ServerConf,
    options: ServerOptions,
    process: Option<ServerProcess>,
    dir: TempDir,
    /// Held while this test lives, so that no other takes the port while the server is down.
    _port: File,
}

// === impl TestServer ===

impl TestServer {
    /// A server with the generated two-account configuration and empty streams.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when there is no binary, or it does not come up; the message says what
    /// to do.
    pub async fn start() -> Result<Self> {
        let binary = find_binary().await?;
        let dir = TempDir::new()
            .map_err(|error| Error::with(ErrorKind::Process, "no temporary folder", error))?;
        let (listen, port) = free_port()?;
        let conf = ServerConf::generate(listen, &dir.path().join("store"), WORKERS)?;
        let options = ServerOptions {
            binary,
            conf_path: dir.path().join("nats-server.conf"),
            listen,
            pid_path: dir.path().join("nats-server.pid"),
            log_path: dir.path().join("nats-server.log"),
            guard: Vec::new(),
            kill_on_drop: true,
        };
        write_private(&options.conf_path, &conf.render())?;
        let process = Some(ServerProcess::start(options.clone()).await?);
        Ok(Self {
            conf,
            options,
            process,
            dir,
            _port: port,
        })
    }

    /// A server with the whole topology, and a connection as the control plane.
    ///
    /// # Errors
    /// As [`TestServer::start`], and those of [`topology::apply`].
    pub async fn start_with_topology() -> Result<(Self, Bus)> {
        let server = Self::start().await?;
        let bus = server.bus().await?;
        topology::apply(&bus.js, Replicas::One).await?;
        Ok((server, bus))
    }

    /// A connection as the control plane.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the server is down.
    pub async fn bus(&self) -> Result<Bus> {
        open(&self.control(), "test-control").await
    }

    /// A connection as worker `w<n>`, n from 1.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the server is down.
    pub async fn worker_bus(&self, n: u32) -> Result<Bus> {
        open(&self.worker(n)?, &format!("test-w{n}")).await
    }

    /// The control plane's credentials.
    #[must_use]
    pub fn control(&self) -> Credentials {
        self.conf.control_credentials()
    }

    /// The gateway's.
    #[must_use]
    pub fn gateway(&self) -> Credentials {
        self.conf.gateway_credentials()
    }

    /// The operator's.
    #[must_use]
    pub fn ops(&self) -> Credentials {
        self.conf.ops_credentials()
    }

    /// Those of worker `w<n>`, n from 1.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] beyond the generated users.
    pub fn worker(&self, n: u32) -> Result<Credentials> {
        self.conf
            .worker_credentials(&format!("w{n}"))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Invalid,
                    format!("a test server has {WORKERS} workers, not {n}"),
                )
            })
    }

    /// The configuration; change it while the server is down, with [`TestServer::reconfigure`].
    #[must_use]
    pub fn conf(&self) -> &ServerConf {
        &self.conf
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        self.conf.url()
    }

    /// How it is run.
    #[must_use]
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// A folder that goes with the test.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The server's process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<&ServerProcess> {
        self.process.as_ref()
    }

    /// Ends the server as a crash would; nothing when it is down.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub async fn kill_9(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.kill_9().await,
            None => Ok(()),
        }
    }

    /// Stops the server's clock, as a stalled machine does: it answers nothing, and after
    /// [`TestServer::thaw`] does everything that it was sent.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub async fn freeze(&self) -> Result<()> {
        let Some(process) = &self.process else {
            return Ok(());
        };
        process.id().signal(Signal::STOP)?;
        // The signal is on its way to each thread; until the last has it, answers still come.
        while !is_stopped(process.id().pid) {
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub fn thaw(&self) -> Result<()> {
        self.process
            .as_ref()
            .map_or(Ok(()), |process| process.id().signal(Signal::CONT))
    }

    /// Ends the server gently; nothing when it is down.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Starts it again on the same port and store, after ending it gently if it runs.
    ///
    /// # Errors
    /// As [`TestServer::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.process = Some(ServerProcess::start(self.options.clone()).await?);
        Ok(())
    }

    /// Writes another configuration, for the next [`TestServer::restart`].
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it cannot be written.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut ServerConf)) -> Result<()> {
        change(&mut self.conf);
        write_private(&self.options.conf_path, &self.conf.render())
    }
}

async fn open(credentials: &Credentials, name: &str) -> Result<Bus> {
    let bus = connect(credentials, name).await?;
    bus.ready(CONNECT_PATIENCE).await?;
    Ok(bus)
}

/// Whether all threads of a process stand still.
fn is_stopped(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // A thread that has just ended has no state.
        stat.rsplit_once(") ")
            .is_none_or(|(_, fields)| fields.starts_with('T'))
    })
}

/// A port that nobody listens on and no other test holds, and the lock that says so.
fn free_port() -> Result<(SocketAddr, File)> {
    let failed = |error: std::io::Error| Error::with(ErrorKind::Process, "no free port", error);
    let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/test-ports");
    std::fs::create_dir_all(&locks).map_err(failed)?;
    let mut seed = [0_u8; 2];
    getrandom::fill(&mut seed)
        .map_err(|error| Error::with(ErrorKind::Process, "no randomness", error.to_string()))?;
    let count = PORTS.end - PORTS.start;
    for step in 0..count {
        let offset = (u16::from_be_bytes(seed) % count + step) % count;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.start + offset));
        let path = locks.join(address.port().to_string());
        let lock = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        if lock.try_lock().is_ok() && TcpListener::bind(address).is_ok() {
            return Ok((address, lock));
        }
    }
    Err(Error::new(
        ErrorKind::Process,
        "all ports of the tests' range are taken",
    ))
}
