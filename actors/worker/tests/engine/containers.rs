//! Containers that few send: each gives ffmpeg's frames, or is refused by its name with what to do.

use std::path::{Path, PathBuf};

use bus_schema::report::ErrorCode;

use super::{clip, frames, task};

const SIZE: (usize, usize) = (352, 288);
/// FLV, ASF and Ogg round to milliseconds or to their own units.
const TOLERANCE_NS: u64 = 1_001_000;

/// Four seconds with sound.
fn film(name: &str, coding: &str) -> PathBuf {
    clip::film(name, 4, "25", "352x288", coding)
}

/// ffmpeg's frames at its distances, in one pass and in chunks; some clocks do not begin at 0.
async fn check(source: &Path) {
    check_chunks(source, 4, &[0, 700, 1_333, 2_000, 3_100]).await;
}

/// The same of a film of so many seconds, in chunks that begin at these times.
async fn check_chunks(source: &Path, seconds: u64, starts_ms: &[u64]) {
    let what = source.display().to_string();
    let (facts, read) = task::ingested(source).await;
    let video = facts.video.expect("a picture");
    let mut theirs = frames::by_ffmpeg(source, "0:v:0", SIZE);
    let ours = frames::decoded(&read, video.timescale, &[0]);
    assert_eq!(ours.len(), theirs.len(), "{what}: frames");
    let (first_ns, start_ns) = (theirs[0].time_ns, ours[0].time_ns);
    for frame in &mut theirs {
        frame.time_ns = frame.time_ns - first_ns + start_ns;
    }
    frames::compare(&what, &ours, &theirs, TOLERANCE_NS);
    let chunked = frames::decoded(&read, video.timescale, starts_ms);
    frames::compare(&what, &chunked, &ours, 0);
    assert_eq!(facts.audio.len(), 1, "{what}");
    let made = task::run(task::audio(&read, &facts.audio[0], 0), &read).await;
    assert_eq!(made.failure, None, "{what}");
    let heard_ns = facts.audio[0].duration_ns;
    assert!(
        heard_ns.abs_diff(seconds * 1_000_000_000) < 150_000_000,
        "{what}: {heard_ns}"
    );
}

#[tokio::test]
async fn containers_of_old_are_whole() {
    if !clip::has_ffmpeg("containers_of_old_are_whole") {
        return;
    }
    for (name, coding) in [
        ("264.flv", "-c:v libx264 -bf 2 -g 25 -c:a aac"),
        (
            "sorenson.flv",
            "-c:v flv1 -bf 0 -g 25 -c:a libmp3lame -ar 44100",
        ),
        ("theora.ogv", "-c:v libtheora -g 25 -c:a libvorbis"),
        ("opus.ogv", "-c:v libtheora -g 25 -c:a libopus"),
        ("263.3gp", "-c:v h263 -bf 0 -g 25 -c:a aac"),
        ("4.3gp", "-c:v mpeg4 -bf 0 -g 25 -c:a aac"),
        ("264.3gp", "-c:v libx264 -g 25 -c:a aac"),
        ("wmv1.asf", "-c:v wmv1 -bf 0 -g 25 -c:a wmav1"),
        ("wmv2.wmv", "-c:v wmv2 -bf 0 -g 25 -c:a wmav2"),
    ] {
        check(&film(&format!("old-{name}"), coding)).await;
    }
}

/// Many pictures that are little data, and keyframes among them: of such packets ffmpeg's table of an ASF
/// says that its keyframes take none.
#[tokio::test]
async fn asf_is_whole_from_its_first_picture_on_however_plain_that_is() {
    if !clip::has_ffmpeg("asf_is_whole_from_its_first_picture_on_however_plain_that_is") {
        return;
    }
    let plain = |name: &str, colour: &str, seconds: u32, rest: &str| {
        let moving = 12 - seconds;
        let arguments = format!(
            "-f lavfi -i color={colour}:s=352x288:r=25:d={seconds} \
             -f lavfi -i testsrc2=s=352x288:r=25:d={moving} \
             -f lavfi -i sine=f=440:r=48000:d=12 -filter_complex [0][1]concat -map 2:a {rest}"
        );
        clip::make(name, &arguments)
    };
    let starts_ms = [0, 700, 2_000, 4_333, 7_777, 9_900, 11_960];
    for (name, colour, seconds, rest) in [
        ("white.wmv", "white", 11, "-c:v wmv2 -c:a wmav2"),
        ("black.asf", "black", 2, "-c:v wmv1 -c:a wmav1"),
        ("long-groups.wmv", "black", 1, "-c:v wmv2 -g 150 -c:a wmav2"),
    ] {
        check_chunks(&plain(name, colour, seconds, rest), 12, &starts_ms).await;
    }
    // As recorders leave it that end early.
    let whole = plain("groups.wmv", "black", 2, "-c:v wmv2 -g 150 -c:a wmav2");
    let bytes = std::fs::read(&whole).expect("a clip can be read");
    let index = b"\x90\x08\x00\x33\xb1\xe5\xcf\x11\x89\xf4\x00\xa0\xc9\x03\x49\xcb";
    let mut windows = bytes.windows(index.len());
    let end = windows.position(|window| window == index);
    let unindexed = clip::write("unindexed.wmv", &bytes[..end.expect("an index")]);
    check_chunks(&unindexed, 12, &starts_ms).await;
    for (name, colour) in [("black.wmv", "black"), ("white.wmv", "white")] {
        let arguments = format!(
            "-f lavfi -i color={colour}:s=352x288:r=25:d=3 -f lavfi -i sine=d=3:r=48000 \
             -c:v wmv2 -c:a wmav2"
        );
        check_chunks(&clip::make(name, &arguments), 3, &[0, 700, 2_000]).await;
    }
}

