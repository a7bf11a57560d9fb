//! `POST /v1/jobs`: a job of an object that is in storage already.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bus_schema::id::{JobId, TenantId};
use bus_schema::object_key;
use bus_schema::record::SourceObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::state::{Edge, Shared};
use super::uploads::created;
use super::view::JobView;
use super::wishes::{ChaptersBody, ClipBody, ImagesBody, LoudnessBody, WatermarkBody, Wishes};
use crate::clock::now_ms;
use crate::jobs::NewJob;
use crate::problem::{Code, Problem, ProblemBody};
use crate::storage::ErrorKind;

/// Longest object key of S3, in bytes.
const KEY_BYTES_MAX: usize = 1_024;

/// Asks for a job of an object that is in storage already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JobRequestBody {
    /// Its key in the storage bucket; not one of our outputs, and no other job's upload.
    key: String,
    /// The name to show; the key's last part by default.
    filename: Option<String>,
    /// `default`, `web-optimized`, `hls` or `hls-adaptive` (the default).
    preset: Option<String>,
    /// `144p` to `2160p`, `audio`; empty is the preset's choice.
    #[serde(default)]
    qualities: Vec<String>,
    /// `h264` (the default), `hevc`, `vp9` or `av1`: what the picture is encoded to.
    codec: Option<String>,
    /// 0 to 100, higher is released first; 50 by default.
    #[schema(maximum = 100)]
    priority: Option<u64>,
    /// Where stages are posted, signed.
    webhook_url: Option<String>,
    /// Your own words, echoed in webhooks.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Your own id of this job.
    external_id: Option<String>,
    /// What is drawn over the picture.
    watermark: Option<WatermarkBody>,
    /// Still images of the film; none without this.
    images: Option<ImagesBody>,
    /// The loudness that the sound is brought to; it keeps its own by default.
    loudness: Option<LoudnessBody>,
    /// Chapters that begin where scenes do; none without this.
    chapters: Option<ChaptersBody>,
    /// The part that is taken; the whole by default.
    clip: Option<ClipBody>,
}

/// A job that began.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobCreated {
    /// The job.
    #[serde(flatten)]
    job: JobView,
    /// Opens the job's live feed, once, within a minute.
    live_ticket: String,
}

/// Makes a job of an object that is in storage already.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "createJob", request_body = JobRequestBody,
    responses(
        (status = 201, description = "The job has begun.", body = JobCreated),
        (status = "default", description = "Refused; nothing was written.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(edge): State<Shared>,
    Body(asked): Body<JobRequestBody>,
) -> Result<Response, Problem> {
    let tenant = edge.tenant();
    check_key(&asked.key, &tenant)?;
    let uploaded = asked.images.as_ref().and_then(ImagesBody::uploaded);
    if uploaded.is_some() {
        let detail = "`images.uploaded` needs an upload, by which the image comes: leave it out, or upload the film.";
        return Err(Problem::new(Code::InvalidImages, detail));
    }
    let last_part = asked.key.rsplit('/').next().unwrap_or_default().to_owned();
    let mut wishes = Wishes {
        filename: asked.filename.unwrap_or(last_part),
        content_type: "application/octet-stream".to_owned(),
        preset: asked.preset,
        qualities: asked.qualities,
        codec: asked.codec,
        priority: asked.priority,
        webhook_url: asked.webhook_url,
        metadata: asked.metadata,
        external_id: asked.external_id,
        watermark: asked.watermark,
        images: asked.images,
        loudness: asked.loudness,
        chapters: asked.chapters,
        clip: asked.clip,
    };
    let source = source_object(&edge, asked.key, &mut wishes).await?;
    let (request, priority) = wishes.check(&edge.options).await?;
    let now_ms = now_ms();
    let id = JobId::random(now_ms);
    let new = NewJob {
        id,
        tenant,
        request,
        priority,
        source,
        upload_expires_ms: None,
    };
    let record = edge.jobs.create(new).await?;
    let (ticket, _) = edge.tickets.issue(id, now_ms);
    let job = edge.view(record).await;
    let answer = JobCreated {
        job,
        live_ticket: ticket.as_str().to_owned(),
    };
    Ok(created(id, Json(answer).into_response()))
}

/// Looks at the object; its own content type is the one to keep, where it is one.
async fn source_object(
    edge: &Edge,
    key: String,
    wishes: &mut Wishes,
) -> Result<SourceObject, Problem> {
    let facts = edge
        .storage
        .head(&key)
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Problem::new(
                Code::UnknownObject,
                "There is no object under `key`: upload it first, or check its spelling.",
            ),
            _ => Problem::from(error),
        })?;
    let bytes_max = edge.options.upload_bytes_max;
    if facts.size == 0 || facts.size > bytes_max {
        let detail = format!(
            "The object has {} bytes; a source has 1 to {bytes_max}.",
            facts.size
        );
        return Err(Problem::new(Code::SizeOutOfRange, detail));
    }
    if let Some(content_type) = facts
        .content_type
        .and_then(|t| Some(t.split(';').next()?.trim().to_owned()))
        && content_type.contains('/')
    {
        wishes.content_type = content_type;
    }
    Ok(SourceObject {
        key,
        bytes: facts.size,
        etag: Some(facts.etag),
    })
}

