//! The job record of the tests' job in each of its states, and a worker's lease.

use bus_schema::control::Control;
use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, TaskNumber, TenantId};
use bus_schema::machine::WorkerLease;
use bus_schema::record::{
    Effect, JobRecord, JobState, Output, OutputKind, PartRun, RECORD_VERSION, SourceObject, Task,
    TaskState, Tasks, Times,
};
use bus_schema::report::ErrorCode;
use bus_schema::request::chapters::ChaptersRequest;
use bus_schema::request::{JobRequest, Preset};
use bus_schema::video_codec::VideoCodec;

use crate::sample::{self, AT_MS, SOURCE_BYTES, rendition};
use crate::sample_plan;

pub(crate) fn lease() -> WorkerLease {
    WorkerLease {
        worker: sample::worker(),
        heartbeat: sample::heartbeat(),
        seen_ms: AT_MS + 12,
        idle_since_ms: Some(AT_MS - 60_000),
    }
}

/// The record in each state, as a job passes through them; the last two are other ends of it.
pub(crate) fn records() -> Vec<JobRecord> {
    let uploading = uploading();
    let queued = queued(uploading.clone());
    let running = running(queued.clone());
    let playable = playable(running.clone());
    let completed = completed(playable.clone());
    let failed = failed(running.clone());
    let cancelled = cancelled(playable.clone());
    vec![
        uploading, queued, running, playable, completed, failed, cancelled,
    ]
}

fn uploading() -> JobRecord {
    let tenant = TenantId::default();
    JobRecord {
        v: RECORD_VERSION,
        id: sample::job(),
        state: JobState::Uploading,
        priority: 50,
        request: JobRequest {
            filename: "Überfahrt 🎬.mp4".to_owned(),
            content_type: "video/mp4".to_owned(),
            preset: Preset::HlsAdaptive,
            qualities: vec!["720p".to_owned(), "audio".to_owned()],
            codec: VideoCodec::H264,
            webhook_url: Some("https://example.com/hook?a=1".to_owned()),
            metadata: [("order".to_owned(), "4711".to_owned())].into(),
            external_id: Some("film-17".to_owned()),
            watermark: Some(sample::watermark()),
            images: Some(sample::images_request()),
            loudness: sample_plan::audio_plan().loudness,
            chapters: Some(ChaptersRequest {
                score_permille: 100,
                length_ms_min: 30_000,
            }),
            clip: Some(sample::clip()),
        },
        source: SourceObject {
            key: bus_schema::object_key::source(&tenant, &sample::job()),
            bytes: SOURCE_BYTES,
            etag: None,
        },
        tenant,
        times: Times {
            created_ms: AT_MS,
            upload_expires_ms: Some(AT_MS + 3_600_000),
            ..Times::default()
        },
        facts: None,
        plan: None,
        tasks: Tasks::default(),
        dropped: Vec::new(),
        warnings: Vec::new(),
        error: None,
        outputs: Vec::new(),
        n_facts: 1,
        n_timers: 1,
        next_look_ms: Some(AT_MS + 3_600_000),
        outbox: vec![Effect::Timer {
            version: 1,
            at_ms: AT_MS + 3_600_000,
        }],
    }
}

fn queued(mut record: JobRecord) -> JobRecord {
    record.state = JobState::Queued;
    record.source.etag = Some("\"9b2cf535f27731c974343645a3985328-3\"".to_owned());
    record.times.uploaded_ms = Some(AT_MS + 9_000);
    record.tasks = Tasks::waiting(1);
    record.n_facts = 2;
    record.outbox = vec![
        Effect::Fact {
            n: 2,
            at_ms: AT_MS + 9_000,
            fact: Fact::Uploaded {
                bytes: SOURCE_BYTES,
                etag: "\"9b2cf535f27731c974343645a3985328-3\"".to_owned(),
            },
        },
        Effect::Invite {
            task: TaskNumber(0),
        },
    ];
    record
}

