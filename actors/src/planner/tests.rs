//! Presets and ladders become plans; whatever a probe reports, a plan is sound or refused by name.

mod properties;
mod web_safe;

use bus_schema::source::AudioFacts;

use super::*;

fn facts(width: u32, height: u32) -> SourceFacts {
    let video = VideoFacts {
        codec: "h264".to_owned(),
        width,
        height,
        coded_width: width,
        coded_height: height,
        rotation_deg: 0,
        fps_num: 25,
        fps_den: 1,
        timescale: 90_000,
        frames: Some(250),
        may_lack: false,
        bit_depth: 8,
        is_interlaced: false,
        start_ns: 0,
        duration_ns: 10 * SECOND_NS,
        transfer: None,
        primaries: None,
    };
    let audio = AudioFacts {
        track: 0,
        stream: String::new(),
        codec: "aac".to_owned(),
        channels: 6,
        sample_rate_hz: 22_050,
        language: None,
        title: None,
        is_default: false,
        duration_ns: 10 * SECOND_NS,
    };
    SourceFacts {
        container: "mp4".to_owned(),
        duration_ns: 10 * SECOND_NS,
        video: Some(video),
        audio: vec![audio],
        subtitles: Vec::new(),
        index: None,
        intermediate: None,
        broadcast: None,
    }
}

/// With the standard ladder, where no worker is known.
fn plan(facts: &SourceFacts, request: &JobRequest) -> Result<Plan, TaskError> {
    let means = Means {
        ladder: &Ladder::default(),
        encoders: &BTreeSet::new(),
    };
    super::plan(facts, request, means)
}

fn request(preset: Preset, qualities: &[&str]) -> JobRequest {
    JobRequest {
        filename: "film.mp4".to_owned(),
        content_type: "video/mp4".to_owned(),
        preset,
        qualities: qualities
            .iter()
            .map(|&quality| quality.to_owned())
            .collect(),
        codec: VideoCodec::H264,
        webhook_url: None,
        metadata: std::collections::BTreeMap::new(),
        external_id: None,
        watermark: None,
        images: None,
        loudness: None,
        chapters: None,
        clip: None,
    }
}

fn files(facts: &SourceFacts, preset: Preset, qualities: &[&str]) -> Vec<String> {
    let plan = plan(facts, &request(preset, qualities)).unwrap();
    plan.files.iter().map(ToString::to_string).collect()
}

#[test]
fn eight_hours_of_a_frame_a_second_are_planned_like_any_film() {
    let mut source = facts(176, 144);
    source.duration_ns = 8 * 3_600 * SECOND_NS;
    source.audio[0].duration_ns = source.duration_ns;
    if let Some(video) = &mut source.video {
        (video.fps_num, video.fps_den) = (1, 1);
        (video.duration_ns, video.frames) = (source.duration_ns, Some(28_800));
    }
    let plan = plan(&source, &request(Preset::HlsAdaptive, &[])).unwrap();
    assert_eq!(plan.n_chunks(), 1_801);
    let last = plan.chunk(1_800);
    assert_eq!(last.start_ns, source.duration_ns - 12 * SECOND_NS);
    assert_eq!(plan.first_segment(1_800), 7_197);
    let renditions = plan.video.unwrap().renditions;
    let sizes: Vec<(u32, u32)> = renditions.iter().map(|r| (r.width, r.height)).collect();
    assert_eq!(sizes, [(176, 144)]);
    assert_eq!(renditions[0].keyframe_frames_max, 5);
}

#[test]
fn presets_choose_renditions() {
    let facts = facts(1280, 720);
    assert_eq!(
        files(&facts, Preset::HlsAdaptive, &[]),
        ["144p", "240p", "360p", "480p", "720p"]
    );
    assert_eq!(
        files(&facts, Preset::HlsAdaptive, &["360p", "144p"]),
        ["144p", "360p"]
    );
    assert_eq!(files(&facts, Preset::Hls, &[]), ["720p"]);
    assert_eq!(files(&facts, Preset::Hls, &["360p"]), ["360p"]);
    assert_eq!(files(&facts, Preset::WebOptimized, &[]), ["720p"]);
    assert_eq!(
        files(&facts, Preset::WebOptimized, &["480p", "audio"]),
        ["480p", "audio"]
    );
    assert_eq!(files(&facts, Preset::Default, &[]), ["720p"]);
    assert_eq!(files(&facts, Preset::HlsAdaptive, &["audio"]), ["audio"]);
}

