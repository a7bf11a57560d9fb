//! Whatever a crash leaves, the next start finds every object that was answered for, sweeps the rest, and
//! starts.

use std::fs;
use std::net::SocketAddr;

use gateway::store::{ErrorKind, Store, Sync};

use crate::fixture::{Fixture, noise, storage_options_at};

#[tokio::test]
async fn leftovers_are_swept_and_objects_stay() {
    let mut fixture = Fixture::start().await;
    let body = noise(300_000, 1);
    fixture
        .storage()
        .put_bytes("a", body.clone().into(), "video/mp4", None)
        .await
        .unwrap();
    let upload_id = fixture
        .storage()
        .create_multipart("b", "video/mp4")
        .await
        .unwrap();
    fixture.stop().await;
    let before = fixture.files();
    // A blob whose record was never written, a record half-written, an upload's folder without its record.
    let dir = fixture.dir();
    fs::create_dir_all(dir.join("blobs/00")).unwrap();
    fs::write(
        dir.join("blobs/00/00000000000000000000000000000000"),
        "half a body",
    )
    .unwrap();
    let sidecar = before
        .iter()
        .find(|file| file.to_string_lossy().contains("/objects/"))
        .unwrap();
    fs::write(
        sidecar.with_extension("00000000000000000000000000000001.tmp"),
        "{\"key\":",
    )
    .unwrap();
    fs::create_dir_all(dir.join("buckets/tcoder/uploads/00000000000000000000000000000002"))
        .unwrap();
    fs::create_dir_all(dir.join("buckets/gone/objects/00")).unwrap();
    fixture.reopen().await;
    assert_eq!(sorted(fixture.files()), sorted(before));
    assert_eq!(
        fixture.storage().get_bytes("a", 1 << 20).await.unwrap(),
        body
    );
    let uploads = fixture.storage().list_multipart_uploads("").await.unwrap();
    assert_eq!(
        uploads
            .iter()
            .map(|upload| &upload.upload_id)
            .collect::<Vec<_>>(),
        [&upload_id]
    );
}

#[tokio::test]
async fn a_damaged_record_hides_one_object_and_loses_no_bytes() {
    let mut fixture = Fixture::start().await;
    fixture
        .storage()
        .put_bytes("a", "a".into(), "video/mp4", None)
        .await
        .unwrap();
    fixture.stop().await;
    let sidecar = fixture
        .files()
        .into_iter()
        .find(|file| file.to_string_lossy().contains("/objects/"))
        .unwrap();
    let record = fs::read(&sidecar).unwrap();
    fs::write(&sidecar, &record[..record.len() / 2]).unwrap();
    fixture.reopen().await;
    fixture
        .storage()
        .put_bytes("b", "b".into(), "video/mp4", None)
        .await
        .unwrap();
    assert_eq!(
        fixture
            .storage()
            .list("", 10, None)
            .await
            .unwrap()
            .objects
            .len(),
        1
    );
    fixture.stop().await;
    fs::write(&sidecar, record).unwrap();
    fixture.reopen().await;
    assert_eq!(
        fixture.storage().get_bytes("a", 10).await.unwrap(),
        "a",
        "restored, it is whole"
    );
}

#[tokio::test]
async fn times_rise_even_if_the_clock_was_set_back() {
    let mut fixture = Fixture::start().await;
    fixture
        .storage()
        .put_bytes("inputs/a", "a".into(), "video/mp4", None)
        .await
        .unwrap();
    fixture.stop().await;
    let sidecar = fixture
        .files()
        .into_iter()
        .find(|file| file.to_string_lossy().contains("/objects/"))
        .unwrap();
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(&sidecar).unwrap()).unwrap();
    let tomorrow = record["modified_ns"].as_u64().unwrap() + 86_400_000_000_000;
    record["modified_ns"] = tomorrow.into();
    fs::write(&sidecar, record.to_string()).unwrap();
    fixture.reopen().await;
    fixture
        .storage()
        .put_bytes("inputs/a", "b".into(), "video/mp4", None)
        .await
        .unwrap();
    assert_eq!(
        fixture.storage().get_bytes("inputs/a", 10).await.unwrap(),
        "b",
        "the later write wins"
    );
}

#[tokio::test]
async fn one_process_has_the_folder() {
    let fixture = Fixture::start().await;
    let second = Store::start(fixture.options(), fixture.told.clone())
        .await
        .unwrap_err();
    assert_eq!(second.kind(), ErrorKind::Locked, "{second}");
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let mut fixture = Fixture::start().await;
    let mut options = fixture.options();
    options.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = Store::start(options, fixture.told.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Options, "{refused}");
    let mut options = fixture.options();
    options.listen = fixture.address();
    let refused = Store::start(options, fixture.told.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Listen, "{refused}");
    fixture.stop().await;
    let mut options = fixture.options();
    options.buckets = vec!["../x".to_owned()];
    let refused = Store::start(options, fixture.told.clone())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Options, "{refused}");
}

#[tokio::test]
async fn flushing_changes_nothing_but_the_waiting() {
    let mut fixture = Fixture::start().await;
    fixture.stop().await;
    let mut options = fixture.options();
    options.sync = Sync::Always;
    let store = Store::start(options.clone(), fixture.told.clone())
        .await
        .unwrap();
    let mut client = storage_options_at(store.endpoint());
    let storage = gateway::storage::Storage::new(&client).unwrap();
    storage
        .put_bytes("inputs/a", "a".into(), "video/mp4", None)
        .await
        .unwrap();
    let upload_id = storage.create_multipart("b", "video/mp4").await.unwrap();
    storage.abort_multipart("b", &upload_id).await.unwrap();
    store.shutdown().await;
    let store = Store::start(options, fixture.told.clone()).await.unwrap();
    client.endpoint = Some(store.endpoint());
    let storage = gateway::storage::Storage::new(&client).unwrap();
    assert_eq!(storage.get_bytes("inputs/a", 10).await.unwrap(), "a");
    store.shutdown().await;
}

fn sorted(mut files: Vec<std::path::PathBuf>) -> Vec<std::path::PathBuf> {
    files.sort();
    files
}