#[tokio::test]
async fn what_nothing_here_reads_is_refused_by_its_name() {
    if !clip::has_ffmpeg("what_nothing_here_reads_is_refused_by_its_name") {
        return;
    }
    let picture = "-f lavfi -i testsrc2=s=352x288:r=25:d=1";
    let sound = "-f lavfi -i sine=d=1:r=48000";
    for (name, arguments, called) in [
        (
            "a.mxf",
            format!("{picture} {sound} -c:v mpeg2video -c:a pcm_s16le"),
            "`mxf`",
        ),
        ("a.ivf", format!("{picture} -c:v libvpx -b:v 500k"), "`ivf`"),
        ("a.y4m", format!("{picture} -pix_fmt yuv420p"), "`yuv4mpeg`"),
        (
            "a.asf",
            format!("{picture} -c:v libx264 -bf 2 -pix_fmt yuv420p"),
            "`h264`",
        ),
        (
            "a.wav",
            format!("{sound} -ar 8000 -c:a adpcm_g726"),
            "`adpcm`",
        ),
        (
            "a.mov",
            format!("{picture} {sound} -c:v png -c:a aac"),
            "`png`",
        ),
        (
            "odd.avi",
            "-f lavfi -i testsrc2=s=322x181:r=25:d=1 -c:v rawvideo -pix_fmt yuv420p".to_owned(),
            "`raw`",
        ),
        ("a.aiff", sound.to_owned(), "`aiff`"),
        ("a.caf", sound.to_owned(), "`caf`"),
    ] {
        let made = task::probe(&clip::make(name, &arguments)).await;
        let failure = made
            .failure
            .unwrap_or_else(|| panic!("{name}: {:?}", made.facts));
        assert_eq!(failure.code, ErrorCode::Unsupported, "{name}: {failure:?}");
        assert!(failure.message.contains(called), "{name}: {failure:?}");
    }
    for (name, frames) in [("a.gif", 20), ("one.gif", 1), ("a.webp", 5), ("one.png", 1)] {
        let arguments = format!("{picture} -frames:v {frames}");
        let made = task::probe(&clip::make(name, &arguments)).await;
        let failure = made
            .failure
            .unwrap_or_else(|| panic!("{name}: {:?}", made.facts));
        assert_eq!(failure.code, ErrorCode::NotMedia, "{name}: {failure:?}");
        assert!(failure.message.contains("a picture"), "{name}: {failure:?}");
    }
}

/// Uncoded sound may hold whatever a broadcast's packets begin with, in their distance.
#[tokio::test]
async fn a_film_whose_sound_looks_like_a_broadcast_is_none() {
    if !clip::has_ffmpeg("a_film_whose_sound_looks_like_a_broadcast_is_none") {
        return;
    }
    // Every 192 bytes 47 00 00 10: the beginning of a packet with a payload.
    let packets = r"if(eq(mod(n\,96)\,0)\,71/32768\,if(eq(mod(n\,96)\,1)\,0.125\,0))";
    let source = clip::make(
        "looks-like-a-broadcast.mov",
        &format!(
            "-f lavfi -i color=black:s=320x180:r=25:d=2 -f lavfi -i aevalsrc={packets}:s=48000:d=2 -c:v libx264 \
             -preset ultrafast -pix_fmt yuv420p -c:a pcm_s16le"
        ),
    );
    let facts = task::facts(&source).await;
    assert_eq!(facts.container, "mov");
    assert_eq!(facts.video.expect("a picture").frames, Some(50));
}
