//! The golden files, `tests/golden/`: each sample as it is written today.
//!
//! A message lies there twice: `.hex` is the exact MessagePack (`xxd -r -p FILE | tcoder decode`), `.json` the
//! same for people. A bucket's value or a live frame is JSON alone. `UPDATE_GOLDEN=1` writes the files; one
//! that changes is a message that running processes still send, so what it held before must stay readable.

use std::path::PathBuf;

use bus_schema::{Envelope, decode, encode};
use serde_json::Value;

use crate::every::Wire;
use crate::sample::{self, AT_MS};
use crate::sample_plan;
use crate::sample_result;
use crate::{sample_fact, sample_message, sample_record};

/// What came of reading bytes as a golden's type.
pub(crate) struct Read {
    /// Whether it is the sample.
    pub(crate) is_sample: bool,
    /// What was read, as it would be written.
    pub(crate) json: Value,
}

type Reader = Box<dyn Fn(&[u8]) -> Result<Read, String>>;

/// A sample with its files.
pub(crate) struct Golden {
    /// One of [`crate::every::NAMES`].
    pub(crate) kind: &'static str,
    /// Its files' name: the kind, and the case where there are several.
    pub(crate) name: String,
    /// The message's bytes; `None` for what is JSON on the wire.
    pub(crate) message: Option<Vec<u8>>,
    /// The same in JSON, indented.
    pub(crate) json: String,
    reader: Reader,
}

impl Golden {
    /// The bytes on the wire.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.message.as_deref().unwrap_or(self.json.as_bytes())
    }

    /// Reads bytes of the wire as this golden's type.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Read, String> {
        (self.reader)(bytes)
    }

    /// The bytes on the wire of other content of the same type.
    pub(crate) fn bytes_of(&self, content: &Value) -> Vec<u8> {
        if self.message.is_some() {
            rmp_serde::to_vec_named(content).expect("any JSON is MessagePack")
        } else {
            serde_json::to_vec(content).expect("a value is JSON")
        }
    }

    /// Its content, as a tree.
    pub(crate) fn content(&self) -> Value {
        serde_json::from_str(&self.json).expect("it was written as JSON")
    }

    /// The files and what should be in them.
    pub(crate) fn files(&self) -> Vec<(PathBuf, String)> {
        let mut files = vec![(
            path(&format!("{}.json", self.name)),
            format!("{}\n", self.json),
        )];
        if let Some(bytes) = &self.message {
            files.push((path(&format!("{}.hex", self.name)), hex(bytes)));
        }
        files
    }
}

/// A file of `tests/golden/`.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// All of them.
pub(crate) fn all() -> Vec<Golden> {
    let mut all = Vec::new();
    all.push(message("invitation", "", sample_message::invitation()));
    all.extend(messages("claim-request", sample_message::claim_requests()));
    all.extend(messages("claim-reply", sample_message::claim_replies()));
    all.extend(messages("report", sample_message::reports()));
    all.push(message("progress", "", sample_message::progress()));
    all.push(message("heartbeat", "", sample::heartbeat()));
    all.extend(messages("control", sample_message::controls()));
    all.extend(messages("timer", sample_message::timers()));
    all.push(message("delivery", "", sample::delivery()));
    let facts = sample_fact::facts().into_iter();
    all.extend(messages(
        "fact",
        facts.map(|fact| (fact.kind().as_str(), fact)),
    ));
    for record in sample_record::records() {
        all.push(value("job-record", record.state.as_str(), record));
    }
    all.push(value("worker-lease", "", sample_record::lease()));
    all.push(value("chunk-result", "", sample_result::chunk_result()));
    all.push(value("audio-part", "", sample_result::audio_part()));
    all.push(value(
        "assemble-result",
        "",
        sample_result::assemble_result(),
    ));
    all.push(value("images-result", "", sample_result::images_result()));
    all.push(value(
        "subtitles-result",
        "",
        sample_result::subtitles_result(),
    ));
    all.push(value("plan", "", sample_plan::plan()));
    all.push(value("plan", "copy", sample_plan::copy_plan()));
    all.push(value("plan", "takeover", sample_plan::takeover_plan()));
    all.push(value("source-facts", "", sample::facts()));
    for spec in sample_message::specs() {
        all.push(value("task-spec", spec.kind().as_str(), spec));
    }
    for (case, frame) in sample_message::live() {
        all.push(value("live", case, frame));
    }
    all
}

fn messages<T: Wire + 'static>(
    kind: &'static str,
    samples: impl IntoIterator<Item = (&'static str, T)>,
) -> Vec<Golden> {
    let samples = samples.into_iter();
    samples
        .map(|(case, body)| message(kind, case, body))
        .collect()
}

fn message<T: Wire + 'static>(kind: &'static str, case: &str, body: T) -> Golden {
    let mut envelope = Envelope::new("w1-17".to_owned(), AT_MS, body);
    envelope.trace = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    Golden {
        kind,
        name: name(kind, case),
        message: Some(encode(&envelope).expect("a sample can be encoded")),
        json: pretty(&envelope),
        reader: Box::new(move |bytes| {
            let read = decode::<T>(bytes).map_err(|error| error.to_string())?;
            Ok(Read {
                is_sample: read == envelope,
                json: tree(&read),
            })
        }),
    }
}

fn value<T: Wire + 'static>(kind: &'static str, case: &str, value: T) -> Golden {
    Golden {
        kind,
        name: name(kind, case),
        message: None,
        json: pretty(&value),
        reader: Box::new(move |bytes| {
            let read: T = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            Ok(Read {
                is_sample: read == value,
                json: tree(&read),
            })
        }),
    }
}

fn name(kind: &str, case: &str) -> String {
    if case.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}-{case}")
    }
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("a sample is JSON")
}

fn tree(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("what was read is JSON")
}

/// 32 bytes a line.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        text.extend(line.iter().map(|byte| format!("{byte:02x}")));
        text.push('\n');
    }
    text
}

/// The bytes of [`hex`].
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|digit| u8::try_from(digit).expect("below 16"))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