#[test]
fn sources_without_what_is_asked_for_are_refused_by_name() {
    let mut sound = facts(1280, 720);
    sound.video = None;
    let adaptive = request(Preset::HlsAdaptive, &[]);
    assert_eq!(
        plan(&sound, &adaptive).unwrap_err().code,
        ErrorCode::NoVideo
    );
    assert!(plan(&sound, &request(Preset::HlsAdaptive, &["audio"])).is_ok());
    let mut silent = facts(1280, 720);
    silent.audio.clear();
    assert!(plan(&silent, &adaptive).unwrap().audio.is_empty());
    let audio = request(Preset::HlsAdaptive, &["audio"]);
    assert_eq!(plan(&silent, &audio).unwrap_err().code, ErrorCode::NoAudio);
}

#[test]
fn a_source_of_nonsensical_length_is_refused_by_name() {
    let adaptive = request(Preset::HlsAdaptive, &[]);
    let day_ns = 24 * 3_600 * SECOND_NS;
    let lasting = |change: fn(&mut SourceFacts, u64), ns| {
        let mut facts = facts(1280, 720);
        change(&mut facts, ns);
        plan(&facts, &adaptive)
    };
    let ways: [fn(&mut SourceFacts, u64); 4] = [
        |facts, ns| facts.duration_ns = ns,
        |facts, ns| facts.audio[0].duration_ns = ns,
        |facts, ns| facts.video.as_mut().unwrap().duration_ns = ns,
        |facts, ns| facts.video.as_mut().unwrap().start_ns = ns - 10 * SECOND_NS,
    ];
    for change in ways {
        assert!(lasting(change, day_ns).is_ok());
        for ns in [day_ns + 1, u64::MAX] {
            let error = lasting(change, ns).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unsupported);
            assert!(error.message.contains("at most 24"), "{}", error.message);
        }
    }
}

#[test]
fn a_source_without_length_is_one_chunk_to_its_end() {
    let mut facts = facts(1280, 720);
    facts.duration_ns = 0;
    facts.video.as_mut().unwrap().duration_ns = 0;
    let plan = plan(&facts, &request(Preset::HlsAdaptive, &[])).unwrap();
    assert_eq!((plan.n_chunks(), plan.chunk(0).end_ns), (1, None));
}

#[test]
fn a_timescale_that_none_can_count_in_is_replaced() {
    for (timescale, planned) in [
        (0, 90_000),
        (1, 90_000),
        (u32::MAX, 90_000),
        (30_000, 30_000),
    ] {
        let mut facts = facts(1280, 720);
        facts.video.as_mut().unwrap().timescale = timescale;
        let plan = plan(&facts, &request(Preset::HlsAdaptive, &[])).unwrap();
        assert_eq!(plan.video.unwrap().timescale, planned, "{timescale}");
    }
}

#[test]
fn sound_is_stereo_at_a_rate_of_its_family() {
    let plan = plan(&facts(640, 360), &request(Preset::HlsAdaptive, &[])).unwrap();
    let audio = &plan.audio[0];
    assert_eq!((audio.channels, audio.sample_rate_hz), (2, 44_100));
}

