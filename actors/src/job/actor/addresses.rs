//! The addresses of an attempt: signed for named keys, on request, never in a queue.

use bus_schema::claim::{Held, SignedRequest, WANTS_MAX, Want};
use bus_schema::id::TaskNumber;
use bus_schema::object_key;
use bus_schema::plan::TaskRole;
use bus_schema::record::TaskState;
use std::time::Duration;

use gateway::storage::{GetConditions, PutConditions};

use super::{Job, JobActor, Trouble, file_name};

impl JobActor {
    /// Signs what an attempt wants, in its order. What it may not have ends the list: an honest
    /// worker never asks for it.
    pub(super) async fn addresses(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        want: &[Want],
    ) -> Result<Vec<SignedRequest>, Trouble> {
        let mut addresses = Vec::with_capacity(want.len().min(WANTS_MAX));
        for want in want.iter().take(WANTS_MAX) {
            let Some(address) = self.address(job, task, held, want).await? else {
                tracing::warn!(job = %job.record.id, %task, ?want, "refused to sign");
                break;
            };
            addresses.push(address);
        }
        Ok(addresses)
    }

    async fn address(
        &self,
        job: &Job,
        task: TaskNumber,
        held: &Held,
        want: &Want,
    ) -> Result<Option<SignedRequest>, Trouble> {
        let record = &job.record;
        let storage = &self.platform.storage;
        let ttl = self.platform.limits.address_ttl;
        let own = object_key::attempt(&record.tenant, &record.id, task, held.attempt);
        Ok(Some(match want {
            Want::Source => {
                storage
                    .presign_get(
                        &record.source.key,
                        &reading(record.source.etag.clone(), ttl),
                    )
                    .await?
            }
            Want::Image if job.role(task) == Some(TaskRole::Images) => {
                let key = object_key::image(&record.tenant, &record.id);
                storage.presign_get(&key, &reading(None, ttl)).await?
            }
            Want::Put { name, bytes } if object_key::is_attempt_name(name) => {
                let conditions = PutConditions {
                    content_length: Some(*bytes),
                    content_type: Some(content_type(name).to_owned()),
                    create_only: false,
                    expires: ttl,
                };
                storage.presign_put(&(own + name), &conditions).await?
            }
            Want::Get { name } if is_output_name(name) => {
                let key = object_key::outputs(&record.tenant, &record.id) + name;
                storage.presign_get(&key, &reading(None, ttl)).await?
            }
            Want::Part { n, bytes } => {
                let Some((name, upload_id)) = upload(job, task) else {
                    return Ok(None);
                };
                let Ok(n) = u16::try_from(*n) else {
                    return Ok(None);
                };
                storage
                    .presign_part(&(own + &name), upload_id, n, Some(*bytes), ttl)
                    .await?
            }
            Want::Image | Want::Put { .. } | Want::Get { .. } => return Ok(None),
        }))
    }
}

fn reading(if_match: Option<String>, expires: Duration) -> GetConditions {
    GetConditions {
        if_match,
        content_disposition: None,
        content_type: None,
        expires,
    }
}

/// An object of the job's own attempts: `t3a1/` and a name.
fn is_output_name(name: &str) -> bool {
    let Some((dir, name)) = name.split_once('/') else {
        return false;
    };
    let is_attempt_dir = dir
        .strip_prefix('t')
        .and_then(|rest| rest.split_once('a'))
        .is_some_and(|(task, attempt)| {
            task.parse::<u32>().is_ok() && attempt.parse::<u16>().is_ok()
        });
    is_attempt_dir && object_key::is_attempt_name(name)
}

/// The file and the multipart upload of an attempt that writes one.
pub(super) fn upload(job: &Job, task: TaskNumber) -> Option<(String, &str)> {
    let TaskState::Claimed {
        upload_id: Some(upload_id),
        ..
    } = &job.record.tasks.get(task)?.state
    else {
        return None;
    };
    let file = job.role(task)?.file()?;
    Some((file_name(job.record.plan.as_ref()?, file)?, upload_id))
}

/// What storage and CDNs are told: segments are immutable media.
fn content_type(name: &str) -> &'static str {
    let is_audio = name.starts_with(bus_schema::ladder::AUDIO);
    match name.rsplit_once('.') {
        Some((_, "m4s" | "mp4")) if is_audio => "audio/mp4",
        Some((_, "m4s" | "mp4")) => "video/mp4",
        Some((_, "m4a")) => "audio/mp4",
        Some((_, "jpg")) => "image/jpeg",
        Some((_, "webp")) => "image/webp",
        Some((_, "vtt")) => "text/vtt; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_jobs_own_attempts_can_be_read() {
        assert!(is_output_name("t3a1/720p/000001.m4s"));
        for name in [
            "",
            "t3a1",
            "t3a1/",
            "../x",
            "t3a1/../x",
            "ta/x",
            "t3a1//x",
            "job.json",
            "t3a70000/x",
        ] {
            assert!(!is_output_name(name), "{name}");
        }
    }
}
