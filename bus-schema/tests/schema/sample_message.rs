//! Samples of every message and of every frame of a live session, each with a name for its file.

use bus_schema::claim::{ClaimReply, ClaimRequest, Go, SignedRequest, Want};
use bus_schema::control::Control;
use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::intermediate::IntermediatePlace;
use bus_schema::live::{
    Hello, HelloType, JobProgress, LiveFact, LiveMessage, ProgressType, RenditionProgress,
};
use bus_schema::plan::Span;
use bus_schema::progress::Progress;
use bus_schema::report::{ErrorCode, Outcome, Report};
use bus_schema::request::loudness::LoudnessResult;
use bus_schema::request::uploaded_image::UploadedImage;
use bus_schema::task::{
    AssembleSpec, AudioPieces, AudioSpec, ChunkSpec, ImagesSpec, Invitation, Piece, ProbeSpec,
    RemuxSpec, SubtitlesSpec, TaskKind, TaskSpec,
};
use bus_schema::timer::Timer;

use crate::sample::{self, AT_MS, SECOND_NS, SOURCE_BYTES, rendition};
use crate::sample_plan;
use crate::sample_result;

pub(crate) fn invitation() -> Invitation {
    Invitation {
        job: sample::job(),
        task: TaskNumber(3),
        kind: TaskKind::Chunk,
    }
}

pub(crate) fn claim_requests() -> Vec<(&'static str, ClaimRequest)> {
    let new = ClaimRequest {
        worker: sample::worker(),
        run: sample::token().as_str().to_owned(),
        job: sample::job(),
        task: TaskNumber(3),
        held: None,
        want: Vec::new(),
    };
    let more = ClaimRequest {
        held: Some(sample::held()),
        want: wants(),
        ..new.clone()
    };
    vec![("new", new), ("more", more)]
}

pub(crate) fn wants() -> Vec<Want> {
    vec![
        Want::Source,
        Want::Image,
        Want::Put {
            name: "720p/000001.m4s".to_owned(),
            bytes: 1_200_345,
        },
        Want::Get {
            name: "t3a1/720p/000001.m4s".to_owned(),
        },
        Want::Part {
            n: 1,
            bytes: 67_108_864,
        },
    ]
}

pub(crate) fn claim_replies() -> Vec<(&'static str, ClaimReply)> {
    let go = |spec| Go {
        held: sample::held(),
        deadline_ms: AT_MS + 30_000,
        spec,
        addresses: Vec::new(),
        intermediate: None,
    };
    let mut remuxed = go(None);
    remuxed.intermediate = Some(IntermediatePlace {
        task: TaskNumber(0),
        attempt: Attempt(1),
        intermediate: sample::intermediate(),
    });
    let mut more = go(None);
    more.addresses.push(SignedRequest {
        method: "PUT".to_owned(),
        url: "http://127.0.0.1:9000/media/outputs/default/x?X-Amz-Signature=ab".to_owned(),
        headers: [("content-length".to_owned(), "1200345".to_owned())].into(),
        expires_at_ms: AT_MS + 900_000,
    });
    let [probe, chunk, audio, assemble, remux, images, subtitles] =
        specs().map(|spec| ClaimReply::Go(go(Some(spec.into()))));
    vec![
        ("go-probe", probe),
        ("go-chunk", chunk),
        ("go-audio", audio),
        ("go-assemble", assemble),
        ("go-remux", remux),
        ("go-images", images),
        ("go-subtitles", subtitles),
        ("go-intermediate", ClaimReply::Go(remuxed)),
        ("go-more", ClaimReply::Go(more)),
        (
            "gone",
            ClaimReply::Gone {
                reason: "The job was cancelled.".to_owned(),
            },
        ),
        ("later", ClaimReply::Later { after_ms: 2_000 }),
    ]
}

pub(crate) fn specs() -> [TaskSpec; 7] {
    let source_bytes = SOURCE_BYTES;
    let piece = Piece {
        task: TaskNumber(2),
        attempt: Attempt(1),
        part: None,
        first_segment: 0,
        n_segments: 1,
    };
    let even = |task, first_segment| Piece {
        task: TaskNumber(task),
        first_segment,
        n_segments: 4,
        ..piece
    };
    let part = Piece {
        task: TaskNumber(1),
        part: Some(0),
        n_segments: 5,
        ..piece
    };
    [
        TaskSpec::Probe(ProbeSpec { source_bytes }),
        TaskSpec::Chunk(ChunkSpec {
            source_bytes,
            facts: sample::video_facts(),
            span: Span {
                start_ns: 4 * SECOND_NS,
                end_ns: Some(20 * SECOND_NS),
            },
            segment_ns: 4 * SECOND_NS,
            first_segment: 1,
            video: sample_plan::video_plan(),
            watermark: Some(sample::watermark()),
            scene_score_permille: Some(100),
            clip: Some(sample::clip()),
        }),
        TaskSpec::Audio(AudioSpec {
            source_bytes,
            facts: sample::audio_facts(),
            segment_ns: 4 * SECOND_NS,
            parts_done: 1,
            audio: sample_plan::audio_plan(),
            clip: Some(sample::clip()),
        }),
        TaskSpec::Assemble(AssembleSpec {
            tenant: bus_schema::TenantId::default(),
            job: sample::job(),
            name: rendition("720p"),
            video: vec![piece, even(3, 1), even(4, 5)],
            video_name: Some(rendition("720p")),
            audio: vec![AudioPieces {
                name: rendition("audio"),
                pieces: vec![part],
            }],
        }),
        TaskSpec::Remux(RemuxSpec { source_bytes }),
        TaskSpec::Images(ImagesSpec {
            source_bytes,
            facts: sample::video_facts(),
            images: sample_plan::images_plan(),
            scenes_ns: vec![0, 12_345_678_901],
            clip: Some(sample::clip()),
            uploaded: Some(UploadedImage { bytes: 123_456 }),
        }),
        subtitles(),
    ]
}

