//! Whatever a key looks like, it is a name in its bucket and nothing else: it is kept and found again,
//! or refused with a 400; no file appears outside the store's folder.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;

use crate::fixture::{BUCKET, Fixture, files_below, put_conditions, send_signed};

fn kept() -> Vec<String> {
    let mut keys: Vec<String> = [
        "plain",
        "../../x",
        "../other/x",
        "/etc/passwd",
        "//",
        "/",
        "a/../../b",
        "a/./b",
        ".",
        "..",
        "./",
        "../",
        "a//b",
        "a/",
        "a",
        "a/b",
        "a/b/c",
        "A",
        "KEY",
        "Key",
        "key",
        "straße",
        "STRASSE",
        "e\u{301}",
        "\u{e9}",
        "日本語/🎬.mp4",
        " lead and trail ",
        "a+b c%20d%2Fe",
        "%2e%2e/%2e%2e/x",
        "..\\..\\x",
        "C:\\x",
        "con",
        "nul.txt",
        "-rf",
        "*?[]{}|<>\"'`$;&#!~^=@,:",
        "bucket.json",
        "upload.json",
        "x.tmp",
        "\u{202e}gnp.exe",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    keys.push("k".repeat(1024));
    keys.push("é".repeat(512));
    keys.push(format!("{}/x", "d".repeat(255)));
    keys.push(format!("{}/x", "../".repeat(300)));
    keys
}

#[tokio::test]
async fn every_key_is_found_again_and_no_file_lies_outside() {
    let fixture = Fixture::start().await;
    let sdk = fixture.sdk();
    for key in kept() {
        let put = sdk
            .put_object()
            .bucket(BUCKET)
            .key(&key)
            .body(ByteStream::from(key.clone().into_bytes()));
        put.send()
            .await
            .unwrap_or_else(|error| panic!("{key:?}: {error:?}"));
    }
    // Only now: each still has its own bytes, so none was written over another.
    for key in kept() {
        let got = sdk
            .get_object()
            .bucket(BUCKET)
            .key(&key)
            .send()
            .await
            .unwrap();
        assert_eq!(
            got.body.collect().await.unwrap().into_bytes(),
            key.as_bytes(),
            "{key:?}"
        );
    }
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = fixture.storage().list("", 7, after).await.unwrap();
        listed.extend(page.objects.into_iter().map(|object| object.key));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut expected = kept();
    expected.sort();
    assert_eq!(listed, expected);
    let other = sdk.list_objects_v2().bucket("other").send().await.unwrap();
    assert_eq!(other.key_count(), Some(0));
    stays_inside(&fixture);
    fixture.storage().delete_many(&kept()).await.unwrap();
    assert_eq!(
        fixture.storage().list("", 10, None).await.unwrap().objects,
        []
    );
    assert_eq!(fixture.blobs(), 0);
}

fn stays_inside(fixture: &Fixture) {
    for file in files_below(fixture.outside.path()) {
        assert!(
            file.starts_with(fixture.dir()),
            "{} lies outside",
            file.display()
        );
    }
    for file in fixture.files() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_ours = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
        assert!(name.chars().all(is_ours) && name.len() < 100, "{name}");
    }
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused() {
    let fixture = Fixture::start().await;
    let (sdk, storage) = (fixture.sdk(), fixture.storage());
    let refused = [
        "nul\0byte",
        "new\nline",
        "tab\there",
        "escape\u{1b}",
        "delete\u{7f}",
        "\u{ffff}",
        &"k".repeat(1025),
    ];
    for key in refused {
        let presigned = storage.presign_put(key, &put_conditions()).await.unwrap();
        let answer = send_signed(&presigned, b"x").await;
        assert_eq!(answer.status, 400, "{key:?}: {}", answer.text());
        let begun = sdk
            .create_multipart_upload()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await;
        assert!(begun.is_err(), "{key:?}");
    }
    assert_eq!(
        fixture.storage().list("", 10, None).await.unwrap().objects,
        []
    );
    stays_inside(&fixture);
}

#[tokio::test]
async fn buckets_have_names_and_nothing_else() {
    let fixture = Fixture::start().await;
    let sdk = fixture.sdk();
    for name in [
        "..",
        ".",
        "a",
        "UPPER",
        "under_score",
        "a..b",
        "-a-",
        "127.0.0.1",
        "xn--a",
        "a/../b",
    ] {
        assert!(
            sdk.create_bucket().bucket(name).send().await.is_err(),
            "{name}"
        );
    }
    sdk.create_bucket()
        .bucket("third.one")
        .send()
        .await
        .unwrap();
    let again = sdk
        .create_bucket()
        .bucket("third.one")
        .send()
        .await
        .unwrap_err();
    assert_eq!(again.code(), Some("BucketAlreadyOwnedByYou"));
    let buckets = sdk.list_buckets().send().await.unwrap();
    let names: Vec<_> = buckets
        .buckets()
        .iter()
        .filter_map(|bucket| bucket.name())
        .collect();
    assert_eq!(names, ["other", "tcoder", "third.one"]);
    let elsewhere = sdk
        .put_object()
        .bucket("nowhere")
        .key("x")
        .send()
        .await
        .unwrap_err();
    assert_eq!(elsewhere.code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn a_bucket_with_objects_stays() {
    let fixture = Fixture::start().await;
    let sdk = fixture.sdk();
    sdk.create_bucket()
        .bucket("third.one")
        .send()
        .await
        .unwrap();
    sdk.put_object()
        .bucket("third.one")
        .key("x")
        .send()
        .await
        .unwrap();
    assert_eq!(
        sdk.delete_bucket()
            .bucket("third.one")
            .send()
            .await
            .unwrap_err()
            .code(),
        Some("BucketNotEmpty")
    );
    sdk.delete_object()
        .bucket("third.one")
        .key("x")
        .send()
        .await
        .unwrap();
    sdk.delete_bucket()
        .bucket("third.one")
        .send()
        .await
        .unwrap();
    assert_eq!(
        sdk.head_bucket()
            .bucket("third.one")
            .send()
            .await
            .map(drop)
            .map_err(|error| error.raw_response().map(|r| r.status().as_u16())),
        Err(Some(404))
    );
    stays_inside(&fixture);
}
