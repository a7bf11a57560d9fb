//! The data folder of `tcoder up`: one process at a time, and a place for everything.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

/// The folder of it that workers keep their caches in.
pub const CACHE: &str = "cache";

/// A locked data folder; the lock ends with the process, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if needed, and locks it.
    ///
    /// # Errors
    /// When another process has it, or it cannot be made.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        std::fs::create_dir_all(path).with_context(|| format!("cannot make the folder {shown}"))?;
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot open the folder {shown}"))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .with_context(|| format!("cannot write into {shown}"))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "tcoder is running on {shown} already: stop it, or choose another folder with --data"
            );
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
        self.path.join("run.json")
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
