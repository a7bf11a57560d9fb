//! A specification whose fields contradict each other is refused by the field's name.

use bus_schema::task::TaskSpec;
use serde_json::{Value, json};

use crate::sample_message::specs;

#[test]
fn those_of_jobs_are_in_order() {
    for spec in specs() {
        assert_eq!(spec.check(), Ok(()), "{spec:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_by_its_name() {
    let table = [
        ("/chunk/span/end_ns", json!(0), "chunk.span"),
        ("/chunk/segment_ns", json!(0), "chunk.segment_ns"),
        ("/chunk/video/timescale", json!(0), "chunk.video.timescale"),
        (
            "/chunk/video/renditions",
            json!([]),
            "chunk.video.renditions",
        ),
        (
            "/chunk/video/renditions/0/width",
            json!(0),
            "chunk.video.renditions",
        ),
        ("/audio/segment_ns", json!(0), "audio.segment_ns"),
        ("/audio/audio/track", json!(7), "audio.audio.track"),
        ("/audio/audio/channels", json!(0), "audio.audio.channels"),
        ("/audio/audio/channels", json!(6), "audio.audio.channels"),
        (
            "/audio/audio/sample_rate_hz",
            json!(0),
            "audio.audio.sample_rate_hz",
        ),
        (
            "/audio/audio/part_segments",
            json!(0),
            "audio.audio.part_segments",
        ),
        (
            "/images/images/storyboard/columns",
            json!(0),
            "images.images.storyboard",
        ),
        (
            "/images/images/storyboard/interval_ns",
            json!(0),
            "images.images.storyboard",
        ),
        ("/subtitles/subtitles", json!([]), "subtitles.facts"),
        ("/subtitles/facts/0/track", json!(7), "subtitles.facts"),
    ];
    for (path, value, field) in table {
        let mut specs = specs().into_iter();
        let spec = specs.find_map(|spec| changed(&spec, path, &value));
        let spec = spec.expect("a sample has the field");
        let refused = spec.check().expect_err(path);
        assert_eq!(refused.field, field, "{path}");
        assert!(refused.to_string().starts_with(&format!("`{field}` must ")));
    }
}

/// The specification with another value there, if it has one.
fn changed(spec: &TaskSpec, path: &str, value: &Value) -> Option<TaskSpec> {
    let mut json = serde_json::to_value(spec).expect("JSON");
    json.pointer_mut(path)?.clone_from(value);
    Some(serde_json::from_value(json).expect("a specification"))
}
