//! An upload's address takes exactly the file that was announced, once; objects that are there become jobs.

use bytes::Bytes;
use gateway::edge::Options;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::fixture::{Fixture, code, json as body_of};
use crate::socket::Socket;

async fn authorize(fixture: &Fixture, size: usize) -> Value {
    let body = json!({
        "filename": "Ein Film.mp4", "content_type": "video/mp4", "size": size, "preset": "hls",
        "qualities": ["360p"], "priority": 70, "metadata": {"a": "b"}, "external_id": "mine-7",
    });
    let response = fixture.post("/v1/uploads", &body).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let location = response.headers()["location"]
        .to_str()
        .expect("what the answer promises")
        .to_owned();
    let answer = body_of(response).await;
    assert_eq!(
        location,
        format!(
            "/v1/jobs/{}",
            answer["job_id"].as_str().expect("what the answer promises")
        )
    );
    answer
}

/// The request of the answer, as a browser makes it: it sends length and host by itself.
async fn put(fixture: &Fixture, upload: &Value, bytes: Vec<u8>) -> Response {
    let method = Method::from_bytes(
        upload["method"]
            .as_str()
            .expect("what the answer promises")
            .as_bytes(),
    )
    .expect("what the answer promises");
    let mut request = fixture.http.request(
        method,
        upload["url"].as_str().expect("what the answer promises"),
    );
    for (name, value) in upload["headers"]
        .as_object()
        .expect("what the answer promises")
    {
        if !["content-length", "host"].contains(&name.as_str()) {
            request = request.header(name, value.as_str().expect("what the answer promises"));
        }
    }
    request
        .body(bytes)
        .send()
        .await
        .expect("what the answer promises")
}

#[tokio::test]
async fn an_upload_is_signed_for_one_file_and_its_job_waits_for_it() {
    let fixture = Fixture::start().await;
    let answer = authorize(&fixture, 1_000).await;
    let upload = &answer["upload"];
    assert_eq!(
        put(&fixture, upload, vec![1; 999]).await.status(),
        403,
        "shorter"
    );
    assert_eq!(
        put(&fixture, upload, vec![1; 1_001]).await.status(),
        403,
        "longer"
    );
    assert_eq!(put(&fixture, upload, vec![1; 1_000]).await.status(), 200);
    assert_eq!(
        put(&fixture, upload, vec![2; 1_000]).await.status(),
        412,
        "again"
    );
    let record = fixture.jobs.all().pop().unwrap();
    assert_eq!(answer["key"], record.source.key);
    let facts = fixture.storage.head(&record.source.key).await.unwrap();
    assert_eq!(
        (facts.size, facts.content_type.as_deref()),
        (1_000, Some("video/mp4"))
    );
    assert_eq!(
        (record.priority, record.source.bytes, record.source.etag),
        (70, 1_000, None)
    );
    assert!(record.times.upload_expires_ms.is_some());
    let job = body_of(fixture.get(&format!("/v1/jobs/{}", record.id)).await).await;
    assert_eq!(job["state"], "uploading");
    assert_eq!(
        (&job["filename"], &job["preset"], &job["size"]),
        (&json!("Ein Film.mp4"), &json!("hls"), &json!(1_000))
    );
    assert_eq!(
        (&job["metadata"], &job["external_id"]),
        (&json!({"a": "b"}), &json!("mine-7"))
    );
    assert_eq!(job["upload_expires_at"], answer["expires_at"]);
}

#[tokio::test]
async fn an_image_is_signed_for_beside_the_film_where_one_is_announced() {
    let fixture = Fixture::start().await;
    let answer = authorize(&fixture, 10).await;
    assert_eq!(answer.get("image_upload"), None);
    let body = json!({
        "filename": "film.mp4", "content_type": "video/mp4", "size": 10,
        "images": {"uploaded": {"content_type": "image/png", "size": 100}},
    });
    let answer = body_of(fixture.post("/v1/uploads", &body).await).await;
    let upload = &answer["image_upload"];
    assert_eq!(
        put(&fixture, upload, vec![1; 101]).await.status(),
        403,
        "longer"
    );
    assert_eq!(put(&fixture, upload, vec![1; 100]).await.status(), 200);
    assert_eq!(
        put(&fixture, upload, vec![2; 100]).await.status(),
        412,
        "again"
    );
    let source = answer["key"].as_str().expect("what the answer promises");
    let key = source.replace("/source", "/image");
    let facts = fixture.storage.head(&key).await.unwrap();
    assert_eq!(
        (facts.size, facts.content_type.as_deref()),
        (100, Some("image/png"))
    );
    // An object that is there already comes by no upload, and neither would its image.
    fixture
        .storage
        .put_bytes("film.mp4", Bytes::from_static(b"film"), "video/mp4", None)
        .await
        .unwrap();
    let body = json!({"key": "film.mp4", "images": body["images"]});
    assert_eq!(
        code(fixture.post("/v1/jobs", &body).await).await,
        "invalid_images"
    );
}

#[tokio::test]
async fn the_ticket_of_an_upload_opens_its_feed() {
    let fixture = Fixture::start().await;
    let answer = authorize(&fixture, 10).await;
    let (id, ticket) = (
        answer["job_id"].as_str().unwrap(),
        answer["live_ticket"].as_str().unwrap(),
    );
    let path = format!("/v1/jobs/{id}/live?ticket={ticket}");
    let mut socket = Socket::connect(&fixture, &path, None).await.unwrap();
    assert_eq!(
        socket.frame().await,
        json!({"type": "hello", "job": id, "n": 0, "recovered": true})
    );
}

#[tokio::test]
async fn an_object_in_storage_becomes_a_job() {
    let fixture = Fixture::start().await;
    let key = "films/of mine/Ä.webm";
    let etag = fixture
        .storage
        .put_bytes(key, Bytes::from_static(b"film"), "video/webm", None)
        .await
        .unwrap();
    let response = fixture
        .post("/v1/jobs", &json!({"key": key, "qualities": ["audio"]}))
        .await;
    assert_eq!(response.status(), 201);
    let answer = body_of(response).await;
    assert_eq!(
        (&answer["state"], &answer["filename"]),
        (&json!("queued"), &json!("Ä.webm"))
    );
    assert!(
        answer["live_ticket"]
            .as_str()
            .is_some_and(|ticket| ticket.len() == 32)
    );
    let record = fixture.jobs.all().pop().unwrap();
    assert_eq!((record.source.etag, record.source.bytes), (Some(etag), 4));
    assert_eq!(
        (
            record.request.content_type.as_str(),
            record.times.upload_expires_ms
        ),
        ("video/webm", None)
    );
}

#[tokio::test]
async fn configuration_moves_the_limits() {
    let options = Options {
        upload_bytes_max: 10,
        webhook_allow_loopback: true,
        ..Options::default()
    };
    let fixture = Fixture::start_with(options).await;
    let mut body = json!({
        "filename": "a.mp4", "content_type": "video/mp4", "size": 10,
        "webhook_url": "http://localhost:9/hook",
    });
    assert_eq!(fixture.post("/v1/uploads", &body).await.status(), 201);
    body["size"] = json!(11);
    assert_eq!(
        code(fixture.post("/v1/uploads", &body).await).await,
        "size_out_of_range"
    );
    body["size"] = json!(10);
    body["webhook_url"] = json!("http://10.0.0.1/hook");
    assert_eq!(
        code(fixture.post("/v1/uploads", &body).await).await,
        "webhook_refused"
    );
}
