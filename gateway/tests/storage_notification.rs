//! Five dialects say one thing; tests and deletions say nothing; garbage is refused with its reason, and
//! nothing panics.

use gateway::storage::notification::{Error, ObjectCreated, compare_sequencers, normalise};
use proptest::prelude::*;
use serde_json::{Value, json};

const AT_MS: i64 = 1_716_561_696_379;
const AT: &str = "2024-05-24T14:41:36.379Z";

fn created() -> ObjectCreated {
    ObjectCreated {
        bucket: "films".to_owned(),
        key: "inputs/a b/ü+1.mp4".to_owned(),
        size: 65_536,
        etag: "c846ff7a18f28c2e262116d6e8719ef0".to_owned(),
        version: None,
        sequencer: None,
        at_ms: AT_MS,
    }
}

fn aws(event: &str, key: &str) -> Value {
    json!({"Records": [{
        "eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": "us-west-2", "eventTime": AT,
        "eventName": event, "userIdentity": {"principalId": "AWS:X"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "F"},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "inputs",
            "bucket": {"name": "films", "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::films"},
            "object": {"key": key, "size": 65536, "eTag": "c846ff7a18f28c2e262116d6e8719ef0",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko", "sequencer": "0055AED6DCD90281E5"}},
    }]})
}

fn minio(source: &str, event: &str) -> Value {
    json!({"EventName": event, "Key": "films/inputs/a b/ü+1.mp4", "Records": [{
        "eventVersion": "2.0", "eventSource": source, "awsRegion": "", "eventTime": AT, "eventName": event,
        "userIdentity": {"principalId": "minio"}, "requestParameters": {}, "responseElements": {},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "Config",
            "bucket": {"name": "films", "ownerIdentity": {"principalId": "minio"}, "arn": "arn:aws:s3:::films"},
            "object": {"key": "inputs%2Fa+b%2F%C3%BC%2B1.mp4", "size": 65536,
                "eTag": "c846ff7a18f28c2e262116d6e8719ef0", "contentType": "video/mp4",
                "userMetadata": {"content-type": "video/mp4"}, "sequencer": "17D2B1A5C6D7E8F9"}},
        "source": {"host": "127.0.0.1", "port": "", "userAgent": "MinIO (linux; amd64)"},
    }]})
}

fn eventbridge(kind: &str) -> Value {
    json!({"version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": kind,
        "source": "aws.s3", "account": "111122223333", "time": AT, "region": "ca-central-1",
        "resources": ["arn:aws:s3:::films"],
        "detail": {"version": "0", "event-version": "1.0", "bucket": {"name": "films"},
            "object": {"key": "inputs/a b/ü+1.mp4", "size": 65536, "etag": "c846ff7a18f28c2e262116d6e8719ef0",
                "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "00617F08299329D189"},
            "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "source-ip-address": "1.2.3.4",
            "reason": "PutObject"}})
}

fn r2(action: &str) -> Value {
    json!({"account": "3f4b7e3dcab231cbfdaa90a6a28bd548", "action": action, "bucket": "films",
        "object": {"key": "inputs/a b/ü+1.mp4", "size": 65536, "eTag": "c846ff7a18f28c2e262116d6e8719ef0"},
        "eventTime": AT})
}

fn tigris(event: &str) -> Value {
    json!({"events": [{"eventVersion": "1", "eventSource": "tigris", "eventName": event, "eventTime": AT,
        "bucket": "films",
        "object": {"key": "inputs/a b/ü+1.mp4", "size": 65536, "eTag": "c846ff7a18f28c2e262116d6e8719ef0"}}]})
}

fn with(version: Option<&str>, sequencer: Option<&str>) -> Vec<ObjectCreated> {
    let (version, sequencer) = (
        version.map(ToOwned::to_owned),
        sequencer.map(ToOwned::to_owned),
    );
    vec![ObjectCreated {
        version,
        sequencer,
        ..created()
    }]
}

#[test]
fn every_dialect_says_the_same() {
    let aws_s3 = with(
        Some("096fKKXTRTtl3on89fVO.nfljtsv6qko"),
        Some("0055AED6DCD90281E5"),
    );
    let aws_bridge = with(
        Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"),
        Some("00617F08299329D189"),
    );
    let family = with(None, Some("17D2B1A5C6D7E8F9"));
    let plain = with(None, None);
    let key = "inputs/a+b/%C3%BC%2B1.mp4";
    let table = [
        ("sqs", aws("ObjectCreated:Put", key), aws_s3.clone()),
        (
            "sqs",
            aws("ObjectCreated:CompleteMultipartUpload", key),
            aws_s3.clone(),
        ),
        (
            "sqs",
            aws("ObjectCreated:Post", "inputs%2Fa%20b%2F%c3%bc%2B1.mp4"),
            aws_s3,
        ),
        ("eventbridge", eventbridge("Object Created"), aws_bridge),
        (
            "minio",
            minio("minio:s3", "s3:ObjectCreated:Put"),
            family.clone(),
        ),
        (
            "rustfs",
            minio("rustfs:s3", "s3:ObjectCreated:CompleteMultipartUpload"),
            family.clone(),
        ),
        (
            "embedded",
            minio("tcoder:s3", "s3:ObjectCreated:Copy"),
            family,
        ),
        ("r2", r2("PutObject"), plain.clone()),
        ("r2", r2("CopyObject"), plain.clone()),
        ("r2", r2("CompleteMultipartUpload"), plain.clone()),
        ("tigris", tigris("OBJECT_CREATED_PUT"), plain.clone()),
        ("tigris", tigris("OBJECT_CREATED_MULTIPART"), plain),
    ];
    for (from, payload, expected) in table {
        let read = normalise(from, payload.to_string().as_bytes());
        assert_eq!(read.unwrap(), expected, "{payload}");
    }
}

#[test]
fn the_rest_says_nothing() {
    let mut removed = minio("minio:s3", "s3:ObjectRemoved:Delete");
    let object = removed["Records"][0]["s3"]["object"]
        .as_object_mut()
        .unwrap();
    object.remove("size");
    object.remove("eTag");
    let mut deleted = r2("DeleteObject");
    deleted["object"] = json!({"key": "inputs/a"});
    let mut gone = tigris("OBJECT_DELETED");
    gone["events"][0]["object"] = json!({"key": "inputs/a"});
    let restored = json!({"version": "0", "detail-type": "Object Restore Completed", "time": AT, "detail": {"any": "thing"}});
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": AT, "Bucket": "films",
        "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"});
    let table = [
        removed,
        minio("minio:s3", "s3:ObjectCreated:PutTagging"),
        aws("ObjectRemoved:DeleteMarkerCreated", "a"),
        aws("ObjectTagging:Put", "a"),
        deleted,
        r2("LifecycleDeletion"),
        gone,
        tigris("OBJECT_TRANSITIONED"),
        restored,
        test,
        json!({"Records": []}),
        json!({"events": []}),
    ];
    for payload in table {
        let read = normalise("any", payload.to_string().as_bytes());
        assert_eq!(read.unwrap(), [], "{payload}");
    }
}

