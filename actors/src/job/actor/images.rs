//! The texts over still images and chapters, written at the end of a job.

use bus_schema::attempt::{ChunkResult, ImagesResult};
use bus_schema::chapter;
use bus_schema::object_key;
use bus_schema::plan::Plan;
use bus_schema::plan::images::ImagesPlan;
use bus_schema::record::Output;
use bus_schema::request::images::{Poster, Thumbnails};
use bus_schema::request::uploaded_image::{IMAGE_BYTES_MAX, UploadedImage};
use gateway::storage::ErrorKind;

use super::{Job, JobActor, Trouble};
use crate::job::chapters;
use crate::job::images::{Document, documents, posters, warnings};

/// What there is to list, and what fell short.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) outputs: Vec<Output>,
    pub(super) warnings: Vec<String>,
}

/// The changes of scene of a job, as its chunks reported them.
pub(super) fn changes(plan: &Plan, chunks: &[ChunkResult]) -> Vec<(u64, u16)> {
    let timescale = plan.video.as_ref().map_or(1, |video| video.timescale);
    chapter::changes(chunks, timescale)
}

/// Where the scenes begin that thumbnails show.
pub(super) fn scenes_ns(images: &ImagesPlan, plan: &Plan, chunks: &[ChunkResult]) -> Vec<u64> {
    match images.thumbnails {
        Thumbnails::Scenes { count_max } => chapter::scenes(&changes(plan, chunks), count_max),
        _ => Vec::new(),
    }
}

impl JobActor {
    /// The image that the client has uploaded; `None` where none was announced, it has not come, or is larger than
    /// any may be.
    pub(super) async fn uploaded_image(
        &self,
        job: &Job,
        images: &ImagesPlan,
    ) -> Result<Option<UploadedImage>, Trouble> {
        let Poster::Uploaded { .. } = images.poster else {
            return Ok(None);
        };
        let key = object_key::image(&job.record.tenant, &job.record.id);
        match self.platform.storage.head(&key).await {
            Ok(found) => {
                let bytes = found.size;
                let is_possible = (1..=IMAGE_BYTES_MAX).contains(&bytes);
                Ok(is_possible.then_some(UploadedImage { bytes }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the list of images and the storyboard's index. A task that was given up has said so
    /// already, and then there is nothing.
    pub(super) async fn write_images(
        &self,
        job: &Job,
        plan: &Plan,
        chunks: &[ChunkResult],
    ) -> Result<Listed, Trouble> {
        let (Some(images), Some(task)) = (&plan.images, plan.images_task()) else {
            return Ok(Listed::default());
        };
        let record = &job.record;
        let done = record.tasks.get(task).and_then(|task| task.done_attempt());
        let Some(attempt) = done else {
            return Ok(Listed::default());
        };
        let platform = &self.platform;
        let result = platform
            .attempt::<ImagesResult>(&record.id, task, attempt, None)
            .await?;
        let Some(result) = result else {
            return Ok(Listed::default());
        };
        let dir = object_key::attempt_dir(task, attempt);
        let mut outputs = posters(images, &result, &dir);
        outputs.extend(self.write(job, documents(images, &result, &dir)).await?);
        let n_thumbnails = images
            .thumbnail_picks(&scenes_ns(images, plan, chunks))
            .len();
        let mut warnings = warnings(images, &result, n_thumbnails);
        if images.needs_scenes() && plan.copy.is_some() {
            warnings.push(unseen("There is one thumbnail, of the film's begin"));
        }
        Ok(Listed { outputs, warnings })
    }

    /// Writes the chapters, where they were asked for.
    pub(super) async fn write_chapters(
        &self,
        job: &Job,
        plan: &Plan,
        chunks: &[ChunkResult],
    ) -> Result<Listed, Trouble> {
        let Some(asked) = job.record.request.chapters else {
            return Ok(Listed::default());
        };
        let Some(video) = &plan.video else {
            return Ok(Listed {
                outputs: Vec::new(),
                warnings: vec![unseen("There are no chapters")],
            });
        };
        let length_ns = asked.length_ms_min.saturating_mul(1_000_000);
        let chapters = chapter::chapters(&changes(plan, chunks), length_ns, video.end_ns);
        if chapters.is_empty() {
            let warning = "There are no chapters: no scene begins far enough from the film's ends.";
            return Ok(Listed {
                outputs: Vec::new(),
                warnings: vec![warning.to_owned()],
            });
        }
        Ok(Listed {
            outputs: self.write(job, chapters::documents(&chapters)).await?,
            warnings: Vec::new(),
        })
    }

    async fn write(&self, job: &Job, documents: Vec<Document>) -> Result<Vec<Output>, Trouble> {
        let prefix = object_key::outputs(&job.record.tenant, &job.record.id);
        let mut outputs = Vec::new();
        for document in documents {
            let key = format!("{prefix}{}", document.name);
            let bytes = document.text.len() as u64;
            let body = document.text.into_bytes().into();
            let storage = &self.platform.storage;
            storage
                .put_bytes(&key, body, document.content_type, None)
                .await?;
            outputs.push(Output {
                kind: document.kind,
                rendition: None,
                name: document.name.to_owned(),
                bytes,
                frames: None,
                duration_ms: None,
                codecs: None,
            });
        }
        Ok(outputs)
    }
}

/// Scenes are seen where frames are decoded, and nothing of a copy is.
fn unseen(what: &str) -> String {
    format!("{what}: the film was copied, and scenes are only found where one is encoded.")
}
