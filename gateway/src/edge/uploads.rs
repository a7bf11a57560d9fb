//! `POST /v1/uploads`: the right to upload one file, and the job that waits for it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bus_schema::claim::SignedRequest;
use bus_schema::id::{JobId, TenantId};
use bus_schema::object_key;
use bus_schema::record::SourceObject;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::Body;
use super::state::{Edge, Shared};
use super::wishes::{
    ChaptersBody, ClipBody, ImagesBody, LoudnessBody, UploadedBody, WatermarkBody, Wishes,
};
use crate::clock::{now_ms, rfc3339};
use crate::jobs::NewJob;
use crate::problem::{Code, Problem, ProblemBody};
use crate::storage::PutConditions;

/// Asks for the right to upload one file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadRequest {
    /// A plain name, without folders.
    filename: String,
    /// `video/mp4`, ...; sent and signed with the upload, not trusted.
    content_type: String,
    /// Exactly so many bytes will come.
    #[schema(minimum = 1)]
    size: u64,
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

/// The right to upload one file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UploadAuthorized {
    /// The job that begins when the upload ends.
    job_id: String,
    /// Where the file will lie.
    key: String,
    /// The request to make, once.
    upload: UploadTarget,
    /// Where to send the image that was announced, before the film: one that comes when the film's images are being made
    /// already is left out, with a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_upload: Option<UploadTarget>,
    /// When the address ends, RFC 3339.
    expires_at: String,
    /// Opens the job's live feed, once, within a minute.
    live_ticket: String,
}

/// A request to make, exactly so.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UploadTarget {
    /// `PUT`.
    method: String,
    /// The whole address, with its signature.
    url: String,
    /// Headers that are signed. Browsers send `content-length` and `host` by themselves.
    headers: BTreeMap<String, String>,
}

impl From<SignedRequest> for UploadTarget {
    fn from(signed: SignedRequest) -> Self {
        Self {
            method: signed.method,
            url: signed.url,
            headers: signed.headers,
        }
    }
}

/// Authorizes an upload: a job, and a signed PUT for exactly this file.
#[utoipa::path(
    post, path = "/v1/uploads", tag = "jobs", operation_id = "createUpload", request_body = UploadRequest,
    responses(
        (status = 201, description = "Make the request in `upload`; the job begins by itself.", body = UploadAuthorized),
        (status = "default", description = "Refused; nothing was written.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(edge): State<Shared>,
    Body(asked): Body<UploadRequest>,
) -> Result<Response, Problem> {
    let bytes_max = edge.options.upload_bytes_max;
    if asked.size == 0 || asked.size > bytes_max {
        let detail = format!(
            "`size` is {}, and must be 1 to {bytes_max} bytes.",
            asked.size
        );
        return Err(Problem::new(Code::SizeOutOfRange, detail));
    }
    let image = asked.images.as_ref().and_then(ImagesBody::uploaded);
    let image = image.cloned();
    let wishes = Wishes {
        filename: asked.filename,
        content_type: asked.content_type,
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
    let (request, priority) = wishes.check(&edge.options).await?;
    let now_ms = now_ms();
    let (id, tenant) = (JobId::random(now_ms), edge.tenant());
    let key = object_key::source(&tenant, &id);
    let conditions = PutConditions {
        content_length: Some(asked.size),
        content_type: Some(request.content_type.clone()),
        create_only: true,
        expires: edge.options.upload_expiry(),
    };
    let signed = edge.storage.presign_put(&key, &conditions).await?;
    let image_upload = match image {
        Some(image) => Some(sign_image(&edge, &tenant, &id, image).await?),
        None => None,
    };
    let source = SourceObject {
        key: key.clone(),
        bytes: asked.size,
        etag: None,
    };
    let upload_expires_ms = Some(signed.expires_at_ms);
    edge.jobs
        .create(NewJob {
            id,
            tenant,
            request,
            priority,
            source,
            upload_expires_ms,
        })
        .await?;
    let (ticket, _) = edge.tickets.issue(id, now_ms);
    let authorized = UploadAuthorized {
        job_id: id.to_string(),
        key,
        expires_at: rfc3339(signed.expires_at_ms),
        upload: signed.into(),
        image_upload,
        live_ticket: ticket.as_str().to_owned(),
    };
    Ok(created(id, Json(authorized).into_response()))
}

/// The right to upload the image that was announced, and was checked.
async fn sign_image(
    edge: &Edge,
    tenant: &TenantId,
    id: &JobId,
    image: UploadedBody,
) -> Result<UploadTarget, Problem> {
    let conditions = PutConditions {
        content_length: Some(image.size),
        content_type: Some(image.content_type),
        create_only: true,
        expires: edge.options.upload_expiry(),
    };
    let key = object_key::image(tenant, id);
    let signed = edge.storage.presign_put(&key, &conditions).await?;
    Ok(signed.into())
}

/// 201, with the job's address.
pub(super) fn created(id: JobId, mut response: Response) -> Response {
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/jobs/{id}")) {
        headers.insert(header::LOCATION, location);
    }
    // It holds a signature and a ticket.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
