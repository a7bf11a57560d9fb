//! A write that was answered is there, whole; one that was not leaves what was there before, and no
//! bytes on the disk.

use std::net::SocketAddr;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::join_all;
use gateway::storage::PutConditions;
use http_body_util::StreamBody;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{
    BUCKET, Fixture, eventually, noise, put_conditions, read_answer, sdk_at, send, split,
};

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    storage
        .put_bytes("inputs/a", "before".into(), "text/plain", None)
        .await
        .unwrap();
    eventually("the first was notified", || {
        let is_queued = fixture
            .files()
            .iter()
            .any(|file| format!("{file:?}").contains("/notify/"));
        fixture.told.keys().len() == 1 && !is_queued
    })
    .await;
    let files = fixture.files();
    let (address, path) = split(
        &storage
            .presign_put("inputs/a", &put_conditions())
            .await
            .unwrap()
            .url,
    );
    for sent in [0, 10, 3_000_000] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head =
            format!("PUT {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 4000000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&noise(sent, 3)).await.unwrap();
        eventually("the upload has begun", || fixture.blobs() == 2).await;
        drop(stream);
        eventually("it is cleared away", || fixture.blobs() == 1).await;
    }
    assert_eq!(fixture.files(), files);
    assert_eq!(storage.get_bytes("inputs/a", 100).await.unwrap(), "before");
    assert_eq!(fixture.told.keys().len(), 1);
}

#[tokio::test]
async fn a_body_that_is_not_as_announced_is_refused() {
    let fixture = Fixture::start().await;
    let url = fixture
        .storage()
        .presign_put("a", &put_conditions())
        .await
        .unwrap()
        .url;
    let other = STANDARD.encode([7; 16]);
    let sha256_of_other = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    let table: [(&str, &str, &str); 3] = [
        ("content-md5", &other, "BadDigest"),
        ("content-md5", "not base64", "InvalidDigest"),
        ("x-amz-content-sha256", sha256_of_other, "BadDigest"),
    ];
    for (name, value, code) in table {
        let answer = send("PUT", &url, &[(name, value)], b"hello").await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text());
        assert!(answer.text().contains(code), "{name}: {}", answer.text());
    }
    let sdk = fixture.sdk();
    let put = || {
        sdk.put_object()
            .bucket(BUCKET)
            .key("a")
            .body(ByteStream::from_static(b"hello"))
    };
    for refused in [
        put().checksum_crc32("AAAAAA==").send().await.unwrap_err(),
        put().checksum_crc32_c("AAAAAA==").send().await.unwrap_err(),
        put()
            .checksum_sha1(STANDARD.encode([0; 20]))
            .send()
            .await
            .unwrap_err(),
        put()
            .checksum_sha256(STANDARD.encode([0; 32]))
            .send()
            .await
            .unwrap_err(),
        put()
            .checksum_crc64_nvme(STANDARD.encode([0; 8]))
            .send()
            .await
            .unwrap_err(),
    ] {
        assert_eq!(refused.code(), Some("BadDigest"));
    }
    assert_eq!(fixture.blobs(), 0);
    let md5 = send(
        "PUT",
        &url,
        &[("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")],
        b"hello",
    )
    .await;
    assert_eq!(md5.status, 200, "{}", md5.text());
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Crc64Nvme,
    ] {
        put()
            .checksum_algorithm(algorithm.clone())
            .send()
            .await
            .unwrap_or_else(|error| panic!("{algorithm:?}: {error:?}"));
    }
}

const ON_THE_WAY: &[u8] = b"as it was sent";

/// A body that can be read once only: the SDK sends it in signed chunks, its checksum behind them.
fn streamed() -> ByteStream {
    let frame = http_body::Frame::data(Bytes::from_static(ON_THE_WAY));
    let frames = futures_util::stream::iter([Ok::<_, std::io::Error>(frame)]);
    ByteStream::from_body_1_x(StreamBody::new(frames))
}

/// Takes one request to `store`, with the body's `sent` turned into `SENT`, and carries back the answer,
/// until it is dropped.
async fn damage_one(proxy: TcpListener, store: SocketAddr) {
    let (mut client, _) = proxy.accept().await.expect("the client comes");
    let mut request = Vec::new();
    // The last chunk begins a line with its size, 0, and its signature; trailers follow, then an empty line.
    while !request.windows(4).any(|window| window == b"\r\n0;") || !request.ends_with(b"\r\n\r\n") {
        let n = client
            .read_buf(&mut request)
            .await
            .expect("the request can be read");
        assert!(n > 0, "the request ended early");
    }
    let at = request
        .windows(4)
        .rposition(|window| window == b"sent")
        .expect("the body came");
    request[at..at + 4].copy_from_slice(b"SENT");
    let text = String::from_utf8_lossy(&request);
    assert!(
        text.contains("\nx-amz-checksum-sha256:"),
        "the checksum comes behind the body: {text}"
    );
    let mut store = TcpStream::connect(store).await.expect("the store accepts");
    store
        .write_all(&request)
        .await
        .expect("the request can be sent");
    copy_bidirectional(&mut client, &mut store)
        .await
        .expect("the answer can be carried back");
}

