//! `tcoder decode`: one message from stdin, readable on stdout; for `nats sub --translate`.

use std::io::Read as _;

use bus_schema::codec::{MESSAGE_BYTES_MAX, decode};
use clap::Args;
use serde_json::Value;

use super::{Exit, output};

/// Show a message of the bus: MessagePack on stdin, JSON on stdout.
///
/// What is not one of tcoder's messages is passed through as it is.
///
/// Example: nats sub --translate "tcoder decode" 'live.job.>'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Decode {
    /// The message's subject; only shown beside it.
    #[arg(long)]
    subject: Option<String>,
}

impl Decode {
    pub(crate) fn apply(&self) -> Exit {
        let mut bytes = Vec::new();
        let limit = MESSAGE_BYTES_MAX as u64 + 1;
        if let Err(error) = std::io::stdin().lock().take(limit).read_to_end(&mut bytes) {
            super::complain(&format!("cannot read: {error}"));
            return Exit::Failed;
        }
        let shown = match decode::<Value>(&bytes) {
            Ok(envelope) => match serde_json::to_vec(&self.readable(&envelope)) {
                Ok(json) => json,
                Err(_) => bytes,
            },
            Err(_) => bytes,
        };
        output::say_bytes(&[&shown[..], b"\n"].concat());
        Exit::Done
    }

    fn readable(&self, envelope: &bus_schema::Envelope<Value>) -> Value {
        let mut shown = serde_json::json!({
            "id": envelope.id,
            "at_ms": envelope.at_ms,
            "body": envelope.body,
        });
        if let (Some(subject), Value::Object(fields)) = (&self.subject, &mut shown) {
            fields.insert("subject".to_owned(), Value::String(subject.clone()));
        }
        shown
    }
}
