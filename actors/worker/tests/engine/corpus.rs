//! Damaged files: each of a few hundred, made by seed from good ones, ends in a result or in a named
//! error; never in a hang, a zombie, or a defect of ours.
//!
//! `make test` tries a slice, `make soak` all of them. What fails is named by its number: the same
//! number makes the same file anywhere, given the same release of ffmpeg.

mod damage;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bus_schema::plan::Span;
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::source::{AudioFacts, VideoFacts};
use bus_schema::task::{ProbeSpec, RemuxSpec, TaskSpec};
use futures_util::{FutureExt as _, StreamExt as _};
use worker::child::{ChildTask, Options};

use self::damage::{KINDS, Random};
use super::clip;
use super::task::{self, Made};

/// Files of the whole corpus: each kind of damage to each good file, this many times.
const ROUNDS: usize = 2;
/// `make test` takes one of so many, another kind of damage for each good file.
const SLICE: usize = 20;
/// Files tried at once; a child waits for its parent as often as it computes.
const AT_ONCE: usize = 2;
/// Far beyond what any of these files takes, and well below what a child may stall for.
const PATIENCE: Duration = Duration::from_secs(100);

const PICTURE: &str = "-f lavfi -i testsrc2=s=128x72:r=25:d=3";
const SOUND: &str = "-f lavfi -i sine=f=440:r=48000:d=3";
const H264: &str = "-c:v libx264 -preset ultrafast -g 25 -bf 2 -pix_fmt yuv420p";
const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -b:v 200k";

/// Good files: name, picture or not, and how ffmpeg encodes them.
const GOOD: [(&str, bool, &str); 16] = [
    ("plain.mp4", true, "-c:a aac"),
    ("front.mp4", true, "-c:a aac -movflags +faststart"),
    (
        "fragments.mp4",
        true,
        "-c:a aac -movflags +frag_keyframe+empty_moov",
    ),
    ("trimmed.mp4", true, "-c:a aac -ss 0.3"),
    ("phone.mov", true, "-c:a pcm_s16le"),
    ("film.mkv", true, "-c:a flac"),
    ("film.webm", true, "-c:a libopus"),
    ("film.ts", true, "-c:a aac"),
    ("film.mpg", true, "-c:v mpeg2video -c:a mp2 -f vob"),
    ("film.avi", true, "-c:v mpeg4 -g 25 -c:a libmp3lame"),
    (
        "hevc.mp4",
        true,
        "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params log-level=none -tag:v hvc1 -c:a ac3",
    ),
    (
        "still.mkv",
        true,
        "-c:v mjpeg -pix_fmt yuvj420p -c:a libvorbis",
    ),
    ("sound.wav", false, ""),
    ("sound.mp3", false, "-c:a libmp3lame"),
    ("sound.ogg", false, "-c:a libvorbis"),
    ("sound.m4a", false, "-c:a aac"),
];

/// How many there are in all.
const N_FILES: usize = GOOD.len() * KINDS.len() * ROUNDS;
const _: () = assert!(N_FILES >= 200, "the corpus is too small");

/// The damaged file of this number: its own folder and name tell it.
fn file(number: usize) -> PathBuf {
    let (name, has_picture, rest) = GOOD[number % GOOD.len()];
    let kind = KINDS[number / GOOD.len() % KINDS.len()];
    let codec = match name.rsplit_once('.') {
        _ if !has_picture || rest.contains("-c:v") => "",
        Some((_, "webm")) => VP9,
        _ => H264,
    };
    let picture = if has_picture { PICTURE } else { "" };
    let good = clip::make(
        &format!("corpus-{name}"),
        &format!("{picture} {SOUND} {codec} {rest}"),
    );
    let good = std::fs::read(good).expect("a clip can be read");
    let bytes = kind.apply(good, &mut Random::new(number as u64));
    clip::write(&format!("corpus-{number}-{name}"), &bytes)
}

/// As the worker starts children: what GLib warns of in a library of others ends nothing.
fn options() -> Options {
    let mut options = task::options();
    options.environment.remove("G_DEBUG");
    options
}

async fn run(number: usize, spec: TaskSpec, source: &Path) -> Made {
    let what = format!("file {number} ({}), {:?}", source.display(), spec.kind());
    let child = ChildTask::spawn(&options(), spec).expect("a child starts");
    let process = PathBuf::from(format!("/proc/{}", child.pid()));
    let made = tokio::time::timeout(PATIENCE, task::drive(child, source)).await;
    let made = made.unwrap_or_else(|_| panic!("{what}: it hangs"));
    assert!(!process.exists(), "{what}: its process is left behind");
    made
}

