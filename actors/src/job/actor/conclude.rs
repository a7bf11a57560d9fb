//! The end of a job: results are checked against each other, playlists written; or everything is
//! removed.

use std::collections::{BTreeMap, HashMap};

use bus_schema::attempt::{AudioPart, ChunkResult};
use bus_schema::id::{JobId, TaskNumber};
use bus_schema::object_key;
use bus_schema::plan::images::ImagesPlan;
use bus_schema::plan::{Plan, TaskRole};
use bus_schema::record::{JobState, Output, OutputKind};
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::task::TaskSpec;
use futures_util::{StreamExt, TryStreamExt, stream};
use gateway::playlist::Details;
use gateway::storage::ErrorKind;

use super::images::scenes_ns;
use super::{Answer, Event, Job, JobActor, Refusal, State, Trouble};
use crate::job::spec::{Ingredients, Segments, assemble, ingredients, spec};

/// Details read at once.
const READS_MAX: usize = 32;
/// What winning attempts wrote: as it lies in the bucket, and understood.
#[derive(Debug, Default)]
struct Written {
    raw: HashMap<String, Vec<u8>>,
    chunks: Vec<ChunkResult>,
    /// By the task of their track.
    audio: BTreeMap<TaskNumber, Vec<AudioPart>>,
}

/// What is said of pictures that no chunk could decode.
fn held(chunks: &[ChunkResult]) -> Option<String> {
    let held = chunks.iter().map(|chunk| chunk.held);
    let held = held.fold(0, u64::saturating_add);
    let frames = chunks.iter().map(|chunk| chunk.frames);
    let frames = frames.fold(0, u64::saturating_add);
    Some(match held {
        0 => return None,
        1 => format!(
            "One picture of {frames} could not be decoded: the one before is shown in its place."
        ),
        n => format!(
            "{n} pictures of {frames} could not be decoded: the one before is shown in place of each."
        ),
    })
}

/// Objects removed a round; also the most that one `DeleteObjects` takes.
const REMOVED_PER_ROUND: usize = 1_000;

impl JobActor {
    /// Writes the final playlists and ends the job.
    pub(super) async fn conclude(&self, state: &mut State) -> Result<(), Trouble> {
        let Some(loaded) = &state.loaded else {
            return Ok(());
        };
        let job = loaded.job.clone();
        let Some(plan) = job.record.plan.as_ref() else {
            return Ok(());
        };
        if job.record.state.is_terminal() {
            return Ok(());
        }
        let details = self.details(&job).await?;
        let event = match whole(&job, plan, &details) {
            Err(error) => Event::FinishFailed(error),
            Ok(()) => match self.write_playlists(&job, plan, &details).await {
                Ok(mut outputs) => {
                    let images = self.write_images(&job, plan, &details.chunks).await?;
                    let chapters = self.write_chapters(&job, plan, &details.chunks).await?;
                    let mut warnings: Vec<String> = held(&details.chunks).into_iter().collect();
                    for listed in [images, chapters] {
                        outputs.extend(listed.outputs);
                        warnings.extend(listed.warnings);
                    }
                    Event::Finished { outputs, warnings }
                }
                // Trying again would give the same.
                Err(Trouble::Playlist(error)) => {
                    Event::FinishFailed(damaged(format!("The results make no playlist: {error}.")))
                }
                Err(trouble) => return Err(trouble),
            },
        };
        self.step(state, &event).await?;
        Ok(())
    }

    /// What all winning attempts reported.
    async fn details(&self, job: &Job) -> Result<Written, Trouble> {
        let read = stream::iter(Details::keys(&job.record))
            .map(|detail| async move {
                let found = self.platform.attempts.load(&detail.key).await?;
                Ok((detail, found))
            })
            .buffered(READS_MAX)
            .try_collect::<Vec<_>>();
        let mut written = Written::default();
        for (detail, found) in read
            .await
            .map_err(|error: nats::Error| Trouble::from(error))?
        {
            let Some((value, _)) = found else { continue };
            let raw = serde_json::to_vec(&value)?;
            written.raw.insert(detail.key.clone(), raw);
            if detail.is_subtitles() {
                continue;
            }
            if let Some(task) = detail.part_of() {
                let parts = written.audio.entry(task).or_default();
                parts.push(serde_json::from_value(value)?);
            } else {
                written.chunks.push(serde_json::from_value(value)?);
            }
        }
        Ok(written)
    }

