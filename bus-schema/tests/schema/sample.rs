//! One job of the tests, from which all samples are made: a minute of 720p with sound.

use bus_schema::attempt::{
    AssembleResult, AudioPart, ChunkResult, ImageResult, ImagesResult, RenditionResult,
    SceneChange, SubtitleResult, SubtitlesResult,
};
use bus_schema::broadcast::{BroadcastFacts, UnreadFacts};
use bus_schema::claim::Held;
use bus_schema::heartbeat::{Busy, EncoderCheck, Heartbeat};
use bus_schema::id::{Attempt, JobId, RenditionName, TaskNumber, Token, WorkerName};
use bus_schema::intermediate::Intermediate;
use bus_schema::plan::images::ImagesPlan;
use bus_schema::plan::subtitles::SubtitlePlan;
use bus_schema::plan::{AudioPlan, CopyPlan, Plan, Takeover, VideoPlan, VideoRendition};
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::request::clip::Clip;
use bus_schema::request::images::{ImageFormat, ImagesRequest, Poster, Thumbnails};
use bus_schema::request::loudness::Loudness;
use bus_schema::request::uploaded_image::ImageVerdict;
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

pub(crate) fn subtitle_plan() -> SubtitlePlan {
    SubtitlePlan {
        name: rendition("subtitles"),
        track: 1,
        language: Some("de".to_owned()),
        title: Some("Deutsch 'forced'".to_owned()),
        is_default: true,
        is_forced: true,
    }
}

pub(crate) fn subtitles_result() -> SubtitlesResult {
    SubtitlesResult {
        tracks: vec![SubtitleResult {
            bytes: 123_456,
            cues: 1_234,
            left_out: 2,
        }],
        cpu_ms: 45,
    }
}

pub(crate) fn video_plan() -> VideoPlan {
    VideoPlan {
        timescale: 90_000,
        end_ns: 60 * SECOND_NS,
        renditions: vec![VideoRendition {
            name: rendition("720p"),
            width: 720,
            height: 1280,
            encoder: "x264enc".to_owned(),
            crf: 23,
            bitrate_max_bps: 4_500_000,
            buffer_bits: 9_000_000,
            keyframe_frames_max: 120,
        }],
        takeover: None,
    }
}

pub(crate) fn audio_plan() -> AudioPlan {
    AudioPlan {
        name: rendition("audio"),
        track: 0,
        channels: 2,
        sample_rate_hz: 48_000,
        bitrate_bps: 128_000,
        part_segments: 5,
        language: Some("de".to_owned()),
        title: Some("Deutsch".to_owned()),
        loudness: Some(Loudness {
            target_centilufs: -1_600,
            true_peak_centidb: -100,
        }),
    }
}

pub(crate) fn plan() -> Plan {
    Plan {
        segment_ns: 4 * SECOND_NS,
        first_chunk_ns: 4 * SECOND_NS,
        chunk_ns: 16 * SECOND_NS,
        duration_ns: 60 * SECOND_NS,
        video: Some(video_plan()),
        audio: vec![audio_plan()],
        copy: None,
        is_streamed: true,
        encode_reason: Some("The picture is turned.".to_owned()),
        files: vec![rendition("720p"), rendition("audio")],
        warnings: vec!["Of 9 tracks of sound the first 8 are used.".to_owned()],
        images: None,
        subtitles: Vec::new(),
    }
}

/// Every image that there can be.
pub(crate) fn images_plan() -> ImagesPlan {
    ImagesPlan::new(&images_request(), &video_facts(), 60 * SECOND_NS)
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

pub(crate) fn images_result() -> ImagesResult {
    let image = |number, time_ms| ImageResult {
        number,
        time_ms,
        bytes: vec![45_678, 23_456],
    };
    ImagesResult {
        poster: Some(image(0, 0)),
        thumbnails: vec![image(1, 0), image(2, 9_976)],
        sheets: vec![345_678],
        uploaded: Some(ImageVerdict::Used),
        cpu_ms: 1_234,
    }
}

/// Of a source that is copied.
pub(crate) fn copy_plan() -> Plan {
    Plan {
        video: None,
        audio: Vec::new(),
        copy: Some(CopyPlan {
            name: rendition("720p"),
            width: 720,
            height: 1280,
        }),
        is_streamed: false,
        encode_reason: None,
        files: vec![rendition("720p")],
        warnings: Vec::new(),
        images: Some(images_plan()),
        subtitles: vec![subtitle_plan()],
        ..plan()
    }
}

/// Of a film whose device failed when a part of it was listed.
pub(crate) fn takeover_plan() -> Plan {
    let mut video = video_plan();
    video.renditions[0].encoder = "vah264enc".to_owned();
    video.takeover = Some(Takeover {
        from_chunk: 2,
        encoder: "x264enc".to_owned(),
        crf: 23,
    });
    Plan {
        video: Some(video),
        ..plan()
    }
}

pub(crate) fn chunk_result() -> ChunkResult {
    ChunkResult {
        frames: 240,
        held: 0,
        start: 360_360,
        durations: vec![360_360, 360_360],
        renditions: vec![RenditionResult {
            name: rendition("720p"),
            bytes: vec![1_200_345, 998_001],
            keyframe_bytes: vec![80_120, 79_004],
            init_bytes: 741,
            samples_bytes: 3_840,
            codecs: "avc1.64001f".to_owned(),
            config: "5feceb66ffc86f38".to_owned(),
        }],
        cpu_ms: 8_250,
        scenes: vec![SceneChange {
            at: 400_000,
            score_permille: 234,
        }],
    }
}

pub(crate) fn audio_part() -> AudioPart {
    AudioPart {
        part: 1,
        first_segment: 5,
        start: 960_512,
        durations: vec![192_512, 191_488],
        bytes: vec![64_300, 64_120],
        init_bytes: 640,
        samples_bytes: 1_504,
        codecs: "mp4a.40.2".to_owned(),
    }
}

pub(crate) fn assemble_result() -> AssembleResult {
    AssembleResult {
        // Above 4 GiB, where a narrower number would show.
        bytes: 5_000_000_000,
        n_parts: 75,
        frames: 1_798,
        duration_ms: 60_010,
        codecs: "avc1.64001f,mp4a.40.2".to_owned(),
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
