//! What this program prints: one line of JSON, for programs.

use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use serde::Serialize;

/// Prints a value as a line. That nobody reads it is no failure: the exit code says how it went all the same.
///
/// # Errors
/// When it cannot be written for another reason, such as a full disk.
pub(crate) fn line(value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    match std::io::stdout().lock().write_all(&line) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot print"),
        Ok(()) | Err(_) => Ok(()),
    }
}
