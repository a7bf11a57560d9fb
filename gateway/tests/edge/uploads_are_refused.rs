//! Uploads that cannot be are refused with a problem of their own code, and nothing is written.

use serde_json::{Value, json};

use crate::fixture::{Fixture, code, problem};

fn upload() -> Value {
    json!({"filename": "film.mp4", "content_type": "video/mp4", "size": 1000})
}

fn with(field: &str, value: Value) -> Value {
    let mut body = upload();
    body[field] = value;
    body
}

/// An image beside the film.
fn uploaded(content_type: &str, size: u64) -> Value {
    let image = json!({"content_type": content_type, "size": size});
    with("images", json!({ "uploaded": image }))
}

/// What files cannot be: body, status, code.
fn impossible_files() -> Vec<(Value, u16, &'static str)> {
    vec![
        (with("size", json!(0)), 422, "size_out_of_range"),
        (
            with("size", json!(5_368_709_121_u64)),
            422,
            "size_out_of_range",
        ),
        (with("size", json!(-1)), 422, "invalid_body"),
        (with("size", json!("1000")), 422, "invalid_body"),
        (with("size", json!(1.5)), 422, "invalid_body"),
        (
            json!({"filename": "a", "content_type": "video/mp4"}),
            422,
            "invalid_body",
        ),
        (json!([]), 422, "invalid_body"),
        (with("sise", json!(1)), 400, "unknown_field"),
        (
            with("filename", json!("../film.mp4")),
            422,
            "invalid_filename",
        ),
        (with("filename", json!("a\\b")), 422, "invalid_filename"),
        (with("filename", json!("..")), 422, "invalid_filename"),
        (with("filename", json!("")), 422, "invalid_filename"),
        (with("filename", json!("a\u{0}b")), 422, "invalid_filename"),
        (with("filename", json!("a\nb")), 422, "invalid_filename"),
        (
            with("filename", json!("x".repeat(256))),
            422,
            "invalid_filename",
        ),
        (
            with("content_type", json!("video")),
            422,
            "invalid_content_type",
        ),
        (
            with("content_type", json!("video/mp4\r\nx: y")),
            422,
            "invalid_content_type",
        ),
    ]
}

/// What cannot be wished for.
fn impossible_wishes() -> Vec<(Value, u16, &'static str)> {
    let many: Value = (0..17)
        .map(|n| (n.to_string(), json!("x")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    vec![
        (with("preset", json!("4k")), 422, "unknown_preset"),
        (with("qualities", json!(["721p"])), 422, "unknown_quality"),
        (
            with("qualities", json!(["720p", "720p"])),
            422,
            "unknown_quality",
        ),
        (with("qualities", json!("720p")), 422, "invalid_body"),
        (with("priority", json!(101)), 422, "invalid_priority"),
        (with("metadata", many), 422, "invalid_metadata"),
        (
            with("metadata", json!({"a": "x".repeat(513)})),
            422,
            "invalid_metadata",
        ),
        (with("external_id", json!("")), 422, "invalid_metadata"),
        (uploaded("image/gif", 7), 422, "invalid_images"),
        (uploaded("image/png", 0), 422, "invalid_images"),
        (uploaded("image/png", 10_485_761), 422, "invalid_images"),
        (
            with("webhook_url", json!("http://127.0.0.1:9/")),
            422,
            "webhook_refused",
        ),
        (
            with("webhook_url", json!("http://localhost:9/")),
            422,
            "webhook_refused",
        ),
        (
            with("webhook_url", json!("http://169.254.169.254/")),
            422,
            "webhook_refused",
        ),
        (
            with("webhook_url", json!("http://[fdaa::3]/")),
            422,
            "webhook_refused",
        ),
        (
            with("webhook_url", json!("ftp://example.com/")),
            422,
            "webhook_refused",
        ),
        (
            with("webhook_url", json!("https://u:p@example.com/")),
            422,
            "webhook_refused",
        ),
    ]
}

#[tokio::test]
async fn uploads_that_cannot_be_are_refused_and_nothing_is_written() {
    let fixture = Fixture::start().await;
    for (body, status, expected) in impossible_files().into_iter().chain(impossible_wishes()) {
        let response = fixture.post("/v1/uploads", &body).await;
        assert_eq!(response.status(), status, "{body}");
        assert_eq!(code(response).await, expected, "{body}");
    }
    assert_eq!(fixture.jobs.all(), [], "nothing is written");
    assert!(
        fixture
            .storage
            .list("", 10, None)
            .await
            .unwrap()
            .objects
            .is_empty()
    );
}

#[tokio::test]
async fn a_refusal_names_the_field() {
    let fixture = Fixture::start().await;
    let problem = problem(fixture.post("/v1/uploads", &with("sise", json!(1))).await).await;
    assert!(
        problem["detail"].as_str().unwrap().contains("`sise`"),
        "{problem}"
    );
}

#[tokio::test]
async fn bodies_that_are_not_small_json_are_refused() {
    let fixture = Fixture::start().await;
    let send = async |content_type: &str, body: Vec<u8>| {
        let request = fixture
            .http
            .post(fixture.url("/v1/uploads"))
            .header("content-type", content_type);
        code(request.body(body).send().await.unwrap()).await
    };
    let good = || serde_json::to_vec(&upload()).unwrap();
    assert_eq!(send("text/plain", good()).await, "unsupported_media_type");
    assert_eq!(
        send("application/x-www-form-urlencoded", good()).await,
        "unsupported_media_type"
    );
    assert_eq!(
        send("application/json; charset=latin1", good()).await,
        "unsupported_media_type"
    );
    assert_eq!(
        send("application/json", b"{".to_vec()).await,
        "invalid_json"
    );
    assert_eq!(send("application/json", Vec::new()).await, "invalid_json");
    assert_eq!(
        send("application/json", b"\xff\xfe".to_vec()).await,
        "invalid_json"
    );
    let twice = br#"{"filename":"a","filename":"b","content_type":"a/b","size":1}"#;
    assert_eq!(
        send("application/json", twice.to_vec()).await,
        "invalid_body"
    );
    let mut large = good();
    large.resize(65_537, b' ');
    assert_eq!(
        send("application/json", large.clone()).await,
        "body_too_large"
    );
    // Without a length, too: it is counted as it comes.
    let pieces = large
        .chunks(1_000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect::<Vec<_>>();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = fixture
        .http
        .post(fixture.url("/v1/uploads"))
        .header("content-type", "application/json");
    assert_eq!(
        code(request.body(body).send().await.unwrap()).await,
        "body_too_large"
    );
    assert_eq!(fixture.jobs.all(), [], "nothing is written");
}
