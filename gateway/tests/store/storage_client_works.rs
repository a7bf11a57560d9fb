//! The control plane's client against a real S3 API: what it returns, and how it fails.

use std::time::Duration;

use gateway::storage::{ErrorKind, Options, PutConditions, Storage};

use crate::fixture::{Fixture, put_conditions};

#[tokio::test]
async fn round_trip() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    storage.ensure_bucket().await.unwrap();
    let etag = storage
        .put_bytes(
            "outputs/a.m3u8",
            "#EXTM3U".into(),
            "application/vnd.apple.mpegurl",
            Some("no-cache"),
        )
        .await
        .unwrap();
    let facts = storage.head("outputs/a.m3u8").await.unwrap();
    assert_eq!((facts.size, &facts.etag, facts.version), (7, &etag, None));
    assert_eq!(
        facts.content_type.as_deref(),
        Some("application/vnd.apple.mpegurl")
    );
    assert!(facts.last_modified_ms > 1_700_000_000_000);
    assert_eq!(
        storage.get_bytes("outputs/a.m3u8", 7).await.unwrap(),
        "#EXTM3U"
    );
    assert_eq!(
        storage
            .get_bytes("outputs/a.m3u8", 6)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::TooLarge
    );
    storage
        .put_bytes("outputs/b", "b".into(), "text/plain", None)
        .await
        .unwrap();
    let page = storage.list("outputs/", 1, None).await.unwrap();
    assert_eq!(
        page.objects
            .iter()
            .map(|object| (&*object.key, object.size, &*object.etag))
            .collect::<Vec<_>>(),
        [("outputs/a.m3u8", 7, &*etag)]
    );
    let rest = storage.list("outputs/", 10, page.next).await.unwrap();
    assert_eq!(
        (rest.objects.len(), rest.objects[0].key.as_str(), rest.next),
        (1, "outputs/b", None)
    );
    let keys = ["outputs/a.m3u8", "outputs/b", "outputs/never-was"].map(ToOwned::to_owned);
    storage.delete_many(&keys).await.unwrap();
    assert_eq!(
        storage.head("outputs/a.m3u8").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(
        storage.get_bytes("outputs/b", 10).await.unwrap_err().code(),
        Some("NoSuchKey")
    );
}

#[tokio::test]
async fn more_than_a_page() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let keys: Vec<_> = (0..1100).map(|n| format!("outputs/{n:05}")).collect();
    for key in &keys {
        storage
            .put_bytes(key, "x".into(), "text/plain", None)
            .await
            .unwrap();
    }
    let first = storage.list("outputs/", 5000, None).await.unwrap();
    assert_eq!(first.objects.len(), 1000);
    let rest = storage.list("outputs/", 5000, first.next).await.unwrap();
    assert_eq!(rest.objects.len(), 100);
    storage.delete_many(&keys).await.unwrap();
    assert_eq!(storage.list("", 10, None).await.unwrap().objects, []);
    assert_eq!(
        fixture
            .files()
            .iter()
            .filter(|file| !file.ends_with("bucket.json"))
            .count(),
        0
    );
}

#[tokio::test]
async fn a_missing_bucket_is_made_once() {
    let fixture = Fixture::start().await;
    let options = Options {
        bucket: "made".to_owned(),
        ..fixture.storage_options()
    };
    let storage = Storage::new(&options).unwrap();
    assert_eq!(
        storage
            .put_bytes("a", "a".into(), "text/plain", None)
            .await
            .unwrap_err()
            .code(),
        Some("NoSuchBucket")
    );
    storage.ensure_bucket().await.unwrap();
    storage.ensure_bucket().await.unwrap();
    storage
        .put_bytes("a", "a".into(), "text/plain", None)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_doctor_finds_it_well() {
    let fixture = Fixture::start().await;
    let probe = fixture.storage().check("probe/of/doctor").await;
    assert!(probe.is_ok(), "{probe:?}");
    assert_eq!(probe.steps.len(), 7);
    assert_eq!(
        fixture.storage().list("", 10, None).await.unwrap().objects,
        []
    );
}

#[tokio::test]
async fn failures_have_their_kinds() {
    let fixture = Fixture::start().await;
    let denied = Storage::new(&Options {
        secret_key: "wrong".to_owned(),
        ..fixture.storage_options()
    })
    .unwrap();
    let error = denied.head("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let probe = denied.check("a").await;
    assert!(!probe.is_ok() && probe.steps.len() == 1, "{probe:?}");
    // A port that nobody listens on: taken, then let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let away = Options {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        ..fixture.storage_options()
    };
    let error = Storage::new(&away).unwrap().head("a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    let too_late = PutConditions {
        expires: Duration::from_secs(8 * 24 * 3600),
        ..put_conditions()
    };
    assert_eq!(
        fixture
            .storage()
            .presign_put("a", &too_late)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Refused
    );
    for options in [
        Options::default(),
        Options {
            bucket: String::new(),
            ..fixture.storage_options()
        },
        Options {
            endpoint: Some("127.0.0.1:9000".to_owned()),
            ..fixture.storage_options()
        },
        Options {
            public_endpoint: Some("not an address".to_owned()),
            ..fixture.storage_options()
        },
    ] {
        assert_eq!(
            Storage::new(&options).unwrap_err().kind(),
            ErrorKind::Options,
            "{options:?}"
        );
    }
}

#[test]
fn the_configuration_has_defaults_and_no_surprises() {
    let options: Options =
        serde_json::from_str(r#"{"access_key": "a", "secret_key": "geheim"}"#).unwrap();
    assert_eq!(
        (
            options.region.as_str(),
            options.bucket.as_str(),
            options.path_style
        ),
        ("us-east-1", "tcoder", true)
    );
    assert!(!format!("{options:?}").contains("geheim"));
    assert!(serde_json::from_str::<Options>(r#"{"accesskey": "a"}"#).is_err());
}