fn subtitles() -> TaskSpec {
    TaskSpec::Subtitles(SubtitlesSpec {
        source_bytes: SOURCE_BYTES,
        facts: vec![sample::subtitle_facts()],
        subtitles: vec![sample_plan::subtitle_plan()],
        duration_ns: 60 * SECOND_NS,
        clip: Some(sample::clip()),
    })
}

pub(crate) fn reports() -> Vec<(&'static str, Report)> {
    let mut broadcast = sample::facts();
    broadcast.container = "mpegts".to_owned();
    broadcast.intermediate = Some(sample::intermediate());
    let outcomes = [
        ("probed", Outcome::Probed(sample::facts())),
        ("probed-remuxed", Outcome::Probed(broadcast)),
        (
            "transcoded",
            Outcome::Transcoded(sample_result::chunk_result()),
        ),
        (
            "audio-part",
            Outcome::AudioPart(sample_result::audio_part()),
        ),
        (
            "audio-done",
            Outcome::AudioDone {
                n_parts: 3,
                loudness: Some(LoudnessResult {
                    source_centilufs: Some(-2_310),
                    gain_centidb: 710,
                }),
            },
        ),
        (
            "assembled",
            Outcome::Assembled(sample_result::assemble_result()),
        ),
        (
            "remuxed",
            Outcome::Remuxed(sample_result::assemble_result()),
        ),
        (
            "pictured",
            Outcome::Pictured(sample_result::images_result()),
        ),
        (
            "subtitled",
            Outcome::Subtitled(sample_result::subtitles_result()),
        ),
        (
            "failed",
            Outcome::Failed(sample::error(ErrorCode::Truncated)),
        ),
        (
            "returned",
            Outcome::Returned {
                reason: "This worker drains.".to_owned(),
            },
        ),
    ];
    let report = |outcome| Report {
        worker: sample::worker(),
        job: sample::job(),
        task: TaskNumber(3),
        held: sample::held(),
        outcome,
    };
    outcomes
        .map(|(name, outcome)| (name, report(outcome)))
        .into()
}

pub(crate) fn progress() -> Progress {
    Progress {
        worker: sample::worker(),
        job: sample::job(),
        task: TaskNumber(3),
        attempt: Attempt(2),
        done_ns: vec![0, 5_005_000_000],
        total_ns: 16 * SECOND_NS,
        frames_per_s: 118,
    }
}

pub(crate) fn controls() -> Vec<(&'static str, Control)> {
    let cancel = |task| Control::Cancel {
        job: sample::job(),
        task,
    };
    vec![
        ("cancel-job", cancel(None)),
        ("cancel-task", cancel(Some(TaskNumber(3)))),
        ("drain", Control::Drain),
    ]
}

pub(crate) fn timers() -> Vec<(&'static str, Timer)> {
    let delivery = Box::new(sample::delivery());
    vec![
        ("job", Timer::Job { job: sample::job() }),
        ("webhook", Timer::Webhook { delivery }),
    ]
}

pub(crate) fn live() -> Vec<(&'static str, LiveMessage)> {
    let job = sample::job();
    let hello = Hello {
        r#type: HelloType::Hello,
        job,
        n: 11,
        recovered: true,
    };
    let progress = JobProgress {
        r#type: ProgressType::Progress,
        job,
        n: 12,
        percent: 41.5,
        speed: 3.25,
        eta_ms: Some(11_000),
        remuxed_percent: Some(99.5),
        renditions: vec![RenditionProgress {
            name: rendition("720p"),
            percent: 41.5,
        }],
    };
    let fact = LiveFact {
        job,
        n: 13,
        at_ms: AT_MS,
        fact: Fact::Playable { after_ms: 1_234 },
    };
    vec![
        ("hello", LiveMessage::Hello(hello)),
        ("progress", LiveMessage::Progress(progress)),
        ("fact", LiveMessage::Fact(fact)),
    ]
}
