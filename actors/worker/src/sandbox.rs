//! What a process that reads untrusted media gives up before its first byte: files, network, other
//! processes, and more memory than it was promised.
//!
//! A demuxer's or decoder's defect is assumed. What it can reach then is two sockets to a parent
//! that trusts nothing on them. What a system cannot enforce is reported and not ignored.

mod descriptors;
mod files;
mod limits;
mod syscalls;
pub mod trial;

use rustix::process::DumpableBehavior;
use rustix::thread::{CapabilitySet, CapabilitySets};

pub use descriptors::close_inherited;
pub use limits::Limits;

use crate::devices::Family;
use crate::engine::{Error, Result};

/// What is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// The version of landlock; 0: this kernel has none.
    pub landlock_abi: u32,
    /// By what we are confined, as one sentence.
    pub by: String,
    /// What this system cannot enforce, one sentence each.
    pub notices: Vec<String>,
}

/// Enters the sandbox, with the devices of these families inside. Called once, before any thread is started and after
/// everything that needs files is loaded.
///
/// # Errors
/// When something that every supported Linux can do fails: nothing untrusted may be read then.
pub fn enter(data_bytes_max: u64, families: &[Family]) -> Result<Confinement> {
    enter_with(data_bytes_max, families, files::RIGHTS)
}

/// [`enter`], as on a kernel whose landlock is no newer than `landlock_abi_max`.
fn enter_with(
    data_bytes_max: u64,
    families: &[Family],
    landlock_abi_max: u32,
) -> Result<Confinement> {
    let mut notices = Vec::new();
    limits::restrict(data_bytes_max).map_err(|error| failed("resource limits", error))?;
    let undumpable = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    undumpable.map_err(|error| failed("memory dumps", error))?;
    // Landlock and capabilities are given up by one thread and inherited by those that it starts.
    match n_threads() {
        Some(1) => {}
        n => notices.push(format!(
            "{n:?} threads were running already, and keep their rights to files"
        )),
    }
    let (landlock_abi, notice) = files::restrict(families, landlock_abi_max);
    notices.extend(notice);
    // The filter cannot tell one file from another: without landlock, whoever may write to a device may write anywhere.
    let families = match (landlock_abi, families) {
        (0, [_, ..]) => {
            notices.push("devices are not given to tasks, for that needs landlock".to_owned());
            &[]
        }
        (_, families) => families,
    };
    // A worker that runs as root can raise its limits and read everybody's files.
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    rustix::thread::set_capabilities(None, sets).map_err(|error| failed("capabilities", error))?;
    syscalls::restrict(families).map_err(|error| failed("system calls", error))?;
    Ok(Confinement {
        landlock_abi,
        by: files::describe(landlock_abi),
        notices,
    })
}

fn n_threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

fn failed(what: &str, error: impl std::fmt::Display) -> Error {
    Error::internal(format!("this system refuses to restrict {what}: {error}"))
}
