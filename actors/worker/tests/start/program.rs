//! The real program, on a bus that never answers.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nats::Credentials;
use tempfile::TempDir;
use tokio::time::Instant;

/// To catch a hang, not to measure: below the minute that a worker waits for a bus.
const DEADLINE: Duration = Duration::from_secs(50);
/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// A worker that was started, and the folders that it knows of.
pub(crate) struct Program {
    pub(crate) child: Child,
    /// Home, caches and temporary files, in folders of these names.
    pub(crate) folder: TempDir,
    /// Takes connections, and says nothing.
    _bus: TcpListener,
}

impl Program {
    /// `tcoder-worker serve`, with these arguments besides.
    pub(crate) fn serve(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bus = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("nats://{}", bus.local_addr().expect("an address"));
        let credentials = Credentials::worker(&url, "w1", "secret");
        for name in ["home", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let child = Command::new(env!("CARGO_BIN_EXE_tcoder-worker"))
            .arg("serve")
            .args(arguments)
            .current_dir(folder.path())
            .env_remove("XDG_CACHE_HOME")
            .env_remove("GST_REGISTRY_1_0")
            .env("HOME", folder.path().join("home"))
            .env("TMPDIR", folder.path().join("tmp"))
            .env("TCODER_WORKER_NAME", "w1")
            .env(
                "TCODER_WORKER_CREDENTIALS",
                serde_json::to_string(&credentials).expect("JSON"),
            )
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts");
        Self {
            child,
            folder,
            _bus: bus,
        }
    }

    /// Waits until the trials are over: it waits for the bus then.
    pub(crate) fn until_tried(&self, cache: &str) {
        let file = self.folder.path().join(cache).join("encoders.json");
        until("the encoders are tried", || file.exists().then_some(()));
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("it ends", || child.try_wait().expect("it is ours"))
    }

    /// What lies in one of the folders, by name.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        names(&self.folder.path().join(folder))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(POLL);
    }
}
