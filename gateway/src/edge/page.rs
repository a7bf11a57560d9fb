//! The page, embedded when the gateway is built, and what a browser may do with it.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::state::Shared;
use crate::problem::{Code, Problem};

/// A file of the page.
#[derive(Debug)]
struct File {
    /// As in the address, without the first slash.
    path: &'static str,
    content_type: &'static str,
    /// A digest of the bytes, quoted.
    etag: &'static str,
    /// Whether the name holds a digest of the bytes: then it can be kept for ever.
    is_immutable: bool,
    bytes: &'static [u8],
}

/// Written by `build.rs` from `web/dist`; empty when the page was not built.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What `/` says when the page was not built.
const MISSING: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>tcoder</title>\
<h1>tcoder is running</h1><p>The page is not part of this build. In the checkout, run \
<code>npm ci &amp;&amp; npm run build</code> in <code>gateway/web</code>, then build again; <code>make run</code> \
does both. The API is here: <a href=/openapi.json>/openapi.json</a>.";

/// Answers for `/` and everything that is no route.
#[derive(Debug)]
pub(super) struct Page {
    policy: HeaderValue,
}

impl Page {
    /// `origins` are where uploads go to and segments come from.
    pub(super) fn new(origins: &[String]) -> Self {
        let origins = origins.join(" ");
        // hls.js feeds the player through blobs, and may work in a worker made of one; subtitles are blobs, too.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
             font-src 'self'; connect-src 'self' {origins}; media-src 'self' blob: {origins}; \
             worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        // Origins are serialized by the URL parser: ASCII without line breaks.
        Self {
            policy: HeaderValue::from_str(&policy)
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        }
    }

    fn serve(&self, path: &str, asked: &HeaderMap) -> Option<Response> {
        let path = path.strip_prefix('/')?;
        let path = if path.is_empty() { "index.html" } else { path };
        let Some(file) = FILES.iter().find(|file| file.path == path) else {
            return (path == "index.html")
                .then(|| self.answer(StatusCode::OK, Bytes::from_static(MISSING.as_bytes())));
        };
        let is_known = asked.get_all(header::IF_NONE_MATCH).iter().any(|tags| {
            tags.to_str().is_ok_and(|tags| {
                tags.split(',')
                    .any(|tag| tag.trim().trim_start_matches("W/") == file.etag)
            })
        });
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.answer(StatusCode::OK, Bytes::from_static(file.bytes))
        };
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(file.content_type),
        );
        headers.insert(header::ETAG, HeaderValue::from_static(file.etag));
        let keep = if file.is_immutable {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        Some(response)
    }

    fn answer(&self, status: StatusCode, bytes: Bytes) -> Response {
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (header::CONTENT_SECURITY_POLICY, self.policy.clone()),
        ];
        (status, headers, Body::from(bytes)).into_response()
    }
}

/// Everything that is no route: a file of the page, or nothing.
pub(super) async fn fallback(State(edge): State<Shared>, request: Request) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let served = is_read
        .then(|| edge.page.serve(request.uri().path(), request.headers()))
        .flatten();
    served.unwrap_or_else(|| {
        Problem::new(
            Code::NotFound,
            "There is nothing at this address: /openapi.json lists what there is.",
        )
        .into_response()
    })
}
