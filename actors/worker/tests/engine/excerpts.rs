//! A clip of a source holds the frames whose time lies in it and no others, and the sound from its first
//! sample to its last; it begins at 0, and its chunks follow one another as those of a whole film do.

use std::path::Path;

use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use bus_schema::request::clip::Clip;
use bus_schema::task::TaskSpec;

use super::task::{self, Made, SECOND_NS};
use super::{clip, frames};

const SIZE: (usize, usize) = (320, 180);
/// Containers and ffprobe round.
const TOLERANCE_NS: u64 = 1_001_000;

fn film(name: &str, rest: &str) -> std::path::PathBuf {
    let coding = "-preset medium -bf 3 -g 75 -keyint_min 75 -sc_threshold 0 -aac_pns 0";
    clip::film(
        name,
        8,
        "30000/1001",
        "320x180",
        &format!("{coding} {rest}"),
    )
}

const CLIPS: [Clip; 4] = [
    Clip {
        start_ms: 1_234,
        end_ms: Some(6_100),
    },
    Clip {
        start_ms: 3_003,
        end_ms: None,
    },
    Clip {
        start_ms: 0,
        end_ms: Some(2_002),
    },
    Clip {
        start_ms: 5_000,
        end_ms: Some(5_500),
    },
];

/// What ffmpeg shows of the film in the clip, in the clip's time.
fn expected(all: &[frames::Frame], clip: Clip) -> Vec<frames::Frame> {
    let span = clip.span();
    // ffprobe rounds to microseconds: a time on the bound may be told a little short of it.
    let is_inside = |frame: &&frames::Frame| {
        let time_ns = frame.time_ns + 500;
        time_ns >= span.start_ns && span.end_ns.is_none_or(|end_ns| time_ns < end_ns)
    };
    let inside = all.iter().filter(is_inside);
    let own = inside.map(|frame| frames::Frame {
        time_ns: frame.time_ns.saturating_sub(span.start_ns),
        ..*frame
    });
    own.collect()
}

#[tokio::test]
async fn a_clip_holds_the_frames_that_lie_in_it() {
    if !clip::has_ffmpeg("a_clip_holds_the_frames_that_lie_in_it") {
        return;
    }
    let whole = film("excerpt.mp4", "");
    let trimmed = format!("-ss 0.7 -i {} -c copy", whole.display());
    for source in [
        clip::make("excerpt-cut.mp4", &trimmed),
        film("excerpt.mkv", ""),
        whole,
    ] {
        let facts = task::facts(&source).await;
        let timescale = facts.video.as_ref().expect("a picture").timescale;
        let all = frames::decoded(&source, timescale, &[0]);
        assert!(all.len() > 200);
        for clip in CLIPS {
            let what = format!("{}, {clip:?}", source.display());
            let theirs = expected(&all, clip);
            for starts_ms in [&[0][..], &[0, 333, 1_000, 2_000]] {
                let ours = frames::decoded_clip(&source, timescale, Some(clip), starts_ms);
                frames::compare(&what, &ours, &theirs, 100_000);
            }
        }
    }
}

#[tokio::test]
async fn frames_of_a_clip_are_ffmpeg_s() {
    if !clip::has_ffmpeg("frames_of_a_clip_are_ffmpeg_s") {
        return;
    }
    let source = film("excerpt.mp4", "");
    let timescale = 30_000;
    let all = frames::by_ffmpeg(&source, "0:v:0", SIZE);
    for clip in CLIPS {
        let ours = frames::decoded_clip(&source, timescale, Some(clip), &[0, 1_000]);
        frames::compare(
            &format!("{clip:?}"),
            &ours,
            &expected(&all, clip),
            TOLERANCE_NS,
        );
    }
}

