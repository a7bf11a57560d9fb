//! A store in a folder of its own, a recorder of its notifications, and clients to speak to it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use bus_schema::claim::SignedRequest;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::storage::{GetConditions, Options as StorageOptions, PutConditions, Storage};
use gateway::store::{Handle, Notify, NotifyError, NotifyRule, Options, Origins, Store, Sync};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const BUCKET: &str = "tcoder";
pub(crate) const ACCESS_KEY: &str = "test-access";
pub(crate) const SECRET_KEY: &str = "test-secret";

/// To catch a hang; nothing here takes a hundredth of it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A running store, two folders deep, so that a test can look for what lies outside.
pub(crate) struct Fixture {
    pub(crate) outside: TempDir,
    handle: Option<Handle>,
    pub(crate) told: Recorder,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let outside = TempDir::new().expect("a temporary folder can be made");
        let mut fixture = Self {
            outside,
            handle: None,
            told: Recorder::default(),
        };
        fixture.reopen().await;
        fixture
    }

    /// Starts the store on the folder as it is.
    pub(crate) async fn reopen(&mut self) {
        let handle = Store::start(self.options(), self.told.clone())
            .await
            .expect("the store starts");
        self.handle = Some(handle);
    }

    pub(crate) fn options(&self) -> Options {
        options_in(self.dir())
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.shutdown().await;
        }
    }

    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.reopen().await;
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.outside.path().join("deep/store")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.handle
            .as_ref()
            .expect("the store is running")
            .address()
    }

    pub(crate) fn endpoint(&self) -> String {
        self.handle
            .as_ref()
            .expect("the store is running")
            .endpoint()
    }

    pub(crate) fn storage_options(&self) -> StorageOptions {
        storage_options_at(self.endpoint())
    }

    pub(crate) fn storage(&self) -> Storage {
        Storage::new(&self.storage_options()).expect("the options are complete")
    }

    pub(crate) fn sdk(&self) -> Client {
        sdk_at(&self.endpoint())
    }

    /// All files below the store's folder, without the lock.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = files_below(&self.dir());
        files.retain(|file| file.file_name().is_none_or(|name| name != "lock"));
        files
    }

    /// How many blobs there are.
    pub(crate) fn blobs(&self) -> usize {
        files_below(&self.dir().join("blobs")).len()
    }
}

pub(crate) fn options_in(dir: PathBuf) -> Options {
    Options {
        dir,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        region: "us-east-1".to_owned(),
        buckets: vec![BUCKET.to_owned(), "other".to_owned()],
        origins: Origins::Loopback,
        notify_on: vec![NotifyRule {
            bucket: BUCKET.to_owned(),
            prefix: "inputs/".to_owned(),
        }],
        sync: Sync::Never,
    }
}

/// The SDK's own client, with its own defaults (checksums and all) but no second tries.
pub(crate) fn sdk_at(endpoint: &str) -> Client {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .http_client(http);
    Client::from_conf(config.build())
}

pub(crate) fn storage_options_at(endpoint: String) -> StorageOptions {
    StorageOptions {
        endpoint: Some(endpoint),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        bucket: BUCKET.to_owned(),
        ..StorageOptions::default()
    }
}

pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    files
}

/// Remembers what it is told; refuses everything while told to.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    events: Arc<Mutex<Vec<(String, serde_json::Value)>>>,
    refuses: Arc<AtomicBool>,
    refused: Arc<AtomicBool>,
}

impl Recorder {
    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn has_refused(&self) -> bool {
        self.refused.load(Ordering::SeqCst)
    }

    pub(crate) fn events(&self) -> Vec<(String, serde_json::Value)> {
        self.events
            .lock()
            .expect("no test panics with the lock")
            .clone()
    }

    /// The keys, as the top level names them, in order of arrival.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|(_, event)| event["Key"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

impl Notify for Recorder {
    fn object_created(
        &self,
        payload: Bytes,
        msg_id: String,
    ) -> BoxFuture<'_, Result<(), NotifyError>> {
        Box::pin(async move {
            if self.refuses.load(Ordering::SeqCst) {
                self.refused.store(true, Ordering::SeqCst);
                return Err(NotifyError::new("the bus is away"));
            }
            let event = serde_json::from_slice(&payload).map_err(NotifyError::new)?;
            self.events
                .lock()
                .expect("no test panics with the lock")
                .push((msg_id, event));
            Ok(())
        })
    }
}

/// Waits until `holds`, at most until the deadline.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "never happened: {what}");
}

pub(crate) fn put_conditions() -> PutConditions {
    PutConditions {
        content_length: None,
        content_type: None,
        create_only: false,
        expires: DEADLINE,
    }
}

pub(crate) fn get_conditions() -> GetConditions {
    GetConditions {
        if_match: None,
        content_disposition: None,
        content_type: None,
        expires: DEADLINE,
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// One request, written to the socket as it is: no client of ours tidies up the path or the headers.
/// `Host` is added, and `Content-Length` unless the headers have one.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let (address, path) = split(url);
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        head += &format!("content-length: {}\r\n", body.len());
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut stream = TcpStream::connect(&address)
        .await
        .expect("the store accepts");
    stream
        .write_all(format!("{head}\r\n").as_bytes())
        .await
        .expect("the request can be sent");
    // A refusal may come, and the connection end, before the body is through.
    let sent = stream.write_all(body).await;
    let answer = tokio::time::timeout(DEADLINE, read_answer(&mut stream, method))
        .await
        .expect("the store answers");
    assert!(sent.is_ok() || answer.status >= 400, "{sent:?}");
    answer
}

/// A signed request, with its headers.
pub(crate) async fn send_signed(request: &SignedRequest, body: &[u8]) -> Answer {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    send(&request.method, &request.url, &headers, body).await
}

/// `127.0.0.1:port` and the path with its query.
pub(crate) fn split(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").expect("the store speaks HTTP");
    let (address, path) = rest.split_once('/').expect("an object has a path");
    (address.to_owned(), format!("/{path}"))
}

pub(crate) async fn read_answer(stream: &mut TcpStream, method: &str) -> Answer {
    let mut bytes = Vec::new();
    // A reset after the answer is the end of it as well.
    let end = stream.read_to_end(&mut bytes).await;
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    assert!(
        head_end.is_some(),
        "no answer: {end:?} {}",
        String::from_utf8_lossy(&bytes)
    );
    let head_end = head_end.unwrap_or_default();
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes[head_end + 4..].to_vec();
    if headers
        .get("transfer-encoding")
        .is_some_and(|encoding| encoding == "chunked")
    {
        body = unchunked(&body);
    } else if let Some(length) = headers
        .get("content-length")
        .and_then(|length| length.parse::<usize>().ok())
        && method != "HEAD"
    {
        assert_eq!(body.len(), length, "the body is as long as announced");
    }
    Answer {
        status: status.expect("a status line"),
        headers,
        body,
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line])
            .ok()
            .and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk has a size");
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
    }
    body
}

/// Bytes that differ at every place, so that a shifted range shows.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 32).to_le_bytes()[..4]);
    }
    bytes.truncate(length);
    bytes
}