#[test]
fn codecs_pin_their_encoder_and_its_caps() {
    for (codec, encoder, bitrate_max_bps) in [
        (VideoCodec::H264, "x264enc", 4_500_000),
        (VideoCodec::Hevc, "x265enc", 3_375_000),
        (VideoCodec::Vp9, "vp9enc", 3_375_000),
        (VideoCodec::Av1, "av1enc", 3_375_000),
    ] {
        for preset in Preset::ALL {
            let request = JobRequest {
                codec,
                ..request(preset, &["720p"])
            };
            let plan = plan(&facts(1280, 720), &request).unwrap();
            let rendition = plan.video.unwrap().renditions.pop().unwrap();
            assert_eq!(rendition.encoder, encoder);
            assert_eq!(rendition.bitrate_max_bps, bitrate_max_bps, "{codec}");
            assert_eq!(rendition.buffer_bits, bitrate_max_bps, "{codec}");
        }
    }
}

#[test]
fn a_picture_too_small_for_its_codec_is_refused_by_name() {
    for codec in VideoCodec::ALL {
        let least = codec.side_min();
        let of = |width| {
            let request = JobRequest {
                codec,
                ..request(Preset::HlsAdaptive, &[])
            };
            plan(&facts(width, 100), &request)
        };
        assert!(of(least).is_ok(), "{codec}");
        if least > 2 {
            let error = of(least - 2).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unsupported);
            assert!(error.message.contains(codec.as_str()), "{error:?}");
        }
    }
}

#[test]
fn the_first_encoder_that_every_worker_has_is_pinned() {
    let pinned = |codec, encoders: &[&str]| {
        let request = JobRequest {
            codec,
            ..request(Preset::Hls, &[])
        };
        let means = Means {
            ladder: &Ladder::default(),
            encoders: &encoders.iter().map(|&name| name.to_owned()).collect(),
        };
        let plan = super::plan(&facts(1280, 720), &request, means).unwrap();
        let rendition = plan.video.unwrap().renditions.pop().unwrap();
        (rendition.encoder, rendition.crf)
    };
    let all = ["x264enc", "vah264enc", "nvh264enc", "vah265enc", "av1enc"];
    let of = |name: &str| {
        let quality = encoder::encoder(name).unwrap().quality;
        (name.to_owned(), quality)
    };
    assert_eq!(pinned(VideoCodec::H264, &all), of("nvh264enc"));
    assert_eq!(pinned(VideoCodec::Hevc, &all), of("vah265enc"));
    assert_eq!(pinned(VideoCodec::Av1, &all), of("av1enc"));
    assert_eq!(pinned(VideoCodec::Vp9, &all), of("vp9enc"));
    assert_eq!(pinned(VideoCodec::H264, &["x264enc"]), of("x264enc"));
}

#[test]
fn a_ladder_of_one_s_own_is_the_one_that_is_planned() {
    let rung = |name: &str, short_side, bitrate_max_bps| Rung {
        name: name.parse().unwrap(),
        short_side,
        bitrate_max_bps,
    };
    let ladder = Ladder::new(vec![
        rung("sd", 432, 1_200_000),
        rung("hd", 1080, 5_000_000),
    ])
    .unwrap();
    let means = Means {
        ladder: &ladder,
        encoders: &BTreeSet::new(),
    };
    let names = |preset, qualities: &[&str]| -> Vec<String> {
        let plan = super::plan(&facts(1920, 1080), &request(preset, qualities), means).unwrap();
        let renditions = plan.video.unwrap().renditions;
        renditions
            .iter()
            .map(|r| format!("{} {}", r.name, r.bitrate_max_bps))
            .collect()
    };
    assert_eq!(
        names(Preset::HlsAdaptive, &[]),
        ["sd 1200000", "hd 5000000"]
    );
    assert_eq!(names(Preset::HlsAdaptive, &["hd", "audio"]), ["hd 5000000"]);
    // Nothing at 720 lines: what is nearest below.
    assert_eq!(names(Preset::Hls, &[]), ["sd 1200000"]);
    assert_eq!(names(Preset::WebOptimized, &[]), ["sd 1200000"]);
    // Asked for when the ladder was another one.
    let error = super::plan(&facts(1920, 1080), &request(Preset::Hls, &["720p"]), means);
    assert!(error.unwrap_err().message.contains("`720p`"));
}
