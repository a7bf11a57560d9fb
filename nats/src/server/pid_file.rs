//! Which process we started, so that a later life of ours finds that one and no other.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::error::{Error, ErrorKind, Result};

/// How often a process that was told to end is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A process by number and start time: numbers are given out again, pairs are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId {
    /// The process id.
    pub pid: u32,
    /// Clock ticks from boot to its start, field 22 of `/proc/<pid>/stat`.
    pub started: u64,
}

/// A file that names one process: `<pid> <start time>`.
#[derive(Debug, Clone)]
pub struct PidFile {
    path: PathBuf,
}

// === impl ProcessId ===

impl ProcessId {
    /// The process with this number now; `None` when there is none, or it has ended and only its
    /// parent has not noticed.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold spaces and parentheses itself.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        let state = fields.next()?;
        // Field 22 counted from 1; the state is field 3.
        let started = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started })
    }

    /// Whether that very process still runs.
    #[must_use]
    pub fn is_running(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Tells it to end, and kills it after `grace`. Done at once when it does not run.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub async fn end(self, grace: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        if tokio::time::timeout(grace, self.gone()).await.is_ok() {
            return Ok(());
        }
        tracing::warn!(pid = self.pid, ?grace, "did not end in time; killing it");
        self.signal(Signal::KILL)?;
        self.gone().await;
        Ok(())
    }

    /// Sends a signal, to that process or to none.
    pub(crate) fn signal(self, signal: Signal) -> Result<()> {
        let failed = |error: rustix::io::Errno| {
            Error::with(ErrorKind::Process, format!("cannot signal {self}"), error)
        };
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return Ok(());
        };
        // The handle is taken before the start time is compared: from then on the number cannot
        // come to mean another process.
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if !self.is_running() {
            return Ok(());
        }
        match pidfd_send_signal(&handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    async fn gone(self) {
        while self.is_running() {
            tokio::time::sleep(POLL).await;
        }
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} (started at tick {})", self.pid, self.started)
    }
}

// === impl PidFile ===

impl PidFile {
    /// The file at this path, which need not exist.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The process that it names, if that still runs. A file that cannot be read names none.
    #[must_use]
    pub fn running(&self) -> Option<ProcessId> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let named = ProcessId {
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        };
        named.is_running().then_some(named)
    }

    /// Names a process.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when the file cannot be written.
    pub fn write(&self, process: ProcessId) -> Result<()> {
        super::write_private(
            &self.path,
            &format!("{} {}\n", process.pid, process.started),
        )
    }

    /// Ends the process that it names, if any; true when there was one. The next start's first step.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub async fn end_leftover(&self, grace: Duration) -> Result<bool> {
        let Some(process) = self.running() else {
            return Ok(false);
        };
        tracing::warn!(%process, file = %self.path.display(), "ending what an earlier run left");
        process.end(grace).await?;
        Ok(true)
    }

    /// Takes the file away.
    pub(crate) fn remove(&self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, file = %self.path.display(), "pid file stays");
        }
    }
}
