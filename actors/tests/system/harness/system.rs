//! One `tcoder up`, with a data folder of its own; everything it started is ended with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use actors::up::run_file::RunFile;
use bus_schema::machine::WorkerLease;
use gateway::storage::{self, Storage};
use nats::Bus;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::client::Client;
use super::{process, until};

/// The system that tests share which leave it as they found it. It ends with the last of them.
static SHARED: Mutex<Weak<System>> = Mutex::const_new(Weak::new());

/// How long a test's connection to the bus may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// How much of each log a failed test shows.
const LOG_LINES_MAX: usize = 150;

/// A running system.
#[derive(Debug)]
pub(crate) struct System {
    /// As `run.json` has it, of the current run.
    pub(crate) run: RunFile,
    data: TempDir,
    variables: Vec<(&'static str, String)>,
    process: Child,
}

// === impl System ===

impl System {
    /// With two machines at most, like the smallest pool that can replace one.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With variables of the configuration.
    pub(crate) async fn start_with(variables: &[(&'static str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let mut process = spawn(data.path(), &variables);
        let run = ready(data.path(), &mut process).await;
        Self {
            run,
            data,
            variables,
            process,
        }
    }

    /// The one that other tests use too.
    pub(crate) async fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return running;
        }
        let system = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&system);
        system
    }

    /// A client of the gateway, for this test's runtime.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.run.url)
    }

    /// The bus, as the operator.
    pub(crate) async fn bus(&self) -> Bus {
        let credentials = self.run.nats.as_ref().expect("a bus of its own");
        let bus = nats::connect(credentials, "test").await.expect("a bus");
        bus.ready(CONNECT_PATIENCE).await.expect("connected");
        bus
    }

    /// The object store, as its owner.
    pub(crate) fn storage(&self) -> Storage {
        let store = self.run.store.as_ref().expect("a store of its own");
        let options = storage::Options {
            endpoint: Some(store.endpoint.clone()),
            region: store.region.clone(),
            access_key: store.access_key.clone(),
            secret_key: store.secret_key.clone(),
            ..storage::Options::default()
        };
        Storage::new(&options).expect("a client of the store")
    }

    /// The worker's lease, while it has one.
    pub(crate) async fn lease(bus: &Bus, worker: &str) -> Option<WorkerLease> {
        let leases = nats::Leases::new(bus, "machines");
        let (value, _) = leases.get(worker).await.expect("the bus answers")?;
        Some(serde_json::from_slice(&value).expect("a lease"))
    }

    /// The process id of a worker that lives.
    pub(crate) async fn worker_pid(bus: &Bus, worker: &str) -> u32 {
        let look = async || Some(Self::lease(bus, worker).await?.heartbeat.pid);
        until("the worker has a lease", look).await
    }

    /// Ends the control plane as a power cut would.
    pub(crate) fn kill_control_plane(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("reaped");
    }

    /// The nats-server as `run.json` names it now.
    pub(crate) fn server_now(&self) -> Option<u32> {
        let run = RunFile::read(&self.data.path().join("run.json")).ok()?;
        run.pids.nats_server
    }

    /// Starts it again on the same folder, after it has ended.
    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(self.data.path(), &self.variables);
        self.run = ready(self.data.path(), &mut self.process).await;
    }

    /// Every process besides the control plane that its folder names.
    fn others(&self) -> Vec<u32> {
        let workers = std::fs::read_dir(self.data.path().join("workers"));
        let files = workers.into_iter().flatten().flatten();
        let named = files.filter_map(|file| {
            let text = std::fs::read_to_string(file.path()).ok()?;
            let value: serde_json::Value = serde_json::from_str(&text).ok()?;
            u32::try_from(value.get("pid")?.as_u64()?).ok()
        });
        named.chain(self.server_now()).collect()
    }

    #[expect(clippy::print_stderr, reason = "a failed test shows what was logged")]
    fn show_logs(&self) {
        let mut logs = vec![self.data.path().join("up.log")];
        let workers = std::fs::read_dir(self.data.path().join("workers"));
        let files = workers.into_iter().flatten().flatten();
        logs.extend(
            files
                .map(|file| file.path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "log")),
        );
        for log in logs {
            let text = std::fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let shown = lines.len().saturating_sub(LOG_LINES_MAX);
            eprintln!("--- {}", log.display());
            for line in lines.iter().skip(shown) {
                eprintln!("{line}");
            }
        }
    }
}

impl Drop for System {
    /// The control plane takes the others with it; one that stays all the same is ended too.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_logs();
        }
        let others = self.others();
        drop(self.process.kill());
        drop(self.process.wait());
        for pid in others {
            // One that stands still cannot hear that its parent is gone.
            process::signal(pid, Signal::CONT);
            process::signal(pid, Signal::KILL);
        }
    }
}

/// The worker's program, which cargo builds beside ours only when asked.
pub(crate) fn worker_program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_tcoder")).with_file_name("tcoder-worker");
    assert!(
        program.is_file(),
        "{} is missing: run `cargo build -p worker` first (`cargo test --workspace` does)",
        program.display()
    );
    program
}

/// A command of this build, with the worker of this build, and nothing of the caller's configuration.
pub(crate) fn tcoder(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcoder"));
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("TCODER_"))
        {
            command.env_remove(name);
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = super::tools().join("bin");
    let paths = std::env::split_paths(&path).chain([tools]);
    command
        .env("PATH", std::env::join_paths(paths).expect("a search path"))
        .env("TCODER_POOL_WORKER", worker_program())
        .env("NO_COLOR", "1")
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn spawn(data: &Path, variables: &[(&'static str, String)]) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(data.join("up.log"))
        .expect("a log");
    tcoder(data)
        .args(["up", "--port", "0", "--data"])
        .arg(data)
        .env("TCODER_POOL_MACHINES_MAX", "2")
        // Not the same for all: while one is being killed, another would take it.
        .env("TCODER_BUS_PORT", "0")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("tcoder starts")
}

/// Waits until this run, not an earlier one, answers.
async fn ready(data: &Path, process: &mut Child) -> RunFile {
    let path = data.join("run.json");
    let http = super::client::http();
    let deadline = tokio::time::Instant::now() + super::DEADLINE;
    loop {
        let ended = process.try_wait().expect("a child of ours");
        if let Some(status) = ended {
            let log = std::fs::read_to_string(data.join("up.log")).unwrap_or_default();
            unreachable!("tcoder up ended while starting, {status}: {log}");
        }
        let run = RunFile::read(&path).ok();
        if let Some(run) = run.filter(|run| run.pids.tcoder == process.id()) {
            let answer = http.get(format!("{}/readyz", run.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return run;
            }
        }
        assert!(tokio::time::Instant::now() < deadline, "never ready");
        tokio::time::sleep(super::POLL).await;
    }
}
