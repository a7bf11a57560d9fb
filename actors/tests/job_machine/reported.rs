//! What honest workers report.

use bus_schema::attempt::{
    AssembleResult, AudioPart, ChunkResult, ImageResult, ImagesResult, SubtitleResult,
    SubtitlesResult,
};
use bus_schema::source::{AacFacts, AudioFacts, H264Facts, IndexFacts, SourceFacts, VideoFacts};

pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// Facts of a film that may be copied, with a track of sound.
pub(crate) fn facts(duration_s: u64) -> SourceFacts {
    let duration_ns = duration_s * SECOND_NS;
    let video = VideoFacts {
        codec: "h264".to_owned(),
        width: 640,
        height: 360,
        coded_width: 640,
        coded_height: 360,
        rotation_deg: 0,
        fps_num: 25,
        fps_den: 1,
        timescale: 90_000,
        frames: None,
        may_lack: false,
        bit_depth: 8,
        is_interlaced: false,
        start_ns: 0,
        duration_ns,
        transfer: None,
        primaries: None,
    };
    let audio = AudioFacts {
        track: 0,
        stream: String::new(),
        codec: "aac".to_owned(),
        channels: 2,
        sample_rate_hz: 48_000,
        language: None,
        title: None,
        is_default: false,
        duration_ns,
    };
    SourceFacts {
        container: "mp4".to_owned(),
        duration_ns,
        video: Some(video),
        audio: vec![audio],
        subtitles: Vec::new(),
        index: Some(IndexFacts {
            is_fragmented: false,
            n_video: 1,
            has_plain_edits: true,
            is_consistent: true,
            h264: Some(H264Facts {
                profile: 100,
                level: 40,
                chroma_format: 1,
                bit_depth: 8,
                is_progressive: true,
            }),
            aac: Some(AacFacts {
                object_type: 2,
                channels: 2,
            }),
        }),
        intermediate: None,
        broadcast: None,
    }
}

pub(crate) fn copied() -> AssembleResult {
    AssembleResult {
        bytes: 900,
        n_parts: 1,
        frames: 50,
        duration_ms: 2_000,
        codecs: String::new(),
    }
}

pub(crate) fn chunk() -> ChunkResult {
    ChunkResult {
        frames: 1,
        held: 0,
        start: 0,
        durations: vec![1],
        renditions: Vec::new(),
        cpu_ms: 1,
        scenes: Vec::new(),
    }
}

pub(crate) fn audio_part(part: u32) -> AudioPart {
    AudioPart {
        part,
        first_segment: part * 5,
        start: 0,
        durations: vec![1],
        bytes: vec![1],
        init_bytes: 1,
        samples_bytes: 1,
        codecs: "mp4a.40.2".to_owned(),
    }
}

/// Subtitles as a worker reports them: a track of one cue.
pub(crate) fn subtitled() -> SubtitlesResult {
    SubtitlesResult {
        tracks: vec![SubtitleResult {
            bytes: 60,
            cues: 1,
            left_out: 0,
        }],
        cpu_ms: 1,
    }
}

/// Still images as a worker reports them: a poster alone.
pub(crate) fn pictured() -> ImagesResult {
    ImagesResult {
        poster: Some(ImageResult {
            number: 0,
            time_ms: 40,
            bytes: vec![1_000],
        }),
        thumbnails: Vec::new(),
        sheets: Vec::new(),
        uploaded: None,
        cpu_ms: 1,
    }
}
