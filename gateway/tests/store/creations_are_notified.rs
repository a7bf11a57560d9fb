//! Every object that comes to be under the prefix is notified, in the words of RustFS, with one message
//! id however often it is sent - also when the bus is away and the process dies before it is back.

use aws_sdk_s3::primitives::ByteStream;
use gateway::storage::notification::{ObjectCreated, compare_sequencers, normalise};

use crate::fixture::{BUCKET, Fixture, eventually};

async fn put(fixture: &Fixture, key: &str) -> String {
    fixture
        .storage()
        .put_bytes(key, "hello".into(), "video/mp4", None)
        .await
        .expect("it can be written")
}

fn read(event: &serde_json::Value) -> ObjectCreated {
    let created = normalise("embedded", event.to_string().as_bytes()).expect("it can be read");
    let [created] = <[_; 1]>::try_from(created).expect("one object was created");
    created
}

#[tokio::test]
async fn in_the_words_of_rustfs() {
    let fixture = Fixture::start().await;
    let etag = put(&fixture, "inputs/a b/ü+.mp4").await;
    eventually("it is told", || !fixture.told.keys().is_empty()).await;
    let (_, event) = fixture.told.events().remove(0);
    assert_eq!(event["EventName"], "s3:ObjectCreated:Put");
    assert_eq!(event["Key"], "tcoder/inputs/a b/ü+.mp4");
    let record = &event["Records"][0];
    assert_eq!(record["eventSource"], "tcoder:s3");
    assert_eq!(record["eventName"], "s3:ObjectCreated:Put");
    assert_eq!(record["s3"]["bucket"]["name"], "tcoder");
    assert_eq!(
        record["s3"]["object"]["key"],
        "inputs%2Fa+b%2F%C3%BC%2B.mp4"
    );
    assert_eq!(record["s3"]["object"]["contentType"], "video/mp4");
    let created = read(&event);
    let facts = fixture.storage().head("inputs/a b/ü+.mp4").await.unwrap();
    assert_eq!(
        (created.bucket.as_str(), created.key.as_str()),
        ("tcoder", "inputs/a b/ü+.mp4")
    );
    assert_eq!(
        (created.size, created.etag, created.version),
        (5, etag, None)
    );
    assert_eq!(
        created.at_ms / 1000 * 1000,
        i64::try_from(facts.last_modified_ms).unwrap()
    );
}

#[tokio::test]
async fn once_each_and_in_order_of_their_sequencers() {
    let fixture = Fixture::start().await;
    let (sdk, storage) = (fixture.sdk(), fixture.storage());
    put(&fixture, "outputs/not-this").await;
    put(&fixture, "inputs/a").await;
    put(&fixture, "inputs/a").await;
    sdk.copy_object()
        .bucket(BUCKET)
        .key("inputs/b")
        .copy_source("tcoder/inputs/a")
        .send()
        .await
        .unwrap();
    sdk.put_object()
        .bucket("other")
        .key("inputs/not-this")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    storage
        .delete_many(&["outputs/not-this".to_owned()])
        .await
        .unwrap();
    put(&fixture, "inputs/last").await;
    eventually("the last is told", || {
        fixture.told.keys().iter().any(|key| key.ends_with("last"))
    })
    .await;
    // Two writes of one key may collapse into the later one; never the other way round.
    eventually("all are told", || {
        fixture
            .files()
            .iter()
            .all(|file| !file.to_string_lossy().contains("/notify/"))
    })
    .await;
    let events = fixture.told.events();
    let created: Vec<_> = events.iter().map(|(_, event)| read(event)).collect();
    for key in ["inputs/a", "inputs/b", "inputs/last"] {
        assert!(created.iter().any(|created| created.key == key), "{key}");
    }
    assert!(
        created
            .iter()
            .all(|created| created.key.starts_with("inputs/") && created.bucket == BUCKET)
    );
    let mut ids: Vec<_> = events.iter().map(|(id, _)| id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "a message id each");
    let sequencer = |key: &str| {
        created
            .iter()
            .rfind(|created| created.key == key)
            .and_then(|created| created.sequencer.clone())
            .unwrap()
    };
    assert!(compare_sequencers(&sequencer("inputs/a"), &sequencer("inputs/b")).is_lt());
    let copied = events
        .iter()
        .find(|(_, event)| event["Key"] == "tcoder/inputs/b")
        .unwrap();
    assert_eq!(copied.1["EventName"], "s3:ObjectCreated:Copy");
}

#[tokio::test]
async fn when_the_bus_is_back() {
    let fixture = Fixture::start().await;
    fixture.told.refuse(true);
    put(&fixture, "inputs/a").await;
    put(&fixture, "inputs/b").await;
    eventually("it was tried", || fixture.told.has_refused()).await;
    assert!(fixture.told.keys().is_empty());
    fixture.told.refuse(false);
    eventually("both are told", || fixture.told.keys().len() == 2).await;
}

#[tokio::test]
async fn after_a_restart() {
    let mut fixture = Fixture::start().await;
    fixture.told.refuse(true);
    put(&fixture, "inputs/kept").await;
    put(&fixture, "inputs/replaced").await;
    put(&fixture, "inputs/replaced").await;
    put(&fixture, "inputs/deleted").await;
    fixture
        .storage()
        .delete_many(&["inputs/deleted".to_owned()])
        .await
        .unwrap();
    eventually("it was tried", || fixture.told.has_refused()).await;
    fixture.restart().await;
    fixture.told.refuse(false);
    eventually("all that is there is told", || {
        fixture.told.keys().len() == 2
    })
    .await;
    let notices = || {
        fixture
            .files()
            .iter()
            .filter(|file| file.to_string_lossy().contains("/notify/"))
            .count()
    };
    eventually("nothing is left to tell", || notices() == 0).await;
    let mut keys = fixture.told.keys();
    keys.sort();
    assert_eq!(keys, ["tcoder/inputs/kept", "tcoder/inputs/replaced"]);
    fixture.restart().await;
    put(&fixture, "inputs/last").await;
    eventually("only the new one is told", || {
        fixture.told.keys().len() == 3
    })
    .await;
    assert_eq!(fixture.told.keys()[2], "tcoder/inputs/last");
}

#[tokio::test]
async fn but_not_what_never_was() {
    let mut fixture = Fixture::start().await;
    fixture.told.refuse(true);
    put(&fixture, "inputs/a").await;
    eventually("it was tried", || fixture.told.has_refused()).await;
    fixture.stop().await;
    // What a crash leaves between the notice and the object: the notice alone.
    let sidecars = fixture
        .files()
        .into_iter()
        .filter(|file| file.to_string_lossy().contains("/objects/"));
    for sidecar in sidecars {
        std::fs::remove_file(sidecar).unwrap();
    }
    fixture.told.refuse(false);
    fixture.reopen().await;
    put(&fixture, "inputs/b").await;
    eventually("the next is told", || !fixture.told.keys().is_empty()).await;
    eventually("the notice is gone", || {
        !fixture
            .files()
            .iter()
            .any(|file| file.to_string_lossy().contains("/notify/"))
    })
    .await;
    assert_eq!(fixture.told.keys(), ["tcoder/inputs/b"]);
    assert_eq!(fixture.blobs(), 1, "and the bytes that no object names");
}
