//! One configuration for all processes: `tcoder.toml`, and every key also as
//! `TCODER_<SECTION>_<KEY>`. Unknown keys are refused.

pub mod ladder_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bus_schema::ladder::Ladder;
use gateway::{edge, storage};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// Everything that can be configured; every key has a default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The HTTP edge.
    pub gateway: edge::Options,
    /// The object store. Without an endpoint `tcoder up` brings its own.
    pub storage: storage::Options,
    /// The bus.
    pub bus: Bus,
    /// Machines.
    pub pool: Pool,
    /// Webhooks.
    pub webhook: Webhook,
    /// What is made of films.
    pub transcode: Transcode,
}

/// The bus. Without a URL `tcoder up` brings its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bus {
    /// `nats://host:4222`.
    pub url: Option<String>,
    /// The control plane's user in the account APP.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The nats-server that `tcoder up` starts; by default the one on PATH or in `.tools/bin`.
    pub server: Option<PathBuf>,
    /// The port that it listens on from its first start on, where that is free; else, or for 0, any
    /// that is.
    pub port: u16,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            url: None,
            user: String::new(),
            password: String::new(),
            server: None,
            port: 4222,
        }
    }
}

/// Machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Most machines at once; what runs costs money.
    pub machines_max: u32,
    /// How long a machine may be idle before it is stopped, in milliseconds.
    pub idle_ms: u64,
    /// The worker's program; by default `tcoder-worker` beside `tcoder`.
    pub worker: Option<PathBuf>,
    /// Chunks of picture that one machine encodes at once; 0 for half its cores.
    pub cpu_slots: u32,
    /// Probes, sound and assembly that one machine does at once.
    pub light_slots: u32,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            machines_max: 1,
            idle_ms: 5 * 60_000,
            worker: None,
            cpu_slots: 0,
            light_slots: 2,
        }
    }
}

/// Webhooks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// `whsec_...`; `tcoder up` makes one and keeps it in its data folder.
    pub secret: Option<String>,
    /// Whether receivers on loopback are allowed: for tests and for trying things out.
    pub allow_loopback: bool,
}

/// What is made of films.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Transcode {
    /// A file with the qualities that there are, see [`ladder_file`]; by default 144p to 2160p. A relative
    /// path begins at the folder that the process was started in.
    pub ladder: Option<PathBuf>,
    /// What is in it.
    #[serde(skip)]
    pub qualities: Ladder,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{path} is not TOML: {source}")]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A key that there is not, or a value of another kind.
    #[error("the configuration is wrong: {0}")]
    Key(Box<toml::de::Error>),
    /// The ladder that it names.
    #[error(transparent)]
    Ladder(#[from] ladder_file::Error),
}

/// The sections, as they stand in variables.
const SECTIONS: [&str; 6] = ["gateway", "storage", "bus", "pool", "webhook", "transcode"];

impl Config {
    /// The configuration of a file (which need not exist when `path` is `None`) with the variables
    /// laid over it.
    ///
    /// # Errors
    /// [`Error`] says which key or file.
    pub fn load(
        path: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let default = Path::new("tcoder.toml");
        let file = path.unwrap_or(default);
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(source) => {
                return Err(Error::Read {
                    path: file.to_owned(),
                    source,
                });
            }
        };
        let syntax = |source| Error::Syntax {
            path: file.to_owned(),
            source: Box::new(source),
        };
        let mut table: Table = toml::from_str(&text).map_err(syntax)?;
        overlay(&mut table, variables);
        let config = Value::Table(table).try_into();
        let mut config: Self = config.map_err(|error| Error::Key(Box::new(error)))?;
        if let Some(path) = &config.transcode.ladder {
            config.transcode.qualities = ladder_file::load(path)?;
        }
        Ok(config)
    }

    /// The configuration as TOML, with every secret blacked out.
    ///
    /// # Errors
    /// When it cannot be written as TOML, which would be a defect.
    pub fn printed(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        let black = "(set)".to_owned();
        for secret in [&mut shown.storage.secret_key, &mut shown.bus.password] {
            if !secret.is_empty() {
                secret.clone_from(&black);
            }
        }
        shown.webhook.secret = shown.webhook.secret.map(|_| black);
        toml::to_string_pretty(&shown)
    }
}

fn overlay(table: &mut Table, variables: impl Iterator<Item = (String, String)>) {
    let sorted: BTreeMap<String, String> = variables.collect();
    for (name, text) in sorted {
        let Some(rest) = name.strip_prefix("TCODER_") else {
            continue;
        };
        let Some((section, key)) = rest.split_once('_') else {
            continue;
        };
        let section = section.to_ascii_lowercase();
        if !SECTIONS.contains(&section.as_str()) {
            continue;
        }
        let entry = table
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(entry) = entry {
            entry.insert(key.to_ascii_lowercase(), value(&text));
        }
    }
}

/// A variable's text as TOML where it is a number, a boolean or a list, else as a string.
fn value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("v = {text}")).ok();
    match parsed.and_then(|mut table| table.remove("v")) {
        Some(value @ (Value::Integer(_) | Value::Boolean(_) | Value::Array(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tcoder.toml");
        std::fs::write(&path, text).unwrap();
        let owned = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(&path), owned)
    }

    #[test]
    fn variables_lie_over_the_file() {
        let variables = [
            ("TCODER_POOL_MACHINES_MAX", "3"),
            ("TCODER_GATEWAY_ALLOWED_HOSTS", "[\"a.example\"]"),
            ("TCODER_STORAGE_SECRET_KEY", "12345"),
            ("TCODER_NATS_SERVER", "elsewhere"),
        ];
        let text = "[pool]\nmachines_max = 2\nidle_ms = 7\n";
        let config = load(text, &variables[..2]).unwrap();
        assert_eq!((config.pool.machines_max, config.pool.idle_ms), (3, 7));
        assert_eq!(config.gateway.allowed_hosts, ["a.example"]);
        assert!(
            load(text, &variables[3..]).is_ok(),
            "not a section of the configuration"
        );
    }

    #[test]
    fn unknown_keys_are_refused_by_name() {
        let error = load("[pool]\nmachine_max = 2\n", &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("machine_max"), "{error}");
        assert!(
            load("", &[("TCODER_POOL_COLOUR", "red")])
                .unwrap_err()
                .to_string()
                .contains("colour")
        );
        assert!(
            load("[pond]\n", &[])
                .unwrap_err()
                .to_string()
                .contains("pond")
        );
    }

    #[test]
    fn secrets_are_not_printed() {
        let config = load("[storage]\nsecret_key = \"hush\"\n", &[]).unwrap();
        let printed = config.printed().unwrap();
        assert!(
            !printed.contains("hush") && printed.contains("(set)"),
            "{printed}"
        );
    }
}
