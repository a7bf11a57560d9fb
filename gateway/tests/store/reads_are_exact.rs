//! A range is those bytes, a condition is that version, a reader is never given half of two objects.

use aws_sdk_s3::primitives::ByteStream;
use gateway::storage::GetConditions;

use crate::fixture::{BUCKET, Fixture, get_conditions, noise, send, send_signed};

#[tokio::test]
async fn ranges() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let body = noise(700_000, 1);
    storage
        .put_bytes("a", body.clone().into(), "video/mp4", None)
        .await
        .unwrap();
    storage
        .put_bytes("empty", bytes::Bytes::new(), "video/mp4", None)
        .await
        .unwrap();
    let url = storage
        .presign_get("a", &get_conditions())
        .await
        .unwrap()
        .url;
    let table = [
        ("bytes=0-0", 0..1),
        ("bytes=0-499", 0..500),
        ("bytes=262143-262144", 262_143..262_145),
        ("bytes=100000-", 100_000..700_000),
        ("bytes=-5", 699_995..700_000),
        ("bytes=-9999999", 0..700_000),
        ("bytes=699999-9999999", 699_999..700_000),
    ];
    for (range, expected) in table {
        let got = send("GET", &url, &[("range", range)], b"").await;
        let content_range = format!("bytes {}-{}/700000", expected.start, expected.end - 1);
        assert_eq!(
            (got.status, got.header("content-range")),
            (206, Some(content_range.as_str())),
            "{range}"
        );
        assert_eq!(got.body, body[expected], "{range}");
        assert_eq!(got.header("accept-ranges"), Some("bytes"));
    }
    for range in ["bytes=700000-", "bytes=700000-800000", "bytes=-0"] {
        let got = send("GET", &url, &[("range", range)], b"").await;
        assert_eq!(
            (got.status, got.header("content-range")),
            (416, Some("bytes */700000")),
            "{range}"
        );
    }
    let whole = send("GET", &url, &[], b"").await;
    assert_eq!(
        (whole.status, whole.header("content-length")),
        (200, Some("700000"))
    );
    assert_eq!(whole.body, body);
    let empty = storage
        .presign_get("empty", &get_conditions())
        .await
        .unwrap();
    let got = send_signed(&empty, b"").await;
    assert_eq!((got.status, got.body.len()), (200, 0));
    assert_eq!(
        send("GET", &empty.url, &[("range", "bytes=0-")], b"")
            .await
            .status,
        416
    );
}

