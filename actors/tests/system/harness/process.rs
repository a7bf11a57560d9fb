//! Processes by number: told to die, to stand still, to go on; and who begot whom.

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal; false when there is no such process.
pub(crate) fn signal(pid: u32, signal: Signal) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process id"), signal).is_ok()
}

/// Whether it runs; one that only waits to be reaped does not.
pub(crate) fn is_running(pid: u32) -> bool {
    nats::server::ProcessId::of(pid).is_some()
}

/// The living children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").expect("/proc is there");
    pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent) && is_running(*pid))
        .collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold spaces and parentheses itself.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
}
