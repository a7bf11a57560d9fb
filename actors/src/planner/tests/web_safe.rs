//! What preset `default` copies, and the first reason that it gives where it encodes.

use bus_schema::broadcast::BroadcastFacts;
use bus_schema::request::clip::Clip;
use bus_schema::request::watermark::{Mark, Position, Watermark};
use bus_schema::source::{AacFacts, H264Facts, IndexFacts};

use super::*;

/// What is done to a source that every browser plays.
type Change = fn(&mut SourceFacts);

/// A source that every browser plays.
fn web_safe() -> SourceFacts {
    let mut facts = facts(1280, 720);
    facts.audio[0].channels = 2;
    facts.index = Some(IndexFacts {
        is_fragmented: false,
        n_video: 1,
        has_plain_edits: true,
        is_consistent: true,
        h264: Some(H264Facts {
            profile: 100,
            level: 52,
            chroma_format: 1,
            bit_depth: 8,
            is_progressive: true,
        }),
        aac: Some(AacFacts {
            object_type: 2,
            channels: 2,
        }),
    });
    facts
}

fn changed(change: Change) -> Plan {
    let mut facts = web_safe();
    change(&mut facts);
    plan(&facts, &request(Preset::Default, &[])).unwrap()
}

fn index(facts: &mut SourceFacts) -> &mut IndexFacts {
    facts.index.as_mut().unwrap()
}

fn h264(facts: &mut SourceFacts) -> &mut H264Facts {
    index(facts).h264.as_mut().unwrap()
}

#[test]
fn a_copy_tells_of_the_sound_that_it_keeps() {
    let of = |change| changed(change).copy.unwrap().audio;
    let audio = of(|facts| facts.audio[0].language = Some("ger".to_owned())).unwrap();
    assert_eq!(audio.name.as_str(), "audio");
    assert_eq!(audio.language.as_deref(), Some("de"));
    let none = of(|facts| {
        facts.audio.clear();
        index(facts).aac = None;
    });
    assert_eq!(none, None);
}

#[test]
fn a_web_safe_source_is_copied_under_the_name_of_its_size() {
    let ways: [Change; 7] = [
        |_| {},
        |facts| facts.container = "mov".to_owned(),
        |facts| h264(facts).profile = 66,
        |facts| h264(facts).profile = 77,
        |facts| h264(facts).level = 9,
        |facts| index(facts).aac.as_mut().unwrap().channels = 1,
        |facts| {
            facts.audio.clear();
            index(facts).aac = None;
        },
    ];
    for change in ways {
        let plan = changed(change);
        let copy = plan.copy.unwrap();
        assert_eq!(
            (copy.name.as_str(), copy.width, copy.height),
            ("720p", 1280, 720)
        );
        assert_eq!(plan.files, [copy.name]);
        assert!(plan.video.is_none() && plan.audio.is_empty() && !plan.is_streamed);
        assert_eq!(plan.encode_reason, None);
    }
}

#[test]
fn a_clip_is_encoded_and_says_so() {
    let clip = |start_ms, end_ms| JobRequest {
        clip: Some(Clip { start_ms, end_ms }),
        ..request(Preset::Default, &[])
    };
    let facts = web_safe();
    let whole = plan(&facts, &request(Preset::WebOptimized, &[])).unwrap();
    let half_ms = facts.duration_ns / 2_000_000;
    let part = plan(&facts, &clip(half_ms, None)).unwrap();
    let reason = part.encode_reason.clone().unwrap();
    assert!(part.copy.is_none() && reason.contains("clip"), "{reason}");
    assert_eq!(part.duration_ns, facts.duration_ns - half_ms * 1_000_000);
    let short = plan(&facts, &clip(0, Some(3_000))).unwrap();
    assert!(whole.n_chunks() > 1 && short.n_chunks() == 1);
    assert!(part.video.unwrap().end_ns <= part.duration_ns);
    for (refused, words) in [
        (clip(4, Some(3)), "ends at 3 ms, and begins at 4 ms"),
        (clip(half_ms * 3, None), "begin earlier"),
        (clip(0, Some(half_ms * 3)), "end earlier"),
    ] {
        let error = plan(&facts, &refused).unwrap_err();
        assert_eq!(error.code, ErrorCode::Unsupported);
        assert!(error.message.contains(words), "{error:?}");
        assert!(error.message.starts_with("The clip ") && error.message.ends_with('.'));
    }
}

#[test]
fn a_source_with_a_watermark_is_encoded_and_says_so() {
    let request = JobRequest {
        watermark: Some(Watermark {
            mark: Mark::Text {
                line: "© me".to_owned(),
            },
            position: Position::default(),
            width_percent: 15,
            opacity_percent: 100,
            margin_percent: 2,
        }),
        ..request(Preset::Default, &[])
    };
    let plan = plan(&web_safe(), &request).unwrap();
    let reason = plan.encode_reason.unwrap();
    assert!(
        plan.copy.is_none() && reason.contains("watermark"),
        "{reason}"
    );
}

