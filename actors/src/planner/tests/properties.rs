//! Whatever facts a probe reports, planning either gives a plan whose invariants hold, or a named error.

use std::collections::BTreeSet;

use bus_schema::id::TaskNumber;
use bus_schema::language::is_tag;
use bus_schema::plan::{AUDIO_TRACKS_MAX, AudioPlan, TaskRole};
use bus_schema::record::Tasks;
use bus_schema::source::{AudioFacts, H264Facts, IndexFacts};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use super::*;

/// Numbers as damaged headers have them: mostly the edges.
fn n32() -> impl Strategy<Value = u32> {
    let edges = vec![
        0,
        1,
        2,
        3,
        25,
        1_001,
        90_000,
        10_000_001,
        u32::MAX - 1,
        u32::MAX,
    ];
    prop_oneof![prop::sample::select(edges), any::<u32>(), 1_u32..5_000]
}

fn ns() -> impl Strategy<Value = u64> {
    let edges = vec![0, 1, SECOND_NS - 1, SECOND_NS, u64::MAX / 2, u64::MAX];
    let film = 0..25 * 3_600 * SECOND_NS;
    prop_oneof![1 => prop::sample::select(edges), 1 => any::<u64>(), 3 => film]
}

fn video() -> impl Strategy<Value = VideoFacts> {
    let size = (n32(), n32());
    let rate = (n32(), n32(), n32());
    let start_ns = prop_oneof![3 => 0..10 * SECOND_NS, 1 => ns()];
    let times = (start_ns, ns());
    (size, rate, times, any::<(Option<u64>, u8, bool, u16)>()).prop_map(
        |((width, height), (fps_num, fps_den, timescale), (start_ns, duration_ns), rest)| {
            let (frames, bit_depth, is_interlaced, rotation_deg) = rest;
            VideoFacts {
                codec: String::new(),
                width,
                height,
                coded_width: height,
                coded_height: width,
                rotation_deg,
                fps_num,
                fps_den,
                timescale,
                frames,
                may_lack: false,
                bit_depth,
                is_interlaced,
                start_ns,
                duration_ns,
                transfer: None,
                primaries: None,
            }
        },
    )
}

fn audio() -> impl Strategy<Value = AudioFacts> {
    let text = || prop::option::of(".{0,40}");
    let words = (text(), text(), any::<bool>());
    (n32(), n32(), n32(), words, ns()).prop_map(
        |(track, channels, sample_rate_hz, (language, title, is_default), duration_ns)| {
            AudioFacts {
                track,
                stream: String::new(),
                codec: String::new(),
                channels,
                sample_rate_hz,
                language,
                title,
                is_default,
                duration_ns,
            }
        },
    )
}

/// Half of them are such that a source may be copied.
fn index() -> impl Strategy<Value = Option<IndexFacts>> {
    let good = IndexFacts {
        is_fragmented: false,
        n_video: 1,
        has_plain_edits: true,
        is_consistent: true,
        h264: Some(H264Facts {
            profile: 77,
            level: 40,
            chroma_format: 1,
            bit_depth: 8,
            is_progressive: true,
        }),
        aac: None,
    };
    let h264 = good.h264;
    let any_index = any::<(bool, u32, bool, bool, bool)>().prop_map(
        move |(is_fragmented, n_video, has_plain_edits, is_consistent, has_h264)| IndexFacts {
            is_fragmented,
            n_video,
            has_plain_edits,
            is_consistent,
            h264: h264.filter(|_| has_h264),
            aac: None,
        },
    );
    prop_oneof![2 => Just(Some(good)), 1 => any_index.prop_map(Some), 1 => Just(None)]
}

fn sources() -> impl Strategy<Value = SourceFacts> {
    let audio = prop::collection::vec(audio(), 0..12);
    let sources = (video(), audio, index(), ns());
    let sources = (
        any::<bool>(),
        prop::option::weighted(0.9, Just(())),
        sources,
    );
    sources.prop_map(
        |(is_web, has_video, (mut video, audio, index, duration_ns))| {
            if is_web {
                (video.codec, video.bit_depth) = ("h264".to_owned(), 8);
                video.is_interlaced = false;
            }
            let video = has_video.map(|()| video);
            SourceFacts {
                container: if is_web { "mp4" } else { "" }.to_owned(),
                intermediate: None,
                duration_ns,
                video,
                audio,
                subtitles: Vec::new(),
                index,
                broadcast: None,
            }
        },
    )
}

fn requests() -> impl Strategy<Value = JobRequest> {
    let ladder = Ladder::default();
    let rungs = ladder.rungs().iter();
    let names: Vec<String> = rungs
        .map(|rung| rung.name.to_string())
        .chain([AUDIO.to_owned()])
        .collect();
    let presets = vec![
        Preset::Default,
        Preset::WebOptimized,
        Preset::Hls,
        Preset::HlsAdaptive,
    ];
    let qualities = prop::sample::subsequence(names.clone(), 0..=names.len());
    (prop::sample::select(presets), qualities).prop_map(|(preset, qualities)| {
        let names: Vec<&str> = qualities.iter().map(String::as_str).collect();
        request(preset, &names)
    })
}