    async fn write_playlists(
        &self,
        job: &Job,
        plan: &Plan,
        details: &Written,
    ) -> Result<Vec<Output>, Trouble> {
        if !plan.is_streamed {
            return Ok(Vec::new());
        }
        let prefix = object_key::outputs(&job.record.tenant, &job.record.id);
        let mut outputs = Vec::new();
        let known = Details::read(&job.record, |key| details.raw.get(key).map(Vec::as_slice))?;
        for document in gateway::playlist::finish(&job.record, &known)? {
            let bytes = document.text.len() as u64;
            let key = format!("{prefix}{}", document.name);
            let body = document.text.into_bytes().into();
            self.platform
                .storage
                .put_bytes(&key, body, document.content_type, None)
                .await?;
            let kind = match document.name.as_str() {
                object_key::MULTIVARIANT_PLAYLIST => OutputKind::Hls,
                object_key::DASH_MANIFEST => OutputKind::Dash,
                _ => continue,
            };
            outputs.push(Output {
                kind,
                rendition: None,
                name: document.name,
                bytes,
                frames: None,
                duration_ms: None,
                codecs: None,
            });
        }
        Ok(outputs)
    }

    /// A file's specification, with the segments of everything it is made of.
    pub(super) async fn assemble_spec(
        &self,
        job: &Job,
        plan: &Plan,
        file: usize,
    ) -> Result<Option<TaskSpec>, Trouble> {
        let Ingredients { video, audio } = ingredients(&job.record, plan, file);
        let details = self.details(job).await?;
        let n = |durations: &[u32]| u32::try_from(durations.len()).unwrap_or(u32::MAX);
        let video: Vec<Segments> = video
            .iter()
            .zip(&details.chunks)
            .map(|((chunk, ..), result)| Segments {
                first: plan.first_segment(*chunk),
                n: n(&result.durations),
            })
            .collect();
        let segments = |part: &AudioPart| Segments {
            first: part.first_segment,
            n: n(&part.durations),
        };
        let audio: Vec<Vec<Segments>> = audio
            .iter()
            .map(|(track, parts)| {
                let task = plan.audio_task(*track);
                let known = task.and_then(|task| details.audio.get(&task));
                let known = known.into_iter().flatten().take(parts.len());
                known.map(segments).collect()
            })
            .collect();
        Ok(assemble(&job.record, plan, file, &video, &audio))
    }

    /// The specification of the still images: scenes are known once the chunks are, and an uploaded image is used if it
    /// is there by now.
    pub(super) async fn images_spec(
        &self,
        job: &Job,
        plan: &Plan,
        task: TaskNumber,
    ) -> Result<Option<TaskSpec>, Trouble> {
        let mut spec = spec(&job.record, task, TaskRole::Images);
        if let Some(TaskSpec::Images(images)) = &mut spec
            && images.images.needs_scenes()
        {
            let details = self.details(job).await?;
            images.scenes_ns = scenes_ns(&images.images, plan, &details.chunks);
        }
        if let Some(TaskSpec::Images(images)) = &mut spec {
            images.uploaded = self.uploaded_image(job, &images.images).await?;
        }
        Ok(spec)
    }

    /// How many thumbnails were to be made.
    pub(super) async fn n_thumbnails(
        &self,
        job: &Job,
        plan: &Plan,
        images: &ImagesPlan,
    ) -> Result<usize, Trouble> {
        let chunks = if images.needs_scenes() {
            self.details(job).await?.chunks
        } else {
            Vec::new()
        };
        Ok(images
            .thumbnail_picks(&scenes_ns(images, plan, &chunks))
            .len())
    }

    /// Cancels if needed, then removes outputs, an upload of ours, details and the record, in this
    /// order: whatever interrupts it, asking again goes on.
    pub(super) async fn delete(&self, state: &mut State) -> Answer<()> {
        let job = self
            .step(state, &Event::Cancel)
            .await?
            .ok_or(Refusal::Unknown)?;
        let record = &job.record;
        let prefix = object_key::outputs(&record.tenant, &record.id);
        self.remove_all(&prefix).await?;
        if object_key::source(&record.tenant, &record.id) == record.source.key {
            let image = object_key::image(&record.tenant, &record.id);
            let keys = [record.source.key.clone(), image];
            self.platform
                .storage
                .delete_many(&keys)
                .await
                .map_err(Trouble::from)?;
        }
        self.remove_details(&record.id).await?;
        let Some(loaded) = &state.loaded else {
            return Err(Refusal::Unknown);
        };
        let removed = self
            .platform
            .jobs
            .delete(state.id.as_str(), loaded.revision)
            .await;
        state.loaded = None;
        removed.map_err(|error| Refusal::from(Trouble::from(error)))?;
        crate::tell(&self.admission, crate::admission::Message::Forget(state.id));
        Ok(())
    }

