//! What the tests' job is planned to become.

use bus_schema::plan::images::ImagesPlan;
use bus_schema::plan::subtitles::SubtitlePlan;
use bus_schema::plan::{
    AudioPlan, CopiedAudio, CopyPlan, Plan, Takeover, VideoPlan, VideoRendition,
};
use bus_schema::request::loudness::Loudness;

use crate::sample::{SECOND_NS, images_request, rendition, video_facts};

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

/// Of a source that is copied.
pub(crate) fn copy_plan() -> Plan {
    Plan {
        video: None,
        audio: Vec::new(),
        copy: Some(CopyPlan {
            name: rendition("720p"),
            width: 720,
            height: 1280,
            audio: Some(CopiedAudio {
                name: rendition("audio"),
                language: Some("de".to_owned()),
                title: Some("Deutsch".to_owned()),
            }),
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
