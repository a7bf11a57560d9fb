//! What stands before the S3 service: who may speak to it at all, and what a browser is told.
//!
//! The service layer verifies signatures. It does not look at `Host` or `Origin`, answers no preflight,
//! and takes headers that a signature does not cover; all of that is decided here.

use std::net::IpAddr;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use s3s::service::S3Service;
use s3s::{Body, HttpError, S3Error, S3Result, s3_error};
use url::{Url, form_urlencoded};

use super::Origins;

/// What the page may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE");

/// What a script may read of an answer: uploads need the ETag of every part, players the range.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Content-Range, Accept-Ranges, Content-Length, Last-Modified",
);

/// Seconds that a browser may remember a preflight; they cap it at about this themselves.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");

/// The service behind its checks.
#[derive(Debug)]
pub(super) struct Edge {
    service: S3Service,
    origins: Origins,
}

impl Edge {
    pub(super) fn new(service: S3Service, origins: Origins) -> Self {
        Self { service, origins }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// Only when not even an error could be written; the connection is closed then.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, HttpError> {
        let origin = request.headers().get(ORIGIN).cloned();
        let allowed = origin.as_ref().filter(|origin| self.allows(origin));
        let mut response = match check(&request, origin.is_some(), allowed.is_some()) {
            Err(refusal) => refusal
                .to_http_response()
                .map_err(|error| HttpError::new(Box::new(error)))?,
            Ok(()) if request.method() == Method::OPTIONS => preflight(&request),
            Ok(()) => self.service.call(request.map(Body::from)).await?,
        };
        if response.status() == StatusCode::NOT_MODIFIED {
            // The service layer writes an error document for every error, and for it this is one.
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(CONTENT_TYPE);
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        // A stored page must not run as one of ours.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(origin) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        Ok(response)
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        match &self.origins {
            Origins::Loopback => is_loopback_origin(origin),
            Origins::Listed(origins) => origins.iter().any(|listed| listed == origin),
        }
    }
}

fn check(request: &Request<Incoming>, has_origin: bool, is_allowed: bool) -> S3Result<()> {
    check_host(request)?;
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if has_origin && !is_allowed && !is_safe {
        return Err(denied(
            "this page may not use the store: add its origin to the configuration",
        ));
    }
    check_scheme(request)?;
    check_signed(request)
}

/// Answered here: preflights carry no signature, and the service layer knows no OPTIONS.
fn preflight(request: &Request<Incoming>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    if let Some(asked) = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS) {
        // Any header may be sent; what it may do, the signature says.
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}

/// A name that resolves to this machine but is not its own is DNS rebinding.
fn check_host(request: &Request<Incoming>) -> S3Result<()> {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| host.parse().ok());
    let authorities = [host.as_ref(), request.uri().authority()];
    let mut named = authorities.into_iter().flatten().peekable();
    if named.peek().is_some() && named.all(is_loopback_authority) {
        Ok(())
    } else {
        Err(denied(
            "the store is reached as localhost or a loopback address only",
        ))
    }
}

/// SigV4 alone: version 2 signs few headers, and a form would be held in memory before it is verified.
fn check_scheme(request: &Request<Incoming>) -> S3Result<()> {
    let headers = request.headers();
    let starts_with = |name, prefix: &str| {
        let value = headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok());
        value
            .and_then(|value| value.get(..prefix.len()))
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if starts_with(AUTHORIZATION, "AWS ") || query(request, "Signature").is_some() {
        return Err(denied("sign with version 4: AWS4-HMAC-SHA256"));
    }
    if request.method() == Method::POST && starts_with(CONTENT_TYPE, "multipart/form-data") {
        return Err(s3_error!(
            NotImplemented,
            "the embedded store takes no forms: PUT to a presigned URL"
        ));
    }
    Ok(())
}

/// Every `x-amz-*` header must be one that the signer signed. Otherwise who holds a presigned PUT could
/// add `x-amz-copy-source` and read any object, or metadata of his own.
fn check_signed(request: &Request<Incoming>) -> S3Result<()> {
    let signed = query(request, "X-Amz-SignedHeaders")
        .or_else(|| authorization_signed_headers(request.headers()));
    // Unsigned requests are refused by the service layer.
    let Some(signed) = signed else { return Ok(()) };
    for name in request.headers().keys() {
        // The body's digest can only make the request stricter.
        if name.as_str().starts_with("x-amz-")
            && name != "x-amz-content-sha256"
            && !signed.split(';').any(|signed| signed == name)
        {
            return Err(denied(&format!(
                "the header {name} is not signed: sign it, or do not send it"
            )));
        }
    }
    Ok(())
}

fn authorization_signed_headers(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, rest) = authorization.split_once("SignedHeaders=")?;
    rest.split([',', ' ']).next().map(ToOwned::to_owned)
}

fn query(request: &Request<Incoming>, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn is_loopback_authority(authority: &Authority) -> bool {
    is_loopback_host(authority.host())
}

fn is_loopback_origin(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(is_loopback_host)
    })
}

fn is_loopback_host(host: &str) -> bool {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn denied(message: &str) -> S3Error {
    s3_error!(AccessDenied, "{message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "127.0.0.1.evil.example",
            "evil.example",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn origins_are_urls_of_this_machine() {
        for origin in [
            "http://localhost:8080",
            "http://127.0.0.1",
            "https://[::1]:8443",
        ] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for origin in [
            "null",
            "file://",
            "http://evil.example",
            "http://localhost.evil.example",
            "http://evil.example#localhost",
        ] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }
}
