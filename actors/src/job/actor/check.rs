//! A report is believed after its objects were seen: listed, and their sizes compared. What is seen
//! is kept beside the record before the record says that the attempt won.

use std::collections::BTreeMap;

use bus_schema::attempt::{
    self, AssembleResult, AudioPart, ChunkResult, ImagesResult, RenditionResult, SubtitlesResult,
};
use bus_schema::claim::Held;
use bus_schema::id::{RenditionName, TaskNumber};
use bus_schema::object_key;
use bus_schema::plan::TaskRole;
use bus_schema::report::{ErrorCode, Outcome, TaskError};
use bus_schema::source::SourceFacts;
use gateway::storage::{CompletedPart, ErrorKind};
use serde::Serialize;

use super::addresses::upload;
use super::{Job, JobActor, Trouble};
use crate::job::images;

/// Objects on one page of a listing; S3's limit.
const PAGE: usize = 1_000;
/// Pages of one attempt that are looked at: a day of sound has 21,600 segments.
const PAGES_MAX: usize = 50;

impl JobActor {
    /// The outcome as it may be believed: as reported, or a failure that says what is missing.
    pub(super) async fn checked(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        outcome: Outcome,
    ) -> Result<Outcome, Trouble> {
        let Some(role) = job.role(task) else {
            return Ok(outcome);
        };
        let verdict = match (&outcome, role) {
            (Outcome::Probed(facts), TaskRole::Probe) => {
                self.check_probe(job, task, held, facts).await?
            }
            (Outcome::Transcoded(result), TaskRole::Chunk(chunk)) => {
                self.check_chunk(job, task, held, chunk, result).await?
            }
            (Outcome::Transcoded(result), TaskRole::FileChunk(chunk)) => {
                match self.check_twin(job, chunk, result).await? {
                    Ok(()) => self.check_chunk(job, task, held, chunk, result).await?,
                    Err(message) => Err(message),
                }
            }
            (Outcome::AudioPart(part), TaskRole::Audio(track)) => {
                let plan = job.record.plan.as_ref();
                match plan.and_then(|plan| plan.audio.get(track)) {
                    Some(audio) => self.check_audio(job, task, held, &audio.name, part).await?,
                    None => Ok(()),
                }
            }
            (Outcome::Assembled(result), TaskRole::Assemble(_))
            | (Outcome::Remuxed(result), TaskRole::Remux) => {
                self.check_file(job, task, held, result).await?
            }
            (Outcome::Pictured(result), TaskRole::Images) => {
                self.check_images(job, task, held, result).await?
            }
            (Outcome::Subtitled(result), TaskRole::Subtitles) => {
                self.check_subtitles(job, task, held, result).await?
            }
            _ => Ok(()),
        };
        Ok(match verdict {
            Ok(()) => outcome,
            Err(message) => Outcome::Failed(TaskError {
                code: ErrorCode::Unavailable,
                message,
            }),
        })
    }

    /// Whether what the source was remuxed into is there, and can be.
    async fn check_probe(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        facts: &SourceFacts,
    ) -> Result<Result<(), String>, Trouble> {
        let Some(intermediate) = &facts.intermediate else {
            return Ok(Ok(()));
        };
        if let Err(reason) = intermediate.check(job.record.source.bytes) {
            return Ok(Err(format!("The probe's report is damaged: {reason}.")));
        }
        let expected = intermediate.objects().collect();
        self.compare(job, task, held, expected).await
    }

    async fn check_chunk(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        chunk: u32,
        result: &ChunkResult,
    ) -> Result<Result<(), String>, Trouble> {
        let Some((plan, video)) = job
            .record
            .plan
            .as_ref()
            .and_then(|plan| Some((plan, plan.video.as_ref()?)))
        else {
            return Ok(Ok(()));
        };
        let planned = video.renditions.iter().map(|rendition| &rendition.name);
        if !planned.eq(result.renditions.iter().map(|rendition| &rendition.name)) {
            return Ok(Err(
                "The chunk has other renditions than planned.".to_owned()
            ));
        }
        if let Err(reason) = result.check() {
            return Ok(Err(format!("The chunk's report is damaged: {reason}.")));
        }
        let first = plan.first_segment(chunk);
        let mut expected = BTreeMap::new();
        for rendition in &result.renditions {
            expect_rendition(&mut expected, rendition, first);
        }
        let kept = (None, result);
        self.compare_and_keep(job, task, held, expected, kept).await
    }

    /// Whether a chunk that was encoded once more has the frames of the one that is listed, cut at the same
    /// times: files are put together by the numbers of segments of what is listed.
    async fn check_twin(
        &self,
        job: &Job,
        chunk: u32,
        result: &ChunkResult,
    ) -> Result<Result<(), String>, Trouble> {
        let listed = job.record.chunk_prefix();
        let Some((_, task, attempt)) = listed.into_iter().nth(chunk as usize) else {
            return Ok(Err("The chunk is not listed.".to_owned()));
        };
        let key = attempt::key(&job.record.id, task, attempt, None);
        let Some((listed, _)) = self.platform.attempts.load(&key).await? else {
            return Ok(Err("What is listed of the chunk is not known.".to_owned()));
        };
        let listed: ChunkResult = serde_json::from_value(listed)?;
        let is_same = (listed.start, listed.frames, &listed.durations)
            == (result.start, result.frames, &result.durations);
        Ok(if is_same {
            Ok(())
        } else {
            Err("Encoded once more, the chunk has other frames than before.".to_owned())
        })
    }