#[tokio::test]
async fn chunks_are_verified_one_by_one() {
    let fixture = Fixture::start().await;
    let put = |sdk: Client| {
        let put = sdk
            .put_object()
            .bucket(BUCKET)
            .key("a")
            .checksum_algorithm(ChecksumAlgorithm::Sha256);
        put.content_length(ON_THE_WAY.len() as i64)
            .body(streamed())
            .send()
    };
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let through = sdk_at(&format!("http://{}", proxy.local_addr().unwrap()));
    let refused = tokio::select! {
        refused = put(through) => refused.unwrap_err(),
        () = damage_one(proxy, fixture.address()) => panic!("the connection ended before the answer"),
    };
    assert_eq!(refused.code(), Some("SignatureDoesNotMatch"));
    // The answer is not kept waiting for it.
    eventually("its bytes are cleared away", || fixture.blobs() == 0).await;
    put(fixture.sdk()).await.unwrap();
    assert_eq!(
        fixture.storage().get_bytes("a", 100).await.unwrap(),
        ON_THE_WAY
    );
}

#[tokio::test]
async fn of_many_creations_one_wins() {
    let fixture = Fixture::start().await;
    let sdk = fixture.sdk();
    let bodies: Vec<_> = (0..16).map(|n| noise(200_000, n)).collect();
    let puts = bodies.iter().map(|body| {
        sdk.put_object()
            .bucket(BUCKET)
            .key("inputs/a")
            .if_none_match("*")
            .body(ByteStream::from(body.clone()))
            .send()
    });
    let results = join_all(puts).await;
    let winners: Vec<_> = results
        .iter()
        .zip(&bodies)
        .filter(|(result, _)| result.is_ok())
        .map(|(_, body)| body)
        .collect();
    let [winner] = winners.as_slice() else {
        panic!("one wins: {}", winners.len())
    };
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.code(), Some("PreconditionFailed"));
    }
    assert_eq!(
        fixture
            .storage()
            .get_bytes("inputs/a", 1 << 20)
            .await
            .unwrap(),
        winner.as_slice()
    );
    assert_eq!(fixture.blobs(), 1);
    eventually("the winner is notified", || !fixture.told.keys().is_empty()).await;
    assert_eq!(fixture.told.keys(), ["tcoder/inputs/a"]);
}

#[tokio::test]
async fn of_many_writes_one_is_left_whole() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let bodies: Vec<_> = (0..16).map(|n| noise(300_000, n)).collect();
    let puts = bodies
        .iter()
        .map(|body| storage.put_bytes("a", body.clone().into(), "text/plain", None));
    assert!(join_all(puts).await.iter().all(Result::is_ok));
    let left = storage.get_bytes("a", 1 << 20).await.unwrap();
    assert!(bodies.iter().any(|body| left == *body));
    eventually("the others' bytes are gone", || fixture.blobs() == 1).await;
}

#[tokio::test]
async fn writes_can_name_what_they_replace() {
    let fixture = Fixture::start().await;
    let sdk = fixture.sdk();
    let put = |etag: &str| {
        sdk.put_object()
            .bucket(BUCKET)
            .key("a")
            .if_match(etag)
            .body(ByteStream::from_static(b"x"))
            .send()
    };
    assert_eq!(put("\"x\"").await.unwrap_err().code(), Some("NoSuchKey"));
    let etag = fixture
        .storage()
        .put_bytes("a", "hello".into(), "text/plain", None)
        .await
        .unwrap();
    assert_eq!(
        put("\"x\"").await.unwrap_err().code(),
        Some("PreconditionFailed")
    );
    put(&format!("\"{etag}\"")).await.unwrap();
    assert_eq!(
        put(&format!("\"{etag}\"")).await.unwrap_err().code(),
        Some("PreconditionFailed")
    );
}

#[tokio::test]
async fn a_client_may_ask_before_it_sends() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let conditions = PutConditions {
        create_only: true,
        ..put_conditions()
    };
    let request = storage.presign_put("a", &conditions).await.unwrap();
    let (address, path) = split(&request.url);
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\nif-none-match: *\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(read_answer(&mut stream, "PUT").await.status, 200);
    // The second time there is nothing to send: the answer comes at once.
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_answer(&mut stream, "PUT").await.status, 412);
}
