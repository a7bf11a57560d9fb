//! Starting one worker process.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::options::{INHERITED, INHERITED_PREFIXES, Options};
use super::pid_file::PidFile;
use super::process::{Process, ProcessId};
use super::{KILL_WAIT_MAX, log_file};
use crate::error::{Error, Result};
use crate::machine::MachineName;

/// Starts it, and writes its pid file. When the file cannot be written nothing runs: a worker that
/// the next control plane would not find must not exist.
///
/// On the caller's thread, not a helper's: a guard may bind the worker's life to the thread that
/// started it, and helper threads end when they are idle. It takes about a millisecond.
pub(crate) async fn spawn(
    options: &Options,
    name: &MachineName,
    env: &BTreeMap<String, String>,
    started_at_ms: u64,
) -> Result<(Child, Process)> {
    let mut child = start(options, name, env).map_err(|error| {
        let program = options.program.display();
        Error::io(
            format!("cannot start `{name}` as {program}; see its log in the folder"),
            error,
        )
    })?;
    match register(options, name, child.id(), started_at_ms) {
        Ok(process) => Ok((child, process)),
        Err(error) => {
            end(&mut child).await;
            let folder = options.folder.display();
            Err(Error::io(
                format!("cannot keep track of `{name}` in {folder}"),
                error,
            ))
        }
    }
}

fn start(
    options: &Options,
    name: &MachineName,
    env: &BTreeMap<String, String>,
) -> io::Result<Child> {
    let log = log_file::open(&options.folder, name)?;
    let mut words = options.guard.iter().map(std::ffi::OsString::as_os_str);
    let mut command = match words.next() {
        Some(guard) => {
            let mut command = Command::new(guard);
            command.args(words).arg(&options.program);
            command
        }
        None => Command::new(&options.program),
    };
    command
        .args(&options.args)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_inherited)))
        .envs(&options.env)
        .envs(env)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Signals of the terminal are for the control plane, which drains its workers itself.
        .process_group(0)
        .spawn()
}

fn is_inherited(name: &str) -> bool {
    INHERITED.contains(&name)
        || INHERITED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

fn register(
    options: &Options,
    name: &MachineName,
    pid: u32,
    started_at_ms: u64,
) -> io::Result<Process> {
    // Our child keeps its number until we reap it, so this is it even if it has ended already.
    let id = ProcessId::of(pid)?;
    PidFile {
        process: id.clone(),
        started_at_ms,
    }
    .write(&options.folder, name)?;
    Process::open(&id)?.ok_or_else(|| io::Error::other("the process is gone"))
}

/// Kills and reaps a child that has no keeper yet.
async fn end(child: &mut Child) {
    let pid = child.id();
    if let Err(error) = child.kill() {
        tracing::error!(pid, %error, "cannot kill a worker");
    }
    let reaped = async {
        while !matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(KILL_WAIT_MAX, reaped).await.is_err() {
        tracing::error!(pid, "a killed worker does not end");
    }
}