#[tokio::test]
async fn sound_is_cut_at_the_sample() {
    if !clip::has_ffmpeg("sound_is_cut_at_the_sample") {
        return;
    }
    let source = film("excerpt.mp4", "");
    let all = clip::samples(&source);
    for clip in CLIPS {
        let runs = frames::sound_clip(&source, Some(clip), 0);
        assert_eq!(runs[0].0, 0, "{clip:?}");
        let ours: Vec<f32> = runs.into_iter().flat_map(|(_, samples)| samples).collect();
        let at = |ms: u64| usize::try_from(ms * 48).expect("an index");
        let theirs = &all[at(clip.start_ms)..];
        if let Some(end_ms) = clip.end_ms {
            assert_eq!(ours.len(), at(end_ms - clip.start_ms), "{clip:?}");
        }
        let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs());
        let most = off.fold(0.0, f32::max);
        assert!(most < 1e-3, "{clip:?}: samples differ by {most}");
    }
}

/// The clip's chunks through real tasks, which begin at these seconds.
async fn tasks(source: &Path, clip: Clip, starts_s: &[u64]) -> (Vec<Made>, Made) {
    let facts = clip.apply(&task::facts(source).await).expect("a clip");
    let video = facts.video.expect("a picture");
    let mut chunks = Vec::new();
    for (index, start_s) in starts_s.iter().enumerate() {
        let span = Span {
            start_ns: start_s * SECOND_NS,
            end_ns: starts_s.get(index + 1).map(|end_s| end_s * SECOND_NS),
        };
        let mut spec = task::chunk(source, &video, span, 1, &[(160, 90)]);
        if let TaskSpec::Chunk(chunk) = &mut spec {
            chunk.clip = Some(clip);
        }
        chunks.push(task::run(spec, source).await);
    }
    let mut spec = task::audio(source, &facts.audio[0], 0);
    if let TaskSpec::Audio(audio) = &mut spec {
        audio.clip = Some(clip);
    }
    (chunks, task::run(spec, source).await)
}

#[tokio::test]
async fn tasks_of_a_clip_make_a_film_that_begins_at_0() {
    if !clip::has_ffmpeg("tasks_of_a_clip_make_a_film_that_begins_at_0") {
        return;
    }
    let source = film("excerpt.mp4", "");
    let clip = CLIPS[0];
    let expected = expected(&frames::by_ffmpeg(&source, "0:v:0", SIZE), clip);
    let (chunks, sound) = tasks(&source, clip, &[0, 1, 3]).await;
    let mut at = None;
    let mut n_frames = 0;
    for made in &chunks {
        assert_eq!(made.failure, None);
        let result = made.chunk.as_ref().expect("a result");
        assert!(at.is_none_or(|at| at == result.start), "a gap");
        at = Some(result.start + result.durations.iter().map(|d| u64::from(*d)).sum::<u64>());
        n_frames += result.frames;
        let last = made.progress.last().expect("progress is told");
        assert!(last.done_ns[0] <= last.total_ns, "{last:?}");
    }
    assert_eq!(n_frames, expected.len() as u64);
    // It ends where the clip does, to the unit.
    assert_eq!(at, Some((6_100 - 1_234) * 30));
    let first = chunks[0].chunk.as_ref().expect("a result").start;
    let first_ns = first * 1_000_000_000 / 30_000;
    assert!(
        first_ns.abs_diff(expected[0].time_ns) < 100_000,
        "{first_ns}"
    );
    assert_eq!(sound.failure, None);
    let samples = clip::heard(&task::join("audio", &[&sound], "excerpt-sound.mp4"));
    // It ends where the clip does; ffmpeg decodes the last access unit to its own end.
    let n_samples = (6_100 - 1_234) * 48;
    assert!(
        (n_samples..n_samples + 1024).contains(&samples.len()),
        "{}",
        samples.len()
    );
}

