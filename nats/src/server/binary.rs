//! Finding a nats-server that is new enough.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::error::{Error, ErrorKind, Result};

/// The oldest server with per-key TTL, scheduled messages and `persist_mode`.
pub const VERSION_MIN: (u64, u64) = (2, 12);

/// Names a binary to use before all others.
const ENV: &str = "TCODER_NATS_SERVER";
const NAME: &str = "nats-server";

/// The nats-server to run: the one that `TCODER_NATS_SERVER` names, else one on PATH, else
/// `.tools/bin/nats-server` of the working directory or of the source tree. One that is older than
/// [`VERSION_MIN`] is passed over, but refused when named.
///
/// # Errors
/// [`ErrorKind::Process`] that says where was looked and what was found.
pub async fn find_binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(ENV) {
        let path = PathBuf::from(named);
        return match version(&path).await {
            Ok(found) if found >= VERSION_MIN => Ok(path),
            Ok((major, minor)) => Err(no_binary(&format!(
                "{ENV} names {}, which is version {major}.{minor}",
                path.display()
            ))),
            Err(reason) => Err(no_binary(&format!(
                "{ENV} names {}: {reason}",
                path.display()
            ))),
        };
    }
    let mut seen = Vec::new();
    for path in candidates(&std::env::var_os("PATH").unwrap_or_default()) {
        if !path.is_file() {
            continue;
        }
        match version(&path).await {
            Ok(found) if found >= VERSION_MIN => return Ok(path),
            Ok((major, minor)) => seen.push(format!("{} is {major}.{minor}", path.display())),
            Err(reason) => seen.push(format!("{}: {reason}", path.display())),
        }
    }
    let seen = if seen.is_empty() {
        "none was found".to_owned()
    } else {
        seen.join("; ")
    };
    Err(no_binary(&seen))
}

fn candidates(path: &OsStr) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::env::split_paths(path)
        .map(|dir| dir.join(NAME))
        .collect();
    let tools = Path::new(".tools/bin").join(NAME);
    if let Ok(dir) = std::env::current_dir() {
        all.push(dir.join(&tools));
    }
    // The source tree, for tests, which run in their package's folder.
    if let Some(workspace) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() {
        all.push(workspace.join(&tools));
    }
    all
}

/// Major and minor, from `nats-server: v2.15.1`.
async fn version(path: &Path) -> Result<(u64, u64), String> {
    let output = Command::new(path).arg("--version").output().await;
    let output = output.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parsed = text.trim().rsplit_once('v').and_then(|(_, numbers)| {
        let mut numbers = numbers.split(['.', '-']);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    parsed.ok_or_else(|| format!("`--version` says `{}`", text.trim()))
}

fn no_binary(found: &str) -> Error {
    let (major, minor) = VERSION_MIN;
    let message = format!(
        "no nats-server {major}.{minor} or newer: {found}. Put one on PATH or into .tools/bin (`make setup`), or name it by {ENV}"
    );
    Error::new(ErrorKind::Process, message)
}
