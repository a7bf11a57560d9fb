//! How workers are run on this machine.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How long a worker may drain before it is killed: a chunk of 12 s of video takes a slow machine
/// under half a minute, and what does not end in time is given to another anyway.
pub const DRAIN_WAIT: Duration = Duration::from_secs(30);

/// Variables that a worker inherits; nothing else of this process's environment reaches it, for
/// storage credentials may be in it.
pub const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "NO_COLOR",
];

/// Beginnings of more such names: where GStreamer and the drivers of video hardware are found.
pub const INHERITED_PREFIXES: &[&str] = &["GST_", "LIBVA_", "VDPAU_", "CUDA_", "NVIDIA_", "VK_"];

/// What becomes of workers that an earlier control plane left running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Leftovers {
    /// They are listed as started and go on.
    #[default]
    Adopt,
    /// They are killed.
    Kill,
}

/// How workers are run on this machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The worker's program; found on `PATH` when it is no path.
    pub program: PathBuf,
    /// Its arguments, the same for all. Everybody on this machine can read them: no credentials.
    pub args: Vec<OsString>,
    /// Environment of all; each launch adds its own.
    pub env: BTreeMap<String, String>,
    /// Put before the program: a command that prepares the process and becomes it by `exec`, as
    /// `["/proc/self/exe", "guard", "--"]` that has it die with its parent. Whoever launches must
    /// then be a thread that lives as long as the process: the kernel means the parent's thread.
    pub guard: Vec<OsString>,
    /// Where pid files and logs lie, `<data>/workers`. One control plane at a time.
    pub folder: PathBuf,
    /// Names go from `w1` to `w<cap>`.
    pub cap: u32,
    /// How long one may drain before it is killed.
    pub drain_wait: Duration,
    /// What becomes of an earlier control plane's workers.
    pub leftovers: Leftovers,
}

impl Options {
    /// `program` without arguments, up to `cap` of them, with files in `folder`; [`DRAIN_WAIT`],
    /// leftovers adopted.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, folder: impl Into<PathBuf>, cap: u32) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            guard: Vec::new(),
            folder: folder.into(),
            cap,
            drain_wait: DRAIN_WAIT,
            leftovers: Leftovers::default(),
        }
    }
}
