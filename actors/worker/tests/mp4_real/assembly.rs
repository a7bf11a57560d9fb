//! The segments that we write and the MP4 that we assemble hold the encoder's frames, each at its own
//! time, and nothing else: for constant, broadcast and variable frame rates, with and without
//! reordered frames and sound.

use std::path::Path;

use tempfile::TempDir;

use crate::cutter::{CutTrack, assemble, cut};
use crate::demuxer::tracks;
use crate::ffmpeg::{self, frames, make, probe};

const X264: &[&str] = &[
    "-c:v", "libx264", "-preset", "veryfast", "-g", "24", "-pix_fmt", "yuv420p",
];

/// Cuts a source, assembles it again, and compares what is decoded.
fn round_trip(test: &str, arguments: &[&str]) {
    if !ffmpeg::is_here(test) {
        return;
    }
    let dir = TempDir::new().expect("a temporary folder");
    let source = make(dir.path().join("source.mp4"), arguments);
    let tracks = tracks(&source);
    let video = cut(&tracks[0], "360p");
    let audio = tracks.get(1).map(|track| cut(track, "audio"));
    assert!(
        video.segments.len() >= 4,
        "several segments in several pieces"
    );
    assert!(
        video.pieces.len() >= 2,
        "several segments in several pieces"
    );

    check_stream(dir.path(), &source, "v", &video);
    if let Some(audio) = &audio {
        check_stream(dir.path(), &source, "a", audio);
    }
    let file = assemble(Some(&video), audio.as_ref());
    assert!(
        position(&file, b"moov") < position(&file, b"mdat"),
        "the index is in front"
    );
    let path = dir.path().join("assembled.mp4");
    std::fs::write(&path, file).expect("room for a file");
    check_file(&source, &path, audio.is_some());
}

fn position(file: &[u8], kind: &[u8]) -> Option<usize> {
    file.windows(4).position(|window| window == kind)
}

/// Frames of the stream against the source's. Sound is at the source's times, with the priming before
/// 0, which ffmpeg decodes from fragments and players skip. Pictures are at the source's distances:
/// ffmpeg moves them by the reordering delay, since decode times before 0 cannot be written in `tfdt`.
fn check_stream(dir: &Path, source: &Path, track: &str, cut: &CutTrack) {
    let path = dir.join(format!("{track}.cmaf.mp4"));
    std::fs::write(&path, cut.stream()).expect("room for a file");
    let (mut written, mut expected) = (frames(&path, track), frames(source, track));
    if track == "a" {
        written.retain(|frame| frame.pts >= 0);
    } else {
        for frames in [&mut written, &mut expected] {
            let first = frames[0].pts;
            frames.iter_mut().for_each(|frame| frame.pts -= first);
        }
    }
    assert_eq!(written, expected, "fragments of {track}");
}

/// The file against the source: the same frames at the same times, to the unit.
fn check_file(source: &Path, assembled: &Path, has_audio: bool) {
    let count = [
        "-count_frames",
        "-select_streams",
        "v",
        "-show_entries",
        "stream=nb_read_frames",
    ];
    assert_eq!(probe(assembled, &count), probe(source, &count));
    assert_eq!(
        frames(assembled, "v"),
        frames(source, "v"),
        "picture of the file"
    );
    if has_audio {
        assert_eq!(
            frames(assembled, "a"),
            frames(source, "a"),
            "sound of the file"
        );
    }
    for track in ["v", "a"].iter().take(1 + usize::from(has_audio)) {
        let start = [
            "-select_streams",
            track,
            "-show_entries",
            "stream=start_time",
        ];
        assert_eq!(
            probe(assembled, &start),
            probe(source, &start),
            "start of {track}"
        );
    }
}

#[test]
fn a_film_with_sound_and_reordered_frames() {
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25:duration=7.4",
    ];
    let sound = [
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:duration=7.4:sample_rate=48000",
    ];
    let encode = ["-bf", "3", "-c:a", "aac", "-ac", "2"];
    round_trip("a film", &[&source[..], &sound, X264, &encode].concat());
}

#[test]
fn a_broadcast_rate() {
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=30000/1001:duration=6",
    ];
    round_trip(
        "29.97",
        &[
            &source[..],
            X264,
            &["-bf", "3", "-video_track_timescale", "90000"],
        ]
        .concat(),
    );
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=60000/1001:duration=6",
    ];
    round_trip("59.94", &[&source[..], X264, &["-bf", "2"]].concat());
}

#[test]
fn a_variable_frame_rate() {
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=30:duration=9",
    ];
    let filter = [
        "-vf",
        "select='mod(n,7)*mod(n,3)'",
        "-fps_mode",
        "vfr",
        "-bf",
        "3",
    ];
    round_trip("VFR", &[&source[..], &filter, X264].concat());
}

#[test]
fn frames_in_order() {
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25:duration=6",
    ];
    round_trip("no B-frames", &[&source[..], X264, &["-bf", "0"]].concat());
}

#[test]
fn sound_alone() {
    if !ffmpeg::is_here("sound alone") {
        return;
    }
    let dir = TempDir::new().expect("a temporary folder");
    let sound = [
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:duration=5:sample_rate=44100",
    ];
    let source = make(
        dir.path().join("source.m4a"),
        &[&sound[..], &["-c:a", "aac"]].concat(),
    );
    let audio = cut(&tracks(&source)[0], "audio");
    check_stream(dir.path(), &source, "a", &audio);
    let path = dir.path().join("audio.m4a");
    std::fs::write(&path, assemble(None, Some(&audio))).expect("room for a file");
    assert_eq!(frames(&path, "a"), frames(&source, "a"));
    let start = ["-show_entries", "stream=start_time"];
    assert_eq!(probe(&path, &start), probe(&source, &start));
}
