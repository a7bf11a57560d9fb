//! The texts of a film's chapters. Pure.

use bus_schema::chapter::Chapter;
use bus_schema::object_key;
use bus_schema::record::OutputKind;
use serde_json::json;
use std::fmt::Write as _;

use super::images::{Document, timestamp};

/// `chapters.vtt`, as players show chapters, and `chapters.json`.
pub(crate) fn documents(chapters: &[Chapter]) -> Vec<Document> {
    let mut vtt = String::from("WEBVTT\n");
    for (n, chapter) in (1..).zip(chapters) {
        let (start, end) = (timestamp(chapter.start_ns), timestamp(chapter.end_ns));
        write!(vtt, "\n{n}\n{start} --> {end}\nChapter {n}\n").expect("a String takes everything");
    }
    let list = (1..).zip(chapters).map(|(n, chapter)| {
        json!({
            "title": format!("Chapter {n}"),
            "start_ms": chapter.start_ns / 1_000_000,
            "end_ms": chapter.end_ns / 1_000_000,
        })
    });
    let json = json!({ "chapters": list.collect::<Vec<_>>() });
    let document = |name, content_type, text| Document {
        name,
        kind: OutputKind::Chapters,
        content_type,
        text,
    };
    vec![
        document(object_key::CHAPTERS, "text/vtt", vtt),
        document(
            object_key::CHAPTERS_JSON,
            "application/json",
            format!("{json:#}\n"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_are_written_for_players_and_for_programs() {
        let chapter = |start_s: u64, end_s: u64| Chapter {
            start_ns: start_s * 1_000_000_000,
            end_ns: end_s * 1_000_000_000,
        };
        let documents = documents(&[chapter(0, 61), chapter(61, 3_700)]);
        assert_eq!(
            documents[0].text,
            "WEBVTT\n\n1\n00:00:00.000 --> 00:01:01.000\nChapter 1\n\n2\n00:01:01.000 --> 01:01:40.000\nChapter 2\n"
        );
        let list: serde_json::Value = serde_json::from_str(&documents[1].text).unwrap();
        assert_eq!(list["chapters"][1]["start_ms"], 61_000);
    }
}
