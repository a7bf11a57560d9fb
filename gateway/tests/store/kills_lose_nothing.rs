//! `kill -9` in the middle of writes: what was answered is there, whole; what was not is there whole or
//! not at all; every object that is there is notified; no bytes are left that no record names.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::future::join_all;
use gateway::storage::ErrorKind;
use gateway::store::{Store, notify};

use crate::fixture::{BUCKET, DEADLINE, Fixture, eventually, noise, options_in, sdk_at};

/// Where the child finds its folder. Without it the child is not one.
const CHILD_DIR: &str = "TCODER_TEST_STORE_DIR";

const KILLS: usize = 3;

const WRITERS: usize = 3;

/// The first part of an upload has at least 5 MiB.
static PART: LazyLock<Vec<u8>> = LazyLock::new(|| noise(5 << 20, 1));

/// Not a test but the process that is killed: this binary again, running this one function.
#[tokio::test]
async fn child() {
    let Some(dir) = std::env::var_os(CHILD_DIR).map(PathBuf::from) else {
        return;
    };
    let told = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("told"))
        .unwrap();
    let told = Arc::new(Mutex::new(told));
    let notifier = notify::from_fn(move |payload, _msg_id| {
        let told = Arc::clone(&told);
        async move {
            let event: serde_json::Value = serde_json::from_slice(&payload)?;
            // Slower than the writes: some are always waiting when the kill comes.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let key = event["Key"].as_str().unwrap_or_default();
            writeln!(told.lock().expect("no panic holds it"), "{key}")
        }
    });
    let mut store = Store::start(options_in(dir.join("deep/store")), notifier)
        .await
        .unwrap();
    fs::write(dir.join("endpoint.new"), store.endpoint()).unwrap();
    fs::rename(dir.join("endpoint.new"), dir.join("endpoint")).unwrap();
    // Until it is killed; should the test die first, it does not stay.
    let stopped = tokio::time::timeout(DEADLINE * 4, store.stopped()).await;
    assert!(stopped.is_err(), "the store stopped by itself: {stopped:?}");
}

/// What one writer knows of its writes.
#[derive(Default)]
struct Log {
    begun: u64,
    /// Of the keys that are written once: those that were answered.
    own: BTreeSet<u64>,
    /// Of the key that is written again and again: the last one that was answered.
    shared: u64,
}

/// Every third one is a multipart upload.
fn is_multipart(n: u64) -> bool {
    n.is_multiple_of(3)
}

/// Bodies are made from their number, so they can be made again.
fn body(n: u64) -> Vec<u8> {
    noise(usize::try_from(n * 7919 % 300_000).unwrap_or_default(), n)
}

fn whole(n: u64) -> Vec<u8> {
    if is_multipart(n) {
        [PART.clone(), body(n)].concat()
    } else {
        body(n)
    }
}

async fn put(sdk: &Client, key: &str, body: Vec<u8>) -> Option<()> {
    let put = sdk
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .body(ByteStream::from(body));
    put.send().await.ok().map(drop)
}

async fn upload(sdk: &Client, key: &str, n: u64) -> Option<()> {
    let begun = sdk
        .create_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .ok()?;
    let upload_id = begun.upload_id().unwrap_or_default();
    let mut parts = Vec::new();
    for (number, bytes) in (1..).zip([PART.clone(), body(n)]) {
        let part = sdk
            .upload_part()
            .bucket(BUCKET)
            .key(key)
            .upload_id(upload_id);
        let part = part
            .part_number(number)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .ok()?;
        let etag = part.e_tag().unwrap_or_default();
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .e_tag(etag)
                .build(),
        );
    }
    let parts = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let complete = sdk.complete_multipart_upload().bucket(BUCKET).key(key);
    complete
        .upload_id(upload_id)
        .multipart_upload(parts)
        .send()
        .await
        .ok()
        .map(drop)
}

