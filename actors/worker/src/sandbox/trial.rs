//! What is still possible inside: for `tcoder-worker sandbox`, and for the test that it is nothing.

mod arguments;
mod call;
mod raw;

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use serde::{Deserialize, Serialize};

pub use call::calls;

use super::{Confinement, Limits, close_inherited, enter_with};
use crate::devices::{Commands, Family};
use crate::engine::{Error, Result};

/// Descriptors are looked for below this: a process seldom has as many.
const DESCRIPTORS_MAX: i32 = 4096;
/// `SIGSYS`: how the kernel ends a process for a call that no filter lets pass.
const BAD_CALL: i32 = libc::SIGSYS;

/// One attempt at something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was tried.
    pub what: String,
    /// Why it failed; `None`: it is possible.
    pub refused: Option<String>,
}

/// What `tcoder-worker sandbox` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The version of landlock in force; 0: this kernel has none.
    pub landlock_abi: u32,
    /// By what a task is confined, as one sentence.
    pub by: String,
    /// What this system cannot enforce, one sentence each.
    pub notices: Vec<String>,
    /// Resource limits.
    pub limits: Limits,
    /// What was open when nothing had been opened yet: standard input, output and error.
    pub descriptors: Vec<i32>,
    /// What media has no business with: all should be refused.
    pub attempts: Vec<Attempt>,
    /// What an encoder in hardware is given for its devices, where one was named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Attempt>,
    /// What tasks cannot do without: none should be refused.
    pub needs: Vec<Attempt>,
}

impl Report {
    /// Whether all is refused that should be, and nothing else.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.attempts.iter().all(|one| one.refused.is_some())
            && self.needs.iter().all(|one| one.refused.is_none())
    }
}

/// An attempt that ends the process which makes it, when it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadly {
    /// A call by its number for x32 programs.
    X32,
    /// A call by its number for 32-bit programs.
    Bits32,
}

impl Deadly {
    /// Those that this architecture knows.
    pub const ALL: &[Self] = if cfg!(target_arch = "x86_64") {
        &[Self::X32, Self::Bits32]
    } else {
        &[]
    };

    /// As an argument of the command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X32 => "x32",
            Self::Bits32 => "32-bit",
        }
    }

    fn act(self) {
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::X32 => {
                // What the kernel answers is not asked: it is not to be reached.
                drop(raw::call(0x4000_0000 | libc::SYS_getpid, [0; 6]));
            }
            Self::Bits32 => raw::call_of_32_bits(),
        }
    }
}

/// Enters the sandbox as a task does that encodes with devices of these families, in this very process, and tries
/// everything. `landlock_abi_max` is for seeing what an older kernel leaves open.
///
/// # Errors
/// When the sandbox cannot be entered.
pub fn inside(data_bytes_max: u64, families: &[Family], landlock_abi_max: u32) -> Result<Report> {
    close_inherited().map_err(|error| Error::internal(format!("closing descriptors: {error}")))?;
    let descriptors = raw::descriptors(DESCRIPTORS_MAX);
    let Confinement {
        landlock_abi,
        by,
        notices,
    } = enter_with(data_bytes_max, families, landlock_abi_max)?;
    let calls = if families.is_empty() {
        calls()
    } else {
        call::calls_beside_devices()
    };
    // Some kinds of commands belong to several families.
    let (given, others): (Vec<_>, Vec<_>) = Family::ALL
        .into_iter()
        .flat_map(|family| family.commands().iter().map(move |kind| (family, *kind)))
        .partition(|(_, kind)| families.iter().any(|one| one.commands().contains(kind)));
    let commands = |kinds: Vec<(Family, Commands)>| {
        let kinds = kinds.into_iter();
        kinds.map(|(family, kind)| call::command(family, kind))
    };
    let nodes = families.iter().flat_map(|family| nodes(*family));
    Ok(Report {
        landlock_abi,
        by,
        notices,
        limits: Limits::now(),
        descriptors,
        attempts: attempts()
            .into_iter()
            .chain(calls)
            .chain(commands(others))
            .collect(),
        devices: nodes.chain(commands(given)).collect(),
        needs: needs(),
    })
}

