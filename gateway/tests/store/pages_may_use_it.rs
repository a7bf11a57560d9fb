//! A page of this machine may upload and play; a page from elsewhere may not (CORS).

use gateway::store::{Origins, Store};

use crate::fixture::{Fixture, get_conditions, put_conditions, send};

const PAGE: &str = "http://localhost:8080";

#[tokio::test]
async fn preflights_are_answered() {
    let fixture = Fixture::start().await;
    let url = fixture
        .storage()
        .presign_put("inputs/a", &put_conditions())
        .await
        .unwrap()
        .url;
    for page in [
        PAGE,
        "http://127.0.0.1:5173",
        "http://[::1]:8080",
        "https://localhost",
    ] {
        let asked = [
            ("origin", page),
            ("access-control-request-method", "PUT"),
            (
                "access-control-request-headers",
                "content-type,if-none-match",
            ),
        ];
        let answer = send("OPTIONS", &url, &asked, b"").await;
        assert_eq!(answer.status, 204, "{page}: {}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some(page));
        assert_eq!(
            answer.header("access-control-allow-headers"),
            Some("content-type,if-none-match")
        );
        assert_eq!(answer.header("vary"), Some("Origin"));
        let methods = answer.header("access-control-allow-methods").unwrap();
        for method in ["GET", "HEAD", "PUT", "POST", "DELETE"] {
            assert!(methods.contains(method), "{methods}");
        }
        assert!(
            answer
                .header("access-control-max-age")
                .unwrap()
                .parse::<u32>()
                .unwrap()
                > 0
        );
    }
}

#[tokio::test]
async fn answers_can_be_read_by_the_page() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let put = storage
        .presign_put("inputs/a", &put_conditions())
        .await
        .unwrap()
        .url;
    let get = storage
        .presign_get("inputs/a", &get_conditions())
        .await
        .unwrap()
        .url;
    let missing = storage
        .presign_get("missing", &get_conditions())
        .await
        .unwrap()
        .url;
    let unsigned = get.split('?').next().unwrap().to_owned();
    for (method, url, status) in [
        ("PUT", &put, 200),
        ("GET", &get, 200),
        ("GET", &missing, 404),
        ("GET", &unsigned, 403),
    ] {
        let answer = send(method, url, &[("origin", PAGE)], b"").await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        for name in ["ETag", "Location", "Content-Range", "Accept-Ranges"] {
            assert!(
                exposed.split(", ").any(|exposed| exposed == name),
                "{exposed}"
            );
        }
    }
}

#[tokio::test]
async fn other_pages_may_not() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let put = storage
        .presign_put("inputs/a", &put_conditions())
        .await
        .unwrap()
        .url;
    let get = storage
        .presign_get("inputs/a", &get_conditions())
        .await
        .unwrap()
        .url;
    for page in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "http://evil.example:8080",
    ] {
        let preflight = send(
            "OPTIONS",
            &put,
            &[("origin", page), ("access-control-request-method", "PUT")],
            b"",
        )
        .await;
        assert_eq!(
            (
                preflight.status,
                preflight.header("access-control-allow-origin")
            ),
            (403, None),
            "{page}"
        );
        let upload = send("PUT", &put, &[("origin", page)], b"x").await;
        assert_eq!(
            (upload.status, upload.header("access-control-allow-origin")),
            (403, None),
            "{page}"
        );
    }
    send("PUT", &put, &[], b"x").await;
    let read = send("GET", &get, &[("origin", "https://evil.example")], b"").await;
    assert_eq!(
        read.header("access-control-allow-origin"),
        None,
        "the page cannot read it"
    );
}

#[tokio::test]
async fn origins_can_be_listed() {
    let mut fixture = Fixture::start().await;
    fixture.stop().await;
    let mut options = fixture.options();
    options.origins = Origins::Listed(vec!["https://tcoder.example".to_owned()]);
    let store = Store::start(options, fixture.told.clone()).await.unwrap();
    let url = format!("{}/tcoder/a", store.endpoint());
    let ask = |page: &'static str| {
        let url = url.clone();
        async move {
            send(
                "OPTIONS",
                &url,
                &[("origin", page), ("access-control-request-method", "PUT")],
                b"",
            )
            .await
            .status
        }
    };
    assert_eq!(ask("https://tcoder.example").await, 204);
    assert_eq!(ask("https://tcoder.example.evil.example").await, 403);
    assert_eq!(ask(PAGE).await, 403);
    store.shutdown().await;
}
