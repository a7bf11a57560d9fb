//! Copies of real files: the same packets at the same times, under an index that stands in front.

use std::path::Path;

use bus_schema::source::{AacFacts, IndexFacts};
use tempfile::TempDir;
use worker::mp4::Error;

use crate::copied::{check, plan, top_boxes};
use crate::ffmpeg::{self, make, probe};
use crate::index::FILM;

const PLAIN: IndexFacts = IndexFacts {
    is_fragmented: false,
    n_video: 1,
    has_plain_edits: true,
    is_consistent: true,
    h264: None,
    aac: None,
};

fn with<'a>(first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [first, rest].concat()
}

#[test]
fn packets_are_the_same_and_the_index_is_in_front() {
    if !ffmpeg::is_here("packets_are_the_same_and_the_index_is_in_front") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let file = |name: &str, rest: &[&str]| make(dir.path().join(name), &with(FILM, rest));
    let behind = file("behind.mp4", &["-bf", "2"]);
    assert_eq!(
        top_boxes(&std::fs::read(&behind).unwrap()).last().unwrap(),
        "moov"
    );
    check(&dir, &behind);
    check(&dir, &file("front.mp4", &["-movflags", "+faststart"]));
    check(&dir, &file("silent.mp4", &["-an"]));
    check(
        &dir,
        &file(
            "mono.mov",
            &[
                "-ac",
                "1",
                "-colorspace",
                "bt709",
                "-color_trc",
                "bt709",
                "-color_primaries",
                "bt709",
            ],
        ),
    );
    check(&dir, &file("baseline.mp4", &["-profile:v", "baseline"]));
    check(
        &dir,
        &file(
            "negative.mp4",
            &["-bf", "2", "-movflags", "negative_cts_offsets"],
        ),
    );
}

#[test]
fn what_is_not_kept_leaves_no_byte() {
    if !ffmpeg::is_here("what_is_not_kept_leaves_no_byte") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let rest = [
        "-timecode",
        "01:00:00:00",
        "-metadata",
        "location=+52.5+013.4/",
        "-metadata",
        "comment=secret",
        "-filter_complex",
        "[0:v]split[a][b];[1:a]volume=0.1[c]",
        "-map",
        "[a]",
        "-map",
        "1:a",
        "-map",
        "[c]",
        "-map",
        "[b]",
        "-b:v:1",
        "20k",
    ];
    let source = make(dir.path().join("four.mov"), &with(FILM, &rest));
    let (facts, planned) = plan(&source);
    assert_eq!(facts.n_video, 2);
    let planned = planned.unwrap();
    assert!(planned.ranges.len() > 10, "{} ranges", planned.ranges.len());
    let to = check(&dir, &source);
    assert_eq!(probe(&to, &["-show_entries", "format=nb_streams"]), "2");
    let bytes = std::fs::read(&to).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
    assert!(!bytes.windows(5).any(|window| window == b"+52.5"));
    let media: u64 = planned.ranges.iter().map(|range| range.bytes).sum();
    let sizes = probe(&to, &["-show_entries", "packet=size"]);
    let sum: u64 = sizes
        .split_whitespace()
        .map(|line| line.trim_end_matches(',').parse::<u64>().unwrap())
        .sum();
    assert_eq!(media, sum, "nothing but what packets hold");
}