/// Never an output (a job of it would feed itself), never another tenant's input.
fn check_key(key: &str, tenant: &TenantId) -> Result<(), Problem> {
    let refused = |detail: String| Err(Problem::new(Code::InvalidKey, detail));
    if !(1..=KEY_BYTES_MAX).contains(&key.len()) || key.chars().any(char::is_control) {
        return refused(format!(
            "`key` takes 1 to {KEY_BYTES_MAX} bytes without control characters."
        ));
    }
    // Some services fold `.` and `..` in addresses: such a key could name another object there.
    if key.starts_with('/') || key.split('/').any(|part| matches!(part, "." | "..")) {
        return refused("`key` must not begin with `/` or have `.` or `..` as a part.".to_owned());
    }
    if key.starts_with(object_key::OUTPUTS) {
        return refused(format!(
            "`key` lies under `{}`, where only results are: name a source.",
            object_key::OUTPUTS
        ));
    }
    let owner = key
        .strip_prefix(object_key::INPUTS)
        .and_then(|rest| rest.split_once('/'));
    if owner.is_some_and(|(owner, _)| owner != tenant.as_str()) {
        return refused(format!(
            "`key` lies under another owner's inputs: yours are under `{}{tenant}/`.",
            object_key::INPUTS
        ));
    }
    // Whoever deletes that job deletes its upload with it, under the feet of this one.
    if object_key::is_upload(key) {
        return refused(
            "`key` is another job's upload, which goes when that job is deleted: copy it to a key of your own, or upload the file again."
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_others_and_of_outputs_are_refused() {
        let tenant = TenantId::default();
        for key in [
            "inputs/default/x/source",
            "inputs/film.mp4",
            "films/a b.mp4",
            "a..b",
            "ünï.mp4",
        ] {
            assert!(check_key(key, &tenant).is_ok(), "{key}");
        }
        for key in [
            "",
            "outputs/default/x/t1a1/720p.mp4",
            "outputs/",
            "inputs/other/x/source",
            "inputs//x",
            "/inputs/x",
            "../outputs/x",
            "a/../outputs/x",
            "a/./b",
            "a\nb",
            "a\0",
            &"x".repeat(1_025),
        ] {
            assert!(check_key(key, &tenant).is_err(), "{key:?}");
        }
    }

    #[test]
    fn another_job_s_upload_is_refused_and_what_to_do_is_said() {
        let tenant = TenantId::default();
        let key = object_key::source(&tenant, &JobId::from_parts(1, [7; 10]));
        let problem = check_key(&key, &tenant).unwrap_err();
        assert_eq!(problem.code, Code::InvalidKey);
        assert!(problem.detail.contains("copy it"), "{}", problem.detail);
        assert!(check_key(&format!("{key}.mp4"), &tenant).is_ok());
        let image = object_key::image(&tenant, &JobId::from_parts(1, [7; 10]));
        assert!(check_key(&image, &tenant).is_err());
    }
}
