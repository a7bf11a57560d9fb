//! The page comes with its assets, with a policy that lets it reach the store and nothing else.

use crate::fixture::Fixture;

#[tokio::test]
async fn the_page_and_its_assets_are_served_with_a_policy() {
    let fixture = Fixture::start().await;
    let page = fixture.get("/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    let conditions = gateway::storage::GetConditions {
        if_match: None,
        content_disposition: None,
        content_type: None,
        expires: std::time::Duration::from_secs(1),
    };
    let store = fixture.storage.presign_get("x", &conditions);
    let store = reqwest::Url::parse(&store.await.unwrap().url)
        .unwrap()
        .origin()
        .ascii_serialization();
    assert!(
        policy.contains(&format!("connect-src 'self' {store};")),
        "{policy}"
    );
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(policy.contains("media-src 'self' blob: "), "{policy}");
    let etag = page.headers().get("etag").cloned();
    let html = page.text().await.unwrap();
    let Some(etag) = etag else {
        assert!(
            html.contains("npm run build"),
            "without a built page it says how to build one: {html}"
        );
        println!("the page is not built: only the note in its place was tested");
        return;
    };
    let again = fixture
        .http
        .get(fixture.url("/"))
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    check_assets(&fixture, &html).await;
}

async fn check_assets(fixture: &Fixture, html: &str) {
    let assets: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|asset| {
            !asset.starts_with("data:") && !asset.starts_with('#') && !asset.contains("//")
        })
        .collect();
    assert!(assets.iter().any(|asset| asset.ends_with(".js")), "{html}");
    for asset in assets {
        let path = format!(
            "/{}",
            asset.trim_start_matches("./").trim_start_matches('/')
        );
        let response = fixture.get(&path).await;
        assert_eq!(response.status(), 200, "{path}");
        let content_type = response.headers()["content-type"].to_str().expect("text");
        let expected = match path.rsplit('.').next().unwrap_or_default() {
            "js" => "text/javascript",
            "css" => "text/css",
            "svg" => "image/svg+xml",
            // A link to something else of ours.
            _ => continue,
        };
        assert!(content_type.starts_with(expected), "{path}: {content_type}");
        assert!(response.headers().contains_key("etag"), "{path}");
    }
}
