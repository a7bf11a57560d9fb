//! The gateway's API, as the terminal needs it.

mod body;

pub(crate) use body::{Job, JobError, Loudness, NewUpload, Output, Rendition, Target, Upload};

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::body::JobList;
use super::Exit;

/// Connecting is quick or hopeless.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest line of an event stream: a fact is a few hundred bytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A gateway.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

/// The right to one event stream.
#[derive(Debug, Deserialize)]
struct Ticket {
    live_ticket: String,
}

/// Why the gateway did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody answers.
    #[error("cannot reach {base}: {reason}; is `tcoder up` running, or is --url wrong?")]
    Unreachable { base: String, reason: String },
    /// It said no.
    #[error("{detail}")]
    Problem {
        status: u16,
        code: String,
        detail: String,
    },
    /// An answer that is none of ours.
    #[error("{base} answers, but not like a tcoder gateway: {reason}")]
    Foreign { base: String, reason: String },
    /// A film without a byte.
    #[error("{0} is empty: there is nothing to transcode")]
    Empty(String),
    /// An address that is none.
    #[error(
        "`{url}` is not the address of a gateway: {reason}; it looks like http://127.0.0.1:8080"
    )]
    Address { url: String, reason: String },
    /// A file of this machine.
    #[error("{0:#}")]
    File(anyhow::Error),
}

impl Error {
    /// The exit code of a command that ends with it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Unreachable { .. } | Self::Foreign { .. } => Exit::Unreachable,
            Self::Problem {
                status: 400..500, ..
            } => Exit::Refused,
            Self::Problem { .. } | Self::Empty(_) => Exit::Failed,
            Self::File(_) | Self::Address { .. } => Exit::Usage,
        }
    }

    /// The stable code of what is wrong with the film or the wish.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Problem { code, .. } => Some(code),
            Self::Empty(_) => Some("empty"),
            Self::Unreachable { .. }
            | Self::Foreign { .. }
            | Self::Address { .. }
            | Self::File(_) => None,
        }
    }
}

/// RFC 9457.
#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(base: &str, key: Option<String>) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Address {
            url: base.to_owned(),
            reason: reason.to_owned(),
        };
        let address = reqwest::Url::parse(base).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(wrong("it is neither http nor https"));
        }
        let base = base.trim_end_matches('/').to_owned();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .build();
        let http = http.map_err(|error| Error::Foreign {
            base: base.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self { http, base, key })
    }

    /// An address of the gateway.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) async fn authorize(&self, upload: &NewUpload) -> Result<Upload, Error> {
        self.json(self.request(Method::POST, "/v1/uploads").json(upload))
            .await
    }

    /// Sends a file to where an upload was authorized; `sent` hears of every piece.
    pub(crate) async fn put(
        &self,
        target: &Target,
        file: &Path,
        sent: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let opened = tokio::fs::File::open(file).await;
        let opened = opened.with_context(|| format!("cannot open {}", file.display()));
        let body = opened.map_err(Error::File)?;
        let bytes = body
            .metadata()
            .await
            .map_err(|error| Error::File(error.into()))?
            .len();
        let pieces = tokio_util::io::ReaderStream::with_capacity(body, 1 << 18)
            .inspect_ok(move |piece| sent(piece.len() as u64));
        let method = Method::from_bytes(target.method.as_bytes()).unwrap_or(Method::PUT);
        let mut request = self.http.request(method, &target.url);
        for (name, value) in &target.headers {
            request = request.header(name, value);
        }
        let request = request
            .header(reqwest::header::CONTENT_LENGTH, bytes)
            .body(reqwest::Body::wrap_stream(pieces));
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(());
        }
        let status = response.status().as_u16();
        let detail = format!(
            "storage refuses the upload with {status}: {}",
            text(response).await
        );
        Err(Error::Problem {
            status,
            code: "upload_refused".to_owned(),
            detail,
        })
    }

    pub(crate) async fn job(&self, id: &str) -> Result<Job, Error> {
        self.json(self.request(Method::GET, &format!("/v1/jobs/{id}")))
            .await
    }

    /// The same, as the gateway says it.
    pub(crate) async fn job_json(&self, id: &str) -> Result<Value, Error> {
        self.json(self.request(Method::GET, &format!("/v1/jobs/{id}")))
            .await
    }

    pub(crate) async fn jobs(&self, state: Option<&str>, limit: u32) -> Result<Vec<Job>, Error> {
        let state = state.map_or_else(String::new, |state| format!("&state={state}"));
        let path = format!("/v1/jobs?limit={limit}{state}");
        Ok(self
            .json::<JobList>(self.request(Method::GET, &path))
            .await?
            .jobs)
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<Job, Error> {
        self.json(self.request(Method::POST, &format!("/v1/jobs/{id}/cancel")))
            .await
    }

    pub(crate) async fn status(&self) -> Result<Value, Error> {
        self.json(self.request(Method::GET, "/v1/status")).await
    }

    /// The job's feed from fact `n` on, one JSON value a frame.
    pub(crate) async fn events(
        &self,
        id: &str,
        n: u64,
    ) -> Result<impl Stream<Item = Result<Value, Error>> + use<>, Error> {
        // One for each stream: a ticket is spent when it opens one.
        let ticket: Ticket = self
            .json(self.request(Method::POST, &format!("/v1/jobs/{id}/ticket")))
            .await?;
        let path = format!("/v1/jobs/{id}/events?n={n}&ticket={}", ticket.live_ticket);
        let request = self.request(Method::GET, &path);
        let response = self.checked(request).await?;
        let base = self.base.clone();
        let broken = move |error: std::io::Error| Error::Unreachable {
            base: base.clone(),
            reason: error.to_string(),
        };
        let bytes = response.bytes_stream().map_err(std::io::Error::other);
        let reader = tokio_util::io::StreamReader::new(bytes);
        let lines = tokio_util::codec::FramedRead::new(
            reader,
            tokio_util::codec::LinesCodec::new_with_max_length(LINE_BYTES_MAX),
        );
        Ok(lines.filter_map(move |line| {
            let frame = match line {
                Ok(line) => line
                    .strip_prefix("data:")
                    .and_then(|data| serde_json::from_str(data.trim()).ok())
                    .map(Ok),
                Err(error) => Some(Err(broken(std::io::Error::other(error)))),
            };
            std::future::ready(frame)
        }))
    }

    /// A path of the gateway, wherever it redirects to.
    pub(crate) async fn fetch(&self, path: &str) -> Result<Response, Error> {
        self.checked(self.request(Method::GET, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, self.url(path));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = self.checked(request).await?;
        response
            .json()
            .await
            .map_err(|error| self.foreign(error.to_string()))
    }

    async fn checked(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = text(response).await;
        match serde_json::from_str::<Problem>(&body) {
            Ok(problem) if !problem.code.is_empty() => Err(Error::Problem {
                status: status.as_u16(),
                code: problem.code,
                detail: problem.detail,
            }),
            Ok(_) | Err(_) => Err(self.foreign(format!("{status}"))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let mut reason: &dyn std::error::Error = error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        Error::Unreachable {
            base: self.base.clone(),
            reason: reason.to_string(),
        }
    }

    fn foreign(&self, reason: String) -> Error {
        Error::Foreign {
            base: self.base.clone(),
            reason,
        }
    }
}

async fn text(response: Response) -> String {
    response
        .text()
        .await
        .unwrap_or_default()
        .chars()
        .take(400)
        .collect()
}

/// Whether a problem is that there is nothing (yet).
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Problem { status, .. } if *status == StatusCode::NOT_FOUND.as_u16())
}
