//! One nats-server, from start to end.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::error::{Error, ErrorKind, Result};

use super::pid_file::{PidFile, ProcessId};

/// How long a server may take from its start to its first connection: it reads all its streams
/// first, tens of gigabytes at worst.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a server may take to write down what it holds when told to end.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// How often a starting server is tried.
const POLL: Duration = Duration::from_millis(10);
/// How long one try may take.
const GREETING_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of the log an error quotes.
const LOG_TAIL_BYTES: u64 = 2048;

/// How to run a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The binary, see [`super::find_binary`].
    pub binary: PathBuf,
    /// The configuration, written before (with [`super::write_private`]).
    pub conf_path: PathBuf,
    /// Where it will listen, as the configuration says.
    pub listen: SocketAddr,
    /// Where its pid and start time are written down.
    pub pid_path: PathBuf,
    /// Where its log goes, appended.
    pub log_path: PathBuf,
    /// What is put before the command line, so that the child dies with its parent: a command that
    /// sets the parent-death signal and executes the rest. Without one `setpriv` is used where it
    /// exists.
    ///
    /// The signal comes when the *thread* that started the child ends: start servers from a
    /// runtime's own threads, never from `spawn_blocking`.
    pub guard: Vec<OsString>,
    /// Whether dropping the process kills the server.
    pub kill_on_drop: bool,
}

/// A running server.
#[derive(Debug)]
pub struct ServerProcess {
    options: ServerOptions,
    id: ProcessId,
    /// `None`: adopted, the child of an earlier life.
    child: Option<Child>,
}

// === impl ServerProcess ===

impl ServerProcess {
    /// Starts a server and waits until it takes connections. Ends a leftover of an earlier run
    /// first, which would hold the port and the store.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] with the end of its log when it does not come up.
    pub async fn start(options: ServerOptions) -> Result<Self> {
        PidFile::new(&options.pid_path)
            .end_leftover(STOP_GRACE)
            .await?;
        remove_old_ports(&options)?;
        let mut child = spawn(&options)?;
        let id = child.id().and_then(ProcessId::of);
        if let Some(id) = id {
            PidFile::new(&options.pid_path).write(id)?;
        }
        await_ready(&options, &mut child).await?;
        let Some(id) = id else {
            return Err(failed(&options, "it ended while starting"));
        };
        Ok(Self {
            options,
            id,
            child: Some(child),
        })
    }

    /// Takes over the server that an earlier run left, if it still runs and answers.
    pub async fn adopt(options: ServerOptions) -> Option<Self> {
        let id = PidFile::new(&options.pid_path).running()?;
        let greeting = greeting(options.listen).await;
        greeting.is_ok().then_some(Self {
            options,
            id,
            child: None,
        })
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Waits for its end, however it comes: the owner of a server watches this. `None` for an
    /// adopted one, whose status went to another.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when the operating system does not tell.
    pub async fn wait(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else {
            while self.id.is_running() {
                tokio::time::sleep(GREETING_TIMEOUT).await;
            }
            return Ok(None);
        };
        let status = child.wait().await;
        status
            .map(Some)
            .map_err(|error| Error::with(ErrorKind::Process, "cannot wait for nats-server", error))
    }

    /// Reads the configuration again: new users, new limits.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled. What is wrong with the configuration
    /// stands in the server's log, and the old one goes on.
    pub fn reload(&self) -> Result<()> {
        self.id.signal(Signal::HUP)
    }

    /// Ends it, gently, then by force.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub async fn stop(mut self) -> Result<()> {
        self.id.signal(Signal::TERM)?;
        if tokio::time::timeout(STOP_GRACE, self.wait()).await.is_err() {
            tracing::warn!(
                pid = self.id.pid,
                "nats-server did not end in time; killing it"
            );
            self.id.signal(Signal::KILL)?;
            self.wait().await?;
        }
        PidFile::new(&self.options.pid_path).remove();
        Ok(())
    }

    /// Ends it as a crash would.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] when it may not be signalled.
    pub async fn kill_9(mut self) -> Result<()> {
        self.id.signal(Signal::KILL)?;
        self.wait().await.map(drop)
    }
}