    async fn check_audio(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        name: &RenditionName,
        part: &AudioPart,
    ) -> Result<Result<(), String>, Trouble> {
        if let Err(reason) = part.check() {
            return Ok(Err(format!("The sound's report is damaged: {reason}.")));
        }
        let mut expected = segments(name, part.first_segment, &part.bytes);
        expected.insert(object_key::init(name), u64::from(part.init_bytes));
        let samples = object_key::part_samples(name, part.part);
        expected.insert(samples, u64::from(part.samples_bytes));
        let kept = (Some(part.part), part);
        self.compare_and_keep(job, task, held, expected, kept).await
    }

    async fn check_images(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        result: &ImagesResult,
    ) -> Result<Result<(), String>, Trouble> {
        let plan = job.record.plan.as_ref();
        let Some((plan, images)) = plan.and_then(|plan| Some((plan, plan.images.as_ref()?))) else {
            return Ok(Ok(()));
        };
        let n_thumbnails = self.n_thumbnails(job, plan, images).await?;
        if let Err(reason) = result.check(images, n_thumbnails) {
            return Ok(Err(format!("The images' report is damaged: {reason}.")));
        }
        let expected = images::objects(images, result).collect();
        let kept = (None, result);
        self.compare_and_keep(job, task, held, expected, kept).await
    }

    async fn check_subtitles(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        result: &SubtitlesResult,
    ) -> Result<Result<(), String>, Trouble> {
        let Some(plan) = &job.record.plan else {
            return Ok(Ok(()));
        };
        if let Err(reason) = result.check(&plan.subtitles) {
            return Ok(Err(format!("The subtitles' report is damaged: {reason}.")));
        }
        let expected = result
            .shown(&plan.subtitles)
            .map(|(one, track)| (object_key::subtitles(&one.name), u64::from(track.bytes)))
            .collect();
        let kept = (None, result);
        self.compare_and_keep(job, task, held, expected, kept).await
    }

    /// Completes the upload of a file: after a crash in between it is there already.
    async fn check_file(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        result: &AssembleResult,
    ) -> Result<Result<(), String>, Trouble> {
        if let Err(reason) = result.check() {
            return Ok(Err(format!("The file's report is damaged: {reason}.")));
        }
        let Some((name, upload_id)) = upload(job, task) else {
            return Ok(Err("The attempt has no upload.".to_owned()));
        };
        let record = &job.record;
        let key = object_key::attempt(&record.tenant, &record.id, task, held.attempt) + &name;
        let storage = &self.platform.storage;
        let is_there = match storage.head(&key).await {
            Ok(found) => found.size == result.bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error.into()),
        };
        if !is_there {
            let parts = storage.list_parts(&key, upload_id).await?;
            let bytes: u64 = parts.iter().map(|part| part.size).sum();
            if parts.len() != result.n_parts as usize || bytes != result.bytes {
                let message = format!(
                    "{name}: {} of {} parts, {bytes} of {} bytes are in storage.",
                    parts.len(),
                    result.n_parts,
                    result.bytes
                );
                return Ok(Err(message));
            }
            let parts: Vec<CompletedPart> = parts
                .into_iter()
                .map(|part| CompletedPart {
                    number: part.number,
                    etag: part.etag,
                })
                .collect();
            storage
                .complete_multipart(&key, upload_id, &parts, false)
                .await?;
        }
        self.platform
            .keep_attempt(&record.id, task, held.attempt, None, result)
            .await?;
        Ok(Ok(()))
    }

    /// Compares, and keeps what was reported, of a part or of the whole, where all of it is there.
    async fn compare_and_keep<T: Serialize>(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        expected: BTreeMap<String, u64>,
        (part, reported): (Option<u32>, &T),
    ) -> Result<Result<(), String>, Trouble> {
        let compared = self.compare(job, task, held, expected).await?;
        if compared.is_ok() {
            self.platform
                .keep_attempt(&job.record.id, task, held.attempt, part, reported)
                .await?;
        }
        Ok(compared)
    }

    /// Whether these objects lie under the attempt's prefix with these sizes.
    async fn compare(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        mut expected: BTreeMap<String, u64>,
    ) -> Result<Result<(), String>, Trouble> {
        let record = &job.record;
        let prefix = object_key::attempt(&record.tenant, &record.id, task, held.attempt);
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let page = self.platform.storage.list(&prefix, PAGE, after).await?;
            for object in page.objects {
                let name = object.key.strip_prefix(&prefix).unwrap_or(&object.key);
                if expected.get(name) == Some(&object.size) {
                    expected.remove(name);
                }
            }
            after = page.next;
            if after.is_none() || expected.is_empty() {
                break;
            }
        }
        Ok(match expected.first_key_value() {
            None => Ok(()),
            Some((name, bytes)) => Err(format!("{name} of {bytes} bytes is not in storage.")),
        })
    }
}

fn segments(name: &RenditionName, first: u32, bytes: &[u32]) -> BTreeMap<String, u64> {
    (first..)
        .zip(bytes)
        .map(|(number, &bytes)| (object_key::segment(name, number), u64::from(bytes)))
        .collect()
}

fn expect_rendition(expected: &mut BTreeMap<String, u64>, result: &RenditionResult, first: u32) {
    // A chunk without a frame writes nothing.
    if result.bytes.is_empty() {
        return;
    }
    expected.extend(segments(&result.name, first, &result.bytes));
    expected.insert(object_key::init(&result.name), u64::from(result.init_bytes));
    expected.insert(
        object_key::samples(&result.name),
        u64::from(result.samples_bytes),
    );
}
