//! Scenes begin at the very frame where the film was cut, wherever chunks begin; and what moves is no cut.

use std::path::{Path, PathBuf};

use bus_schema::attempt::SceneChange;
use bus_schema::plan::Span;
use bus_schema::task::TaskSpec;

use super::clip;
use super::task::{self, SECOND_NS};

/// Lengths of the scenes in frames, of 25 a second: cuts at 1.08, 4, 5.6, 8 and 9.96 s.
const SCENES: [u32; 6] = [27, 73, 40, 60, 49, 51];

/// Moving pictures of which each is unlike the one before, joined without a keyframe at the cuts.
fn film(name: &str, rest: &str) -> PathBuf {
    let pictures = [
        "testsrc2",
        "mandelbrot",
        "rgbtestsrc",
        "testsrc2",
        "mandelbrot",
        "smptebars",
    ];
    let inputs = pictures.iter().zip(SCENES).map(|(picture, frames)| {
        let seconds = f64::from(frames) / 25.0;
        format!("-f lavfi -t {seconds} -i {picture}=s=320x180:r=25")
    });
    let inputs: Vec<String> = inputs.collect();
    let joined: String = (0..SCENES.len())
        .map(|n| format!("[{n}]format=yuv420p,setsar=1[v{n}];"))
        .collect();
    let names: String = (0..SCENES.len()).map(|n| format!("[v{n}]")).collect();
    clip::make(
        name,
        &format!(
            "{} -filter_complex '{joined}{names}concat=n=6' -c:v libx264 -preset ultrafast -pix_fmt yuv420p {rest}",
            inputs.join(" ")
        ),
    )
}

async fn found(source: &Path, starts_s: &[u64]) -> Vec<SceneChange> {
    let (facts, read) = task::ingested(source).await;
    let source = read.as_path();
    let facts = facts.video.expect("there is a picture");
    let mut all = Vec::new();
    for (n, start_s) in starts_s.iter().enumerate() {
        let span = Span {
            start_ns: start_s * SECOND_NS,
            end_ns: starts_s.get(n + 1).map(|end_s| end_s * SECOND_NS),
        };
        let mut spec = task::chunk(source, &facts, span, 2, &[(160, 90)]);
        if let TaskSpec::Chunk(spec) = &mut spec {
            spec.scene_score_permille = Some(100);
        }
        let made = task::run(spec, source).await;
        assert_eq!(made.failure, None, "{span:?}");
        let result = made.chunk.expect("a result");
        assert_eq!(result.check(), Ok(()));
        // In frames of 25 a second.
        all.extend(result.scenes.iter().map(|change| SceneChange {
            at: change.at * 25 / u64::from(facts.timescale),
            ..*change
        }));
    }
    all
}

#[tokio::test]
async fn scenes_begin_at_the_frame_of_the_cut_in_however_many_chunks() {
    if !clip::has_ffmpeg("scenes_begin_at_the_frame_of_the_cut_in_however_many_chunks") {
        return;
    }
    let cuts: Vec<u64> = SCENES
        .iter()
        .scan(0, |at, frames| {
            *at += u64::from(*frames);
            Some(*at)
        })
        .take(SCENES.len() - 1)
        .collect();
    assert_eq!(cuts, [27, 100, 140, 200, 249]);
    let films = [
        film("scenes.mp4", "-bf 2 -g 250 -sc_threshold 0"),
        film(
            "scenes-keyed.mkv",
            "-bf 0 -g 100 -keyint_min 100 -sc_threshold 0",
        ),
        film("scenes.ts", "-bf 2 -g 50 -muxdelay 0 -muxpreload 0"),
    ];
    for source in films {
        let what = source.display();
        let whole = found(&source, &[0]).await;
        let at: Vec<u64> = whole.iter().map(|change| change.at).collect();
        assert_eq!(at, cuts, "{what}");
        // The second and fourth cut are where chunks begin.
        assert_eq!(found(&source, &[0, 4, 8, 10]).await, whole, "{what}");
    }
}

#[tokio::test]
async fn where_nobody_asks_nothing_is_reported() {
    if !clip::has_ffmpeg("where_nobody_asks_nothing_is_reported") {
        return;
    }
    let source = film("scenes.mp4", "-bf 2 -g 250 -sc_threshold 0");
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let made = task::run(task::chunk(&source, &facts, span, 2, &[(160, 90)]), &source).await;
    assert_eq!(made.chunk.expect("a result").scenes, []);
}
