//! No web page but our own, and those that are listed, can use the gateway through its user's browser.

use gateway::edge::Options;
use serde_json::json;

use crate::fixture::{Fixture, code};
use crate::socket::{Socket, ticket};

async fn start() -> Fixture {
    Fixture::start_with(Options {
        allowed_hosts: vec!["tcoder.example.com".to_owned()],
        allowed_origins: vec![
            "https://app.example.com".to_owned(),
            "http://localhost:5173".to_owned(),
        ],
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn foreign_hosts_get_nothing_not_even_the_page() {
    let fixture = start().await;
    for path in ["/", "/v1/jobs", "/healthz", "/openapi.json", "/nothing"] {
        for (host, is_allowed) in [
            ("localhost:1", true),
            ("127.0.0.1", true),
            ("tcoder.example.com", true),
            ("evil.example", false),
            ("192.168.0.7:8080", false),
            ("tcoder.example.com.evil.example", false),
        ] {
            let response = fixture
                .http
                .get(fixture.url(path))
                .header("host", host)
                .send()
                .await
                .unwrap();
            if is_allowed {
                assert_ne!(response.status(), 403, "{host} {path}");
            } else {
                assert_eq!(code(response).await, "foreign_host", "{host} {path}");
            }
        }
    }
}

#[tokio::test]
async fn foreign_origins_change_nothing_and_read_nothing() {
    let fixture = start().await;
    let id = fixture.running_job();
    let own = fixture.edge.url();
    for origin in [
        "http://127.0.0.1:9",
        &own.replace("http:", "https:"),
        &own.replace("127.0.0.1", "localhost"),
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "https://app.example.com:444",
    ] {
        let post = fixture
            .http
            .post(fixture.url("/v1/uploads"))
            .header("origin", origin);
        let post = post
            .json(&json!({"filename": "a", "content_type": "a/b", "size": 1}))
            .send()
            .await
            .unwrap();
        assert_eq!(code(post).await, "foreign_origin", "{origin}");
        let cancel = fixture
            .http
            .post(fixture.url(&format!("/v1/jobs/{id}/cancel")))
            .header("origin", origin);
        assert_eq!(
            code(cancel.send().await.unwrap()).await,
            "foreign_origin",
            "{origin}"
        );
        let delete = fixture
            .http
            .delete(fixture.url(&format!("/v1/jobs/{id}")))
            .header("origin", origin);
        assert_eq!(
            code(delete.send().await.unwrap()).await,
            "foreign_origin",
            "{origin}"
        );
        // A GET is answered, but the page cannot read it.
        let get = fixture
            .http
            .get(fixture.url("/v1/jobs"))
            .header("origin", origin)
            .send()
            .await
            .unwrap();
        assert!(
            get.headers().get("access-control-allow-origin").is_none(),
            "{origin}"
        );
        let live = format!("/v1/jobs/{id}/live?ticket={}", ticket(&fixture, id).await);
        let refused = Socket::connect(&fixture, &live, Some(origin)).await.err();
        assert_eq!(
            refused,
            Some((403, "foreign_origin".to_owned())),
            "{origin}"
        );
        assert!(
            Socket::connect(&fixture, &live, None).await.is_ok(),
            "the ticket was not spent by it"
        );
    }
    let states: Vec<_> = fixture
        .jobs
        .all()
        .iter()
        .map(|record| record.state.as_str())
        .collect();
    assert_eq!(states, ["running"]);
}

#[tokio::test]
async fn our_own_and_listed_origins_may_use_it() {
    let fixture = start().await;
    let own = fixture.edge.url();
    for origin in [
        own.as_str(),
        "http://localhost:5173",
        "https://app.example.com",
    ] {
        let post = fixture
            .http
            .post(fixture.url("/v1/uploads"))
            .header("origin", origin);
        let post = post
            .json(&json!({"filename": "a", "content_type": "a/b", "size": 1}))
            .send()
            .await
            .unwrap();
        assert_eq!(post.status(), 201, "{origin}");
        assert_eq!(post.headers()["access-control-allow-origin"], origin);
        let preflight = fixture
            .http
            .request(reqwest::Method::OPTIONS, fixture.url("/v1/uploads"));
        let preflight = preflight
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let preflight = preflight.send().await.unwrap();
        assert_eq!(preflight.status(), 204);
        assert_eq!(
            preflight.headers()["access-control-allow-headers"],
            "content-type"
        );
        assert_eq!(preflight.headers()["access-control-allow-origin"], origin);
    }
}
