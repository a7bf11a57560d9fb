//! `run.json`: where a running `tcoder up` is reached. Mode 0600, for it holds passwords.

use std::path::Path;

use gateway::storage;
use nats::Credentials;
use serde::{Deserialize, Serialize};

/// How to reach everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// The gateway.
    pub url: String,
    /// The bus, as the operator; absent when it is not ours.
    pub nats: Option<Credentials>,
    /// The object store; absent when it is not ours.
    pub store: Option<Store>,
    /// Processes.
    pub pids: Pids,
}

/// The object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// Its address.
    pub endpoint: String,
    /// Region to sign with.
    pub region: String,
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// Its buckets.
    pub buckets: Vec<String>,
}

/// Processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pids {
    /// The control plane.
    pub tcoder: u32,
    /// The bus, when it is ours.
    pub nats_server: Option<u32>,
}

impl Store {
    /// As it is configured.
    #[must_use]
    pub fn of(options: &storage::Options) -> Self {
        Self {
            endpoint: options.endpoint.clone().unwrap_or_default(),
            region: options.region.clone(),
            access_key: options.access_key.clone(),
            secret_key: options.secret_key.clone(),
            buckets: vec![options.bucket.clone()],
        }
    }
}

impl RunFile {
    /// Writes it for its owner's eyes alone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        nats::server::write_private(path, &serde_json::to_string_pretty(self)?)?;
        Ok(())
    }

    /// Reads it.
    ///
    /// # Errors
    /// When there is none, or it is no run file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
    }
}
