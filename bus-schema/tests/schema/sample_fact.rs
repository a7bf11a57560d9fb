//! Samples of every fact.

use bus_schema::fact::{Fact, PlannedRendition};
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::report::ErrorCode;
use bus_schema::task::TaskKind;

use crate::sample::{self, SOURCE_BYTES, rendition};

/// One of each; their files are named by their kinds.
pub(crate) fn facts() -> Vec<Fact> {
    facts_of_jobs()
        .into_iter()
        .chain(facts_of_tasks())
        .collect()
}

fn facts_of_jobs() -> [Fact; 9] {
    [
        Fact::Authorized {
            // Names are people's own words, in any script.
            filename: "Überfahrt 🎬.mp4".to_owned(),
            bytes: SOURCE_BYTES,
        },
        Fact::Uploaded {
            bytes: SOURCE_BYTES,
            etag: "\"9b2cf535f27731c974343645a3985328-3\"".to_owned(),
        },
        Fact::Started {},
        Fact::Probed {
            container: "mp4".to_owned(),
            duration_ms: 60_000,
            width: 720,
            height: 1280,
            has_audio: true,
        },
        Fact::Planned {
            renditions: vec![PlannedRendition {
                name: rendition("720p"),
                width: 720,
                height: 1280,
            }],
            has_audio: true,
            n_tasks: 9,
            n_chunks: 5,
            encode_reason: Some("The picture is turned.".to_owned()),
        },
        Fact::Playable { after_ms: 1_234 },
        Fact::Completed {
            after_ms: 5_678,
            warnings: vec!["240p was given up.".to_owned()],
        },
        Fact::Failed {
            error: sample::error(ErrorCode::Truncated),
        },
        Fact::Cancelled {},
    ]
}

fn facts_of_tasks() -> [Fact; 6] {
    let (task, kind, attempt) = (TaskNumber(3), TaskKind::Chunk, Attempt(2));
    [
        Fact::Claimed {
            task,
            kind,
            attempt,
            worker: sample::worker(),
        },
        Fact::TaskDone {
            task,
            kind,
            attempt,
        },
        Fact::PartDone {
            task: TaskNumber(1),
            kind: TaskKind::Audio,
            part: 0,
            attempt,
        },
        Fact::TaskFailed {
            task,
            kind,
            attempt,
            error: sample::error(ErrorCode::Crashed),
            will_retry: true,
        },
        Fact::RenditionDropped {
            rendition: rendition("240p"),
            error: sample::error(ErrorCode::Unsupported),
        },
        Fact::FileDone {
            rendition: rendition("720p"),
            bytes: 5_000_000_000,
        },
    ]
}