#[test]
fn what_is_not_web_safe_is_encoded_for_its_first_reason() {
    let cases: [(&str, Change); 22] = [
        ("lost on their way", |facts| {
            facts.broadcast = Some(Box::new(BroadcastFacts {
                lost_packets: 1,
                gaps: 1,
                ..BroadcastFacts::default()
            }));
        }),
        ("kind matroska", |facts| {
            facts.container = "matroska".to_owned()
        }),
        (
            "(h264, aac) cannot be rewritten from mpegts into an MP4",
            |facts| facts.container = "mpegts".to_owned(),
        ),
        ("index cannot be read", |facts| facts.index = None),
        ("in fragments", |facts| index(facts).is_fragmented = true),
        ("2 pictures", |facts| index(facts).n_video = 2),
        ("hevc", |facts| {
            facts.video.as_mut().unwrap().codec = "hevc".to_owned()
        }),
        ("parameters", |facts| index(facts).h264 = None),
        ("4:2:0", |facts| h264(facts).chroma_format = 2),
        ("10 bits", |facts| h264(facts).bit_depth = 10),
        ("12 bits", |facts| {
            facts.video.as_mut().unwrap().bit_depth = 12
        }),
        ("high dynamic range", |facts| {
            facts.video.as_mut().unwrap().transfer = Some("arib-std-b67".to_owned())
        }),
        ("interlaced", |facts| h264(facts).is_progressive = false),
        ("interlaced", |facts| {
            facts.video.as_mut().unwrap().is_interlaced = true
        }),
        ("profile 88", |facts| h264(facts).profile = 88),
        ("level 6.1", |facts| h264(facts).level = 61),
        ("ac3", |facts| facts.audio[0].codec = "ac3".to_owned()),
        ("set up", |facts| index(facts).aac = None),
        ("low complexity", |facts| {
            index(facts).aac.as_mut().unwrap().object_type = 5
        }),
        ("stereo", |facts| {
            index(facts).aac.as_mut().unwrap().channels = 6
        }),
        ("edit list", |facts| index(facts).has_plain_edits = false),
        ("contradict", |facts| index(facts).is_consistent = false),
    ];
    for (word, change) in cases {
        let plan = changed(change);
        let reason = plan.encode_reason.unwrap();
        assert!(reason.contains(word), "{word}: {reason}");
        assert!(reason.starts_with("The source is encoded, since ") && reason.ends_with('.'));
        assert!(plan.copy.is_none() && plan.video.is_some());
        assert_eq!(plan.files.len(), 1);
    }
}

#[test]
fn the_reason_is_the_first_of_several() {
    let plan = changed(|facts| {
        facts.video.as_mut().unwrap().codec = "hevc".to_owned();
        facts.audio[0].codec = "ac3".to_owned();
        index(facts).has_plain_edits = false;
    });
    let reason = plan.encode_reason.unwrap();
    assert!(
        reason.contains("hevc") && !reason.contains("ac3"),
        "{reason}"
    );
}

#[test]
fn names_from_the_file_stay_short_and_plain() {
    let plan = changed(|facts| facts.container = "<b>\n".repeat(99));
    let reason = plan.encode_reason.unwrap();
    assert!(
        reason.len() < 120 && !reason.contains(['<', '\n']),
        "{reason}"
    );
}

#[test]
fn only_the_preset_for_it_copies_and_only_when_no_size_is_asked_for() {
    let facts = web_safe();
    for preset in [Preset::WebOptimized, Preset::Hls, Preset::HlsAdaptive] {
        let plan = plan(&facts, &request(preset, &[])).unwrap();
        assert_eq!((plan.copy, plan.encode_reason), (None, None));
    }
    for quality in ["720p", "360p", "audio"] {
        let plan = plan(&facts, &request(Preset::Default, &[quality])).unwrap();
        assert_eq!(plan.copy, None);
        assert!(plan.encode_reason.unwrap().contains("by name"));
    }
}

#[test]
fn another_codec_is_encoded_and_says_so() {
    let request = JobRequest {
        codec: VideoCodec::Av1,
        ..request(Preset::Default, &[])
    };
    let plan = plan(&web_safe(), &request).unwrap();
    assert_eq!(plan.copy, None);
    assert_eq!(
        plan.encode_reason.unwrap(),
        "The source is encoded, since av1 was asked for, and only H.264 is copied."
    );
    assert_eq!(plan.video.unwrap().renditions[0].encoder, "av1enc");
}

#[test]
fn a_copy_of_more_than_a_day_is_refused_too() {
    let mut facts = web_safe();
    facts.duration_ns = SOURCE_NS_MAX + 1;
    let error = plan(&facts, &request(Preset::Default, &[])).unwrap_err();
    assert_eq!(error.code, ErrorCode::Unsupported);
}
