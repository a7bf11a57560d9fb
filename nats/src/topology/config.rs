//! Configurations as JSON: reading them from files and server, comparing, writing.
//!
//! They stay JSON on the way, not typed structs of the client: a field that the client does not know
//! would be lost silently, and the file would no longer be what the server gets.

use std::time::Duration;

use async_nats::jetstream::Context;
use serde_json::{Map, Value, json};

use crate::backoff::Backoff;
use crate::error::{Error, ErrorKind, Result};

use super::Replicas;
use super::file::{ConsumerFile, StreamFile};

/// How long JetStream may take to answer while it starts or elects a leader.
const API_PATIENCE: Duration = Duration::from_secs(20);

/// `stream not found`, `consumer not found`.
const NOT_FOUND_CODES: [u64; 2] = [10_059, 10_014];
/// `JetStream system temporarily unavailable`, `not enabled` while it starts.
const UNAVAILABLE_CODES: [u64; 2] = [10_008, 10_039];

/// Where one configuration is read and written, below the API prefix.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) name: String,
    pub(super) info: String,
    pub(super) create: String,
    pub(super) update: String,
    pub(super) create_body: Value,
    pub(super) update_body: Value,
}

/// The consumer's API. One subject creates and updates; the body's `action` keeps them apart, for
/// without it a create silently changes an existing consumer. A single filter is named in the subject
/// too, so that permissions can tell; several (`filter_subjects`) are not.
pub(super) fn consumer_api(file: &ConsumerFile, wanted: &Value) -> Api {
    let ConsumerFile { stream, name, .. } = file;
    let subject = match wanted.get("filter_subject").and_then(Value::as_str) {
        Some(filter) => format!("CONSUMER.CREATE.{stream}.{name}.{filter}"),
        None => format!("CONSUMER.CREATE.{stream}.{name}"),
    };
    let body = |action: &str| json!({ "stream_name": stream, "config": wanted, "action": action });
    Api {
        name: format!("{stream}/{name}"),
        info: format!("CONSUMER.INFO.{stream}.{name}"),
        create: subject.clone(),
        update: subject,
        create_body: body("create"),
        update_body: body("update"),
    }
}

pub(super) fn parse(name: &str, json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| {
        Error::with(
            ErrorKind::Malformed,
            format!("topology file of `{name}` is not JSON"),
            error,
        )
    })
}

/// The stream of a file, on so many servers.
pub(super) fn stream(file: &StreamFile, replicas: Replicas) -> Result<Value> {
    let mut wanted = parse(file.name, file.json)?;
    let count = match replicas {
        Replicas::One => 1,
        Replicas::Three => 3,
    };
    if let Some(fields) = wanted.as_object_mut() {
        fields.insert("num_replicas".to_owned(), json!(count));
    }
    Ok(wanted)
}

/// The configuration on the server; `None` when there is none.
pub(super) async fn get(js: &Context, subject: &str) -> Result<Option<Value>> {
    match ask(js, subject, &json!({})).await {
        Ok(answer) => Ok(answer.get("config").cloned()),
        Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) async fn put(js: &Context, subject: &str, body: &Value) -> Result<()> {
    ask(js, subject, body).await.map(drop)
}

/// One request to the JetStream API, repeated while nobody answers.
async fn ask(js: &Context, subject: &str, body: &Value) -> Result<Value> {
    let mut backoff = Backoff::within(API_PATIENCE);
    loop {
        let error = match js.request::<_, _, Value>(subject.to_owned(), body).await {
            Ok(answer) => match answer.get("error") {
                None => return Ok(answer),
                Some(error) => refusal(subject, error),
            },
            Err(error) => {
                let message = format!(
                    "JetStream does not answer `{subject}`: is it enabled for this account, and may this user ask?"
                );
                Error::with(ErrorKind::Unavailable, message, error)
            }
        };
        if !error.is_retry() || !backoff.wait().await {
            return Err(error);
        }
    }
}

fn refusal(subject: &str, error: &Value) -> Error {
    let code = error.get("err_code").and_then(Value::as_u64).unwrap_or(0);
    let reason = error
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or("no reason given");
    let kind = if NOT_FOUND_CODES.contains(&code) {
        ErrorKind::Missing
    } else if UNAVAILABLE_CODES.contains(&code) {
        ErrorKind::Unavailable
    } else {
        ErrorKind::Refused
    };
    Error::new(kind, format!("`{subject}` was refused: {reason} ({code})"))
}

/// One line for each field that is not as wanted.
pub(super) fn difference(name: &str, wanted: &Value, there: Option<&Value>) -> Vec<String> {
    let Some(there) = there else {
        return vec![format!("{name}: missing")];
    };
    let empty = Map::new();
    let wanted = wanted.as_object().unwrap_or(&empty);
    let there = there.as_object().unwrap_or(&empty);
    let mut fields: Vec<&String> = wanted.keys().chain(there.keys()).collect();
    fields.sort();
    fields.dedup();
    fields
        .into_iter()
        // The server's own notes, `_nats.*`.
        .filter(|field| *field != "metadata")
        .filter_map(|field| {
            let (wanted, there) = (wanted.get(field), there.get(field));
            let is_same = wanted == there || (is_unset(wanted) && is_unset(there));
            let line = || {
                format!(
                    "{name}: {field} is {}, wanted {}",
                    show(there),
                    show(wanted)
                )
            };
            (!is_same).then(line)
        })
        .collect()
}

/// The server shows some unset fields and leaves out others.
fn is_unset(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        // An unset time, as Go writes it.
        Some(Value::String(text)) => text.is_empty() || text == "0001-01-01T00:00:00Z",
        Some(Value::Number(number)) => number.as_u64() == Some(0),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Bool(true)) => false,
    }
}

fn show(value: Option<&Value>) -> String {
    value.map_or_else(|| "unset".to_owned(), Value::to_string)
}