/// Enters the sandbox and makes one attempt that should not return.
///
/// # Errors
/// When the sandbox cannot be entered.
pub fn alone(data_bytes_max: u64, deadly: Deadly) -> Result<()> {
    enter_with(data_bytes_max, &[], u32::MAX)?;
    deadly.act();
    Ok(())
}

/// Runs `command`, which is to be [`alone`] in another process.
///
/// # Errors
/// When no process can be started.
pub fn outlived(mut command: Command, deadly: Deadly) -> io::Result<Attempt> {
    let status = command.status()?;
    let is_ended = status.signal() == Some(BAD_CALL);
    Ok(Attempt {
        what: format!("make a call of {} programs", deadly.name()),
        refused: is_ended.then(|| format!("the process is ended: {status}")),
    })
}

/// Which of a family's devices can be opened and commanded.
fn nodes(family: Family) -> impl Iterator<Item = Attempt> {
    family.nodes().into_iter().map(|node| {
        attempt(&format!("use {}", node.display()), || {
            let opened = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open(&node)?;
            // Not every device answers this; that it may be asked is what counts.
            match rustix::io::ioctl_fionread(&opened) {
                Err(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => {
                    Err(io::Error::from(io::ErrorKind::PermissionDenied))
                }
                Ok(_) | Err(_) => Ok(()),
            }
        })
    })
}

fn attempts() -> Vec<Attempt> {
    let parent = rustix::process::getppid();
    let signal = || {
        let parent = parent.ok_or_else(|| io::Error::other("no parent"))?;
        rustix::process::test_kill_process(parent).map_err(io::Error::from)
    };
    let environ = parent.map_or(0, rustix::process::Pid::as_raw_pid);
    let temporary = std::env::temp_dir().join("tcoder-sandbox-trial");
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    vec![
        attempt("connect to an address", || {
            TcpStream::connect(("127.0.0.1", 9))
        }),
        attempt("listen on a port", || TcpListener::bind(("127.0.0.1", 0))),
        attempt("send a datagram", || UdpSocket::bind(("127.0.0.1", 0))),
        attempt("listen on a socket file", || {
            UnixListener::bind(temporary.with_extension("sock"))
        }),
        attempt("read the users", || std::fs::read("/etc/passwd")),
        attempt("read the passwords", || std::fs::read("/etc/shadow")),
        attempt("read the parent's environment", || {
            std::fs::read(Path::new("/proc").join(environ.to_string()).join("environ"))
        }),
        attempt("list the root", || std::fs::read_dir("/")),
        attempt("write a file", || std::fs::write(&temporary, b"x")),
        attempt("write to a device", || {
            std::fs::OpenOptions::new().write(true).open("/dev/null")
        }),
        attempt("write to a file that is there", || {
            std::fs::OpenOptions::new().write(true).open("/etc/passwd")
        }),
        attempt("start a program", || Command::new("/bin/true").status()),
        #[cfg(target_arch = "x86_64")]
        attempt("make a process", raw::fork),
        attempt("signal the parent", signal),
        attempt("outlive the parent", || {
            Ok(rustix::process::set_parent_process_death_signal(None)?)
        }),
        attempt("be dumped", || {
            Ok(rustix::process::set_dumpable_behavior(
                DumpableBehavior::Dumpable,
            )?)
        }),
        attempt("raise a limit", || {
            Ok(rustix::process::setrlimit(Resource::Data, unlimited)?)
        }),
    ]
}

fn needs() -> Vec<Attempt> {
    vec![
        attempt("start a thread", || {
            let thread = std::thread::Builder::new().spawn(|| ())?;
            thread.join().map_err(|_| io::Error::other("it broke"))
        }),
        attempt("make a pair of streams", UnixStream::pair),
        attempt("make a pipe", io::pipe),
        attempt("load a library", || {
            std::fs::read_dir("/usr/lib").and_then(|mut folder| folder.next().transpose())
        }),
        attempt("count the cores", std::thread::available_parallelism),
        attempt("take memory", || {
            let mut bytes: Vec<u8> = Vec::new();
            bytes.try_reserve(64 << 20).map_err(io::Error::other)
        }),
    ]
}

fn attempt<T>(what: &str, act: impl FnOnce() -> io::Result<T>) -> Attempt {
    let refused = act().err().map(|error| error.to_string());
    Attempt {
        what: what.to_owned(),
        refused,
    }
}