#[test]
fn turns_delays_and_shapes_are_kept() {
    if !ffmpeg::is_here("turns_delays_and_shapes_are_kept") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let wide = make(
        dir.path().join("wide.mp4"),
        &with(FILM, &["-vf", "setsar=4/3"]),
    );
    let turned = dir.path().join("turned.mp4");
    if ffmpeg::has_rotation_tag() {
        let source = wide.to_str().unwrap();
        make(
            turned.clone(),
            &["-i", source, "-c", "copy", "-metadata:s:v:0", "rotate=90"],
        );
        let to = check(&dir, &turned);
        let rotation = |path: &Path| {
            probe(
                path,
                &[
                    "-select_streams",
                    "v",
                    "-show_entries",
                    "stream_side_data=rotation",
                ],
            )
        };
        assert_eq!(rotation(&to), rotation(&turned));
        assert!(rotation(&to).contains("90"), "{}", rotation(&to));
    }
    let shape = |path: &Path| {
        probe(
            path,
            &[
                "-select_streams",
                "v",
                "-show_entries",
                "stream=width,height,sample_aspect_ratio",
            ],
        )
    };
    let to = check(&dir, &wide);
    assert_eq!(shape(&to), shape(&wide));
    let source = wide.to_str().unwrap();
    let late = dir.path().join("late.mp4");
    make(
        late.clone(),
        &[
            "-i",
            source,
            "-itsoffset",
            "0.5",
            "-i",
            source,
            "-map",
            "0:v",
            "-map",
            "1:a",
            "-c",
            "copy",
        ],
    );
    check(&dir, &late);
}

#[test]
fn a_file_that_ends_early_is_truncated() {
    if !ffmpeg::is_here("a_file_that_ends_early_is_truncated") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let source = make(
        dir.path().join("whole.mp4"),
        &with(FILM, &["-movflags", "+faststart"]),
    );
    let bytes = std::fs::read(&source).unwrap();
    let cut = dir.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    let (facts, planned) = plan(&cut);
    assert!(!facts.is_consistent);
    assert!(
        matches!(planned, Err(Error::Truncated { .. })),
        "{planned:?}"
    );
}

#[test]
fn facts_tell_what_decides() {
    if !ffmpeg::is_here("facts_tell_what_decides") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let facts = |name: &str, rest: &[&str]| {
        let path = make(dir.path().join(name), &with(FILM, rest));
        plan(&path).0
    };
    let plain = facts("plain.mp4", &[]);
    let (h264, aac) = (plain.h264.unwrap(), plain.aac.unwrap());
    assert_eq!(
        plain,
        IndexFacts {
            h264: Some(h264),
            aac: Some(aac),
            ..PLAIN
        }
    );
    assert_eq!(
        (h264.profile, h264.chroma_format, h264.bit_depth),
        (100, 1, 8)
    );
    assert!(h264.is_progressive);
    assert_eq!(
        aac,
        AacFacts {
            object_type: 2,
            channels: 1
        }
    );
    let h264 = |name: &str, rest: &[&str]| facts(name, rest).h264.unwrap();
    assert_eq!(h264("level.mp4", &["-level", "5.1"]).level, 51);
    assert_eq!(h264("main.mov", &["-profile:v", "main"]).profile, 77);
    let ten = h264("ten.mp4", &["-pix_fmt", "yuv420p10le"]);
    assert_eq!((ten.profile, ten.bit_depth), (110, 10));
    assert_eq!(h264("full.mp4", &["-pix_fmt", "yuv444p"]).chroma_format, 3);
    assert_eq!(h264("half.mp4", &["-pix_fmt", "yuv422p"]).chroma_format, 2);
    assert!(!h264("fields.mp4", &["-flags", "+ilme+ildct"]).is_progressive);
    let scaled = h264("scaled.mp4", &["-x264-params", "cqm=jvt"]);
    assert!(
        scaled.is_progressive && scaled.chroma_format == 1,
        "{scaled:?}"
    );
    let fragmented = facts("fragments.mp4", &["-movflags", "+frag_keyframe+empty_moov"]);
    assert!(fragmented.is_fragmented && !fragmented.is_consistent);
    assert_eq!(
        facts("other.mp4", &["-c:v", "mpeg4", "-c:a", "ac3"]).h264,
        None
    );
    assert_eq!(facts("sound.mp4", &["-c:a", "ac3"]).aac, None);
    assert_eq!(facts("six.mp4", &["-ac", "6"]).aac.unwrap().channels, 6);
    let source = dir.path().join("plain.mp4");
    let trimmed = dir.path().join("trimmed.mp4");
    make(
        trimmed.clone(),
        &["-ss", "1.5", "-i", source.to_str().unwrap(), "-c", "copy"],
    );
    assert!(
        !plan(&trimmed).0.has_plain_edits,
        "it begins within a group of pictures"
    );
}
