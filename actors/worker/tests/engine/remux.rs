//! A copy as a child plans it: the index alone is read, and what comes out is the same film.

use bus_schema::report::ErrorCode;
use bus_schema::task::{RemuxSpec, TaskSpec};
use worker::by_hand::{self, Outcome};

use super::{clip, folder, task};

fn spec(source: &std::path::Path) -> TaskSpec {
    TaskSpec::Remux(RemuxSpec {
        source_bytes: task::bytes(source),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_copied_by_its_index_alone() {
    if !clip::has_ffmpeg("a_film_is_copied_by_its_index_alone") {
        return;
    }
    // Some 12 MB of media, of which a child has no use.
    let source = clip::film("copied.mp4", 20, "30000/1001", "640x360", "-qp 10");
    let size = task::bytes(&source);
    let made = task::run(spec(&source), &source).await;
    assert_eq!(made.failure, None);
    let copy = made.copy.expect("a plan");
    let media: u64 = copy.ranges.iter().map(|range| range.bytes).sum();
    assert!(made.read_bytes < size / 2, "{} of {size}", made.read_bytes);
    assert!(media < size && media > size * 9 / 10, "{media} of {size}");

    let facts = task::facts(&source).await;
    assert_eq!(facts.video.expect("a picture").frames, Some(copy.frames));
    let index = facts.index.expect("an index");
    assert!(index.is_consistent && index.has_plain_edits, "{index:?}");
    assert_eq!(index.h264.map(|h264| h264.bit_depth), Some(8));
    assert_eq!(index.aac.map(|aac| aac.object_type), Some(2));

    let out = folder::of_run("copied");
    let source_name = source.to_str().expect("a plain path");
    let inputs = by_hand::Inputs {
        source: source_name,
        image: None,
    };
    let outcome = by_hand::run(&task::options(), spec(&source), inputs, &out)
        .await
        .expect("it runs");
    let Outcome::Copied(result) = outcome else {
        panic!("{outcome:?}");
    };
    let file = out.join("copy.mp4");
    assert_eq!(task::bytes(&file), result.bytes);
    assert_eq!(result.bytes, made.head.len() as u64 + media);
    assert_eq!(
        (result.frames, result.duration_ms / 100),
        (copy.frames, 200)
    );
    let times = clip::frame_times(&file);
    assert_eq!(times.len() as u64, result.frames);
    assert_eq!(times, clip::frame_times(&source));
    let sounds = clip::samples(&file);
    assert_eq!(sounds, clip::samples(&source));
}

/// ISO 639-2 has two codes for some languages, and MP4 takes the one of them, as what is encoded here does.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_names_its_language_as_an_encoded_film_does() {
    if !clip::has_ffmpeg("a_copy_names_its_language_as_an_encoded_film_does") {
        return;
    }
    let words = "-metadata:s:a:0 language=ger";
    let source = clip::film("german.mp4", 2, "25", "320x180", words);
    let made = task::run(spec(&source), &source).await;
    assert_eq!(made.failure, None);
    let index = |bytes: &[u8]| bytes.windows(4).filter(|word| word == b"mdhd").count();
    assert_eq!(index(&made.head), 2);
    let mut facts = task::facts(&source).await.audio;
    assert_eq!(facts.remove(0).language.as_deref(), Some("de"));
    // Five bits a letter, behind the times of a `mdhd` of 32 bits (ISO/IEC 14496-12, 8.4.2).
    let heads = made
        .head
        .windows(4 + 24)
        .filter(|head| head.starts_with(b"mdhd"));
    let told = heads.map(|head| u16::from_be_bytes([head[24], head[25]]));
    let code = |[a, b, c]: [u8; 3]| {
        [a, b, c]
            .iter()
            .fold(0, |sum, l| sum << 5 | u16::from(l - 0x60))
    };
    assert_eq!(told.collect::<Vec<_>>(), [code(*b"und"), code(*b"deu")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_copied_is_refused_by_name() {
    if !clip::has_ffmpeg("what_cannot_be_copied_is_refused_by_name") {
        return;
    }
    let film = clip::film(
        "copied-front.mp4",
        4,
        "25",
        "320x180",
        "-movflags +faststart",
    );
    let cut = clip::cut("copied-cut.mp4", &film, 60);
    let letter = clip::write("copied-letter.mp4", &b"Dear film, ".repeat(500));
    let fragments = clip::film(
        "copied-fragments.mp4",
        4,
        "25",
        "320x180",
        "-movflags +frag_keyframe+empty_moov",
    );
    for (source, code) in [
        (cut, ErrorCode::Truncated),
        (letter, ErrorCode::Unsupported),
        (fragments, ErrorCode::Unsupported),
    ] {
        let made = task::run(spec(&source), &source).await;
        let error = made.failure.expect("a reason");
        assert_eq!(error.code, code, "{}: {error:?}", source.display());
        assert!(made.copy.is_none());
    }
}
