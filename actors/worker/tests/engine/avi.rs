//! AVI tells only when pictures are decoded: they are shown in their own order, at the times that ffmpeg has
//! for them, whatever the codec, and whatever the file lacks.

use std::path::{Path, PathBuf};

use bus_schema::report::ErrorCode;
use bus_schema::source::SourceFacts;

use super::{clip, frames, ingest, riff, task};

const SIZE: (usize, usize) = (320, 180);
/// ffprobe rounds to microseconds.
const TOLERANCE_NS: u64 = 2_000;

/// Four seconds with sound.
fn film(name: &str, rest: &str) -> PathBuf {
    clip::film(name, 4, "25", "320x180", rest)
}

#[tokio::test]
async fn avi_is_whole() {
    if !clip::has_ffmpeg("avi_is_whole") {
        return;
    }
    for (name, coding) in [
        ("pcm", "-c:v mpeg4 -bf 0 -g 25 -c:a pcm_s16le"),
        ("mp3", "-c:v mpeg4 -bf 0 -g 25 -c:a libmp3lame"),
        ("264", "-c:v libx264 -bf 0 -g 25 -c:a ac3"),
        ("ntsc", "-c:v mpeg4 -bf 0 -g 25 -r 24000/1001 -an"),
    ] {
        let source = film(&format!("whole-{name}.avi"), coding);
        let (facts, _) = ingest::check(&source).await;
        assert_eq!(facts.container, "avi");
    }
}

#[tokio::test]
async fn pictures_are_shown_in_their_own_order() {
    if !clip::has_ffmpeg("pictures_are_shown_in_their_own_order") {
        return;
    }
    let x264 = "-c:v libx264 -preset medium -g 25 -c:a libmp3lame";
    for (name, coding) in [
        ("b1", "-c:v mpeg4 -bf 1 -g 25 -c:a libmp3lame".to_owned()),
        ("b2", "-c:v mpeg4 -bf 2 -g 25 -c:a libmp3lame".to_owned()),
        (
            "divx",
            "-c:v mpeg4 -bf 2 -g 25 -vtag DX50 -c:a ac3".to_owned(),
        ),
        (
            "xvid",
            "-c:v mpeg4 -bf 2 -g 12 -vtag XVID -c:a pcm_s16le".to_owned(),
        ),
        ("264", format!("{x264} -bf 3")),
        ("flat", format!("{x264} -bf 3 -x264-params b-pyramid=none")),
        (
            "long",
            format!("{x264} -bf 7 -x264-params keyint=250:b-adapt=0:ref=6"),
        ),
        (
            "open",
            format!("{x264} -x264-params open-gop=1:bframes=4:b-adapt=0"),
        ),
        (
            "2",
            "-c:v mpeg2video -bf 2 -g 15 -b:v 2M -c:a mp2".to_owned(),
        ),
        (
            "ntsc",
            "-c:v mpeg4 -bf 2 -g 25 -r 24000/1001 -c:a libmp3lame".to_owned(),
        ),
    ] {
        let source = film(&format!("order-{name}.avi"), &coding);
        ingest::check(&source).await;
    }
}

/// Where a picture would only repeat the one before, AVI has an empty packet.
#[tokio::test]
async fn empty_packets_take_their_time() {
    if !clip::has_ffmpeg("empty_packets_take_their_time") {
        return;
    }
    let varying = "-vf 'select=mod(n\\,7)*mod(n\\,3)' -fps_mode vfr -c:a libmp3lame -c:v";
    for (name, coding) in [
        ("in-order", "mpeg4 -bf 0 -g 25"),
        ("mpeg4", "mpeg4 -bf 2 -g 25"),
        ("264", "libx264 -preset medium -bf 2 -g 25"),
    ] {
        let source = film(&format!("empty-{name}.avi"), &format!("{varying} {coding}"));
        ingest::check(&source).await;
    }
    // Nothing for twenty seconds is no leap of its clock.
    let still = "-vf 'select=lt(n\\,9)+gt(n\\,590)' -fps_mode vfr -c:v mpeg4 -bf 2 -an";
    let source = clip::film("empty-still.avi", 24, "25", "320x180", still);
    let (facts, read) = task::ingested(&source).await;
    let theirs = frames::by_ffmpeg(&source, "0:v:0", SIZE);
    same_from_the_first(&facts, &read, &theirs);
}

/// The pictures of a film without sound, which begins with the first of them.
fn same_from_the_first(facts: &SourceFacts, read: &Path, theirs: &[frames::Frame]) {
    let video = facts.video.as_ref().expect("a picture");
    let ours = frames::decoded(read, video.timescale, &[0]);
    let first_ns = theirs[0].time_ns - ours[0].time_ns;
    let theirs: Vec<frames::Frame> = theirs
        .iter()
        .map(|frame| frames::Frame {
            time_ns: frame.time_ns - first_ns,
            hash: frame.hash,
        })
        .collect();
    frames::compare(&read.display().to_string(), &ours, &theirs, TOLERANCE_NS);
    assert_eq!(video.frames, Some(ours.len() as u64), "{video:?}");
    let chunked = frames::decoded(read, video.timescale, &[0, 700, 1_333, 3_100]);
    frames::compare("chunks", &chunked, &ours, 0);
}

