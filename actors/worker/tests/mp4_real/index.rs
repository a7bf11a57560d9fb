//! The index tells what a player shows, to the frame and to the unit of time, as ffprobe does by
//! decoding everything - for the containers' own ways of saying it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bus_schema::plan::Span;
use bytes::Bytes;
use tempfile::TempDir;
use worker::mp4::Error;
use worker::mp4::index::{self, MovieIndex, TrackIndex};

use crate::ffmpeg::{self, frames, make, probe};

pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const FILM: &[&str] = &[
    "-f",
    "lavfi",
    "-i",
    "testsrc2=size=320x180:rate=30:duration=8",
    "-f",
    "lavfi",
    "-i",
    "sine=duration=8:sample_rate=48000",
    "-c:v",
    "libx264",
    "-preset",
    "veryfast",
    "-g",
    "60",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "aac",
];
const SILENT: &[&str] = &[
    "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
];

pub(crate) fn read(path: &Path) -> Result<Option<MovieIndex>, Error> {
    let file = File::open(path).expect("the file is there");
    let size = file.metadata().expect("it has a size").len();
    let mut n_reads = 0;
    let index = index::read(
        |offset, len| {
            n_reads += 1;
            let mut bytes = vec![0; len as usize];
            file.read_exact_at(&mut bytes, offset)?;
            Ok(Bytes::from(bytes))
        },
        size,
    );
    assert!(n_reads < 40, "{n_reads} reads of a short file");
    index
}

pub(crate) fn index_of(path: &Path) -> MovieIndex {
    read(path)
        .expect("an index")
        .expect("an ISO base media file")
}

/// The track's frames against those that ffmpeg decodes from it: as many, at the same times. ffmpeg
/// shows the first frame of some files up to `slack_ns` earlier or later than the file says, and all
/// others with it; then the distances are compared.
fn check_frames(path: &Path, track: &TrackIndex, slack_ns: u64) {
    let decoded = frames(path, "v:0");
    let name = path.display();
    assert_eq!(track.frames_shown(), decoded.len() as u64, "{name}");
    let timescale = u64::from(track.timescale);
    let theirs = decoded.iter().map(|frame| {
        let units = u64::try_from(frame.pts).expect("a time from 0 on");
        units * SECOND / timescale
    });
    let theirs: Vec<u64> = theirs.collect();
    let ours: Vec<u64> = track.times_ns().collect();
    assert_eq!(track.start_ns(), ours.first().copied());
    let shift = ours[0].cast_signed() - theirs[0].cast_signed();
    assert!(
        shift.unsigned_abs() <= slack_ns,
        "{name} is moved by {shift} ns"
    );
    // Where an empty edit is no whole number of units, ffmpeg rounds and we need not.
    let unit_ns = SECOND / timescale + 1;
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let difference = ours.abs_diff(theirs.saturating_add_signed(shift));
        assert!(difference <= unit_ns, "{ours} and {theirs} in {name}");
    }
    check_spans(track);
}

/// Spans of seconds share the frames without rest.
fn check_spans(track: &TrackIndex) {
    let mut sum = 0;
    for second in 0..20 {
        let end_ns = (second < 19).then(|| (second + 1) * SECOND);
        let start_ns = second * SECOND;
        let n_frames = track.frames_in(Span { start_ns, end_ns });
        let inside = track
            .times_ns()
            .filter(|time| *time >= start_ns && end_ns.is_none_or(|end| *time < end));
        assert_eq!(n_frames, inside.count() as u64);
        sum += n_frames;
    }
    assert_eq!(sum, track.frames_shown());
}

/// Makes a file, reads its index and compares it with what is decoded.
fn check(dir: &TempDir, name: &str, arguments: &[&str]) -> (PathBuf, MovieIndex) {
    // What is left of the shift is the rounding of an empty edit.
    check_with_slack(dir, name, arguments, SECOND / 1000)
}

pub(crate) fn check_with_slack(
    dir: &TempDir,
    name: &str,
    arguments: &[&str],
    slack_ns: u64,
) -> (PathBuf, MovieIndex) {
    let path = make(dir.path().join(name), arguments);
    let index = index_of(&path);
    let video = index.video().expect("a picture");
    check_frames(&path, video, slack_ns);
    let size = std::fs::metadata(&path).expect("it is there").len();
    assert!(!index.is_truncated(size), "{name} is whole");
    (path, index)
}

pub(crate) fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

#[test]
fn an_index_at_either_end_says_the_same() {
    if !ffmpeg::is_here("index at either end") {
        return;
    }
    let dir = folder();
    let (end, at_end) = check(&dir, "end.mp4", &[FILM, &["-bf", "3"]].concat());
    let copy = [
        "-i",
        end.to_str().expect("text"),
        "-c",
        "copy",
        "-movflags",
        "+faststart",
    ];
    let (_, in_front) = check(&dir, "front.mp4", &copy);
    assert_eq!(at_end.tracks, in_front.tracks);
    let video = at_end.video().expect("a picture");
    assert_eq!(
        (video.frames_shown(), video.constant_step()),
        (240, Some(512))
    );
    assert_eq!((video.codec, video.timescale), (*b"avc1", 15_360));
    assert_eq!(
        (video.start_ns(), video.end_ns()),
        (Some(0), Some(8 * SECOND))
    );
    assert_eq!(
        video.keyframes_ns().expect("some"),
        [0, 2, 4, 6].map(|s| s * SECOND)
    );
    let audio = at_end.audio().next().expect("sound");
    // Sample entries of AAC say 2, whatever there is.
    assert_eq!((audio.codec, audio.channels), (*b"mp4a", 2));
    assert_eq!((audio.sample_rate_hz, audio.start_ns()), (48_000, Some(0)));
    assert_eq!(audio.duration_ns(), 8 * SECOND);
}

