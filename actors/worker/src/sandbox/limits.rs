//! Resource limits, which the kernel counts.

use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Serialize};

/// Open files at once: sockets, eventfds and pipes of a few pipelines, and libraries while they
/// load.
const FILES_MAX: u64 = 256;
/// Threads and processes of this user, all programs' together: with less, a child could be refused
/// its threads because of what else the user runs. It holds against a flood of threads when the
/// parent, which counts ours, is too slow. The kernel exempts root.
const USER_THREADS_MAX: u64 = 8192;

/// What is in force, as the kernel tells; `None`: unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of a memory dump.
    pub core_bytes: Option<u64>,
    /// Bytes of a file that is written.
    pub file_bytes: Option<u64>,
    /// Open files.
    pub files: Option<u64>,
    /// Threads of the user.
    pub user_threads: Option<u64>,
    /// Bytes of writable memory of our own.
    pub data_bytes: Option<u64>,
}

impl Limits {
    /// This process's.
    pub(super) fn now() -> Self {
        let of = |resource| rustix::process::getrlimit(resource).maximum;
        Self {
            core_bytes: of(Resource::Core),
            file_bytes: of(Resource::Fsize),
            files: of(Resource::Nofile),
            user_threads: of(Resource::Nproc),
            data_bytes: of(Resource::Data),
        }
    }
}

/// Lowers all of them.
pub(super) fn restrict(data_bytes_max: u64) -> rustix::io::Result<()> {
    lower(Resource::Core, 0)?;
    // Results leave through sockets alone.
    lower(Resource::Fsize, 0)?;
    lower(Resource::Nofile, FILES_MAX)?;
    lower(Resource::Nproc, USER_THREADS_MAX)?;
    lower(Resource::Data, data_bytes_max)
}

/// A limit that is lower already stays.
fn lower(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let now = rustix::process::getrlimit(resource);
    let lower = |old: Option<u64>| Some(old.map_or(most, |old| old.min(most)));
    let new = Rlimit {
        current: lower(now.current),
        maximum: lower(now.maximum),
    };
    rustix::process::setrlimit(resource, new)
}
