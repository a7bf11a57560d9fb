//! Tigris by webhook: the key as it is, several events a message, in any order.

use serde::Deserialize;

use super::{ObjectCreated, Problem, demand, millis, unquoted};

#[derive(Deserialize)]
pub(super) struct Message {
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_name: String,
    event_time: String,
    bucket: String,
    object: Object,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    key: String,
    size: Option<u64>,
    e_tag: Option<String>,
}

impl Message {
    pub(super) fn created(self) -> Result<Vec<ObjectCreated>, Problem> {
        let is_creation = |event: &Event| {
            matches!(
                event.event_name.as_str(),
                "OBJECT_CREATED_PUT" | "OBJECT_CREATED_MULTIPART" | "OBJECT_CREATED_COPY"
            )
        };
        self.events
            .into_iter()
            .filter(is_creation)
            .map(Event::created)
            .collect()
    }
}

impl Event {
    fn created(self) -> Result<ObjectCreated, Problem> {
        Ok(ObjectCreated {
            bucket: self.bucket,
            key: self.object.key,
            size: demand(self.object.size, "object.size")?,
            etag: unquoted(&demand(self.object.e_tag, "object.eTag")?),
            version: None,
            sequencer: None,
            at_ms: millis(&self.event_time)?,
        })
    }
}