/// What the control plane would make of a damaged file: a probe, and what its facts allow. Returns
/// how each task ended.
async fn endings(number: usize) -> Vec<Ending> {
    let source = file(number);
    let source_bytes = task::bytes(&source);
    let probed = run(number, TaskSpec::Probe(ProbeSpec { source_bytes }), &source).await;
    let mut all = vec![Ending::of("probe", number, probed.facts.is_some(), &probed)];
    if let Some(facts) = &probed.facts {
        // What follows reads what the file was remuxed into, if it was.
        let intermediate = task::intermediate(&source, &probed);
        let read = intermediate.as_deref().unwrap_or(&source);
        if let Some(video) = &facts.video {
            let made = run(number, chunk(read, video), read).await;
            all.push(Ending::of("chunk", number, made.chunk.is_some(), &made));
        }
        if let Some(audio) = facts.audio.first() {
            let made = run(number, sound(read, audio), read).await;
            all.push(Ending::of("sound", number, made.n_parts.is_some(), &made));
        }
        if facts.index.is_some() {
            let spec = TaskSpec::Remux(RemuxSpec {
                source_bytes: task::bytes(read),
            });
            let made = run(number, spec, read).await;
            all.push(Ending::of("copy", number, made.copy.is_some(), &made));
        }
        if let Some(intermediate) = &intermediate {
            std::fs::remove_file(intermediate).expect("an intermediate can be removed");
        }
    }
    std::fs::remove_file(&source).expect("a damaged file can be removed");
    all
}

/// The whole picture, small; with a timescale such as the planner lets through.
fn chunk(source: &Path, facts: &VideoFacts) -> TaskSpec {
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let facts = VideoFacts {
        timescale: facts.timescale.clamp(1_000, 10_000_000),
        ..facts.clone()
    };
    task::chunk(source, &facts, span, 1, &[(64, 36)])
}

fn sound(source: &Path, facts: &AudioFacts) -> TaskSpec {
    task::audio(source, facts, 0)
}

/// How a task ended: done, or with this code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ending {
    task: &'static str,
    code: Option<ErrorCode>,
}

impl Ending {
    fn of(task: &'static str, number: usize, is_done: bool, made: &Made) -> Self {
        let code = made.failure.as_ref().map(|error| error.code);
        assert_eq!(
            is_done,
            code.is_none(),
            "file {number}, {task}: {:?}",
            made.failure
        );
        if let Some(error) = &made.failure {
            assert!(is_named(error), "file {number}, {task}: {error:?}");
        }
        Self { task, code }
    }
}

/// A reason that its owner can do something with, or the end of a process that broke: not a defect.
fn is_named(error: &TaskError) -> bool {
    error.code != ErrorCode::Internal && !error.message.is_empty()
}

/// Tries these files, counts how their tasks ended, and fails with the names of all that did not end
/// well.
async fn check(numbers: impl Iterator<Item = usize>) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut passed, mut failed) = (0, Vec::new());
    // A failed assertion is one file's alone; its message is printed as it fails.
    let one = |number| async move {
        let endings = AssertUnwindSafe(endings(number)).catch_unwind().await;
        endings.map_err(|_| number)
    };
    let mut all = futures_util::stream::iter(numbers)
        .map(one)
        .buffer_unordered(AT_ONCE);
    while let Some(endings) = all.next().await {
        match endings {
            Err(number) => failed.push(number),
            Ok(endings) => {
                passed += 1;
                for Ending { task, code } in endings {
                    let code = code.map_or_else(|| "done".to_owned(), |code| format!("{code:?}"));
                    *seen.entry(format!("{task} {code}")).or_default() += 1;
                }
            }
        }
    }
    eprintln!("{seen:?}");
    eprintln!("damaged files: {passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "failed: {failed:?}");
}

/// GStreamer loses the error of a demuxer that fails in the moment in which it is tried: about one
/// in three of these would wait for it for minutes.
#[tokio::test]
async fn a_demuxer_that_fails_while_it_is_tried_is_noticed() {
    if !clip::has_ffmpeg("a_demuxer_that_fails_while_it_is_tried_is_noticed") {
        return;
    }
    const FAILS_AT_ONCE: usize = 143;
    const N_TRIES: usize = 20;
    let source = file(FAILS_AT_ONCE);
    let source_bytes = task::bytes(&source);
    for _ in 0..N_TRIES {
        let spec = TaskSpec::Probe(ProbeSpec { source_bytes });
        let made = run(FAILS_AT_ONCE, spec, &source).await;
        let error = made.failure.expect("it has no track");
        assert_eq!(error.code, ErrorCode::NotMedia, "{error:?}");
    }
}

/// The demuxer ends the picture, which nobody takes, before the sound of which there is nothing.
#[tokio::test]
async fn a_track_without_a_single_frame_ends_with_its_file() {
    if !clip::has_ffmpeg("a_track_without_a_single_frame_ends_with_its_file") {
        return;
    }
    const SILENT: usize = 167;
    for ending in endings(SILENT).await {
        assert_ne!(ending.code, Some(ErrorCode::LimitExceeded), "{ending:?}");
    }
}

#[tokio::test]
async fn damaged_files_end_in_a_result_or_a_named_error() {
    if !clip::has_ffmpeg("damaged_files_end_in_a_result_or_a_named_error") {
        return;
    }
    // Steps of one more than the number of good files: each with another kind of damage.
    let step = N_FILES / SLICE / GOOD.len() * GOOD.len() + 1;
    check((0..SLICE).map(|n| n * step % N_FILES)).await;
}

#[tokio::test]
#[ignore = "minutes: `make soak` runs it"]
async fn all_damaged_files_end_in_a_result_or_a_named_error() {
    assert!(clip::has_ffmpeg("the corpus"), "ffmpeg makes the corpus");
    check(0..N_FILES).await;
}
