//! Who holds a presigned request may make this request and no other; who holds none may do nothing.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use bus_schema::claim::SignedRequest;
use gateway::storage::{ErrorKind, PutConditions, Storage};

use crate::fixture::{
    BUCKET, DEADLINE, Fixture, get_conditions, put_conditions, send, send_signed,
};

async fn presigned(storage: &Storage, create_only: bool) -> SignedRequest {
    let conditions = PutConditions {
        content_length: Some(5),
        content_type: Some("video/mp4".to_owned()),
        create_only,
        expires: DEADLINE,
    };
    storage
        .presign_put("inputs/a.mp4", &conditions)
        .await
        .expect("it can be signed")
}

#[tokio::test]
async fn a_presigned_upload_allows_what_it_says() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let request = presigned(&storage, true).await;
    assert_eq!(request.method, "PUT");
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        headers,
        [("content-type", "video/mp4"), ("if-none-match", "*")]
    );
    let answer = send_signed(&request, b"hello").await;
    assert_eq!(
        (answer.status, answer.header("etag")),
        (200, Some("\"5d41402abc4b2a76b9719d911017c592\""))
    );
    let facts = storage.head("inputs/a.mp4").await.unwrap();
    assert_eq!(
        (facts.size, facts.content_type.as_deref()),
        (5, Some("video/mp4"))
    );
    let got = send_signed(
        &storage
            .presign_get("inputs/a.mp4", &get_conditions())
            .await
            .unwrap(),
        b"",
    )
    .await;
    assert_eq!(
        (got.status, got.body.as_slice()),
        (200, b"hello".as_slice())
    );
    let again = send_signed(&request, b"again").await;
    assert_eq!(
        again.status,
        412,
        "create-only holds for the second time: {}",
        again.text()
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of refusals")]
async fn and_nothing_else() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    storage
        .put_bytes("secret", "secret".into(), "text/plain", None)
        .await
        .unwrap();
    let good = presigned(&storage, true).await;
    let url = good.url.as_str();
    let ours = [("content-type", "video/mp4"), ("if-none-match", "*")];
    let mut stranger = fixture.storage_options();
    stranger.secret_key = "another".to_owned();
    let stranger = presigned(&Storage::new(&stranger).unwrap(), true).await;
    let mut unknown = fixture.storage_options();
    unknown.access_key = "nobody".to_owned();
    let unknown = presigned(&Storage::new(&unknown).unwrap(), true).await;
    let signature = url
        .split("X-Amz-Signature=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let flipped: String = signature
        .chars()
        .map(|c| if c == '0' { '1' } else { '0' })
        .collect();
    let longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    assert_ne!(longer, url);
    let copy = [ours[0], ours[1], ("x-amz-copy-source", "/tcoder/secret")];
    let meta = [ours[0], ours[1], ("x-amz-meta-owner", "mallory")];
    type Case<'a> = (&'a str, &'a str, String, Vec<(&'a str, &'a str)>, &'a [u8]);
    let table: Vec<Case<'_>> = vec![
        (
            "wrong secret",
            "PUT",
            stranger.url.clone(),
            ours.to_vec(),
            b"hello",
        ),
        (
            "unknown access key",
            "PUT",
            unknown.url.clone(),
            ours.to_vec(),
            b"hello",
        ),
        (
            "tampered signature",
            "PUT",
            url.replace(signature, &flipped),
            ours.to_vec(),
            b"hello",
        ),
        ("later expiry", "PUT", longer, ours.to_vec(), b"hello"),
        (
            "other key",
            "PUT",
            url.replace("a.mp4", "b.mp4"),
            ours.to_vec(),
            b"hello",
        ),
        (
            "other bucket",
            "PUT",
            url.replace("/tcoder/", "/other/"),
            ours.to_vec(),
            b"hello",
        ),
        (
            "climbing key",
            "PUT",
            url.replace("/inputs/a.mp4", "/inputs/../secret"),
            ours.to_vec(),
            b"hello",
        ),
        (
            "added query",
            "PUT",
            format!("{url}&uploads"),
            ours.to_vec(),
            b"hello",
        ),
        ("get", "GET", url.to_owned(), ours.to_vec(), b""),
        ("delete", "DELETE", url.to_owned(), ours.to_vec(), b""),
        (
            "longer body",
            "PUT",
            url.to_owned(),
            ours.to_vec(),
            b"hello world",
        ),
        (
            "shorter body",
            "PUT",
            url.to_owned(),
            ours.to_vec(),
            b"hell",
        ),
        (
            "other type",
            "PUT",
            url.to_owned(),
            vec![("content-type", "text/html"), ours[1]],
            b"hello",
        ),
        ("no type", "PUT", url.to_owned(), vec![ours[1]], b"hello"),
        (
            "no condition",
            "PUT",
            url.to_owned(),
            vec![ours[0]],
            b"hello",
        ),
        (
            "other condition",
            "PUT",
            url.to_owned(),
            vec![ours[0], ("if-none-match", "\"x\"")],
            b"hello",
        ),
        (
            "copy of another object",
            "PUT",
            url.to_owned(),
            copy.to_vec(),
            b"hello",
        ),
        ("metadata", "PUT", url.to_owned(), meta.to_vec(), b"hello"),
        (
            "no signature",
            "PUT",
            url.split('?').next().unwrap().to_owned(),
            ours.to_vec(),
            b"hello",
        ),
    ];
    for (name, method, url, headers, body) in table {
        let answer = send(method, &url, &headers, body).await;
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
    }
    assert_eq!(
        storage.head("inputs/a.mp4").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(fixture.blobs(), 1, "only the secret has bytes");
    assert_eq!(
        send_signed(&good, b"hello").await.status,
        200,
        "the good one was good all along"
    );
}

