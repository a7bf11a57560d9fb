//! What every actor of the control plane stands on: the bus, the registers, storage.

use std::sync::Arc;

use bus_schema::attempt;
use bus_schema::id::{Attempt, JobId, TaskNumber};
use bus_schema::ladder::Ladder;
use bus_schema::record::JobRecord;
use gateway::storage::Storage;
use nats::{Bus, Register, Timers};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::board::Board;

/// Shared by all actors of one process; cheap to clone.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The connection to the bus, with the control plane's rights.
    pub bus: Bus,
    /// Job records, by id.
    pub jobs: Register<JobRecord>,
    /// What attempts reported, by [`attempt::key`].
    pub attempts: Register<serde_json::Value>,
    /// Wakes us later.
    pub timers: Timers,
    /// The object store.
    pub storage: Storage,
    /// What one actor knows and all may read.
    pub board: Arc<Board>,
    /// What may differ between installations.
    pub limits: Arc<Limits>,
}

/// What may differ between installations.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long an address that a worker is given is valid.
    pub address_ttl: std::time::Duration,
    /// The qualities that there are.
    pub ladder: Ladder,
}

impl Default for Limits {
    fn default() -> Self {
        // Twice the longest chunk that the watchdogs allow; addresses can be asked for again.
        Self {
            address_ttl: std::time::Duration::from_secs(3_600),
            ladder: Ladder::default(),
        }
    }
}

/// Why something could not be done now. Nothing is lost: whoever asked tries again.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The bus.
    #[error("the bus: {0}")]
    Bus(#[from] nats::Error),
    /// Storage.
    #[error("storage: {0}")]
    Storage(#[from] gateway::storage::Error),
    /// A message that cannot be encoded: a defect.
    #[error("a message cannot be encoded: {0}")]
    Codec(#[from] bus_schema::codec::Error),
    /// A record that is not what it should be.
    #[error("a record cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Details of attempts that make no playlist.
    #[error("the playlists cannot be written: {0}")]
    Playlist(#[from] gateway::playlist::Error),
    /// The record changed under us again and again.
    #[error("job {0} is written by somebody else all the time")]
    Contended(JobId),
}

impl Platform {
    /// Keeps what an attempt reported. Written before the record says that it won.
    ///
    /// # Errors
    /// [`Trouble::Bus`].
    pub async fn keep_attempt<T: Serialize>(
        &self,
        job: &JobId,
        task: TaskNumber,
        attempt: Attempt,
        part: Option<u32>,
        details: &T,
    ) -> Result<(), Trouble> {
        let key = attempt::key(job, task, attempt, part);
        match self
            .attempts
            .create(&key, &serde_json::to_value(details)?)
            .await
        {
            // Written when this report came before: an attempt reports one thing.
            Err(error) if error.is_conflict() => Ok(()),
            written => Ok(written.map(drop)?),
        }
    }

    /// What an attempt reported.
    ///
    /// # Errors
    /// [`Trouble::Bus`], [`Trouble::Json`].
    pub async fn attempt<T: DeserializeOwned>(
        &self,
        job: &JobId,
        task: TaskNumber,
        attempt: Attempt,
        part: Option<u32>,
    ) -> Result<Option<T>, Trouble> {
        let key = attempt::key(job, task, attempt, part);
        let Some((value, _)) = self.attempts.load(&key).await? else {
            return Ok(None);
        };
        Ok(Some(serde_json::from_value(value)?))
    }
}