/// Chunks touch, begin at segments, cover the source once, and only the last is open.
fn check_chunks(plan: &Plan, video: &VideoPlan) -> TestCaseResult {
    let mut at_ns = 0;
    let n_chunks = plan.n_chunks();
    for index in 0..n_chunks {
        let span = plan.chunk(index);
        prop_assert_eq!(span.start_ns, at_ns);
        prop_assert_eq!(span.start_ns % plan.segment_ns, 0);
        prop_assert_eq!(span.end_ns.is_none(), index + 1 == n_chunks);
        prop_assert!(
            span.start_ns < video.end_ns.max(1),
            "a chunk behind the end"
        );
        if let Some(end_ns) = span.end_ns {
            prop_assert!(end_ns > span.start_ns);
            at_ns = end_ns;
        }
    }
    Ok(())
}

fn check_video(video: &VideoPlan) -> TestCaseResult {
    prop_assert!(TIMESCALES.contains(&video.timescale));
    prop_assert!(!video.renditions.is_empty());
    let side_max = Ladder::default()
        .rungs()
        .iter()
        .map(|rung| rung.short_side)
        .max()
        .unwrap_or(0)
        * 16
        / 9;
    for rendition in &video.renditions {
        for side in [rendition.width, rendition.height] {
            prop_assert!(side >= 2 && side % 2 == 0 && side <= side_max, "{}", side);
        }
        prop_assert!(rendition.bitrate_max_bps > 0 && rendition.buffer_bits > 0);
        prop_assert!((1..=1_000).contains(&rendition.keyframe_frames_max));
    }
    Ok(())
}

fn check_audio(audio: &AudioPlan) -> TestCaseResult {
    prop_assert!((1..=2).contains(&audio.channels));
    prop_assert!([44_100, 48_000].contains(&audio.sample_rate_hz));
    prop_assert!(audio.bitrate_bps > 0 && audio.part_segments > 0);
    let language = audio.language.as_deref().unwrap_or("de");
    prop_assert!(is_tag(language), "{}", language);
    let title = audio.title.as_deref().unwrap_or("x");
    let is_odd = |c: char| c == '"' || c.is_control();
    prop_assert!(
        (1..=64).contains(&title.chars().count()) && !title.contains(is_odd),
        "{}",
        title
    );
    Ok(())
}

/// Every number up to the last names a role, and every file is one of the renditions, once.
fn check_tasks(plan: &Plan) -> TestCaseResult {
    let n_tasks = plan.n_tasks();
    prop_assert!(n_tasks <= TASKS_MAX);
    prop_assert_eq!(Tasks::waiting(n_tasks).len(), n_tasks);
    let role = |n: usize| plan.role(TaskNumber(u32::try_from(n).unwrap_or(u32::MAX)));
    prop_assert_eq!(role(0), Some(TaskRole::Probe));
    prop_assert_eq!(role(n_tasks), None);
    let last = match plan.copy {
        Some(_) => TaskRole::Remux,
        None => TaskRole::Assemble(plan.files.len() - 1),
    };
    prop_assert_eq!(role(n_tasks - 1), Some(last));
    let video = plan.video.iter().flat_map(|video| &video.renditions);
    let names = video.map(|rendition| &rendition.name);
    let names: BTreeSet<_> = names
        .chain(plan.audio.iter().map(|audio| &audio.name))
        .chain(plan.copy.iter().map(|copy| &copy.name))
        .collect();
    let n_encoded = plan
        .video
        .as_ref()
        .map_or(0, |video| video.renditions.len())
        + plan.audio.len();
    prop_assert_eq!(names.len(), n_encoded + usize::from(plan.copy.is_some()));
    let files: BTreeSet<_> = plan.files.iter().collect();
    prop_assert_eq!(files.len(), plan.files.len());
    prop_assert!(!files.is_empty() && files.is_subset(&names));
    Ok(())
}

proptest! {
    #[test]
    fn a_plan_is_sound_or_refused_by_name(source in sources(), request in requests()) {
        match plan(&source, &request) {
            Ok(plan) => {
                let is_encoded = plan.video.is_some() || !plan.audio.is_empty();
                prop_assert!(is_encoded != plan.copy.is_some());
                prop_assert!(plan.copy.is_none() || plan.encode_reason.is_none());
                if request.preset == Preset::Default {
                    prop_assert!(plan.copy.is_some() || plan.encode_reason.is_some());
                }
                if let Some(video) = &plan.video {
                    check_video(video)?;
                    check_chunks(&plan, video)?;
                }
                prop_assert!(plan.audio.len() <= AUDIO_TRACKS_MAX);
                plan.audio.iter().try_for_each(check_audio)?;
                prop_assert!(plan.duration_ns <= SOURCE_NS_MAX);
                check_tasks(&plan)?;
            }
            Err(TaskError { code, message }) => {
                let known = [ErrorCode::NoVideo, ErrorCode::NoAudio, ErrorCode::Unsupported];
                prop_assert!(known.contains(&code) && message.ends_with('.'), "{:?}: {}", code, message);
            }
        }
    }
}
