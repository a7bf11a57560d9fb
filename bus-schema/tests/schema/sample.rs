//! One job of the tests, from which all samples are made: a minute of 720p with sound.

use bus_schema::broadcast::{BroadcastFacts, UnreadFacts};
use bus_schema::claim::Held;
use bus_schema::heartbeat::{Busy, EncoderCheck, Heartbeat};
use bus_schema::id::{Attempt, JobId, RenditionName, TaskNumber, Token, WorkerName};
use bus_schema::intermediate::Intermediate;
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::request::clip::Clip;
use bus_schema::request::images::{ImageFormat, ImagesRequest, Poster, Thumbnails};
use bus_schema::request::watermark::{Mark, Position, Watermark};
use bus_schema::source::{
    AacFacts, AudioFacts, H264Facts, IndexFacts, SourceFacts, SubtitleFacts, VideoFacts,
};
use bus_schema::task::TaskClass;
use bus_schema::webhook::Delivery;

/// 20 November 2025, noon.
pub(crate) const AT_MS: u64 = 1_763_640_000_000;
pub(crate) const SECOND_NS: u64 = 1_000_000_000;
pub(crate) const SOURCE_BYTES: u64 = 12_345_678;

pub(crate) fn job() -> JobId {
    JobId::from_parts(AT_MS, [1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
}

pub(crate) fn worker() -> WorkerName {
    "w1".parse().expect("a worker name")
}

pub(crate) fn rendition(name: &str) -> RenditionName {
    name.parse().expect("a rendition name")
}

pub(crate) fn token() -> Token {
    "00112233445566778899aabbccddeeff".parse().expect("a token")
}

pub(crate) fn held() -> Held {
    Held {
        attempt: Attempt(2),
        token: token(),
    }
}

pub(crate) fn error(code: ErrorCode) -> TaskError {
    TaskError {
        code,
        message: "The file ends after 3 of 60 seconds.".to_owned(),
    }
}

pub(crate) fn clip() -> Clip {
    Clip {
        start_ms: 1_500,
        end_ms: Some(61_000),
    }
}

pub(crate) fn watermark() -> Watermark {
    Watermark {
        mark: Mark::Text {
            line: "© tcoder".to_owned(),
        },
        position: Position::TopRight,
        width_percent: 20,
        opacity_percent: 60,
        margin_percent: 3,
    }
}

pub(crate) fn video_facts() -> VideoFacts {
    VideoFacts {
        codec: "h264".to_owned(),
        width: 720,
        height: 1280,
        coded_width: 1280,
        coded_height: 720,
        rotation_deg: 90,
        fps_num: 30_000,
        fps_den: 1_001,
        timescale: 90_000,
        frames: Some(1_798),
        may_lack: false,
        bit_depth: 8,
        is_interlaced: false,
        start_ns: 33_366_666,
        duration_ns: 60 * SECOND_NS,
        transfer: Some("bt709".to_owned()),
        primaries: Some("bt709".to_owned()),
    }
}

pub(crate) fn audio_facts() -> AudioFacts {
    AudioFacts {
        track: 0,
        stream: "002".to_owned(),
        codec: "aac".to_owned(),
        channels: 6,
        sample_rate_hz: 48_000,
        language: Some("de".to_owned()),
        title: Some("Deutsch \"5.1\"".to_owned()),
        is_default: true,
        duration_ns: 60 * SECOND_NS,
    }
}

pub(crate) fn facts() -> SourceFacts {
    SourceFacts {
        container: "mp4".to_owned(),
        duration_ns: 60 * SECOND_NS,
        video: Some(video_facts()),
        audio: vec![audio_facts()],
        subtitles: vec![subtitle_facts()],
        index: Some(IndexFacts {
            is_fragmented: false,
            n_video: 1,
            has_plain_edits: true,
            is_consistent: true,
            h264: Some(H264Facts {
                profile: 100,
                level: 31,
                chroma_format: 1,
                bit_depth: 8,
                is_progressive: true,
            }),
            aac: Some(AacFacts {
                object_type: 2,
                channels: 6,
            }),
        }),
        intermediate: None,
        broadcast: Some(Box::new(BroadcastFacts {
            lost_packets: 12,
            gaps: 3,
            first_gap_ns: Some(7 * SECOND_NS),
            lead_ns: 700_000_000,
            unread: vec![UnreadFacts {
                pid: 257,
                codec: "DTS".to_owned(),
                is_video: false,
                is_scrambled: false,
                is_late: true,
                language: Some("eng".to_owned()),
            }],
        })),
    }
}

/// What a broadcast of the size of the source was remuxed into.
pub(crate) fn intermediate() -> Intermediate {
    Intermediate {
        head_bytes: 54_321,
        media_bytes: 12_000_000,
        piece_bytes: bus_schema::intermediate::PIECE_BYTES,
    }
}

pub(crate) fn subtitle_facts() -> SubtitleFacts {
    SubtitleFacts {
        track: 1,
        stream: "4".to_owned(),
        codec: "subrip".to_owned(),
        language: Some("ger".to_owned()),
        title: Some("Deutsch \"forced\"".to_owned()),
        is_default: true,
        is_forced: true,
    }
}

pub(crate) fn images_request() -> ImagesRequest {
    ImagesRequest {
        format: ImageFormat::Webp,
        widths: vec![640, 320],
        poster: Poster::Uploaded { bytes: 123_456 },
        thumbnails: Thumbnails::Interval { ms: 10_000 },
        has_storyboard: true,
    }
}

pub(crate) fn heartbeat() -> Heartbeat {
    Heartbeat {
        worker: worker(),
        run: "9f86d081884c7d65".to_owned(),
        pid: 4_242,
        slots: [(TaskClass::Cpu, 1), (TaskClass::Light, 4)].into(),
        busy: vec![Busy {
            job: job(),
            task: TaskNumber(3),
            attempt: Attempt(2),
        }],
        encoders: vec![
            EncoderCheck {
                encoder: "x264enc".to_owned(),
                failure: None,
            },
            EncoderCheck {
                encoder: "vah264enc".to_owned(),
                failure: Some("There is no GPU.".to_owned()),
            },
        ],
        is_draining: false,
    }
}

pub(crate) fn delivery() -> Delivery {
    Delivery {
        endpoint: "0123456789abcdef0123".parse().expect("an endpoint id"),
        url: "https://example.com/hook?a=1".to_owned(),
        job: job(),
        n: 7,
        attempt: 3,
        payload: r#"{"type":"job.playable","timestamp":"2025-11-20T12:00:00Z","data":{}}"#
            .to_owned(),
    }
}
