//! Bytes from and to storage, by signed addresses, with bounded retries.

use std::time::Duration;

use bus_schema::claim::SignedRequest;
use bus_schema::report::ErrorCode;
use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, RANGE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};

use super::halt::Halt;

/// Tries of one request: with doubling pauses from 200 ms they span about 25 s, which outlives the
/// restart of a store.
const TRIES_MAX: u32 = 8;
/// Pause before the second try.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest time without a byte.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for all transfers of a worker.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()
}

/// Why one try of a request did not succeed.
#[derive(Debug)]
enum Miss {
    /// Another try may.
    Passing(String),
    /// The object is not there, or not the one that the address is for.
    Changed(String),
    /// The signature is not (any longer) accepted.
    Refused(String),
}

/// Reads a range of an object.
pub(crate) async fn get(
    client: &Client,
    address: &SignedRequest,
    offset: u64,
    bytes: u64,
) -> Result<Bytes, Halt> {
    if bytes == 0 {
        return Ok(Bytes::new());
    }
    let range = format!("bytes={offset}-{}", offset + bytes - 1);
    let request = || signed(client, address).map(|request| request.header(RANGE, range.clone()));
    let body = retried("reading", request).await?;
    if body.len() as u64 == bytes {
        Ok(body)
    } else {
        let message = format!(
            "Storage gave {} bytes where {bytes} were asked for: the file is another than the one that \
             was accepted. Upload it again.",
            body.len()
        );
        Err(Halt::failed(ErrorCode::SourceChanged, message))
    }
}

/// Reads a whole small object.
pub(crate) async fn get_all(client: &Client, address: &SignedRequest) -> Result<Bytes, Halt> {
    retried("reading", || signed(client, address)).await
}

/// Writes an object, whole.
pub(crate) async fn put(client: &Client, address: &SignedRequest, body: Bytes) -> Result<(), Halt> {
    let request = || {
        let request = signed(client, address)?;
        Ok(request
            .header(CONTENT_LENGTH, body.len())
            .body(body.clone()))
    };
    retried("writing", request).await.map(drop)
}

fn signed(client: &Client, address: &SignedRequest) -> Result<RequestBuilder, String> {
    let method =
        Method::from_bytes(address.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut request = client.request(method, &address.url);
    for (name, value) in &address.headers {
        // The client states the length itself, from the body.
        if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
            request = request.header(name, value);
        }
    }
    Ok(request)
}

async fn retried(
    what: &str,
    request: impl Fn() -> Result<RequestBuilder, String>,
) -> Result<Bytes, Halt> {
    let mut pause = PAUSE;
    for tries in 1.. {
        let request = request().map_err(Halt::defect)?;
        let message = match once(request).await {
            Ok(body) => return Ok(body),
            Err(Miss::Changed(message)) => {
                return Err(Halt::failed(ErrorCode::SourceChanged, message));
            }
            Err(Miss::Refused(message)) => return Err(Halt::unavailable(message)),
            Err(Miss::Passing(message)) => message,
        };
        if tries == TRIES_MAX {
            return Err(Halt::unavailable(format!(
                "Storage failed {TRIES_MAX} times at {what}: {message}."
            )));
        }
        tracing::debug!(what, message, tries, "storage is asked again");
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Err(Halt::unavailable("Storage fails."))
}

async fn once(request: RequestBuilder) -> Result<Bytes, Miss> {
    let passing = |error: reqwest::Error| Miss::Passing(error.without_url().to_string());
    let response = request.send().await.map_err(passing)?;
    let status = response.status();
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NO_CONTENT => {
            response.bytes().await.map_err(passing)
        }
        StatusCode::NOT_FOUND
        | StatusCode::PRECONDITION_FAILED
        | StatusCode::RANGE_NOT_SATISFIABLE => Err(Miss::Changed(format!(
            "An object is gone from storage, or is another one (it says {status}): upload the file again."
        ))),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST => Err(
            Miss::Refused(format!("Storage refuses a signed address: {status}.")),
        ),
        status => Err(Miss::Passing(format!("storage says {status}"))),
    }
}