/// Writes until a write is not answered.
async fn write_on(
    sdk: &Client,
    writer: usize,
    log: &mut Log,
    answered: &AtomicUsize,
) -> Option<()> {
    loop {
        log.begun += 1;
        let (n, key) = (log.begun, format!("inputs/{writer}/{}", log.begun));
        if is_multipart(n) {
            upload(sdk, &key, n).await?;
        } else {
            put(sdk, &key, body(n)).await?;
        }
        log.own.insert(n);
        put(sdk, &format!("shared/{writer}"), body(n)).await?;
        log.shared = n;
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

fn start_child(dir: &Path) -> Child {
    let this = std::env::current_exe().expect("a test is a program");
    Command::new(this)
        .args(["--exact", "kills_lose_nothing::child", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("the child starts")
}

#[tokio::test]
async fn kill_nine_in_mid_write() {
    let mut fixture = Fixture::start().await;
    let dir = fixture.outside.path().to_owned();
    let mut logs: [Log; WRITERS] = Default::default();
    for kill in 1..=KILLS {
        fixture.stop().await;
        let mut child = start_child(&dir);
        eventually("the child serves", || dir.join("endpoint").exists()).await;
        let sdk = sdk_at(&fs::read_to_string(dir.join("endpoint")).unwrap());
        fs::remove_file(dir.join("endpoint")).unwrap();
        let answered = AtomicUsize::new(0);
        let writing = logs
            .iter_mut()
            .enumerate()
            .map(|(writer, log)| write_on(&sdk, writer, log, &answered));
        let killing = async {
            let enough = 7 * kill + 5;
            eventually("progress", || answered.load(Ordering::SeqCst) >= enough).await;
            child.kill().unwrap();
            child.wait().unwrap();
        };
        tokio::join!(join_all(writing), killing);
        fixture.reopen().await;
        for (writer, log) in logs.iter().enumerate() {
            check(&fixture, writer, log).await;
        }
        assert_eq!(
            fixture.blobs(),
            named_blobs(&fixture),
            "every blob has its record"
        );
    }
    let there = keys(&fixture, "inputs/").await;
    let told = || -> BTreeSet<String> {
        let before = fs::read_to_string(dir.join("told")).unwrap_or_default();
        before
            .lines()
            .map(ToOwned::to_owned)
            .chain(fixture.told.keys())
            .collect()
    };
    eventually("every object is notified", || told().is_superset(&there)).await;
}

/// Everything that was answered is there; the last write, which was not, is there whole or not at all.
async fn check(fixture: &Fixture, writer: usize, log: &Log) {
    let storage = fixture.storage();
    for n in 1..=log.begun {
        let key = format!("inputs/{writer}/{n}");
        match storage.get_bytes(&key, 100 << 20).await {
            Ok(got) => assert!(got == whole(n), "{key} is whole"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{key}: {error}");
                assert!(!log.own.contains(&n), "{key} was answered");
            }
        }
    }
    let shared = storage
        .get_bytes(&format!("shared/{writer}"), 100 << 20)
        .await;
    let shared = shared.expect("every writer has come so far");
    let is_one_of_the_last = (log.shared..=log.begun).any(|n| shared == body(n));
    assert!(
        is_one_of_the_last,
        "the last answered write of {writer}, or the one after it"
    );
}

/// Blobs that the objects' and parts' records name.
fn named_blobs(fixture: &Fixture) -> usize {
    let records = fixture
        .files()
        .into_iter()
        .filter(|file| file.extension().is_some());
    let text = records.map(|file| fs::read_to_string(file).expect("a record is text"));
    text.map(|text| text.matches("\"blob\":").count()).sum()
}

/// As notifications name them.
async fn keys(fixture: &Fixture, prefix: &str) -> BTreeSet<String> {
    let page = fixture
        .storage()
        .list(prefix, 1000, None)
        .await
        .expect("it can be listed");
    assert_eq!(page.next, None, "one page");
    page.objects
        .into_iter()
        .map(|object| format!("{BUCKET}/{}", object.key))
        .collect()
}
