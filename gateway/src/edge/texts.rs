//! Playlists as they are served: rendered while a job runs, read from storage once it keeps final ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bus_schema::id::RenditionName;
use bus_schema::object_key;
use bus_schema::record::{JobRecord, JobState};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::jobs::Jobs;
use crate::playlist::{self, Details};
use crate::problem::{Code, Problem};
use crate::storage::Storage;

/// Details kept in memory, in bytes: about 6,000 chunks of eight renditions. The older half goes when
/// it is full; they are read again from the bus.
const DETAILS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Details asked for at once, for one playlist.
const READS_AT_ONCE: usize = 16;
/// Largest final playlist: a DASH manifest names every segment of every rendition, 24 hours of eight
/// are 15 MB.
const TEXT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Makes and reads playlists.
#[derive(Debug)]
pub(super) struct Texts {
    jobs: Arc<dyn Jobs>,
    storage: Storage,
    details: Mutex<Generations>,
}

/// What was used lately, and what was used before that. Details never change: none is ever stale.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Bytes>,
    old: HashMap<String, Bytes>,
    young_bytes: usize,
}

impl Texts {
    pub(super) fn new(jobs: Arc<dyn Jobs>, storage: Storage) -> Self {
        Self {
            jobs,
            storage,
            details: Mutex::default(),
        }
    }

    /// The multivariant playlist.
    pub(super) async fn multivariant(&self, record: &JobRecord) -> Result<Bytes, Problem> {
        if let Some(text) = self
            .stored(record, object_key::MULTIVARIANT_PLAYLIST)
            .await?
        {
            return Ok(text);
        }
        Ok(playlist::multivariant(record, &self.details(record).await?)?.into())
    }

    /// One rendition's playlist.
    pub(super) async fn media(
        &self,
        record: &JobRecord,
        name: &RenditionName,
    ) -> Result<Bytes, Problem> {
        if let Some(text) = self
            .stored(record, &object_key::media_playlist(name))
            .await?
        {
            return Ok(text);
        }
        Ok(playlist::media(record, &self.details(record).await?, name)?.into())
    }

    /// The DASH manifest; there is none before the end.
    pub(super) async fn dash(&self, record: &JobRecord) -> Result<Bytes, Problem> {
        self.stored(record, object_key::DASH_MANIFEST)
            .await?
            .ok_or_else(|| {
                Problem::new(
                    Code::NotReady,
                    "The DASH manifest is written when the job completes: play HLS until then.",
                )
            })
    }

    /// A text of still images or chapters; there is none before the end, nor where none were asked for.
    pub(super) async fn beside(&self, record: &JobRecord, name: &str) -> Result<Bytes, Problem> {
        if !record.outputs.iter().any(|output| output.name == name) {
            let detail = format!(
                "There is no `{name}`: it is written when a job that asked for it completes."
            );
            let is_over = record.state.is_terminal();
            let code = if is_over {
                Code::NotFound
            } else {
                Code::NotReady
            };
            return Err(Problem::new(code, detail));
        }
        let key = format!("{}{name}", object_key::outputs(&record.tenant, &record.id));
        Ok(self.storage.get_bytes(&key, TEXT_BYTES_MAX).await?)
    }

    /// A final text, when the job has them.
    async fn stored(&self, record: &JobRecord, name: &str) -> Result<Option<Bytes>, Problem> {
        match record.state {
            JobState::Completed
                if record
                    .outputs
                    .iter()
                    .any(|output| output.name == object_key::MULTIVARIANT_PLAYLIST) =>
            {
                let key = format!("{}{name}", object_key::outputs(&record.tenant, &record.id));
                let read = self.storage.get_bytes(&key, TEXT_BYTES_MAX).await;
                read.map(Some).map_err(|error| match error.kind() {
                    crate::storage::ErrorKind::NotFound => unknown(name),
                    _ => Problem::from(error),
                })
            }
            JobState::Completed => Err(Problem::new(
                Code::JobEnded,
                "The job is completed, and its preset keeps files alone: download them, or upload the film again \
                 with the preset hls or hls-adaptive.",
            )),
            JobState::Failed | JobState::Cancelled => {
                let state = record.state.as_str();
                Err(Problem::new(
                    Code::JobEnded,
                    format!("The job is {state}: there is nothing to play."),
                ))
            }
            JobState::Uploading | JobState::Queued | JobState::Running | JobState::Playable => {
                Ok(None)
            }
        }
    }

    /// The details of everything that can be listed.
    async fn details(&self, record: &JobRecord) -> Result<Details, Problem> {
        let keys = Details::keys(record).into_iter().map(|key| key.key);
        let reads = futures_util::stream::iter(keys)
            .map(|key| self.attempt(key))
            .buffered(READS_AT_ONCE);
        let found: Vec<(String, Option<Bytes>)> = reads.try_collect().await?;
        let found: HashMap<String, Bytes> = found
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        let details = Details::read(record, |key| found.get(key).map(Bytes::as_ref))?;
        Ok(details)
    }

    async fn attempt(&self, key: String) -> Result<(String, Option<Bytes>), Problem> {
        let cached = self.generations().get(&key);
        if cached.is_some() {
            return Ok((key, cached));
        }
        let read = self.jobs.attempt(key.clone()).await?.map(Bytes::from);
        if let Some(value) = &read {
            self.generations().insert(key.clone(), value.clone());
        }
        Ok((key, read))
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        // Each change is one call; a panic elsewhere leaves it whole.
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn get(&mut self, key: &str) -> Option<Bytes> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    fn insert(&mut self, key: String, value: Bytes) {
        self.young_bytes += key.len() + value.len();
        self.young.insert(key, value);
        if self.young_bytes > DETAILS_BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

fn unknown(name: &str) -> Problem {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    Problem::new(
        Code::UnknownRendition,
        format!("The job has no `{shown}`: master.m3u8 lists what it has."),
    )
}

impl From<playlist::Error> for Problem {
    fn from(error: playlist::Error) -> Self {
        match &error {
            playlist::Error::NotReady => Self::new(
                Code::NotReady,
                "Nothing can be played yet: wait until the job is playable.",
            ),
            playlist::Error::UnknownRendition(name) => unknown(name),
            playlist::Error::Incomplete { .. }
            | playlist::Error::Empty(_)
            | playlist::Error::Damaged { .. } => {
                tracing::error!(%error, "playlist");
                Self::new(
                    Code::Internal,
                    "The playlist cannot be made: the operator finds the reason in the log.",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_details_are_bounded_and_those_in_use_stay() {
        let mut kept = Generations::default();
        let value = Bytes::from(vec![0; 1_024]);
        kept.insert("used".to_owned(), value.clone());
        for n in 0..100_000 {
            kept.insert(n.to_string(), value.clone());
            if n % 100 == 0 {
                assert!(kept.get("used").is_some(), "after {n}");
            }
        }
        assert!((kept.young.len() + kept.old.len()) * 1_024 <= DETAILS_BYTES_MAX + 2_048);
        assert!(kept.get("0").is_none());
    }
}
