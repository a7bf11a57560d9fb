//! Old and new processes run side by side: a field more is ignored, an optional field less is filled in; what
//! is from a newer schema, cut together or too large is refused by name.

use std::collections::BTreeSet;

use bus_schema::claim::ClaimRequest;
use bus_schema::codec::{Error, MESSAGE_BYTES_MAX, SCHEMA_VERSION};
use bus_schema::control::Control;
use bus_schema::record::JobRecord;
use bus_schema::{Envelope, decode, encode};
use serde_json::{Map, Value, json};

use crate::bytes_stay_the_same::compare;
use crate::{golden, sample, sample_message};

/// The fields whose keys are data: they hold what people wrote, not what the schema names.
const MAPS: [&str; 3] = ["metadata", "headers", "slots"];

/// Calls `visit` with the path and the fields of every object that a schema change could touch.
fn each_object(
    value: &mut Value,
    path: &str,
    visit: &mut dyn FnMut(&str, &mut Map<String, Value>),
) {
    match value {
        Value::Array(items) => {
            for item in items {
                each_object(item, &format!("{path}[]"), visit);
            }
        }
        Value::Object(fields) => {
            // Kinds of facts have fields of their own.
            let path = match fields.get("type").and_then(Value::as_str) {
                Some(tag) => format!("{path}({tag})"),
                None => path.to_owned(),
            };
            // A sole object is an enum's variant: a second one beside it would be another meaning.
            let is_variant = fields.len() == 1 && fields.values().all(Value::is_object);
            for (key, value) in fields
                .iter_mut()
                .filter(|(key, _)| !MAPS.contains(&key.as_str()))
            {
                each_object(value, &format!("{path}.{key}"), visit);
            }
            // Last, so that what it adds is not visited.
            if !is_variant {
                visit(&path, fields);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn unknown_fields_are_ignored_wherever_they_are() {
    for golden in golden::all() {
        let mut content = golden.content();
        let mut n_added = 0;
        each_object(&mut content, golden.kind, &mut |_, fields| {
            let unknown = json!({ "deep": [1, -1, 0.5, null, "x", { "type": "unheard-of" }] });
            fields.insert("a_later_field".to_owned(), unknown.clone());
            fields.insert("z_later_field".to_owned(), unknown);
            n_added += 1;
        });
        assert!(n_added > 0, "{}: nothing to add to", golden.name);
        let read = golden.read(&golden.bytes_of(&content));
        let is_sample = read.as_ref().is_ok_and(|read| read.is_sample);
        assert!(is_sample, "{}: {:?}", golden.name, read.err());
    }
}

/// The fields that may be missing, found by leaving out each in turn.
#[test]
fn what_may_be_missing_stays_so_and_is_filled_in() {
    let mut optional = BTreeSet::new();
    for golden in golden::all() {
        let content = golden.content();
        let mut fields_of = Vec::new();
        each_object(&mut content.clone(), golden.kind, &mut |path, fields| {
            fields_of.push((path.to_owned(), fields.keys().cloned().collect::<Vec<_>>()));
        });
        for (index, (path, keys)) in fields_of.iter().enumerate() {
            for key in keys {
                let without = changed(&content, index, |fields| drop(fields.remove(key)));
                let Ok(read) = golden.read(&golden.bytes_of(&without)) else {
                    continue;
                };
                // Filled with nothing, and nothing else is touched.
                let is_empty = read.json == without
                    || read.json == changed(&content, index, |fields| fields[key] = json!([]));
                assert!(is_empty, "{}: {path}.{key}: {}", golden.name, read.json);
                optional.insert(format!("{path}.{key}\n"));
            }
        }
    }
    let optional: String = optional.into_iter().collect();
    let compared = compare(&golden::path("optional.txt"), &optional);
    assert!(
        compared.is_ok(),
        "{}\nA field may become optional, but an optional one is for ever: old code leaves it out",
        compared.unwrap_err()
    );
}

/// The content with a change to the object that is visited as the `index`th.
fn changed(content: &Value, index: usize, change: impl Fn(&mut Map<String, Value>)) -> Value {
    let mut content = content.clone();
    let mut at = 0;
    each_object(&mut content, "", &mut |_, fields| {
        if at == index {
            change(fields);
        }
        at += 1;
    });
    content
}

#[test]
fn defaults_are_nothing() {
    let bytes = rmp_serde::to_vec_named(&json!({
        "v": 1, "id": "m", "at_ms": 1, "body": { "worker": "w1", "run": sample::token(), "job": sample::job(), "task": 3 },
    }))
    .unwrap();
    let read = decode::<ClaimRequest>(&bytes).unwrap();
    let (_, new) = sample_message::claim_requests().swap_remove(0);
    assert_eq!(read, Envelope::new("m".to_owned(), 1, new));
    assert_eq!((read.trace, read.body.held), (None, None));

    let golden = golden::all()
        .into_iter()
        .find(|g| g.name == "job-record-uploading")
        .unwrap();
    let mut record = golden.content();
    record.as_object_mut().unwrap().remove("tasks");
    let record: JobRecord = serde_json::from_value(record).unwrap();
    assert!(record.tasks.is_empty() && record.outputs.is_empty() && record.plan.is_none());
}

#[test]
fn another_schema_version_is_refused_by_name() {
    for v in [0, SCHEMA_VERSION + 1, u16::MAX] {
        // Whatever its body has become by then.
        for body in [json!("drain"), json!({ "drain": { "by": 5 } }), json!([[]])] {
            let message = json!({ "body": body, "v": v, "id": "m", "at_ms": 1 });
            let bytes = rmp_serde::to_vec_named(&message).unwrap();
            let error = decode::<Control>(&bytes).unwrap_err();
            assert!(
                matches!(error, Error::Version { v: met } if met == v),
                "{error}"
            );
            assert!(
                error.to_string().contains(&format!("version {v} ")),
                "{error}"
            );
        }
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    for golden in golden::all() {
        let mut bytes = golden.bytes().to_vec();
        bytes.push(if golden.message.is_some() { 0xc0 } else { b'0' });
        assert!(golden.read(&bytes).is_err(), "{}", golden.name);
    }
    let drain = encode(&Envelope::new("m".to_owned(), 1, Control::Drain)).unwrap();
    let twice = [drain.as_slice(), &drain].concat();
    let error = decode::<Control>(&twice).unwrap_err();
    assert!(
        matches!(error, Error::Trailing { bytes } if bytes == drain.len()),
        "{error}"
    );
}

#[test]
fn a_message_may_be_just_as_large_as_the_limit() {
    let of_bytes = |bytes: usize| {
        let empty = encode(&Envelope::new("m".to_owned(), 1, String::new())).unwrap();
        // The length of a long string takes four bytes more than that of an empty one.
        Envelope::new("m".to_owned(), 1, "x".repeat(bytes - empty.len() - 4))
    };
    let largest = of_bytes(MESSAGE_BYTES_MAX);
    let bytes = encode(&largest).unwrap();
    assert_eq!(bytes.len(), MESSAGE_BYTES_MAX);
    assert_eq!(decode::<String>(&bytes).unwrap(), largest);

    let larger = of_bytes(MESSAGE_BYTES_MAX + 1);
    let is_refused = |error: &Error| matches!(error, Error::TooLarge { bytes } if *bytes == MESSAGE_BYTES_MAX + 1);
    let error = encode(&larger).unwrap_err();
    assert!(is_refused(&error), "{error}");
    let error = decode::<String>(&rmp_serde::to_vec_named(&larger).unwrap()).unwrap_err();
    assert!(is_refused(&error), "{error}");
}
