//! Copies of real files: the same packets at the same times, under an index that stands in front.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bus_schema::source::{AacFacts, IndexFacts};
use bytes::Bytes;
use tempfile::TempDir;
use worker::mp4::Error;
use worker::mp4::index;
use worker::mp4::remux::{self, CopiedFile, Remux};

use crate::ffmpeg::{self, frames, make, packets, probe};
use crate::index::FILM;

const MIB: u64 = 1 << 20;
const PLAIN: IndexFacts = IndexFacts {
    is_fragmented: false,
    n_video: 1,
    has_plain_edits: true,
    is_consistent: true,
    h264: None,
    aac: None,
};

/// What a source's index says, and the copy that is planned of it.
fn plan(path: &Path) -> (IndexFacts, Result<Remux, Error>) {
    let file = File::open(path).expect("the file is there");
    let size = file.metadata().expect("it has a size").len();
    let read = |offset: u64, len: u32| {
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(Bytes::from(bytes))
    };
    let found = index::read_whole(read, size)
        .expect("an index")
        .expect("an ISO base media file");
    let facts = remux::facts(&found.index, &found.moov, size);
    (facts, Remux::new(&found.index, &found.moov, size))
}

/// Writes the copy, as parts are written.
fn copy(path: &Path, to: &Path) -> Remux {
    let (_, planned) = plan(path);
    let planned = planned.expect("a copy");
    let source = std::fs::read(path).expect("the source");
    let size = source.len() as u64;
    let file = CopiedFile::new(planned.head.clone(), &planned.ranges, size, 5 * MIB);
    let file = file.expect("ranges of the source");
    let mut written = Vec::new();
    for part in file.parts() {
        let mut body = bytes::BytesMut::from(&file.head()[part.head.clone()]);
        for read in &part.reads {
            let [from, n] = [read.offset, read.bytes].map(|n| usize::try_from(n).expect("small"));
            read.keep(&source[from..from + n], &mut body)
                .expect("all bytes");
        }
        assert_eq!(body.len() as u64, part.bytes);
        written.extend_from_slice(&body);
    }
    assert_eq!(written.len() as u64, file.bytes());
    assert_eq!(top_boxes(&written), ["ftyp", "moov", "mdat"]);
    std::fs::write(to, written).expect("written");
    planned
}

fn top_boxes(bytes: &[u8]) -> Vec<String> {
    places(bytes).into_iter().map(|(kind, ..)| kind).collect()
}

/// Kind, offset and size of each box at the top level.
fn places(bytes: &[u8]) -> Vec<(String, usize, usize)> {
    let (mut at, mut found) = (0, Vec::new());
    while at + 8 <= bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        let kind = String::from_utf8_lossy(&bytes[at + 4..at + 8]).into_owned();
        assert!(size >= 8, "{kind} of {size} bytes");
        found.push((kind, at, size));
        at += size;
    }
    found
}

/// Copies a file, and compares it with what ffmpeg reads of both.
fn check(dir: &TempDir, source: &Path) -> PathBuf {
    let name = source.file_name().expect("a name").to_string_lossy();
    let to = dir.path().join(format!("copy-of-{name}.mp4"));
    let planned = copy(source, &to);
    let theirs = packets(source);
    assert!(theirs.len() > 100, "{name}: {} packets", theirs.len());
    assert_eq!(packets(&to), theirs, "{name}");
    let n_frames = frames(&to, "v:0").len() as u64;
    assert_eq!(planned.frames, n_frames, "{name}");
    assert_eq!(frames(&to, "v:0"), frames(source, "v:0"), "{name}");
    // Ours is a source like any other.
    let (facts, again) = plan(&to);
    assert!(facts.is_consistent && facts.has_plain_edits, "{facts:?}");
    assert_eq!(
        again.expect("a copy of the copy").head,
        planned.head,
        "{name}"
    );
    to
}

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
fn media_in_several_places_is_found() {
    if !ffmpeg::is_here("media_in_several_places_is_found") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let source = make(dir.path().join("one.mp4"), &with(FILM, &["-bf", "2"]));
    let split = dir.path().join("two.mp4");
    std::fs::write(&split, split_media(&std::fs::read(&source).unwrap())).unwrap();
    let kinds = top_boxes(&std::fs::read(&split).unwrap());
    assert_eq!(kinds.iter().filter(|kind| *kind == "mdat").count(), 2);
    assert_eq!(plan(&split).1.unwrap().ranges.len(), 2);
    check(&dir, &split);
    // The index may also stand between the two.
    let bytes = std::fs::read(&split).unwrap();
    let middle = dir.path().join("middle.mp4");
    std::fs::write(&middle, index_between(&bytes)).unwrap();
    assert_eq!(
        top_boxes(&std::fs::read(&middle).unwrap()),
        ["ftyp", "free", "mdat", "moov", "mdat"]
    );
    assert_eq!(packets(&check(&dir, &middle)), packets(&source));
}

/// Chunk offsets of all tracks, by where they stand in the file.
fn chunk_offsets(bytes: &[u8]) -> Vec<(usize, u32)> {
    let tables = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, kind)| kind == b"stco");
    let mut offsets = Vec::new();
    for (at, _) in tables {
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four"));
        let first = at + 12;
        let places = (0..number(at + 8) as usize).map(|entry| first + 4 * entry);
        offsets.extend(places.map(|place| (place, number(place))));
    }
    offsets
}

/// Moves all chunks from an offset on.
fn move_chunks(bytes: &mut [u8], from: u32, by: u32) {
    for (place, offset) in chunk_offsets(bytes) {
        if offset >= from {
            bytes[place..place + 4].copy_from_slice(&(offset + by).to_be_bytes());
        }
    }
}

/// The media in two boxes, cut where a chunk begins.
fn split_media(bytes: &[u8]) -> Vec<u8> {
    let boxes = places(bytes);
    let (_, at, size) = boxes
        .iter()
        .find(|(kind, ..)| kind == "mdat")
        .expect("media");
    let mut offsets: Vec<u32> = chunk_offsets(bytes)
        .into_iter()
        .map(|(_, offset)| offset)
        .collect();
    offsets.sort_unstable();
    let middle = offsets[offsets.len() / 2];
    let cut = middle as usize;
    let mut file = bytes.to_vec();
    move_chunks(&mut file, middle, 8);
    let first = u32::try_from(cut - at).expect("small");
    file[*at..at + 4].copy_from_slice(&first.to_be_bytes());
    let second = u32::try_from(at + size - cut + 8).expect("small");
    let header = [&second.to_be_bytes()[..], b"mdat"].concat();
    file.splice(cut..cut, header);
    file
}

/// The index, which stood last, between two boxes of media.
fn index_between(bytes: &[u8]) -> Vec<u8> {
    let boxes = places(bytes);
    let (_, index, size) = boxes.last().expect("an index").clone();
    let (_, second, _) = boxes[boxes.len() - 2].clone();
    let mut file = bytes.to_vec();
    let by = u32::try_from(size).expect("small");
    move_chunks(&mut file, u32::try_from(second).expect("small"), by);
    let moov = file.split_off(index);
    file.splice(second..second, moov);
    file
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
