//! The data folder of `tcoder up`: one process at a time, and a place for everything.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nats::server::{PidFile, ProcessId};
use rustix::fs::{FlockOperation, flock};
use tokio::time::Instant;

use super::run_file::RunFile;

/// Where others find a run.
const RUN_FILE: &str = "run.json";
/// Mode of the folder: uploads, records and secrets are its owner's business.
const PRIVATE: u32 = 0o700;
/// How long a lock is waited for whose owner is dead. A process that it had just begun to start may
/// hold on to it until it runs its own program.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How often.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// The folder of it that workers keep their caches in.
pub const CACHE: &str = "cache";

/// A locked data folder; the lock ends with the process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if needed, and locks it; waits for what a killed run leaves behind.
    ///
    /// # Errors
    /// When another process has it, or it cannot be made.
    pub async fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(PRIVATE)
            .create(path)
            .with_context(|| format!("cannot make the folder {shown}"))?;
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot open the folder {shown}"))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .with_context(|| format!("cannot write into {shown}"))?;
        let owner = PidFile::new(&path.join("tcoder.pid"));
        let until = Instant::now() + LOCK_PATIENCE;
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            if owner.running().is_some() || Instant::now() > until {
                let address = RunFile::read(&path.join(RUN_FILE)).map(|run| run.url);
                let at = address.map_or_else(|_| String::new(), |url| format!(", at {url}"));
                bail!(
                    "tcoder is running on {shown} already{at}: stop it, or choose another folder with --data"
                );
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
        if let Some(own) = ProcessId::of(std::process::id()) {
            owner.write(own)?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// A folder or file in it.
    #[must_use]
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where others find this run.
    #[must_use]
    pub fn run_file(&self) -> PathBuf {
        self.path.join(RUN_FILE)
    }

    /// Removes `run.json`: nothing runs here any more.
    pub fn forget_run(&self) {
        if let Err(error) = std::fs::remove_file(self.run_file()) {
            tracing::debug!(%error, "no run file to remove");
        }
    }

    /// A secret of this folder: made once, kept with mode 0600.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> String) -> anyhow::Result<String> {
        let path = self.path.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let secret = make();
                nats::server::write_private(&path, &secret)?;
                Ok(secret)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).await.unwrap();
        let error = DataDir::open(folder.path()).await.unwrap_err();
        assert!(error.to_string().contains("stop it"), "{error}");
        drop(first);
        DataDir::open(folder.path()).await.unwrap();
    }

    /// As a child does that a killed run had forked, and that has not become its own program yet.
    #[tokio::test]
    async fn a_lock_that_outlives_its_owner_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let held = File::create(folder.path().join("lock")).unwrap();
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        let child = async move {
            tokio::time::sleep(20 * LOCK_POLL).await;
            drop(held);
        };
        let (opened, ()) = tokio::join!(DataDir::open(folder.path()), child);
        opened.unwrap();
    }
}
