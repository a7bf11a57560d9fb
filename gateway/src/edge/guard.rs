//! What every request must pass first, so that no web page elsewhere can use this gateway through
//! its user's browser: `Host` against DNS rebinding, `Origin` against foreign pages, `application/json`
//! because no HTML form can send it. And a deadline.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use url::{Host, Url};

use super::options::Options;
use super::state::Shared;
use crate::problem::{Code, Problem};

/// A whole answer's head takes so long at most; bodies of live feeds go on.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Browsers keep a preflight's answer so long; Chromium's own cap.
const PREFLIGHT_MAX_AGE_S: &str = "7200";

/// Checks, answers preflights, serves, and lets allowed pages read the answer.
pub(super) async fn guard(State(edge): State<Shared>, request: Request, next: Next) -> Response {
    let origin = match admit(&request, &edge.options) {
        Ok(origin) => origin,
        Err(problem) => return problem.into_response(),
    };
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        preflight(request.headers())
    } else {
        let served = tokio::time::timeout(ANSWER_TIMEOUT, next.run(request)).await;
        served.unwrap_or_else(|_| {
            Problem::new(
                Code::Timeout,
                "The answer took too long: try again in a moment.",
            )
            .into_response()
        })
    };
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("location, retry-after");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    response
}

/// The origin that may read the answer, if the request names one that may; or why it is refused.
fn admit(request: &Request, options: &Options) -> Result<Option<HeaderValue>, Problem> {
    let host = host(request)?;
    if !is_host_allowed(&host, &options.allowed_hosts) {
        return Err(Problem::new(
            Code::ForeignHost,
            format!(
                "This gateway does not answer to `{host}`: use localhost, or add the name to gateway.allowed_hosts."
            ),
        ));
    }
    let headers = request.headers();
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let is_upgrade = headers.contains_key(header::UPGRADE);
    let origin = headers.get(header::ORIGIN);
    let is_origin_allowed = origin.is_some_and(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| is_origin_allowed(origin, &host, &options.allowed_origins))
    });
    if (!is_safe || is_upgrade) && origin.is_some() && !is_origin_allowed {
        return Err(Problem::new(
            Code::ForeignOrigin,
            "Pages of this origin may not use this gateway: add it to gateway.allowed_origins if it is yours.",
        ));
    }
    if !is_safe && has_body(headers) && !is_json(headers) {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "Send the body as JSON, with `Content-Type: application/json`.",
        ));
    }
    Ok(origin.filter(|_| is_origin_allowed).cloned())
}

/// The one host that a request names, in its address or in its header.
fn host(request: &Request) -> Result<String, Problem> {
    let refused = || {
        Problem::new(
            Code::ForeignHost,
            "Send one `Host` header with the gateway's own name.",
        )
    };
    let mut named = request.headers().get_all(header::HOST).iter();
    let in_header = named
        .next()
        .map(HeaderValue::to_str)
        .transpose()
        .map_err(|_| refused())?;
    let in_address = request.uri().authority().map(http::uri::Authority::as_str);
    if named.next().is_some()
        || in_address.is_some_and(|address| in_header.is_some_and(|h| h != address))
    {
        return Err(refused());
    }
    in_address
        .or(in_header)
        .map(str::to_owned)
        .ok_or_else(refused)
}

/// Loopback by name or number, any port; or listed, with its port or for any port.
fn is_host_allowed(host: &str, allowed: &[String]) -> bool {
    let Some((name, is_loopback)) = parse_host(host) else {
        return false;
    };
    is_loopback
        || allowed
            .iter()
            .any(|listed| listed.eq_ignore_ascii_case(host) || listed.eq_ignore_ascii_case(&name))
}

/// The name without its port, and whether it is loopback. `None` for what is no host at all.
fn parse_host(host: &str) -> Option<(String, bool)> {
    // Credentials, paths and the like have no place in a Host header, whatever a URL makes of them.
    if host
        .bytes()
        .any(|b| matches!(b, b'/' | b'@' | b'?' | b'#' | b'\\') || b.is_ascii_control())
    {
        return None;
    }
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    Some((url.host_str()?.to_owned(), is_loopback(&url)))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Our own page or a listed one. Another port of this machine is somebody else's page.
fn is_origin_allowed(origin: &str, host: &str, allowed: &[String]) -> bool {
    if allowed.iter().any(|listed| listed == origin) {
        return true;
    }
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    // Under a name that is listed, TLS may end before us; on loopback we are spoken to as we speak.
    let is_scheme = match url.scheme() {
        "http" => true,
        "https" => !is_loopback(&url),
        _ => false,
    };
    if !is_scheme || url.origin().ascii_serialization() != origin {
        return false;
    }
    let own = Url::parse(&format!("{}://{host}/", url.scheme()));
    own.is_ok_and(|own| own.origin() == url.origin())
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| length != "0")
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(HeaderValue::to_str) else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    let is_type = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    is_type && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, HEAD, POST, DELETE");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    if let Some(asked) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(PREFLIGHT_MAX_AGE_S),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_loopback_or_listed() {
        let listed = [
            "tcoder.example.com".to_owned(),
            "other.example:8443".to_owned(),
        ];
        for host in [
            "localhost",
            "localhost:8080",
            "LOCALHOST",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8080",
            "a.localhost",
            "tcoder.example.com",
            "tcoder.example.com:443",
            "other.example:8443",
        ] {
            assert!(is_host_allowed(host, &listed), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "other.example",
            "other.example:1",
            "192.168.1.1",
            "0.0.0.0",
            "[::]",
            "localhost@evil.example",
            "evil.example/localhost",
            "evil.example#localhost",
            "[::ffff:127.0.0.1]x",
        ] {
            assert!(!is_host_allowed(host, &listed), "{host}");
        }
    }

    #[test]
    fn origins_are_our_own_or_listed() {
        let listed = ["https://app.example.com".to_owned()];
        for (origin, host) in [
            ("http://localhost:8080", "localhost:8080"),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://[::1]:8080", "[::1]:8080"),
            ("http://localhost", "localhost:80"),
            ("https://tcoder.example.com", "tcoder.example.com"),
            ("https://app.example.com", "tcoder.example.com"),
        ] {
            assert!(
                is_origin_allowed(origin, host, &listed),
                "{origin} at {host}"
            );
        }
        for (origin, host) in [
            ("null", "localhost:8080"),
            ("http://127.0.0.1:9", "127.0.0.1:8080"),
            ("http://127.0.0.1", "127.0.0.1:8080"),
            ("https://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost:8080", "127.0.0.1:8080"),
            ("http://a.localhost:8080", "localhost:8080"),
            ("", "localhost:8080"),
            ("https://evil.example", "localhost:8080"),
            ("http://localhost.evil.example", "localhost:8080"),
            ("http://localhost:3000", "tcoder.example.com"),
            ("https://app.example.com.evil.example", "localhost"),
            ("https://tcoder.example.com:444", "tcoder.example.com"),
            ("http://localhost/", "localhost"),
            ("file://localhost", "localhost"),
            ("chrome-extension://localhost", "localhost"),
        ] {
            assert!(
                !is_origin_allowed(origin, host, &listed),
                "{origin} at {host}"
            );
        }
    }
}