fn spawn(options: &ServerOptions) -> Result<Child> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(&options.log_path);
    let log = log.and_then(|log| Ok((log.try_clone()?, log)));
    let (out, err) = log.map_err(|error| {
        let message = format!("cannot write {}", options.log_path.display());
        Error::with(ErrorKind::Process, message, error)
    })?;
    let mut line = if options.guard.is_empty() {
        setpriv()
    } else {
        options.guard.clone()
    };
    line.extend([
        options.binary.clone().into(),
        "-c".into(),
        options.conf_path.clone().into(),
        "--ports_file_dir".into(),
        ports_dir(options).into(),
    ]);
    let mut words = line.into_iter();
    let program = words.next().unwrap_or_default();
    Command::new(&program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        // A terminal's signals are for its owner, who puts down what is in hand before it ends the server.
        .process_group(0)
        .kill_on_drop(options.kill_on_drop)
        .spawn()
        .map_err(|error| {
            let message = format!("cannot run {}", program.to_string_lossy());
            Error::with(ErrorKind::Process, message, error)
        })
}

/// Where the server writes down the ports that it listens on, in a file named by its pid.
fn ports_dir(options: &ServerOptions) -> &Path {
    options.pid_path.parent().unwrap_or_else(|| Path::new("."))
}

/// That file is named by the program, too.
fn ports_prefix(options: &ServerOptions) -> String {
    format!(
        "{}_",
        options
            .binary
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
    )
}

/// A killed server leaves its ports file; a later one may get the same pid.
fn remove_old_ports(options: &ServerOptions) -> Result<()> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot clean {}", ports_dir(options).display());
        Error::with(ErrorKind::Process, message, error)
    };
    for entry in std::fs::read_dir(ports_dir(options)).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&ports_prefix(options)) && name.ends_with(".ports") {
            std::fs::remove_file(&path).map_err(failed)?;
        }
    }
    Ok(())
}

/// The parent-death signal by util-linux, where that is installed.
fn setpriv() -> Vec<OsString> {
    const PATH: &str = "/usr/bin/setpriv";
    if Path::new(PATH).exists() {
        vec![
            PATH.into(),
            "--pdeathsig".into(),
            "KILL".into(),
            "--".into(),
        ]
    } else {
        Vec::new()
    }
}

/// Waits for the greeting, which comes after the streams were read.
async fn await_ready(options: &ServerOptions, child: &mut Child) -> Result<()> {
    let deadline = Instant::now() + START_PATIENCE;
    let pid = child.id().unwrap_or_default();
    let ports_path = ports_dir(options).join(format!("{}{pid}.ports", ports_prefix(options)));
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(failed(options, &format!("it ended with {status}")));
        }
        // Its own word that it listens: on the port alone somebody else's server could answer.
        let greeting = match std::fs::metadata(&ports_path) {
            Ok(_) => greeting(options.listen).await,
            Err(error) => Err(error),
        };
        match greeting {
            Ok(text) if text.contains("\"jetstream\":true") => return Ok(()),
            Ok(_) => return Err(failed(options, "it runs without JetStream")),
            Err(error) if Instant::now() > deadline => {
                return Err(failed(
                    options,
                    &format!("no answer on {}: {error}", options.listen),
                ));
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// The server's first line: `INFO {..}`.
async fn greeting(address: SocketAddr) -> std::io::Result<String> {
    let read = async {
        let mut line = String::new();
        BufReader::new(TcpStream::connect(address).await?)
            .read_line(&mut line)
            .await?;
        Ok::<_, std::io::Error>(line)
    };
    let line = tokio::time::timeout(GREETING_TIMEOUT, read).await??;
    if line.starts_with("INFO ") {
        Ok(line)
    } else {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}

fn failed(options: &ServerOptions, what: &str) -> Error {
    let tail = log_tail(&options.log_path).unwrap_or_default();
    let message = format!(
        "nats-server did not start: {what}; the end of {}:\n{tail}",
        options.log_path.display()
    );
    Error::new(ErrorKind::Process, message)
}

fn log_tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).into_owned())
}