/// A picture that stands still for six seconds: as one frame, as screen recorders write it.
#[tokio::test]
async fn a_clip_may_end_while_a_frame_is_shown_and_holds_one_at_least() {
    if !clip::has_ffmpeg("a_clip_may_end_while_a_frame_is_shown_and_holds_one_at_least") {
        return;
    }
    let still = r"-vf select=lt(t\,3)+gte(t\,9) -fps_mode vfr";
    let mp4 = clip::film("still.mp4", 12, "25", "320x180", still);
    let mkv = clip::make("still.mkv", &format!("-i {} -c copy", mp4.display()));
    for source in [mp4, mkv] {
        let what = source.display().to_string();
        let part = |start_ms, end_ms| Clip {
            start_ms,
            end_ms: Some(end_ms),
        };
        let (chunks, _) = tasks(&source, part(1_000, 8_000), &[0, 4]).await;
        let facts = task::facts(&source).await.video.expect("a picture");
        let end = 7 * u64::from(facts.timescale);
        for (made, n_frames) in chunks.iter().zip([50, 0]) {
            assert_eq!(made.failure, None, "{what}");
            let result = made.chunk.as_ref().expect("a result");
            assert_eq!(result.frames, n_frames, "{what}");
            let units = result.durations.iter().map(|d| u64::from(*d)).sum::<u64>();
            assert_eq!(result.start + units, end, "{what}");
        }
        for starts_s in [&[0][..], &[0, 2]] {
            let (chunks, _) = tasks(&source, part(4_000, 8_000), starts_s).await;
            let failure = chunks[0].failure.as_ref().expect("no frame is in it");
            assert_eq!(failure.code, ErrorCode::Unsupported, "{what}: {failure:?}");
            assert!(
                failure.message.contains("between two frames"),
                "{failure:?}"
            );
        }
    }
}

/// In a broadcast as well.
#[tokio::test]
async fn a_clip_between_two_frames_is_refused_by_what_to_do() {
    if !clip::has_ffmpeg("a_clip_between_two_frames_is_refused_by_what_to_do") {
        return;
    }
    let still = r"-vf select=lt(t\,3)+gte(t\,9) -fps_mode vfr";
    let source = clip::film("still.ts", 12, "25", "320x180", still);
    let (facts, read) = task::ingested(&source).await;
    let video = facts.video.expect("a picture");
    for ends_ns in [None, Some(2 * SECOND_NS)] {
        let span = Span {
            start_ns: 0,
            end_ns: ends_ns,
        };
        let mut spec = task::chunk(&read, &video, span, 1, &[(160, 90)]);
        if let TaskSpec::Chunk(chunk) = &mut spec {
            chunk.clip = Some(Clip {
                start_ms: 4_000,
                end_ms: Some(8_000),
            });
        }
        let failure = task::run(spec, &read)
            .await
            .failure
            .expect("no frame is in it");
        assert_eq!(failure.code, ErrorCode::Unsupported, "{failure:?}");
        assert!(
            failure.message.contains("between two frames"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_clip_without_sound_says_so() {
    if !clip::has_ffmpeg("a_clip_without_sound_says_so") {
        return;
    }
    let source = clip::make(
        "late-sound.ts",
        "-f lavfi -i testsrc2=s=320x180:r=25:d=8 -itsoffset 5 -f lavfi -i sine=d=3 -c:v libx264 -pix_fmt \
         yuv420p -c:a aac",
    );
    let (facts, read) = task::ingested(&source).await;
    let mut spec = task::audio(&read, &facts.audio[0], 0);
    if let TaskSpec::Audio(audio) = &mut spec {
        audio.clip = Some(Clip {
            start_ms: 1_000,
            end_ms: Some(3_000),
        });
        audio.facts.duration_ns = 2 * SECOND_NS;
    }
    let failure = task::run(spec, &read).await.failure.expect("there is none");
    assert_eq!(failure.code, ErrorCode::NoAudio, "{failure:?}");
    assert!(
        failure.message.contains("no sound within the clip"),
        "{failure:?}"
    );
}
