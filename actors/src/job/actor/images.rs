//! The texts over the still images, written at the end of a job.

use bus_schema::attempt::ImagesResult;
use bus_schema::object_key;
use bus_schema::plan::Plan;
use bus_schema::record::Output;

use super::{Job, JobActor, Trouble};
use crate::job::images::{documents, posters, warnings};

/// What there is to list, and what fell short.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) outputs: Vec<Output>,
    pub(super) warnings: Vec<String>,
}

impl JobActor {
    /// Writes the list of images and the storyboard's index. A task that was given up has said so
    /// already, and then there is nothing.
    pub(super) async fn write_images(&self, job: &Job, plan: &Plan) -> Result<Listed, Trouble> {
        let (Some(images), Some(task)) = (&plan.images, plan.images_task()) else {
            return Ok(Listed::default());
        };
        let record = &job.record;
        let done = record.tasks.get(task).and_then(|task| task.done_attempt());
        let Some(attempt) = done else {
            return Ok(Listed::default());
        };
        let result = self
            .platform
            .attempt::<ImagesResult>(&record.id, task, attempt, None)
            .await?;
        let Some(result) = result else {
            return Ok(Listed::default());
        };
        let dir = object_key::attempt_dir(task, attempt);
        let mut outputs = posters(images, &result, &dir);
        for document in documents(images, &result, &dir) {
            let key = object_key::outputs(&record.tenant, &record.id) + document.name;
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
            });
        }
        let n_thumbnails = images.thumbnail_picks(&[]).len();
        Ok(Listed {
            outputs,
            warnings: warnings(images, &result, n_thumbnails),
        })
    }
}
