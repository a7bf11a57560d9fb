//! What is no whole media file is refused by name.

use bus_schema::plan::Span;
use bus_schema::report::{ErrorCode, TaskError};

use super::clip;
use super::task::{self, SECOND_NS};

async fn refusal(source: &std::path::Path) -> TaskError {
    let made = task::probe(source).await;
    made.failure
        .unwrap_or_else(|| panic!("{}: {:?}", source.display(), made.facts))
}

async fn refused(source: &std::path::Path) -> ErrorCode {
    refusal(source).await.code
}

#[tokio::test]
async fn nothing_and_anything_but_media_are_refused() {
    assert_eq!(
        refused(&clip::write("nothing.mp4", b"")).await,
        ErrorCode::Empty
    );
    let text = "all work and no play makes jack a dull boy\n".repeat(500);
    assert_eq!(
        refused(&clip::write("text.mp4", text.as_bytes())).await,
        ErrorCode::NotMedia
    );
    let mut noise = 88_172_645_463_325_252_u64;
    let garbage: Vec<u8> = std::iter::repeat_with(|| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise.to_le_bytes()[0]
    })
    .take(300_000)
    .collect();
    assert_eq!(
        refused(&clip::write("garbage.mp4", &garbage)).await,
        ErrorCode::NotMedia
    );
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&garbage);
    assert_eq!(
        refused(&clip::write("archive.mp4", &zip)).await,
        ErrorCode::NotMedia
    );
    if clip::has_ffmpeg("nothing_and_anything_but_media_are_refused (a picture)") {
        let picture = clip::make("picture.jpg", "-f lavfi -i testsrc2=s=320x180 -frames:v 1");
        let error = refusal(&picture).await;
        assert_eq!(error.code, ErrorCode::NotMedia);
        assert!(
            error.message.starts_with("The file is a picture"),
            "{error:?}"
        );
    }
}

/// Every message is looked at where tasks are driven; these are the whole of some.
#[tokio::test]
async fn people_are_told_what_is_wrong_and_what_to_do() {
    let empty = refusal(&clip::write("bare.mp4", b"")).await;
    assert_eq!(
        empty.message,
        "The upload has no bytes: upload the file again."
    );
    let words = "all work and no play makes jack a dull boy\n".repeat(500);
    let text = refusal(&clip::write("words.mp4", words.as_bytes())).await;
    assert!(
        text.message.ends_with("as MP4, MOV, MKV or WebM."),
        "{text:?}"
    );
    if !clip::has_ffmpeg("people_are_told_what_is_wrong_and_what_to_do (films)") {
        return;
    }
    let film = clip::film("coded.mp4", 2, "25", "320x180", "");
    let mut bytes = std::fs::read(&film).expect("a clip can be read");
    replace(&mut bytes, b"avc1", b"zzz9");
    let unknown = refusal(&clip::write("unknown.mp4", &bytes)).await;
    assert_eq!(unknown.code, ErrorCode::Unsupported, "{unknown:?}");
    assert!(unknown.message.contains("zzz9"), "{unknown:?}");

    let mut bytes = std::fs::read(&film).expect("a clip can be read");
    let media = position(&bytes, b"mdat") + 4;
    let end = position(&bytes, b"moov") - 4;
    bytes[media..end].fill(0);
    let damaged = refusal(&clip::write("zeros.mp4", &bytes)).await;
    assert_eq!(damaged.code, ErrorCode::Damaged, "{damaged:?}");

    let cut = refusal(&clip::cut("part.mp4", &film, 40)).await;
    assert_eq!(cut.code, ErrorCode::Truncated, "{cut:?}");
    assert!(cut.message.ends_with("Upload the file again."), "{cut:?}");
}

/// Where something stands for the first time.
fn position(bytes: &[u8], what: &[u8]) -> usize {
    let mut windows = bytes.windows(what.len());
    windows
        .position(|window| window == what)
        .expect("it is there")
}

/// Every occurrence of four bytes.
fn replace(bytes: &mut [u8], what: &[u8; 4], with: &[u8; 4]) {
    while let Some(at) = bytes.windows(4).position(|window| window == what) {
        bytes[at..at + 4].copy_from_slice(with);
    }
}

#[tokio::test]
async fn what_was_cut_is_truncated() {
    if !clip::has_ffmpeg("what_was_cut_is_truncated") {
        return;
    }
    let front = clip::film("front.mp4", 8, "25", "320x180", "-movflags +faststart");
    let back = clip::film("back.mp4", 8, "25", "320x180", "");
    let mkv = clip::film("whole.mkv", 8, "25", "320x180", "");
    let wmv = "-c:v wmv2 -bf 0 -c:a wmav2";
    let wmv = clip::film("whole.wmv", 8, "25", "320x180", wmv);
    for (name, whole) in [
        ("cut-front.mp4", front),
        ("cut-back.mp4", back),
        ("cut.mkv", mkv),
        ("cut.wmv", wmv),
    ] {
        let cut = clip::cut(name, &whole, 40);
        assert_eq!(refused(&cut).await, ErrorCode::Truncated, "{name}");
    }
}

#[tokio::test]
async fn a_chunk_that_ends_early_is_no_success() {
    if !clip::has_ffmpeg("a_chunk_that_ends_early_is_no_success") {
        return;
    }
    let source = clip::film("promise.mkv", 4, "25", "320x180", "");
    let mut facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    facts.duration_ns = 9 * SECOND_NS;
    let span = Span {
        start_ns: 2 * SECOND_NS,
        end_ns: Some(6 * SECOND_NS),
    };
    let made = task::run(task::chunk(&source, &facts, span, 2, &[(160, 90)]), &source).await;
    assert_eq!(
        made.failure.map(|error| error.code),
        Some(ErrorCode::Truncated)
    );
}

#[tokio::test]
async fn a_track_that_is_not_there_is_named() {
    if !clip::has_ffmpeg("a_track_that_is_not_there_is_named") {
        return;
    }
    let mute = clip::film("mute.mp4", 1, "25", "320x180", "-an");
    let deaf = clip::film("tone.m4a", 1, "25", "320x180", "-vn");
    let facts = task::facts(&deaf).await;
    assert_eq!(facts.video, None);
    let video = task::facts(&mute).await.video.expect("there is a picture");
    let made = task::run(task::audio(&mute, &facts.audio[0], 0), &mute).await;
    assert_eq!(
        made.failure.map(|error| error.code),
        Some(ErrorCode::NoAudio)
    );
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let made = task::run(task::chunk(&deaf, &video, span, 1, &[(160, 90)]), &deaf).await;
    assert_eq!(
        made.failure.map(|error| error.code),
        Some(ErrorCode::NoVideo)
    );
}
