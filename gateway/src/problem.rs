//! Refusals as clients see them: RFC 9457 problems with a stable `code`. All codes stand here.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::jobs;

/// The media type of RFC 9457.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// What a client is told to wait before it asks again: a bus or a leader comes back in seconds.
const RETRY_AFTER_S: u64 = 2;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal $status:ident $title:literal),+ $(,)?) => {
        /// Every way in which the edge says no. Codes never change their meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as clients see it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The HTTP status that it comes with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// A few words, the same for each occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    InvalidJson = "invalid_json" BAD_REQUEST "Not JSON",
    /// The body has a field that nobody reads.
    UnknownField = "unknown_field" BAD_REQUEST "Unknown field",
    /// The body lacks a field, or one has the wrong type.
    InvalidBody = "invalid_body" UNPROCESSABLE_ENTITY "Wrong shape",
    /// A query parameter is unknown or has the wrong type.
    InvalidQuery = "invalid_query" BAD_REQUEST "Wrong query",
    /// The file name is blank, too long, a path, or holds characters that cannot be seen.
    InvalidFilename = "invalid_filename" UNPROCESSABLE_ENTITY "Not a file name",
    /// The declared content type is none.
    InvalidContentType = "invalid_content_type" UNPROCESSABLE_ENTITY "Not a content type",
    /// The declared size is 0 or above the limit.
    SizeOutOfRange = "size_out_of_range" UNPROCESSABLE_ENTITY "Size out of range",
    /// No such preset.
    UnknownPreset = "unknown_preset" UNPROCESSABLE_ENTITY "Unknown preset",
    /// No such quality.
    UnknownQuality = "unknown_quality" UNPROCESSABLE_ENTITY "Unknown quality",
    /// No such codec, or none that what is asked for could have.
    UnknownCodec = "unknown_codec" UNPROCESSABLE_ENTITY "Unknown codec",
    /// The priority is not 0 to 100.
    InvalidPriority = "invalid_priority" UNPROCESSABLE_ENTITY "Priority out of range",
    /// Metadata or external id are too large or hold control characters.
    InvalidMetadata = "invalid_metadata" UNPROCESSABLE_ENTITY "Metadata out of bounds",
    /// The watermark cannot be drawn as it is asked for.
    InvalidWatermark = "invalid_watermark" UNPROCESSABLE_ENTITY "Not a watermark",
    /// The images cannot be made as they are asked for.
    InvalidImages = "invalid_images" UNPROCESSABLE_ENTITY "Not images",
    /// The loudness is not one that sound can be brought to.
    InvalidLoudness = "invalid_loudness" UNPROCESSABLE_ENTITY "Loudness out of range",
    /// The chapters cannot be made as they are asked for.
    InvalidChapters = "invalid_chapters" UNPROCESSABLE_ENTITY "Not chapters",
    /// The clip ends before it begins.
    InvalidClip = "invalid_clip" UNPROCESSABLE_ENTITY "Not a clip",
    /// The object key is not one that a job may be made of.
    InvalidKey = "invalid_key" UNPROCESSABLE_ENTITY "Object key not allowed",
    /// The webhook address is not public, or no address.
    WebhookRefused = "webhook_refused" UNPROCESSABLE_ENTITY "Webhook address refused",
    /// Against a rule or over a quota.
    Refused = "refused" UNPROCESSABLE_ENTITY "Refused",
    /// The body is over the limit.
    BodyTooLarge = "body_too_large" PAYLOAD_TOO_LARGE "Body too large",
    /// The body is not `application/json`.
    UnsupportedMediaType = "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "Not application/json",
    /// The `Host` is neither loopback nor listed.
    ForeignHost = "foreign_host" FORBIDDEN "Foreign host",
    /// The `Origin` is neither ours nor listed.
    ForeignOrigin = "foreign_origin" FORBIDDEN "Foreign origin",
    /// The ticket is unknown, used, old, or another job's.
    InvalidTicket = "invalid_ticket" FORBIDDEN "Ticket not valid",
    /// No such job.
    UnknownJob = "unknown_job" NOT_FOUND "Unknown job",
    /// The job has no such rendition.
    UnknownRendition = "unknown_rendition" NOT_FOUND "Unknown rendition",
    /// The object is not in storage.
    UnknownObject = "unknown_object" NOT_FOUND "Unknown object",
    /// No such page.
    NotFound = "not_found" NOT_FOUND "Not found",
    /// The page does not take this method.
    MethodNotAllowed = "method_not_allowed" METHOD_NOT_ALLOWED "Method not allowed",
    /// The output will be there later.
    NotReady = "not_ready" CONFLICT "Not ready",
    /// The job is in a state in which this cannot be done.
    Conflict = "conflict" CONFLICT "Not in this state",
    /// The job ended without it.
    JobEnded = "job_ended" CONFLICT "The job has ended",
    /// The address is for WebSockets.
    UpgradeRequired = "upgrade_required" UPGRADE_REQUIRED "WebSocket expected",
    /// More live sessions than this gateway holds.
    TooManySessions = "too_many_sessions" SERVICE_UNAVAILABLE "Too many live sessions",
    /// The bus, storage or the control plane does not answer.
    Unavailable = "unavailable" SERVICE_UNAVAILABLE "Not available now",
    /// It took too long.
    Timeout = "timeout" GATEWAY_TIMEOUT "Took too long",
    /// A defect of tcoder.
    Internal = "internal" INTERNAL_SERVER_ERROR "Internal error",
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Problem {
    /// Which.
    pub code: Code,
    /// A sentence that says what to do.
    pub detail: String,
}

/// RFC 9457, as it is sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// `urn:tcoder:problem:<code>`.
    pub r#type: String,
    /// A few words, the same for each occurrence of the code.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: Code,
    /// A sentence that says what to do, for people.
    pub detail: String,
}

impl Problem {
    /// A refusal with this code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// There is no such job.
    #[must_use]
    pub fn unknown_job(id: &str) -> Self {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(40).collect();
        Self::new(
            Code::UnknownJob,
            format!(
                "There is no job `{shown}`: it may have been deleted, or the id is mistyped; GET /v1/jobs lists what there is."
            ),
        )
    }

    /// The body as it is sent.
    #[must_use]
    pub fn body(&self) -> ProblemBody {
        ProblemBody {
            r#type: format!("urn:tcoder:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code,
            detail: self.detail.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        if status.is_server_error() {
            tracing::warn!(
                code = self.code.as_str(),
                detail = self.detail,
                "request not served"
            );
        }
        let mut response = (status, axum::Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE) || self.code == Code::NotReady {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

impl From<jobs::Error> for Problem {
    fn from(error: jobs::Error) -> Self {
        let code = match error.kind {
            jobs::ErrorKind::NotFound => Code::UnknownJob,
            jobs::ErrorKind::Conflict => Code::Conflict,
            jobs::ErrorKind::Refused => Code::Refused,
            jobs::ErrorKind::Unavailable => Code::Unavailable,
        };
        Self::new(code, error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_serde_writes_and_unique() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(seen.insert(code.as_str()), "{} twice", code.as_str());
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }
}