/// Whoever sent half a film is told so, and does not get half a film back.
#[tokio::test]
async fn what_was_cut_is_truncated() {
    if !clip::has_ffmpeg("what_was_cut_is_truncated") {
        return;
    }
    for (name, coding) in [
        ("b", "-c:v mpeg4 -bf 2 -g 25 -c:a libmp3lame"),
        ("264", "-c:v libx264 -preset medium -g 25 -c:a ac3"),
        // This is left as it is, and decoded from its start.
        ("left", "-c:v mpeg4 -bf 0 -g 25 -c:a wmav2"),
    ] {
        let whole = clip::film(&format!("{name}.avi"), 8, "25", "320x180", coding);
        for part in [40, 75] {
            let cut = clip::cut(&format!("{name}-{part}.avi"), &whole, part);
            let failure = task::probe(&cut).await.failure.expect("a refusal");
            assert_eq!(
                failure.code,
                ErrorCode::Truncated,
                "{name} {part}: {failure:?}"
            );
            assert!(failure.message.contains(" ms of 80"), "{failure:?}");
        }
        // All that is missing is the index.
        let bytes = std::fs::read(&whole).expect("a clip");
        let at = bytes.windows(4).rposition(|window| window == b"idx1");
        let cut = clip::write(
            &format!("{name}-idx.avi"),
            &bytes[..at.expect("an index") + 9],
        );
        let facts = task::facts(&cut).await;
        let expected = task::facts(&whole).await;
        assert_eq!(facts.video, expected.video, "{name}");
    }
}

/// DivX puts a picture that is referred to and the first that refers to it into one packet, and a blank one
/// where that would have been.
#[tokio::test]
async fn packed_pictures_are_taken_apart() {
    if !clip::has_ffmpeg("packed_pictures_are_taken_apart") {
        return;
    }
    for n in [1, 2] {
        let coding = format!("-c:v mpeg4 -bf {n} -g 25 -vtag DX50 -an");
        let plain = film(&format!("apart-{n}.avi"), &coding);
        let bytes = std::fs::read(&plain).expect("a clip");
        let source = clip::write(&format!("packed-{n}.avi"), &riff::packed(&bytes));
        let theirs = frames::by_ffmpeg(&plain, "0:v:0", SIZE);
        let (facts, read) = task::ingested(&source).await;
        same_from_the_first(&facts, &read, &theirs);
        // And that is what ffmpeg makes of it.
        frames::compare(
            "ffmpeg",
            &frames::by_ffmpeg(&source, "0:v:0", SIZE),
            &theirs,
            0,
        );
    }
}

/// What no MP4 holds is decoded from its start by every task; pictures out of order would have wrong times.
#[tokio::test]
async fn what_no_mp4_can_tell_is_left_as_it_is_or_refused() {
    if !clip::has_ffmpeg("what_no_mp4_can_tell_is_left_as_it_is_or_refused") {
        return;
    }
    let source = film("left.avi", "-c:v mpeg4 -bf 0 -g 25 -c:a wmav2");
    let facts = task::facts(&source).await;
    assert_eq!((facts.intermediate, facts.index), (None, None));
    let video = facts.video.as_ref().expect("a picture");
    let theirs = frames::by_ffmpeg(&source, "0:v:0", SIZE);
    let ours = frames::decoded(&source, video.timescale, &[0]);
    frames::compare("left", &ours, &theirs, TOLERANCE_NS);
    let made = task::run(task::audio(&source, &facts.audio[0], 0), &source).await;
    assert_eq!(made.failure, None);

    for coding in ["mpeg4 -bf 2", "libx264 -preset medium -bf 2"] {
        let source = film("refused.avi", &format!("-c:v {coding} -g 25 -c:a wmav2"));
        let failure = task::probe(&source).await.failure.expect("a refusal");
        assert_eq!(failure.code, ErrorCode::Unsupported, "{failure:?}");
        assert!(failure.message.contains("another order"), "{failure:?}");
    }
}

/// A file that was not closed has no index behind its media.
#[tokio::test]
async fn a_file_without_an_index_is_whole() {
    if !clip::has_ffmpeg("a_file_without_an_index_is_whole") {
        return;
    }
    let whole = film("index.avi", "-c:v mpeg4 -bf 2 -g 25 -c:a libmp3lame");
    let bytes = std::fs::read(&whole).expect("a clip");
    let source = clip::write("no-index.avi", &riff::without_index(&bytes));
    let (facts, read) = task::ingested(&source).await;
    let (expected, expected_read) = task::ingested(&whole).await;
    assert_eq!(facts.video, expected.video);
    let of = |read: &Path| frames::decoded(read, 90_000, &[0]);
    frames::compare("no index", &of(&read), &of(&expected_read), 0);
}
