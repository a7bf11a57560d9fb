//! Addresses, methods, parameters and objects that are none are refused with a problem of their own code.

use bus_schema::id::{JobId, TenantId};
use bus_schema::object_key;
use serde_json::json;

use crate::fixture::{Fixture, code};

#[tokio::test]
async fn unknown_jobs_are_refused() {
    let fixture = Fixture::start().await;
    let unknown = JobId::random(1);
    for path in [
        "",
        "/download",
        "/play/master.m3u8",
        "/play/720p.m3u8",
        "/events",
    ] {
        for name in [unknown.as_str(), "nosuchjob", "%2e%2e%2fx", "%00"] {
            let response = fixture.get(&format!("/v1/jobs/{name}{path}")).await;
            assert_eq!(response.status(), 404, "{name}{path}");
            assert_eq!(code(response).await, "unknown_job", "{name}{path}");
        }
    }
    for path in ["/cancel", "/ticket"] {
        assert_eq!(
            code(
                fixture
                    .post(&format!("/v1/jobs/{unknown}{path}"), &json!({}))
                    .await
            )
            .await,
            "unknown_job"
        );
    }
    let delete = fixture
        .http
        .delete(fixture.url(&format!("/v1/jobs/{unknown}")))
        .send()
        .await
        .unwrap();
    assert_eq!(code(delete).await, "unknown_job");
}

#[tokio::test]
async fn unknown_pages_methods_and_parameters_are_refused() {
    let fixture = Fixture::start().await;
    let id = fixture.running_job();
    for path in [
        "/nothing",
        "/v1",
        "/v1/jobs/x/y/z",
        "/assets/../Cargo.toml",
        "//",
    ] {
        assert_eq!(code(fixture.get(path).await).await, "not_found", "{path}");
    }
    let put = fixture
        .http
        .put(fixture.url("/v1/jobs"))
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert!(put.headers().contains_key("allow"));
    assert_eq!(code(put).await, "method_not_allowed");
    for query in [
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?state=done",
        "?after=x",
        "?stat=failed",
    ] {
        assert_eq!(
            code(fixture.get(&format!("/v1/jobs{query}")).await).await,
            "invalid_query",
            "{query}"
        );
    }
    let live = fixture.get(&format!("/v1/jobs/{id}/live")).await;
    assert_eq!(
        (live.status().as_u16(), code(live).await.as_str()),
        (426, "upgrade_required")
    );
}

#[tokio::test]
async fn jobs_of_objects_that_are_none_are_refused() {
    let fixture = Fixture::start().await;
    fixture
        .storage
        .put_bytes("films/empty.mp4", bytes::Bytes::new(), "video/mp4", None)
        .await
        .unwrap();
    fixture
        .storage
        .put_bytes(
            "outputs/default/x",
            bytes::Bytes::from_static(b"x"),
            "video/mp4",
            None,
        )
        .await
        .unwrap();
    // It would go when the job that it was uploaded for is deleted.
    let upload = object_key::source(&TenantId::default(), &JobId::random(1));
    fixture
        .storage
        .put_bytes(&upload, bytes::Bytes::from_static(b"x"), "video/mp4", None)
        .await
        .unwrap();
    for (key, status, expected) in [
        (upload.as_str(), 422, "invalid_key"),
        ("films/none.mp4", 404, "unknown_object"),
        ("films/empty.mp4", 422, "size_out_of_range"),
        ("outputs/default/x", 422, "invalid_key"),
        ("inputs/other/x/source", 422, "invalid_key"),
        ("../outputs/default/x", 422, "invalid_key"),
        ("", 422, "invalid_key"),
    ] {
        let response = fixture.post("/v1/jobs", &json!({"key": key})).await;
        assert_eq!(response.status(), status, "{key}");
        assert_eq!(code(response).await, expected, "{key}");
    }
    assert_eq!(
        code(
            fixture
                .post("/v1/jobs", &json!({"key": "a", "size": 1}))
                .await
        )
        .await,
        "unknown_field"
    );
    assert_eq!(fixture.jobs.all(), [], "nothing is written");
}
