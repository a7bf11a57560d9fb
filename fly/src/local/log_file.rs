//! What a worker writes to stdout and stderr: `<name>.log`, with one older file beside it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::machine::MachineName;

/// From this size on a log is put aside when its worker starts: two files of it per worker hold
/// weeks of what a worker says, and 100 workers stay under 2 GiB.
pub const LOG_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The log, open for appending.
pub(crate) fn open(folder: &Path, name: &MachineName) -> io::Result<File> {
    let path = folder.join(format!("{name}.log"));
    if std::fs::metadata(&path).is_ok_and(|file| file.len() >= LOG_BYTES_MAX) {
        std::fs::rename(&path, folder.join(format!("{name}.log.1")))?;
    }
    // What a worker logs of other people's media concerns nobody else on this machine.
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
}
