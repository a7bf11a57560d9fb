//! What the tasks of the tests' job give.

use bus_schema::attempt::{
    AssembleResult, AudioPart, ChunkResult, ImageResult, ImagesResult, RenditionResult,
    SceneChange, SubtitleResult, SubtitlesResult,
};
use bus_schema::request::uploaded_image::ImageVerdict;

use crate::sample::rendition;

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
