//! Which encoders work on this machine: each is tried in a process of its own, since a driver that
//! crashes must not take the worker with it. What worked is not tried again while nothing has changed.

mod memory;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bus_schema::encoder::{self, ENCODERS};
use bus_schema::heartbeat::EncoderCheck;
use futures_util::{StreamExt as _, stream};
use tokio::process::Command;

use crate::devices;
use crate::engine::error::plain;
use crate::plugins::Plugins;
use memory::Memory;

/// Names of the encoders that there are settings for, those of a codec best first.
pub fn known() -> impl Iterator<Item = &'static str> {
    ENCODERS.iter().map(|encoder| encoder.element)
}

/// How long a trial may take: a cold registry takes 1.5 s on a slow disk, a driver some seconds.
const TRIAL_MS_MAX: u64 = 30_000;
/// Trials at once: each keeps about a core busy for half a second.
const TRIALS_MAX: usize = 2;
/// What is said of an encoder that GStreamer has no element for.
pub const ABSENT: &str = "there is none on this machine";

/// Tries all of [`known`] that are there. `program` is `tcoder-worker`, `environment` what
/// [`crate::plugins::Plugins::environment`] says; asking which are there also builds the plugins'
/// registry.
pub async fn check(program: &Path, environment: &BTreeMap<String, String>) -> Vec<EncoderCheck> {
    let present = present(program, environment).await;
    let tried = known().map(|encoder| async {
        match lack(encoder, &present) {
            Some(reason) => failed(encoder, reason),
            None => tried(program, environment, encoder).await,
        }
    });
    stream::iter(tried).buffered(TRIALS_MAX).collect().await
}

/// The same without those in software that worked when they were last tried here: a trial takes half a
/// second, in which a worker that starts anew could be at work. What failed is tried again, for it may have
/// been a passing fault; and so is hardware, which other things of the machine use, too.
pub async fn check_once(program: &Path, plugins: &Plugins) -> Vec<EncoderCheck> {
    let mut memory = Memory::read(program, plugins);
    let environment = plugins.environment();
    let present = match memory.present() {
        Some(present) => Ok(present.to_vec()),
        None => present(program, environment).await,
    };
    if let Ok(present) = &present {
        memory.note_present(present);
    }
    let tried = known().map(|encoder| {
        let (lack, works) = (lack(encoder, &present), memory.works(encoder));
        async move {
            match lack {
                Some(reason) => failed(encoder, reason),
                None if works => worked(encoder),
                None => tried(program, environment, encoder).await,
            }
        }
    });
    let checks: Vec<EncoderCheck> = stream::iter(tried).buffered(TRIALS_MAX).collect().await;
    for check in checks.iter().filter(|check| check.failure.is_none()) {
        if !encoder::is_hardware(&check.encoder) && !memory.works(&check.encoder) {
            memory.add(&check.encoder);
        }
    }
    memory.write();
    checks
}

/// Why an encoder need not be tried.
fn lack(encoder: &str, present: &Result<Vec<String>, String>) -> Option<String> {
    match present {
        Err(reason) => Some(reason.clone()),
        Ok(present) if present.iter().any(|name| name == encoder) => None,
        Ok(_) => Some(ABSENT.to_owned()),
    }
}

fn worked(encoder: &str) -> EncoderCheck {
    EncoderCheck {
        encoder: encoder.to_owned(),
        failure: None,
    }
}

fn failed(encoder: &str, reason: String) -> EncoderCheck {
    EncoderCheck {
        encoder: encoder.to_owned(),
        failure: Some(reason),
    }
}

/// Names of the encoders that there are elements for.
async fn present(
    program: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<String>, String> {
    let output = output(program, environment, &["encoders", "--present"]).await?;
    serde_json::from_slice(&output).map_err(|error| format!("the list of encoders: {error}"))
}

async fn tried(
    program: &Path,
    environment: &BTreeMap<String, String>,
    encoder: &str,
) -> EncoderCheck {
    match trial(program, environment, encoder).await {
        Ok(()) => worked(encoder),
        Err(reason) => {
            tracing::warn!(encoder, reason, "an encoder does not work");
            failed(encoder, reason)
        }
    }
}

async fn trial(
    program: &Path,
    environment: &BTreeMap<String, String>,
    encoder: &str,
) -> Result<(), String> {
    let trial = output(program, environment, &["encoders", "--trial", encoder]).await;
    trial.map(drop)
}

/// What a child prints that ends well; else why not.
async fn output(
    program: &Path,
    environment: &BTreeMap<String, String>,
    arguments: &[&str],
) -> Result<Vec<u8>, String> {
    let of_devices = devices::ENVIRONMENT
        .iter()
        .filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(of_devices)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot start the trial: {error}"))?;
    let patience = Duration::from_millis(TRIAL_MS_MAX);
    match tokio::time::timeout(patience, child.wait_with_output()).await {
        Err(_) => Err(format!("no end after {TRIAL_MS_MAX} ms")),
        Ok(Err(error)) => Err(error.to_string()),
        Ok(Ok(output)) if output.status.success() => Ok(output.stdout),
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