#[tokio::test]
async fn conditions() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let etag = storage
        .put_bytes("a", "hello".into(), "text/plain", Some("max-age=60"))
        .await
        .unwrap();
    let url = storage
        .presign_get("a", &get_conditions())
        .await
        .unwrap()
        .url;
    let quoted = format!("\"{etag}\"");
    let (past, future) = (
        "Mon, 01 Jan 2001 00:00:00 GMT",
        "Tue, 01 Jan 2999 00:00:00 GMT",
    );
    let table: [(&[(&str, &str)], u16); 10] = [
        (&[("if-match", &quoted)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-none-match", &quoted)], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-modified-since", past)], 200),
        (&[("if-modified-since", future)], 304),
        (&[("if-unmodified-since", past)], 412),
        (&[("if-unmodified-since", future)], 200),
        (
            &[
                ("if-none-match", "\"other\""),
                ("if-modified-since", future),
            ],
            200,
        ),
    ];
    for (headers, expected) in table {
        let got = send("GET", &url, headers, b"").await;
        assert_eq!(got.status, expected, "{headers:?}: {}", got.text());
        match expected {
            200 => assert_eq!(
                (got.body.as_slice(), got.header("cache-control")),
                (b"hello".as_slice(), Some("max-age=60"))
            ),
            304 => assert_eq!(
                (got.body.len(), got.header("etag")),
                (0, Some(quoted.as_str()))
            ),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_presigned_read_can_name_the_version_and_the_file() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let etag = storage
        .put_bytes("a", "one".into(), "text/plain", None)
        .await
        .unwrap();
    let conditions = GetConditions {
        if_match: Some(etag),
        content_disposition: Some("attachment; filename=\"film.mp4\"".to_owned()),
        content_type: Some("video/mp4".to_owned()),
        ..get_conditions()
    };
    let request = storage.presign_get("a", &conditions).await.unwrap();
    let got = send_signed(&request, b"").await;
    assert_eq!((got.status, got.body.as_slice()), (200, b"one".as_slice()));
    assert_eq!(
        got.header("content-disposition"),
        Some("attachment; filename=\"film.mp4\"")
    );
    assert_eq!(got.header("content-type"), Some("video/mp4"));
    assert_eq!(
        send("GET", &request.url, &[], b"").await.status,
        403,
        "the condition is signed"
    );
    storage
        .put_bytes("a", "two".into(), "text/plain", None)
        .await
        .unwrap();
    assert_eq!(send_signed(&request, b"").await.status, 412);
}

#[tokio::test]
async fn a_reader_finishes_what_it_began() {
    let fixture = Fixture::start().await;
    let (sdk, storage) = (fixture.sdk(), fixture.storage());
    // More than sockets and buffers hold, so that most of it is read after the object was replaced.
    let old = noise(64 << 20, 2);
    storage
        .put_bytes("a", old.clone().into(), "video/mp4", None)
        .await
        .unwrap();
    let mut reading = sdk
        .get_object()
        .bucket(BUCKET)
        .key("a")
        .send()
        .await
        .unwrap()
        .body;
    let mut got = reading.try_next().await.unwrap().unwrap().to_vec();
    storage
        .put_bytes("a", "new".into(), "video/mp4", None)
        .await
        .unwrap();
    storage.delete_many(&["a".to_owned()]).await.unwrap();
    while let Some(bytes) = reading.try_next().await.unwrap() {
        got.extend_from_slice(&bytes);
    }
    assert!(got == old, "the old object, whole");
    drop(reading);
    crate::fixture::eventually("the last reader frees the bytes", || fixture.blobs() == 0).await;
}

#[tokio::test]
async fn what_the_writer_said_is_told() {
    let fixture = Fixture::start().await;
    let sdk = fixture.sdk();
    let put = sdk
        .put_object()
        .bucket(BUCKET)
        .key("a")
        .body(ByteStream::from_static(b"x"));
    let put = put
        .content_type("video/webm")
        .cache_control("no-store")
        .content_disposition("inline")
        .content_language("de")
        .content_encoding("gzip");
    put.metadata("owner", "Müller")
        .metadata("n", "1")
        .send()
        .await
        .unwrap();
    for _restart in 0..2 {
        let head = sdk
            .head_object()
            .bucket(BUCKET)
            .key("a")
            .send()
            .await
            .unwrap();
        assert_eq!(head.content_type(), Some("video/webm"));
        assert_eq!(head.cache_control(), Some("no-store"));
        assert_eq!(head.content_disposition(), Some("inline"));
        assert_eq!(head.content_language(), Some("de"));
        assert_eq!(head.content_encoding(), Some("gzip"));
        let metadata = head.metadata().unwrap();
        assert_eq!((metadata.len(), metadata["n"].as_str()), (2, "1"));
        let copy = sdk
            .copy_object()
            .bucket(BUCKET)
            .key("b")
            .copy_source("tcoder/a")
            .send()
            .await
            .unwrap();
        assert_eq!(copy.copy_object_result().unwrap().e_tag(), head.e_tag());
    }
    let copied = sdk
        .head_object()
        .bucket(BUCKET)
        .key("b")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (copied.content_type(), copied.metadata().unwrap().len()),
        (Some("video/webm"), 2)
    );
    let large = sdk
        .put_object()
        .bucket(BUCKET)
        .key("c")
        .metadata("m", "x".repeat(9000))
        .send()
        .await;
    assert!(large.is_err(), "metadata has a limit");
}
