//! What the winning attempts wrote, as far as it is whole from the start on.

use std::collections::BTreeSet;
use std::sync::Arc;

use bus_schema::attempt::{self, AudioPart, ChunkResult, SubtitlesResult};
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::record::JobRecord;

use super::Error;

/// Details of a record's winning attempts.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Of the chunks from the first on.
    pub(super) chunks: Vec<(Origin, Arc<ChunkResult>)>,
    /// Of the parts of the sound from the first on, track by track.
    pub(super) parts: Vec<(Origin, Arc<AudioPart>)>,
    /// Of the subtitles, once they are there.
    pub(super) subtitles: Option<(Origin, Arc<SubtitlesResult>)>,
}

/// Who wrote a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) task: TaskNumber,
    pub(super) attempt: Attempt,
}

/// Where the details of one piece lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailKey {
    /// As [`bus_schema::attempt::key`] makes it.
    pub key: String,
    origin: Origin,
    piece: Piece,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Chunk,
    /// A part of the sound.
    Part,
    Subtitles,
}

impl DetailKey {
    /// The task whose part of the sound it is; `None` for anything else.
    #[must_use]
    pub fn part_of(&self) -> Option<TaskNumber> {
        (self.piece == Piece::Part).then_some(self.origin.task)
    }

    /// Whether it is what the subtitles' task reported.
    #[must_use]
    pub fn is_subtitles(&self) -> bool {
        self.piece == Piece::Subtitles
    }
}

impl Details {
    /// The keys of everything that a record's playlists are made of, in order.
    #[must_use]
    pub fn keys(record: &JobRecord) -> Vec<DetailKey> {
        let key = |task, attempt, part, piece| DetailKey {
            key: attempt::key(&record.id, task, attempt, part),
            origin: Origin { task, attempt },
            piece,
        };
        let chunks = record
            .chunk_prefix()
            .into_iter()
            .map(|(_, task, attempt)| key(task, attempt, None, Piece::Chunk));
        let parts = record
            .audio_tracks()
            .flat_map(|(track, _)| record.audio_prefix(track))
            .map(|(part, task, attempt)| key(task, attempt, Some(part), Piece::Part));
        let subtitles = record.plan.as_ref().and_then(|plan| plan.subtitles_task());
        let subtitles = subtitles.and_then(|task| {
            let attempt = record.tasks.get(task)?.done_attempt()?;
            Some(key(task, attempt, None, Piece::Subtitles))
        });
        chunks.chain(parts).chain(subtitles).collect()
    }

    /// Reads the values of [`Details::keys`]. Where one is missing its track ends before it.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a value that is not what a worker may report.
    pub fn read<'a>(
        record: &JobRecord,
        mut value: impl FnMut(&str) -> Option<&'a [u8]>,
    ) -> Result<Self, Error> {
        let mut details = Self::default();
        // The picture, and each task of the sound.
        let mut ended: BTreeSet<Option<TaskNumber>> = BTreeSet::new();
        for detail in Self::keys(record) {
            let track = detail.part_of();
            let DetailKey { key, origin, piece } = detail;
            if piece == Piece::Subtitles {
                if let Some(bytes) = value(&key) {
                    details.subtitles = Some((origin, Arc::new(parse(&key, bytes)?)));
                }
                continue;
            }
            let Some(bytes) = value(&key).filter(|_| !ended.contains(&track)) else {
                ended.insert(track);
                continue;
            };
            if piece == Piece::Part {
                details.parts.push((origin, Arc::new(parse(&key, bytes)?)));
            } else {
                details.chunks.push((origin, Arc::new(parse(&key, bytes)?)));
            }
        }
        details.check(record)?;
        Ok(details)
    }

    /// Numbers must fit together, and nobody may write a line break or a quote into a playlist.
    fn check(&self, record: &JobRecord) -> Result<(), Error> {
        for (origin, chunk) in &self.chunks {
            let codecs = chunk.renditions.iter().map(|one| one.codecs.as_str());
            let checked = chunk
                .check()
                .and_then(|()| check_codecs(codecs, chunk.durations.is_empty()));
            checked.map_err(|reason| damaged(record, *origin, None, reason))?;
        }
        for (origin, part) in &self.parts {
            let codecs = std::iter::once(part.codecs.as_str());
            let checked = part
                .check()
                .and_then(|()| check_codecs(codecs, part.durations.is_empty()));
            checked.map_err(|reason| damaged(record, *origin, Some(part.part), reason))?;
        }
        let plan = record.plan.as_ref();
        if let (Some((origin, found)), Some(plan)) = (&self.subtitles, plan) {
            let checked = found.check(&plan.subtitles);
            checked.map_err(|reason| damaged(record, *origin, None, reason))?;
        }
        Ok(())
    }

    /// Whether nothing is missing of what a completed job has.
    pub(super) fn check_whole(&self, record: &JobRecord) -> Result<(), Error> {
        let Some(plan) = &record.plan else {
            return Err(Error::NotReady);
        };
        let n_chunks = plan.n_chunks() as usize;
        if self.chunks.len() != n_chunks {
            let (n_found, n_wanted) = (self.chunks.len(), n_chunks);
            return Err(Error::Incomplete {
                what: "the picture".to_owned(),
                n_found,
                n_wanted,
            });
        }
        for (track, audio) in record.audio_tracks() {
            let task = plan.audio_task(track);
            let state = task.and_then(|task| record.tasks.get(task));
            let is_done = state.is_some_and(|task| task.done_attempt().is_some());
            let n_found = task.map_or(0, |task| self.parts_of(task).count());
            let n_wanted = record.audio_prefix(track).len();
            if n_found != n_wanted || !is_done {
                return Err(Error::Incomplete {
                    what: format!("the sound {}", audio.name),
                    n_found,
                    n_wanted,
                });
            }
        }
        Ok(())
    }

    /// The parts of one track of sound.
    pub(super) fn parts_of(
        &self,
        task: TaskNumber,
    ) -> impl Iterator<Item = &(Origin, Arc<AudioPart>)> {
        let parts = self.parts.iter();
        parts.filter(move |(origin, _)| origin.task == task)
    }
}

fn parse<T: serde::de::DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Damaged {
        key: key.to_owned(),
        reason: error.to_string(),
    })
}

fn damaged(record: &JobRecord, origin: Origin, part: Option<u32>, reason: &str) -> Error {
    Error::Damaged {
        key: attempt::key(&record.id, origin.task, origin.attempt, part),
        reason: reason.to_owned(),
    }
}

/// A piece without segments had nothing to encode, and names no codec.
fn check_codecs<'a>(
    mut codecs: impl Iterator<Item = &'a str>,
    is_empty: bool,
) -> Result<(), &'static str> {
    let is_codec = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(is_codec_byte);
    if codecs.all(|text| is_codec(text) || (is_empty && text.is_empty())) {
        Ok(())
    } else {
        Err("a codec string that is none")
    }
}

fn is_codec_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.'
}