    /// Removes every object under a prefix, and every upload that was begun there.
    pub(in crate::job) async fn remove_all(&self, prefix: &str) -> Result<(), Trouble> {
        let storage = &self.platform.storage;
        for upload in storage.list_multipart_uploads(prefix).await? {
            match storage
                .abort_multipart(&upload.key, &upload.upload_id)
                .await
            {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        loop {
            let page = storage.list(prefix, REMOVED_PER_ROUND, None).await?;
            if page.objects.is_empty() {
                return Ok(());
            }
            let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
            storage.delete_many(&keys).await?;
        }
    }

    /// Removes those of the objects under a prefix that are meant.
    pub(in crate::job) async fn remove_some(
        &self,
        prefix: &str,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<(), Trouble> {
        let storage = &self.platform.storage;
        let mut after = None;
        loop {
            let page = storage.list(prefix, REMOVED_PER_ROUND, after).await?;
            let keys = page.objects.into_iter().map(|object| object.key);
            let keys: Vec<String> = keys.filter(|key| is_meant(key)).collect();
            if !keys.is_empty() {
                storage.delete_many(&keys).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn remove_details(&self, job: &JobId) -> Result<(), Trouble> {
        self.platform.attempts.purge_under(job.as_str()).await?;
        Ok(())
    }
}

fn damaged(message: String) -> TaskError {
    TaskError {
        code: ErrorCode::Internal,
        message,
    }
}

/// Whether the results fit together: every chunk continues the one before, all are decoded alike, and
/// no frame of the source is missing.
fn whole(job: &Job, plan: &Plan, details: &Written) -> Result<(), TaskError> {
    debug_assert_ne!(job.record.state, JobState::Completed);
    if details.chunks.len() != plan.n_chunks() as usize {
        let message = format!(
            "{} of {} chunks are known.",
            details.chunks.len(),
            plan.n_chunks()
        );
        return Err(damaged(message));
    }
    let takeover = plan
        .video
        .as_ref()
        .and_then(|video| video.takeover.as_ref());
    // A chunk without a frame has neither place nor make.
    let chunks = (0_u32..).zip(&details.chunks);
    let chunks: Vec<(u32, &ChunkResult)> = chunks
        .filter(|(_, chunk)| !chunk.durations.is_empty())
        .collect();
    for pair in chunks.windows(2) {
        let [(before, one), (behind, next)] = pair else {
            continue;
        };
        let end = one.start + one.durations.iter().map(|&d| u64::from(d)).sum::<u64>();
        if end != next.start {
            return Err(damaged(format!(
                "A chunk ends at {end}, the next begins at {}.",
                next.start
            )));
        }
        let configs = |chunk: &ChunkResult| {
            chunk
                .renditions
                .iter()
                .map(|r| r.config.clone())
                .collect::<Vec<_>>()
        };
        // Behind a seam that players are told of, another decoder's configuration is in place.
        let is_seam =
            takeover.is_some_and(|takeover| (*before + 1..=*behind).contains(&takeover.from_chunk));
        if !is_seam && configs(one) != configs(next) {
            return Err(damaged("Two chunks were encoded differently.".to_owned()));
        }
    }
    let encoded: u64 = details.chunks.iter().map(|chunk| chunk.frames).sum();
    let copied = job.record.outputs.iter().find_map(|output| output.frames);
    let frames = match plan.copy {
        Some(_) => copied.unwrap_or(0),
        None => encoded,
    };
    // Of a clip the index promises less: its chunks were each compared with it.
    let facts = job.record.facts.as_ref();
    let facts = facts.filter(|_| job.record.request.clip.is_none());
    let promised = facts.and_then(|f| f.video.as_ref()).and_then(|v| v.frames);
    match promised {
        Some(promised) if (plan.video.is_some() || plan.copy.is_some()) && promised != frames => {
            let code = if frames < promised {
                ErrorCode::Truncated
            } else {
                ErrorCode::Internal
            };
            let message = format!("The source's index promises {promised} frames, {frames} came.");
            Err(TaskError { code, message })
        }
        _ => Ok(()),
    }
}
