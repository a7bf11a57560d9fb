//! The parent's handle on one task's child process.
//!
//! The child is not trusted: it may send anything, or nothing, for ever. [`ChildTask`] turns what
//! it says into events, holds it to its limits, and always reaps it.

mod driver;
mod end;
mod event;
mod limits;
mod ranges;
mod results;
mod session;
mod stderr;
mod wire;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

use bus_schema::task::TaskSpec;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use event::{ChildEvent, Credit, RangeReply};
pub use limits::Limits;

use crate::devices;
use crate::protocol::Begin;

/// Events that wait for the owner of the handle; the child waits beyond.
const EVENTS_MAX: usize = 16;

/// What the child may read of our environment: how to find its libraries and how to log. No
/// credentials.
const ENVIRONMENT: &[&str] = &[
    "LD_LIBRARY_PATH",
    "GST_DEBUG",
    "G_DEBUG",
    "RUST_BACKTRACE",
    "RUST_LOG",
];

/// How to start a child.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program: `tcoder-worker` itself.
    pub program: PathBuf,
    /// Environment beyond the whitelist: what [`crate::plugins::Plugins::environment`] says.
    pub environment: BTreeMap<String, String>,
    /// Cores of the slot.
    pub threads: u32,
    /// What it may use.
    pub limits: Limits,
}

/// A running child. Dropping it kills the child.
#[derive(Debug)]
pub struct ChildTask {
    events: mpsc::Receiver<ChildEvent>,
    /// Owns the tokio task that drives the child: dropping it ends both.
    driver: JoinSet<()>,
    pid: u32,
}

impl ChildTask {
    /// Starts a child on a task. To be called on a thread that outlives it, as a runtime's workers
    /// do: the kernel ends a child with the thread that made it.
    ///
    /// # Errors
    /// When no process or socket can be had.
    pub fn spawn(options: &Options, spec: TaskSpec) -> std::io::Result<Self> {
        let (ranges, their_ranges) = UnixStream::pair()?;
        let (results, their_results) = UnixStream::pair()?;
        let of_devices: &[&str] = if devices::of_task(&spec).is_empty() {
            &[]
        } else {
            devices::ENVIRONMENT
        };
        let kept = ENVIRONMENT
            .iter()
            .chain(of_devices)
            .filter_map(|name| Some((*name, std::env::var_os(name)?)));
        let mut command = Command::new(&options.program);
        command
            .args([
                "task",
                "--child",
                "--parent",
                &std::process::id().to_string(),
            ])
            .env_clear()
            .envs(kept)
            .envs(&options.environment)
            .stdin(Stdio::from(OwnedFd::from(their_ranges)))
            .stdout(Stdio::from(OwnedFd::from(their_results)))
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let child = command.spawn()?;
        // Holds their ends of the sockets: open here, the end of the child would never be seen.
        drop(command);
        let pid = child
            .id()
            .ok_or_else(|| std::io::Error::other("the child is gone already"))?;
        let begin = Begin {
            threads: options.threads,
            data_bytes_max: options.limits.data_bytes_max(),
            spec,
        };
        let wires = wire::Wires::new(ranges, results)?;
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let mut driver = JoinSet::new();
        driver.spawn(driver::run(child, wires, begin, options.limits, sender));
        Ok(Self {
            events,
            driver,
            pid,
        })
    }

    /// The child's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The next event; `None` after [`ChildEvent::Exited`]. Cancel safe.
    pub async fn next(&mut self) -> Option<ChildEvent> {
        self.events.recv().await
    }

    /// Kills the child and waits until it is reaped.
    pub async fn kill(mut self) {
        self.events.close();
        // The driver kills when nobody listens any more; it is not aborted, so that it can reap.
        while self.events.recv().await.is_some() {}
        while self.driver.join_next().await.is_some() {}
    }
}
