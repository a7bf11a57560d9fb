//! What the next control plane must know of a worker: `<name>.pid`, JSON, mode 0600.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::process::ProcessId;
use crate::machine::MachineName;

/// How the file's name ends.
const EXTENSION: &str = "pid";

/// The content of a pid file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PidFile {
    /// Which process.
    #[serde(flatten)]
    pub(crate) process: ProcessId,
    /// When it was launched, milliseconds since 1970.
    pub(crate) started_at_ms: u64,
}

// === impl PidFile ===

impl PidFile {
    /// Where the file of this name lies.
    pub(crate) fn path(folder: &Path, name: &MachineName) -> PathBuf {
        folder.join(format!("{name}.{EXTENSION}"))
    }

    /// Writes it whole or not at all.
    pub(crate) fn write(&self, folder: &Path, name: &MachineName) -> io::Result<()> {
        let path = Self::path(folder, name);
        let new = path.with_extension("pid-new");
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        drop(file);
        std::fs::rename(&new, &path)
    }

    /// Removes it; that there is none is no error.
    pub(crate) fn remove(folder: &Path, name: &MachineName) -> io::Result<()> {
        match std::fs::remove_file(Self::path(folder, name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// All that lie there; `None` for one that is no pid file of ours.
    pub(crate) fn read_all(folder: &Path) -> io::Result<Vec<(MachineName, Option<Self>)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != EXTENSION)
            {
                continue;
            }
            let stem = path
                .file_stem()
                .and_then(std::ffi::OsStr::to_str)
                .unwrap_or_default();
            if let Ok(name) = stem.parse() {
                let content = std::fs::read(&path).ok();
                files.push((
                    name,
                    content.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
                ));
            }
        }
        Ok(files)
    }
}
