//! Parts arrive in any order, again, and across restarts; completing makes one object of them, once.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart as SdkPart};
use gateway::storage::{CompletedPart, ErrorKind, Storage};

use crate::fixture::{BUCKET, DEADLINE, Fixture, eventually, noise, send, send_signed};

const MIB: usize = 1 << 20;

async fn put_part(
    storage: &Storage,
    key: &str,
    upload_id: &str,
    number: u16,
    body: &[u8],
) -> String {
    let request = storage
        .presign_part(key, upload_id, number, Some(body.len() as u64), DEADLINE)
        .await
        .expect("it can be signed");
    let answer = send_signed(&request, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
        .header("etag")
        .unwrap_or_default()
        .trim_matches('"')
        .to_owned()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one upload's story, in its order")]
async fn out_of_order_again_and_after_a_restart() {
    let mut fixture = Fixture::start().await;
    let bodies = [noise(5 * MIB, 1), noise(6 * MIB, 2), noise(123, 3)];
    let storage = fixture.storage();
    let upload_id = storage
        .create_multipart("inputs/film.mp4", "video/mp4")
        .await
        .unwrap();
    put_part(&storage, "inputs/film.mp4", &upload_id, 3, &bodies[2]).await;
    put_part(
        &storage,
        "inputs/film.mp4",
        &upload_id,
        2,
        b"a first try, cut short",
    )
    .await;
    put_part(&storage, "inputs/film.mp4", &upload_id, 2, &bodies[1]).await;
    fixture.restart().await;
    let storage = fixture.storage();
    let uploads = storage.list_multipart_uploads("inputs/").await.unwrap();
    assert_eq!(
        uploads
            .iter()
            .map(|upload| (&*upload.key, &*upload.upload_id))
            .collect::<Vec<_>>(),
        [("inputs/film.mp4", &*upload_id)]
    );
    let parts = storage
        .list_parts("inputs/film.mp4", &upload_id)
        .await
        .unwrap();
    assert_eq!(
        parts
            .iter()
            .map(|part| (part.number, part.size))
            .collect::<Vec<_>>(),
        [(2, 6 * MIB as u64), (3, 123)]
    );
    assert_eq!(fixture.blobs(), 2, "the replaced part is gone");
    put_part(&storage, "inputs/film.mp4", &upload_id, 1, &bodies[0]).await;
    assert_eq!(
        storage.head("inputs/film.mp4").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let parts = storage
        .list_parts("inputs/film.mp4", &upload_id)
        .await
        .unwrap();
    let parts: Vec<_> = parts
        .into_iter()
        .map(|part| CompletedPart {
            number: part.number,
            etag: part.etag,
        })
        .collect();
    let etag = storage
        .complete_multipart("inputs/film.mp4", &upload_id, &parts, true)
        .await
        .unwrap();
    assert!(etag.ends_with("-3"), "{etag}");
    let again = storage
        .complete_multipart("inputs/film.mp4", &upload_id, &parts, true)
        .await
        .unwrap();
    assert_eq!(again, etag, "asked again after a lost answer");
    let whole = bodies.concat();
    for _restart in 0..2 {
        let storage = fixture.storage();
        assert!(
            storage
                .get_bytes("inputs/film.mp4", 100 * MIB)
                .await
                .unwrap()
                == whole
        );
        let facts = storage.head("inputs/film.mp4").await.unwrap();
        assert_eq!(
            (facts.size, facts.etag, facts.content_type.as_deref()),
            (whole.len() as u64, etag.clone(), Some("video/mp4"))
        );
        let across = format!("bytes={}-{}", 5 * MIB - 2, 11 * MIB + 1);
        let request = storage
            .presign_get("inputs/film.mp4", &crate::fixture::get_conditions())
            .await
            .unwrap();
        let got = send("GET", &request.url, &[("range", &across)], b"").await;
        assert!(
            got.body == whole[5 * MIB - 2..=11 * MIB + 1],
            "a range across the parts"
        );
        assert_eq!(storage.list_multipart_uploads("").await.unwrap(), []);
        fixture.restart().await;
    }
    eventually("one notification", || !fixture.told.keys().is_empty()).await;
    assert_eq!(fixture.told.keys(), ["tcoder/inputs/film.mp4"]);
    fixture
        .storage()
        .delete_many(&["inputs/film.mp4".to_owned()])
        .await
        .unwrap();
    eventually("no bytes are left", || fixture.blobs() == 0).await;
}

fn named(parts: &[(i32, &str)]) -> CompletedMultipartUpload {
    let parts = parts
        .iter()
        .map(|(number, etag)| SdkPart::builder().part_number(*number).e_tag(*etag).build());
    CompletedMultipartUpload::builder()
        .set_parts(Some(parts.collect()))
        .build()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of refusals")]
async fn completing_is_exact() {
    let fixture = Fixture::start().await;
    let (sdk, storage) = (fixture.sdk(), fixture.storage());
    let upload_id = storage.create_multipart("a", "video/mp4").await.unwrap();
    let large = put_part(&storage, "a", &upload_id, 1, &noise(5 * MIB, 1)).await;
    let small = put_part(&storage, "a", &upload_id, 2, b"small").await;
    let last = put_part(&storage, "a", &upload_id, 5, b"last").await;
    let complete = |key: &str, upload_id: &str, parts: &[(i32, &str)]| {
        sdk.complete_multipart_upload()
            .bucket(BUCKET)
            .key(key)
            .upload_id(upload_id)
            .multipart_upload(named(parts))
            .send()
    };
    type Case<'a> = (&'a str, &'a str, &'a str, &'a [(i32, &'a str)]);
    let table: [Case<'_>; 9] = [
        ("MalformedXML", "a", &upload_id, &[]),
        ("InvalidPart", "a", &upload_id, &[(1, &small)]),
        ("InvalidPart", "a", &upload_id, &[(1, &large), (3, &small)]),
        (
            "InvalidPartOrder",
            "a",
            &upload_id,
            &[(2, &small), (1, &large)],
        ),
        (
            "InvalidPartOrder",
            "a",
            &upload_id,
            &[(1, &large), (1, &large)],
        ),
        ("InvalidArgument", "a", &upload_id, &[(0, &large)]),
        (
            "EntityTooSmall",
            "a",
            &upload_id,
            &[(1, &large), (2, &small), (5, &last)],
        ),
        ("NoSuchUpload", "other", &upload_id, &[(1, &large)]),
        ("NoSuchUpload", "a", "../../../x", &[(1, &large)]),
    ];
    for (code, key, upload_id, parts) in table {
        let error = complete(key, upload_id, parts).await.unwrap_err();
        assert_eq!(error.code(), Some(code), "{parts:?}");
    }
    storage
        .put_bytes("a", "already here".into(), "text/plain", None)
        .await
        .unwrap();
    let parts = [
        CompletedPart {
            number: 1,
            etag: large.clone(),
        },
        CompletedPart {
            number: 5,
            etag: last,
        },
    ];
    let refused = storage
        .complete_multipart("a", &upload_id, &parts, true)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Precondition);
    assert_eq!(
        storage.list_parts("a", &upload_id).await.unwrap().len(),
        3,
        "a refusal ends nothing"
    );
    storage
        .complete_multipart("a", &upload_id, &parts, false)
        .await
        .unwrap();
    assert_eq!(storage.head("a").await.unwrap().size, 5 * MIB as u64 + 4);
    eventually("parts that were not named are gone", || {
        fixture.blobs() == 2
    })
    .await;
    let late = storage
        .presign_part("a", &upload_id, 1, None, DEADLINE)
        .await
        .unwrap();
    assert_eq!(send_signed(&late, b"late").await.status, 404);
}

