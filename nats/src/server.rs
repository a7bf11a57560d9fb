//! A real nats-server as a child: found, started, awaited, stopped; adopted or ended when an earlier
//! life of this process left it behind.

mod binary;

mod pid_file;

mod process;

#[cfg(feature = "test-util")]
mod test_server;

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

pub use binary::{VERSION_MIN, find_binary};
pub use pid_file::{PidFile, ProcessId};
pub use process::{ServerOptions, ServerProcess};
#[cfg(feature = "test-util")]
pub use test_server::TestServer;

/// Writes a file with secrets in it, readable by its owner alone from its first byte, and replaces
/// what was there as one step.
///
/// # Errors
/// [`ErrorKind::Process`] when it cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::with(
            ErrorKind::Process,
            format!("cannot write {}", path.display()),
            error,
        )
    };
    // In the same folder, or the rename would be a copy.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    // One that a crash left behind could have another mode.
    match std::fs::remove_file(draft) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(draft, path).map_err(failed)
}
