//! A child's standard error, as log lines: bounded in length and number, since a library may be
//! made to write there for ever.

use tokio::io::AsyncReadExt;
use tokio::process::ChildStderr;

use crate::engine::error::plain;

/// How much of it is logged; the rest is read and thrown away, so that the child does not wait.
const LOGGED_BYTES_MAX: usize = 64 << 10;
/// How much is read at a time.
const READ_BYTES: usize = 4096;

/// Logs until the child is gone; then never ends.
pub(super) async fn log(stderr: Option<ChildStderr>, pid: u32) {
    let Some(mut stderr) = stderr else {
        return std::future::pending().await;
    };
    let mut buffer = [0; READ_BYTES];
    let mut rest = LOGGED_BYTES_MAX;
    while let Ok(n @ 1..) = stderr.read(&mut buffer).await {
        let logged = n.min(rest);
        rest -= logged;
        for line in String::from_utf8_lossy(&buffer[..logged]).lines() {
            tracing::debug!(pid, line = plain(line), "child's stderr");
        }
    }
    std::future::pending().await
}
