//! Whatever the frame rate is and wherever it is written, every frame keeps its time, and chunks
//! follow one another to the unit.

use super::clip;
use super::picture::whole;

/// How ffmpeg calls a rate, and what it is.
const RATES: [(&str, (u32, u32)); 8] = [
    ("24000/1001", (24_000, 1001)),
    ("24", (24, 1)),
    ("25", (25, 1)),
    ("30000/1001", (30_000, 1001)),
    ("30", (30, 1)),
    ("50", (50, 1)),
    ("60000/1001", (60_000, 1001)),
    ("60", (60, 1)),
];

async fn check(container: &str) {
    for (rate, told) in RATES {
        let name = format!("rate-{}-{}.{container}", told.0, told.1);
        let source = clip::film(&name, 3, rate, "320x180", "");
        let facts = whole(&source, &[0, 1, 2], 1).await;
        assert_eq!((facts.fps_num, facts.fps_den), told, "{name}");
        if container == "mp4" {
            // A frame lasts a whole number of units: nothing is rounded, however long the film is.
            let units = u64::from(facts.timescale) * u64::from(told.1);
            assert_eq!(units % u64::from(told.0), 0, "{name}: {}", facts.timescale);
        }
    }
}

#[tokio::test]
async fn rates_are_exact_in_mp4() {
    if clip::has_ffmpeg("rates_are_exact_in_mp4") {
        check("mp4").await;
    }
}

#[tokio::test]
async fn rates_are_exact_in_matroska() {
    if clip::has_ffmpeg("rates_are_exact_in_matroska") {
        check("mkv").await;
    }
}

#[tokio::test]
async fn rates_are_exact_in_broadcasts() {
    if clip::has_ffmpeg("rates_are_exact_in_broadcasts") {
        check("ts").await;
    }
}

#[tokio::test]
async fn frames_that_come_when_they_like_keep_their_times() {
    if !clip::has_ffmpeg("frames_that_come_when_they_like_keep_their_times") {
        return;
    }
    let varying = "-vf 'select=mod(n\\,7)*mod(n\\,3)' -vsync vfr";
    for container in ["mp4", "mov", "mkv", "ts"] {
        let name = format!("varying.{container}");
        whole(
            &clip::film(&name, 4, "30", "320x180", varying),
            &[0, 1, 3],
            1,
        )
        .await;
    }
    // A recording of a screen: a second without a frame, over the border of chunks.
    let still = "-vf 'select=lt(t\\,1.5)+gt(t\\,2.8)' -vsync vfr";
    for container in ["mp4", "mkv"] {
        let name = format!("still.{container}");
        whole(&clip::film(&name, 4, "30", "320x180", still), &[0, 2], 1).await;
    }
}
