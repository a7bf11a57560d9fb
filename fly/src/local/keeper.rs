//! The owner of one worker process: sees it end, ends it when told to, reaps it.

use std::io;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use tokio::sync::watch;

use super::pid_file::PidFile;
use super::process::Process;
use crate::machine::MachineName;

/// What the keeper is told. Later ones outrank earlier ones, so the latest value is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Leave it alone.
    Keep,
    /// Drain: SIGTERM, and SIGKILL when that takes longer than the drain wait.
    Stop,
    /// SIGKILL now.
    Kill,
}

/// The keeper's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// How, for people; `None` for an adopted one, whose status went to another parent.
    pub(crate) exit: Option<String>,
}

/// A worker process and what belongs to it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) name: MachineName,
    pub(crate) folder: PathBuf,
    pub(crate) process: Process,
    /// `None` for an adopted one: its parent is gone. The child's stdin pipe is in it, and open
    /// for as long as it lives: a worker leaves when that closes.
    pub(crate) child: Option<Child>,
    /// How long it may drain.
    pub(crate) drain_wait: Duration,
}

// === impl Keeper ===

impl Keeper {
    /// Keeps it until it has ended, however that comes about.
    pub(crate) async fn run(
        mut self,
        mut orders: watch::Receiver<Order>,
        ended: watch::Sender<Option<Ended>>,
    ) {
        if let Err(error) = self.attend(&mut orders).await {
            // Without a view of it, certainty is worth more than the work in its hands.
            tracing::error!(machine = %self.name, %error, "cannot watch a worker; killing it");
            self.kill();
        }
        let exit = self.bury();
        tracing::info!(machine = %self.name, exit, "worker ended");
        ended.send_replace(Some(Ended { exit }));
    }

    /// Returns when it has ended.
    async fn attend(&self, orders: &mut watch::Receiver<Order>) -> io::Result<()> {
        tokio::select! {
            ended = self.process.ended() => return ended,
            () = told(orders, Order::Stop) => {}
        }
        if *orders.borrow() == Order::Stop {
            self.process.terminate()?;
            tokio::select! {
                ended = self.process.ended() => return ended,
                () = told(orders, Order::Kill) => {}
                () = tokio::time::sleep(self.drain_wait) => {
                    let wait_ms = self.drain_wait.as_millis();
                    tracing::warn!(machine = %self.name, wait_ms, "worker did not drain; killing it");
                }
            }
        }
        self.process.kill_group()?;
        self.process.ended().await
    }

    fn kill(&self) {
        if let Err(error) = self.process.kill_group() {
            tracing::error!(machine = %self.name, %error, "cannot kill a worker");
        }
    }

    /// Ends what is left of its group, reaps it, and removes its pid file. Says how it ended.
    fn bury(&mut self) -> Option<String> {
        self.kill();
        let exit = match &mut self.child {
            // It has ended, or was killed a moment ago: this does not wait.
            Some(child) => child.wait().ok().map(describe),
            None => {
                self.process.reap_if_ours();
                None
            }
        };
        if let Err(error) = PidFile::remove(&self.folder, &self.name) {
            tracing::warn!(machine = %self.name, %error, "cannot remove a pid file");
        }
        exit
    }
}

/// Waits for this order or a stronger one. For ever, when nobody can give one any more.
async fn told(orders: &mut watch::Receiver<Order>, least: Order) {
    if orders.wait_for(|order| *order >= least).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}
