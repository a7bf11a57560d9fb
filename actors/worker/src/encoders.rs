//! Which encoders work on this machine: each is tried in a process of its own, since a driver that
//! crashes must not take the worker with it. What worked is not tried again while nothing has changed.

mod memory;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bus_schema::encoder::ENCODERS;
use bus_schema::heartbeat::EncoderCheck;
use tokio::process::Command;

use crate::engine::error::plain;
use crate::plugins::Plugins;
use memory::Memory;

/// Names of the encoders that there are settings for, those of a codec best first.
pub fn known() -> impl Iterator<Item = &'static str> {
    ENCODERS.iter().map(|encoder| encoder.element)
}

/// How long a trial may take: a cold registry takes 1.5 s on a slow disk, a driver some seconds.
const TRIAL_MS_MAX: u64 = 30_000;

/// Tries all of [`known`], one after the other. `program` is `tcoder-worker`, `environment` what
/// [`crate::plugins::Plugins::environment`] says; the first trial also builds the plugins'
/// registry.
pub async fn check(program: &Path, environment: &BTreeMap<String, String>) -> Vec<EncoderCheck> {
    let mut checks = Vec::with_capacity(ENCODERS.len());
    for encoder in known() {
        checks.push(tried(program, environment, encoder).await);
    }
    checks
}

/// The same without those that worked when they were last tried here: a trial takes half a second, in
/// which a worker that starts anew could be at work. What failed is tried again, for it may have been
/// a passing fault.
pub async fn check_once(program: &Path, plugins: &Plugins) -> Vec<EncoderCheck> {
    let mut memory = Memory::read(program, plugins);
    let mut checks = Vec::with_capacity(ENCODERS.len());
    for encoder in known() {
        checks.push(if memory.works(encoder) {
            EncoderCheck {
                encoder: encoder.to_owned(),
                failure: None,
            }
        } else {
            let check = tried(program, plugins.environment(), encoder).await;
            if check.failure.is_none() {
                memory.add(encoder);
            }
            check
        });
    }
    memory.write();
    checks
}

async fn tried(
    program: &Path,
    environment: &BTreeMap<String, String>,
    encoder: &str,
) -> EncoderCheck {
    let failure = trial(program, environment, encoder).await.err();
    if let Some(reason) = &failure {
        tracing::warn!(encoder, reason, "an encoder does not work");
    }
    EncoderCheck {
        encoder: encoder.to_owned(),
        failure,
    }
}

async fn trial(
    program: &Path,
    environment: &BTreeMap<String, String>,
    encoder: &str,
) -> Result<(), String> {
    let child = Command::new(program)
        .args(["encoders", "--trial", encoder])
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start the trial: {error}"))?;
    let patience = Duration::from_millis(TRIAL_MS_MAX);
    match tokio::time::timeout(patience, child.wait_with_output()).await {
        Err(_) => Err(format!("no end after {TRIAL_MS_MAX} ms")),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stderr);
            let last = text
                .lines()
                .rev()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default();
            Err(plain(&format!("{} ({last})", output.status)))
        }
    }
}
