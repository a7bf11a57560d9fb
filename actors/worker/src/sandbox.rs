//! What a process that reads untrusted media gives up before its first byte: files, network, other
//! processes, and more memory than it was promised.
//!
//! A demuxer's or decoder's defect is assumed. What it can reach then is two sockets to a parent
//! that trusts nothing on them. What a system cannot enforce is reported and not ignored.

mod files;
mod syscalls;
pub mod trial;

use bus_schema::report::ErrorCode;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

use crate::engine::{Error, Result};

/// Open files at once: sockets, eventfds and pipes of a few pipelines, and libraries while they
/// load.
const FILES_MAX: u64 = 256;

/// Enters the sandbox. Called once, before any thread is started and after everything that needs
/// files is loaded. What this system cannot enforce is returned, one sentence each.
///
/// # Errors
/// When something that every supported Linux can do fails: nothing untrusted may be read then.
pub fn enter(data_bytes_max: u64) -> Result<Vec<String>> {
    let mut notices = Vec::new();
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, FILES_MAX)?;
    limit(Resource::Data, data_bytes_max)?;
    let undumpable = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    undumpable.map_err(|error| failed("memory dumps", error))?;
    // Landlock is entered by one thread and inherited by those that it starts.
    match n_threads() {
        Some(1) => {}
        n => notices.push(format!(
            "{n:?} threads were running already, and keep their rights to files"
        )),
    }
    notices.extend(files::restrict());
    syscalls::restrict().map_err(|error| failed("system calls", error))?;
    Ok(notices)
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> Result<()> {
    let now = rustix::process::getrlimit(resource);
    let lower = |old: Option<u64>| Some(old.map_or(most, |old| old.min(most)));
    let new = Rlimit {
        current: lower(now.current),
        maximum: lower(now.maximum),
    };
    rustix::process::setrlimit(resource, new).map_err(|error| failed("resource limits", error))
}

fn n_threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::Internal,
        format!("this system refuses to restrict {what}: {error}"),
    )
}