#[tokio::test]
async fn expired_requests_are_refused() {
    let fixture = Fixture::start().await;
    let an_hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    let signing = PresigningConfig::builder()
        .start_time(an_hour_ago)
        .expires_in(Duration::from_secs(3599))
        .build()
        .unwrap();
    let request = fixture
        .sdk()
        .put_object()
        .bucket(BUCKET)
        .key("late")
        .presigned(signing)
        .await
        .unwrap();
    let answer = send("PUT", request.uri(), &[], b"hello").await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("expired"), "{}", answer.text());
}

#[tokio::test]
async fn anonymous_and_outdated_requests_are_refused() {
    let fixture = Fixture::start().await;
    fixture
        .storage()
        .put_bytes("a", "a".into(), "text/plain", None)
        .await
        .unwrap();
    let at = |path: &str| format!("{}{path}", fixture.endpoint());
    for (method, path) in [
        ("GET", "/tcoder/a"),
        ("GET", "/"),
        ("GET", "/tcoder?list-type=2"),
        ("PUT", "/tcoder/b"),
        ("DELETE", "/tcoder/a"),
        ("POST", "/tcoder?delete"),
    ] {
        let answer = send(method, &at(path), &[], b"").await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text());
    }
    let v2 = send(
        "GET",
        &at("/tcoder/a?AWSAccessKeyId=test-access&Expires=9999999999&Signature=x"),
        &[],
        b"",
    )
    .await;
    assert_eq!(v2.status, 403);
    let v2 = send(
        "GET",
        &at("/tcoder/a"),
        &[("authorization", "AWS test-access:x")],
        b"",
    )
    .await;
    assert_eq!(v2.status, 403);
    let form = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(
        send("POST", &at("/tcoder"), &form, b"--x--").await.status,
        501
    );
    assert_eq!(fixture.storage().head("a").await.unwrap().size, 1);
}

#[tokio::test]
async fn other_hosts_are_refused() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let request = storage.presign_put("a", &put_conditions()).await.unwrap();
    for host in [
        "evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "evil.example:80",
    ] {
        let answer = send("PUT", &request.url, &[("host", host)], b"x").await;
        assert_eq!(answer.status, 403, "{host}");
        assert!(
            answer.text().contains("loopback"),
            "{host}: {}",
            answer.text()
        );
    }
    let mut options = fixture.storage_options();
    options.public_endpoint = Some(format!("http://localhost:{}", fixture.address().port()));
    let public = Storage::new(&options)
        .unwrap()
        .presign_put("a", &put_conditions())
        .await
        .unwrap();
    assert!(
        public.url.starts_with("http://localhost:"),
        "{}",
        public.url
    );
    assert_eq!(send_signed(&public, b"x").await.status, 200);
}
