//! One process, and no other that may later have its number.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What names a process for good: numbers are used again, but not with the same start time in the
/// same boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    /// Its number, also its process group's.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since boot: field 22 of `/proc/<pid>/stat`.
    pub(crate) start_ticks: u64,
    /// The boot that this was; ticks begin anew with the next.
    pub(crate) boot_id: String,
}

/// A process in our hands: its descriptor stays its own, whatever becomes of the number.
#[derive(Debug)]
pub(crate) struct Process {
    id: ProcessId,
    pid: Pid,
    /// Readable once it has ended.
    pidfd: AsyncFd<OwnedFd>,
}

/// The two fields of `/proc/<pid>/stat` that matter here.
struct Stat {
    is_ended: bool,
    start_ticks: u64,
}

// === impl ProcessId ===

impl ProcessId {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let start_ticks = stat(pid)?.start_ticks;
        Ok(Self {
            pid,
            start_ticks,
            boot_id: boot_id()?,
        })
    }

    /// Whether it runs; one that waits to be reaped does not.
    pub(crate) fn is_running(&self) -> bool {
        self.stat().is_some_and(|stat| !stat.is_ended)
    }

    /// Whether its number is still taken by it, running or waiting to be reaped.
    fn is_there(&self) -> bool {
        self.stat().is_some()
    }

    fn stat(&self) -> Option<Stat> {
        let is_this_boot = boot_id().is_ok_and(|boot_id| boot_id == self.boot_id);
        stat(self.pid)
            .ok()
            .filter(|stat| is_this_boot && stat.start_ticks == self.start_ticks)
    }
}

// === impl Process ===

impl Process {
    /// Takes hold of it; `None` when it has ended, or its number belongs to somebody else by now.
    pub(crate) fn open(id: &ProcessId) -> io::Result<Option<Self>> {
        let Some(pid) = i32::try_from(id.pid).ok().and_then(Pid::from_raw) else {
            return Ok(None);
        };
        let pidfd = match rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK) {
            Ok(pidfd) => pidfd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // After the descriptor, not before: what it is compared with can no longer change.
        if !id.is_there() {
            return Ok(None);
        }
        Ok(Some(Self {
            id: id.clone(),
            pid,
            pidfd: watch(pidfd)?,
        }))
    }

    pub(crate) fn id(&self) -> &ProcessId {
        &self.id
    }

    /// Waits for its end. It is not reaped by this.
    pub(crate) async fn ended(&self) -> io::Result<()> {
        // Never cleared: a process that has ended stays so.
        self.pidfd.readable().await.map(drop)
    }

    /// Asks it, and it alone, to leave; its children are its own business.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        ignore_gone(rustix::process::pidfd_send_signal(
            self.pidfd.get_ref(),
            Signal::TERM,
        ))
    }

    /// Ends it and everything in its process group.
    ///
    /// A group's number cannot be used again while its first process is there, not even as one that
    /// waits to be reaped: call it before reaping. When somebody else has reaped it already, the
    /// number is left alone.
    pub(crate) fn kill_group(&self) -> io::Result<()> {
        ignore_gone(rustix::process::pidfd_send_signal(
            self.pidfd.get_ref(),
            Signal::KILL,
        ))?;
        if self.id.is_there() {
            ignore_gone(rustix::process::kill_process_group(self.pid, Signal::KILL))?;
        }
        Ok(())
    }

    /// Reaps it where it is our child: a control plane that replaced itself by `exec` adopts its own.
    pub(crate) fn reap_if_ours(&self) {
        let options = rustix::process::WaitOptions::NOHANG;
        match rustix::process::waitpid(Some(self.pid), options) {
            // Not a child of ours is the usual case; its parent, or init, reaps it.
            Ok(_) | Err(rustix::io::Errno::CHILD) => {}
            Err(error) => tracing::warn!(pid = self.id.pid, %error, "cannot reap a worker"),
        }
    }
}

#[expect(
    deprecated,
    reason = "the successor is `unsafe`; an `OwnedFd` keeps what it demands"
)]
fn watch(pidfd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(pidfd, Interest::READABLE)
}

fn ignore_gone(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn boot_id() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

fn stat(pid: u32) -> io::Result<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text)
        .ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat is not as expected")))
}

/// `pid (name) state ...`: the name may contain blanks and brackets, so fields count from the last
/// closing one. The state is field 3, the start field 22.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let start_ticks = fields.nth(18)?.parse().ok()?;
    Some(Stat {
        is_ended: matches!(state, "Z" | "X" | "x"),
        start_ticks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21";
        let stat = parse_stat(&format!("12 (a) Z (b c) {rest}")).unwrap();
        assert!(!stat.is_ended);
        assert_eq!(stat.start_ticks, 4711);
        assert!(parse_stat("12 (sh) Z 1").is_none(), "cut short");
        assert!(parse_stat("").is_none());
    }

    #[test]
    fn another_start_or_boot_is_another_process() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(me.is_running());
        let later = ProcessId {
            start_ticks: me.start_ticks + 1,
            ..me.clone()
        };
        let elsewhen = ProcessId {
            boot_id: "another".to_owned(),
            ..me
        };
        assert!(!later.is_running() && !elsewhen.is_running());
    }

    #[tokio::test]
    async fn no_hold_is_taken_of_another_process() {
        let me = ProcessId::of(std::process::id()).unwrap();
        assert!(Process::open(&me).unwrap().is_some());
        let later = ProcessId {
            start_ticks: me.start_ticks + 1,
            ..me.clone()
        };
        assert!(Process::open(&later).unwrap().is_none());
        let nobody = ProcessId {
            pid: u32::MAX,
            ..me
        };
        assert!(Process::open(&nobody).unwrap().is_none());
    }
}