#[tokio::test]
async fn aborting_frees_everything() {
    let fixture = Fixture::start().await;
    let storage = fixture.storage();
    let upload_id = storage.create_multipart("a", "video/mp4").await.unwrap();
    put_part(&storage, "a", &upload_id, 1, b"x").await;
    storage.abort_multipart("a", &upload_id).await.unwrap();
    assert_eq!(
        storage
            .abort_multipart("a", &upload_id)
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
    assert_eq!(storage.list_multipart_uploads("").await.unwrap(), []);
    assert_eq!(fixture.blobs(), 0);
}

#[tokio::test]
async fn listings_page() {
    let fixture = Fixture::start().await;
    let (sdk, storage) = (fixture.sdk(), fixture.storage());
    for key in ["b", "a", "a", "c"] {
        storage.create_multipart(key, "video/mp4").await.unwrap();
    }
    let (mut seen, mut key_marker, mut id_marker) = (Vec::new(), None, None);
    loop {
        let page = sdk
            .list_multipart_uploads()
            .bucket(BUCKET)
            .max_uploads(1)
            .set_key_marker(key_marker)
            .set_upload_id_marker(id_marker);
        let page = page.send().await.unwrap();
        seen.extend(page.uploads().iter().map(|upload| {
            (
                upload.key().unwrap().to_owned(),
                upload.upload_id().unwrap().to_owned(),
            )
        }));
        if page.is_truncated() != Some(true) {
            break;
        }
        (key_marker, id_marker) = (
            page.next_key_marker().map(ToOwned::to_owned),
            page.next_upload_id_marker().map(ToOwned::to_owned),
        );
    }
    assert_eq!(
        seen.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
        ["a", "a", "b", "c"]
    );
    let upload_id = &seen[0].1;
    for number in 1..=5 {
        sdk.upload_part()
            .bucket(BUCKET)
            .key("a")
            .upload_id(upload_id)
            .part_number(number)
            .body(ByteStream::from_static(b"x"))
            .send()
            .await
            .unwrap();
    }
    let page = sdk
        .list_parts()
        .bucket(BUCKET)
        .key("a")
        .upload_id(upload_id)
        .max_parts(2)
        .part_number_marker("2")
        .send()
        .await
        .unwrap();
    assert_eq!(
        page.parts()
            .iter()
            .filter_map(|part| part.part_number())
            .collect::<Vec<_>>(),
        [3, 4]
    );
    assert_eq!(
        (page.is_truncated(), page.next_part_number_marker()),
        (Some(true), Some("4"))
    );
}