#[test]
fn several_events_in_one_message_are_all_taken() {
    let mut message = aws("ObjectCreated:Put", "inputs/1");
    for (event, key) in [
        ("ObjectRemoved:Delete", "inputs/2"),
        ("ObjectCreated:Copy", "inputs/3"),
    ] {
        let record = aws(event, key)["Records"][0].clone();
        message["Records"].as_array_mut().unwrap().push(record);
    }
    let read = normalise("sqs", message.to_string().as_bytes()).unwrap();
    assert_eq!(
        read.iter()
            .map(|created| created.key.as_str())
            .collect::<Vec<_>>(),
        ["inputs/1", "inputs/3"]
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    let mut no_size = r2("PutObject");
    no_size["object"].as_object_mut().unwrap().remove("size");
    let mut negative = r2("PutObject");
    negative["object"]["size"] = json!(-1);
    let mut no_time = tigris("OBJECT_CREATED_PUT");
    no_time["events"][0]["eventTime"] = json!("yesterday");
    let mut no_bucket = aws("ObjectCreated:Put", "a");
    no_bucket["Records"][0]["s3"]
        .as_object_mut()
        .unwrap()
        .remove("bucket");
    let table = [
        (no_size, "size"),
        (negative, "-1"),
        (no_time, "yesterday"),
        (no_bucket, "bucket"),
        (aws("ObjectCreated:Put", "%FF%FE"), "UTF-8"),
        (json!({"Records": "none"}), "string"),
        (json!([]), "any"),
        (json!("text"), "string"),
    ];
    for (payload, reason) in table {
        let error = normalise("sqs-eu", payload.to_string().as_bytes()).unwrap_err();
        assert!(matches!(
            error,
            Error::Malformed { .. } | Error::UnknownDialect { .. }
        ));
        let text = error.to_string();
        assert!(
            text.contains("sqs-eu") && (reason == "any" || text.contains(reason)),
            "{payload}: {text}"
        );
    }
    for strange in [
        json!({}),
        json!({"hello": "world"}),
        json!({"Event": "something else"}),
    ] {
        let error = normalise("hook", strange.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error, Error::UnknownDialect { .. }), "{error}");
    }
    assert!(normalise("hook", b"").is_err() && normalise("hook", b"\xff\xfe").is_err());
}

#[test]
fn sequencers_compare_as_numbers() {
    let table = [
        ("0055AED6DCD90281E5", "55AED6DCD90281E5"),
        ("00", ""),
        ("a1", "A1"),
    ];
    for (a, b) in table {
        assert!(compare_sequencers(a, b).is_eq(), "{a} {b}");
    }
    for (less, more) in [
        ("FF", "100"),
        ("0FF", "100"),
        ("9", "A"),
        ("17D2B1A5C6D7E8F9", "17D2B1A5C6D7E8FA"),
    ] {
        assert!(
            compare_sequencers(less, more).is_lt() && compare_sequencers(more, less).is_gt(),
            "{less} {more}"
        );
    }
}

/// Payloads with one value replaced: near misses find more than noise does.
fn mangled() -> impl Strategy<Value = Vec<u8>> {
    let valid = prop::sample::select(vec![
        aws("ObjectCreated:Put", "a%2Fb").to_string(),
        minio("minio:s3", "s3:ObjectCreated:Put").to_string(),
        eventbridge("Object Created").to_string(),
        r2("PutObject").to_string(),
        tigris("OBJECT_CREATED_PUT").to_string(),
    ]);
    (
        valid,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        prop::collection::vec(any::<u8>(), 0..8),
    )
        .prop_map(|(valid, from, to, new)| {
            let mut bytes = valid.into_bytes();
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            bytes.splice(from.min(to)..from.max(to).min(from.min(to) + 16), new);
            bytes
        })
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        drop(normalise("any", &bytes));
    }

    #[test]
    fn nothing_panics_on_near_misses(bytes in mangled()) {
        drop(normalise("any", &bytes));
    }

    #[test]
    fn every_key_survives_the_form_encoding(key in "\\PC{0,64}") {
        let encoded: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        let read = normalise("minio", aws("ObjectCreated:Put", &encoded).to_string().as_bytes()).unwrap();
        prop_assert_eq!(&read[0].key, &key);
    }
}