fn running(mut record: JobRecord) -> JobRecord {
    record.state = JobState::Running;
    record.times.started_ms = Some(AT_MS + 9_010);
    record.facts = Some(sample::facts());
    let plan = sample_plan::plan();
    record.tasks = Tasks::waiting(plan.n_tasks());
    record.plan = Some(plan);
    set(&mut record, 0, done(1));
    set(
        &mut record,
        1,
        Task {
            attempts: 3,
            failures: 1,
            losses: 1,
            parts: vec![
                PartRun {
                    attempt: Attempt(1),
                    n: 2,
                },
                PartRun {
                    attempt: Attempt(2),
                    n: 1,
                },
            ],
            ..task(claimed(3, None))
        },
    );
    set(&mut record, 2, task(TaskState::Released { at_ms: AT_MS }));
    let not_before_ms = Some(AT_MS + 11_000);
    set(
        &mut record,
        3,
        Task {
            attempts: 1,
            failures: 1,
            ..task(TaskState::Waiting { not_before_ms })
        },
    );
    record.n_facts = 9;
    record.outbox = vec![Effect::Tell {
        worker: sample::worker(),
        control: Control::Cancel {
            job: sample::job(),
            task: Some(TaskNumber(3)),
        },
    }];
    record
}

fn playable(mut record: JobRecord) -> JobRecord {
    record.state = JobState::Playable;
    record.times.playable_ms = Some(AT_MS + 10_234);
    for number in 1..7 {
        set(&mut record, number, done(1));
    }
    let claimed = claimed(1, Some("2~VXBsb2Fk".to_owned()));
    set(&mut record, 7, task(claimed));
    record.dropped = vec![rendition("240p")];
    record.warnings = vec!["240p was given up.".to_owned()];
    record.outbox = vec![Effect::Finish {}];
    record
}

fn completed(mut record: JobRecord) -> JobRecord {
    record.state = JobState::Completed;
    record.times.finished_ms = Some(AT_MS + 14_678);
    for number in 7..9 {
        set(&mut record, number, done(1));
    }
    record.outputs = vec![
        output(OutputKind::Mp4, Some("720p"), "t7a1/720p.mp4"),
        output(OutputKind::M4a, Some("audio"), "t8a1/audio.m4a"),
        output(OutputKind::Hls, None, "master.m3u8"),
        output(OutputKind::Dash, None, "manifest.mpd"),
        output(OutputKind::Poster, None, "t9a1/images/poster-640.webp"),
        output(OutputKind::Storyboard, None, "storyboard.vtt"),
        output(OutputKind::Images, None, "images.json"),
        output(OutputKind::Chapters, None, "chapters.vtt"),
        output(
            OutputKind::Subtitles,
            Some("subtitles"),
            "t10a1/subtitles.vtt",
        ),
    ];
    record.next_look_ms = None;
    record.outbox = Vec::new();
    record
}

fn failed(mut record: JobRecord) -> JobRecord {
    record.state = JobState::Failed;
    record.error = Some(sample::error(ErrorCode::Truncated));
    set(&mut record, 3, task(TaskState::Failed {}));
    record.outbox = vec![Effect::Fact {
        n: 10,
        at_ms: AT_MS + 12_000,
        fact: Fact::Failed {
            error: sample::error(ErrorCode::Truncated),
        },
    }];
    record
}

fn cancelled(mut record: JobRecord) -> JobRecord {
    record.state = JobState::Cancelled;
    for number in 7..9 {
        set(&mut record, number, task(TaskState::Cancelled {}));
    }
    record.outbox = vec![
        Effect::AbortUpload {
            name: "t7a1/720p.mp4".to_owned(),
            upload_id: "2~VXBsb2Fk".to_owned(),
        },
        Effect::RemoveIntermediate {},
        Effect::RemoveSegments {},
    ];
    record
}

fn set(record: &mut JobRecord, number: u32, task: Task) {
    *record
        .tasks
        .get_mut(TaskNumber(number))
        .expect("the plan has this task") = task;
}

fn task(state: TaskState) -> Task {
    Task {
        state,
        ..Task::waiting()
    }
}

fn done(attempt: u16) -> Task {
    Task {
        attempts: attempt,
        ..task(TaskState::Done {
            attempt: Attempt(attempt),
        })
    }
}

fn claimed(attempt: u16, upload_id: Option<String>) -> TaskState {
    TaskState::Claimed {
        attempt: Attempt(attempt),
        worker: sample::worker(),
        run: sample::token().as_str().to_owned(),
        token: sample::token(),
        since_ms: AT_MS + 9_500,
        deadline_ms: AT_MS + 39_500,
        upload_id,
    }
}

fn output(kind: OutputKind, rendition: Option<&str>, name: &str) -> Output {
    Output {
        kind,
        rendition: rendition.map(sample::rendition),
        name: name.to_owned(),
        bytes: 5_000_000_000,
        frames: (kind == OutputKind::Mp4).then_some(1_798),
        duration_ms: rendition.map(|_| 60_010),
        codecs: rendition.map(|_| "avc1.64001f,mp4a.40.2".to_owned()),
    }
}