#[test]
fn rates_are_exact() {
    if !ffmpeg::is_here("rates") {
        return;
    }
    let dir = folder();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=30000/1001:duration=5",
    ];
    let (_, index) = check(&dir, "ntsc.mp4", &[&source[..], SILENT].concat());
    let video = index.video().expect("a picture");
    assert_eq!(
        (video.timescale, video.constant_step()),
        (30_000, Some(1001))
    );
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=30:duration=8",
    ];
    let filter = ["-vf", "select='mod(n,7)*mod(n,3)'", "-fps_mode", "vfr"];
    let (_, index) = check(&dir, "vfr.mp4", &[&source[..], &filter, SILENT].concat());
    assert_eq!(index.video().expect("a picture").constant_step(), None);
    let scale = ["-video_track_timescale", "1000", "-bf", "0"];
    check(&dir, "ms.mov", &[&source[..], SILENT, &scale].concat());
}

#[test]
fn trimmed_files_show_what_their_edits_say() {
    if !ffmpeg::is_here("edit lists") {
        return;
    }
    let dir = folder();
    let whole = make(
        dir.path().join("whole.mp4"),
        &[FILM, &["-bf", "3"]].concat(),
    );
    let whole = whole.to_str().expect("text");
    // Where an edit begins between two frames ffmpeg drops the one before and shows the one behind at
    // once, up to a frame too early; the file says when it is due.
    let frame_ns = SECOND / 30;
    for (name, from) in [
        ("a.mp4", "3.3"),
        ("b.mp4", "0.5"),
        ("c.mov", "5.01"),
        ("d.mp4", "2"),
    ] {
        let open = ["-ss", from, "-i", whole, "-c", "copy"];
        check_with_slack(&dir, name, &open, frame_ns);
        let closed = ["-ss", from, "-t", "2.25", "-i", whole, "-c", "copy"];
        check_with_slack(&dir, name, &closed, frame_ns);
    }
    // A picture that begins later than its sound.
    let late = [
        "-itsoffset",
        "0.75",
        "-i",
        whole,
        "-i",
        whole,
        "-map",
        "0:v",
        "-map",
        "1:a",
    ];
    let (_, index) = check(&dir, "late.mp4", &[&late[..], &["-c", "copy"]].concat());
    assert_eq!(
        index.video().expect("a picture").start_ns(),
        Some(SECOND * 3 / 4)
    );
}

#[test]
fn shapes_are_told() {
    if !ffmpeg::is_here("shapes") {
        return;
    }
    let dir = folder();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25:duration=2",
    ];
    let (plain, index) = check(
        &dir,
        "plain.mp4",
        &[
            &source[..],
            SILENT,
            &["-vf", "setsar=4/3", "-metadata:s:v", "language=deu"],
        ]
        .concat(),
    );
    let video = index.video().expect("a picture");
    assert_eq!(
        (video.coded_width, video.coded_height, video.par),
        (320, 180, (4, 3))
    );
    assert_eq!(
        (video.rotation_deg, video.language.as_deref()),
        (0, Some("deu"))
    );
    if ffmpeg::has_rotation_tag() {
        for turn in ["90", "180", "270"] {
            let plain = plain.to_str().expect("text");
            let tag = format!("rotate={turn}");
            let turned = ["-i", plain, "-c", "copy", "-metadata:s:v:0", &tag];
            let path = make(dir.path().join("turned.mp4"), &turned);
            let side_data = ["-show_entries", "stream_side_data=rotation"];
            let printed = probe(&path, &side_data);
            let counter_clockwise = printed.rsplit(',').next().expect("a field");
            let theirs: i32 = counter_clockwise.parse().expect("an angle");
            let ours = index_of(&path).video().expect("a picture").rotation_deg;
            assert_eq!(i32::from(ours), (-theirs).rem_euclid(360), "{turn}");
            assert_ne!(ours, 0);
        }
    }
}

#[test]
fn quicktime_and_its_sound_are_read() {
    if !ffmpeg::is_here("QuickTime") {
        return;
    }
    let dir = folder();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=24:duration=3",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=3:sample_rate=96000",
    ];
    let encode = ["-c:v", "mpeg4", "-c:a", "pcm_s24le", "-ac", "2"];
    let (_, index) = check(&dir, "pcm.mov", &[&source[..], &encode].concat());
    assert!(index.is_quicktime);
    let audio = index.audio().next().expect("sound");
    assert_eq!((audio.channels, audio.sample_rate_hz), (2, 96_000));
    assert_eq!(audio.n_samples, 3 * 96_000);
}
