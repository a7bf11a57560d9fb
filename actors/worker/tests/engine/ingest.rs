//! What has no usable index is remuxed by its probe: the very frames and samples that ffmpeg shows of the
//! source, at the distances that they have there, in one pass and in chunks that read no more than their
//! share.

use std::path::{Path, PathBuf};
use std::process::Command;

use bus_schema::source::SourceFacts;

use super::{clip, frames, task};

const SIZE: (usize, usize) = (320, 180);
/// ffprobe rounds to microseconds.
const TOLERANCE_NS: u64 = 2_000;
/// Four seconds with sound, B-frames, a keyframe every second.
const H264: &str = "-preset medium -bf 3 -g 25 -keyint_min 25 -sc_threshold 0";

fn film(name: &str, rest: &str) -> PathBuf {
    clip::film(name, 4, "25", "320x180", rest)
}

/// When a file's first packet of any stream is shown, which ffmpeg takes for its beginning.
fn start_ns(source: &Path, stream: Option<&str>) -> i64 {
    let (select, entries) = match stream {
        Some(stream) => (vec!["-select_streams", stream], "stream=start_time"),
        None => (Vec::new(), "format=start_time"),
    };
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0", "-show_entries", entries])
        .args(select)
        .arg(source)
        .output()
        .expect("ffprobe starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().unwrap_or_default();
    let seconds: f64 = line.trim_end_matches(',').parse().unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "days at most")]
    let ns = (seconds * 1e9).round() as i64;
    ns
}

/// The frames that ffmpeg shows, from the file's beginning on.
fn theirs(source: &Path) -> Vec<frames::Frame> {
    let start_ns = start_ns(source, None);
    let mut all = frames::by_ffmpeg(source, "0:v:0", SIZE);
    for frame in &mut all {
        frame.time_ns = frame.time_ns.saturating_add_signed(-start_ns);
    }
    all
}

/// The source is remuxed into ffmpeg's frames, however it is cut; returns its facts and the intermediate.
pub(crate) async fn check(source: &Path) -> (SourceFacts, PathBuf) {
    check_from(source, 0).await
}

/// The same of a source of which so many frames cannot be decoded rightly, since it begins in the midst.
async fn check_from(source: &Path, skipped: usize) -> (SourceFacts, PathBuf) {
    let what = source.display().to_string();
    let (facts, read) = task::ingested(source).await;
    assert!(facts.intermediate.is_some(), "{what}: {facts:?}");
    let video = facts.video.as_ref().expect("a picture");
    let mut theirs = theirs(source);
    theirs.drain(..skipped);
    let whole = frames::decoded(&read, video.timescale, &[0]);
    frames::compare(&what, &whole, &theirs, TOLERANCE_NS);
    assert_eq!(video.frames, Some(whole.len() as u64), "{what}: {video:?}");
    // An edit list counts in units of 90 kHz.
    assert!(video.start_ns.abs_diff(whole[0].time_ns) < 6_000, "{what}");
    let starts_ms = [0, 700, 1_333, 2_000, 3_100];
    let chunked = frames::decoded(&read, video.timescale, &starts_ms);
    frames::compare(&what, &chunked, &whole, 0);
    (facts, read)
}

#[tokio::test]
async fn a_broadcast_is_remuxed_frame_by_frame() {
    if !clip::has_ffmpeg("a_broadcast_is_remuxed_frame_by_frame") {
        return;
    }
    let source = film("ingest.ts", H264);
    let (facts, read) = check(&source).await;
    assert_eq!(facts.container, "mpegts");
    // What is made of the file by itself is the same.
    let mut again = task::facts(&read).await;
    let video = again.video.as_mut().expect("a picture");
    // But for what is known of the way that it came.
    assert!(!std::mem::replace(&mut video.may_lack, true));
    assert_eq!((&again.video, &again.audio), (&facts.video, &facts.audio));
    assert_eq!(again.index, facts.index);
}

#[tokio::test]
async fn broadcasts_of_every_kind_are_whole() {
    if !clip::has_ffmpeg("broadcasts_of_every_kind_are_whole") {
        return;
    }
    let open =
        "-preset medium -x264-params open-gop=1:keyint=25:min-keyint=25:scenecut=0:bframes=4";
    let hevc =
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:open-gop=1:bframes=4";
    let mpeg2 = "-c:v mpeg2video -bf 2 -g 15 -b:v 2M";
    for (name, coding) in [
        ("open.ts", open.to_owned()),
        ("ac3.ts", format!("{H264} -c:a ac3")),
        ("eac3.ts", format!("{H264} -c:a eac3")),
        ("hevc.ts", hevc.to_owned()),
        ("mpeg2.ts", format!("{mpeg2} -c:a mp2")),
        (
            "mpeg1.ts",
            "-c:v mpeg1video -bf 2 -g 15 -c:a mp3".to_owned(),
        ),
        ("mpeg4.ts", "-c:v mpeg4 -bf 2 -g 15".to_owned()),
        ("m2ts-192.m2ts", format!("{H264} -c:a ac3")),
        ("silent.ts", format!("{H264} -an")),
    ] {
        let source = film(&format!("ingest-{name}"), &coding);
        check(&source).await;
    }
}

/// What is left out of the intermediate must come to its end as well, or that of the whole never comes.
#[tokio::test]
async fn of_a_broadcast_of_two_films_the_first_is_taken() {
    if !clip::has_ffmpeg("of_a_broadcast_of_two_films_the_first_is_taken") {
        return;
    }
    let second = "-f lavfi -i testsrc=s=160x90:r=25:d=4";
    let source = clip::make(
        "ingest-two.ts",
        &format!(
            "-f lavfi -i testsrc2=s=320x180:r=25:d=4 {second} -f lavfi -i sine=d=4 -map 0:v -map 1:v -map 2:a \
             -c:v libx264 -pix_fmt yuv420p {H264} -c:a mp2 -program st=0:st=2 -program st=1"
        ),
    );
    let (facts, _) = check(&source).await;
    let video = facts.video.expect("a picture");
    assert_eq!((video.width, facts.audio.len()), (320, 1));
}

/// Stamps have 33 bits of 90 kHz, and begin anew after a day and some hours; ffprobe's own start of such a
/// file is wrong.
#[tokio::test]
async fn stamps_may_begin_anew() {
    if !clip::has_ffmpeg("stamps_may_begin_anew") {
        return;
    }
    let source = film("ingest.ts", H264);
    let wrapped = film(
        "ingest-wrap.ts",
        &format!("{H264} -output_ts_offset 95441.5"),
    );
    let (facts, read) = task::ingested(&wrapped).await;
    let (expected, _) = task::ingested(&source).await;
    assert_eq!(facts.index, expected.index);
    let ours = frames::decoded(&read, 90_000, &[0, 1_000, 3_000]);
    // The demuxer rounds where they begin anew: one unit of theirs.
    let mut theirs = theirs(&source);
    let pictures = frames::by_ffmpeg(&wrapped, "0:v:0", SIZE);
    for (frame, picture) in theirs.iter_mut().zip(pictures) {
        frame.hash = picture.hash;
    }
    frames::compare("wrap", &ours, &theirs, 11_112 + TOLERANCE_NS);
}

#[tokio::test]
async fn programme_streams_are_whole() {
    if !clip::has_ffmpeg("programme_streams_are_whole") {
        return;
    }
    let mpeg2 = "-c:v mpeg2video -bf 2 -g 15 -b:v 2M";
    for (name, coding) in [
        ("mp2.mpg", format!("{mpeg2} -c:a mp2 -f vob")),
        ("ac3.vob", format!("{mpeg2} -c:a ac3 -f vob")),
        (
            "first.mpg",
            "-c:v mpeg1video -bf 2 -g 15 -c:a mp2 -f mpeg".to_owned(),
        ),
    ] {
        let source = film(&format!("ingest-{name}"), &coding);
        let (facts, _) = check(&source).await;
        assert_eq!(facts.container, "mpegps");
    }
}

#[tokio::test]
async fn tracks_keep_their_distance_and_their_languages() {
    if !clip::has_ffmpeg("tracks_keep_their_distance_and_their_languages") {
        return;
    }
    let film = film("ingest-tracks.mp4", H264);
    let film = film.display();
    for (name, early, late) in [("late", "0", "0.7"), ("early", "0.7", "0")] {
        let source = clip::make(
            &format!("ingest-{name}.ts"),
            &format!(
                "-itsoffset {early} -i {film} -itsoffset {late} -i {film} -map 0:v -map 1:a -map 0:a \
                 -c:v copy -c:a:0 aac -c:a:1 ac3 -metadata:s:a:0 language=deu \
                 -metadata:s:a:1 language=eng"
            ),
        );
        let (facts, read) = check(&source).await;
        let told = facts.audio.iter();
        let told: Vec<_> = told
            .map(|audio| (audio.codec.as_str(), audio.language.as_deref()))
            .collect();
        assert_eq!(
            told,
            [("aac", Some("de")), ("ac3", Some("en"))],
            "{facts:?}"
        );
        let expected_ns = start_ns(&source, Some("a:0")) - start_ns(&source, Some("v:0"));
        let video_ns = facts.video.expect("a picture").start_ns;
        let sound_ns = frames::sound_of(&read, &facts.audio[0].stream, None, 0)[0].0;
        let ours_ns = sound_ns.cast_signed() - video_ns.cast_signed();
        assert!(
            ours_ns.abs_diff(expected_ns) < 1_000_000,
            "{name}: {ours_ns} ns, not {expected_ns} ns"
        );
    }
}

/// The frames of a source, which may not be counted.
async fn ours(source: &Path) -> (SourceFacts, Vec<frames::Frame>) {
    let (facts, read) = task::ingested(source).await;
    let timescale = facts.video.as_ref().expect("a picture").timescale;
    let ours = frames::decoded(&read, timescale, &[0]);
    assert!(facts.intermediate.is_some(), "{}", source.display());
    let chunked = frames::decoded(&read, timescale, &[0, 900, 2_000]);
    frames::compare(&source.display().to_string(), &chunked, &ours, 0);
    (facts, ours)
}

fn hashes(frames: &[frames::Frame]) -> Vec<u64> {
    frames.iter().map(|frame| frame.hash).collect()
}

#[tokio::test]
async fn two_broadcasts_joined_go_on_without_a_gap() {
    if !clip::has_ffmpeg("two_broadcasts_joined_go_on_without_a_gap") {
        return;
    }
    let one = film("ingest-join-1.ts", &format!("{H264} -output_ts_offset 500"));
    let two = film("ingest-join-2.ts", H264);
    // The sound, which is a little longer, goes on first: the second part keeps its distance. A leap ahead
    // is bridged by the demuxer, which takes the bytes between two clock references for time.
    let joints = [
        ("back", &one, &two, 40_000_000),
        ("ahead", &two, &one, 500_000_000),
    ];
    for (name, first, second, gap_ns) in joints {
        let mut bytes = std::fs::read(first).expect("a clip");
        bytes.extend(std::fs::read(second).expect("a clip"));
        let joined = clip::write(&format!("ingest-join-{name}.ts"), &bytes);
        let (facts, ours) = ours(&joined).await;
        let mut expected = hashes(&theirs(first));
        expected.extend(hashes(&theirs(second)));
        assert_eq!(hashes(&ours), expected, "{name}");
        for (n, frame) in ours.iter().enumerate() {
            let at_ns = ours[0].time_ns + n as u64 * 40_000_000;
            assert!(
                frame.time_ns.abs_diff(at_ns) < gap_ns,
                "{name}: frame {n} at {} ns",
                frame.time_ns
            );
        }
        let duration_ns = facts.duration_ns;
        assert!(
            duration_ns.abs_diff(8_000_000_000) < 50_000_000 + gap_ns,
            "{duration_ns}"
        );
    }
}

#[tokio::test]
async fn a_broadcast_that_begins_in_the_midst_begins_with_its_first_keyframe() {
    if !clip::has_ffmpeg("a_broadcast_that_begins_in_the_midst_begins_with_its_first_keyframe") {
        return;
    }
    let mpeg2 = "-c:v mpeg2video -bf 2 -g 25 -b:v 2M -c:a mp2";
    for (name, coding) in [("264", H264), ("mpeg2", mpeg2)] {
        let whole = film(&format!("ingest-begin-{name}.ts"), coding);
        let bytes = std::fs::read(&whole).expect("a clip");
        let at = bytes.len() / 188 / 3 * 188;
        let source = clip::write(&format!("ingest-midst-{name}.ts"), &bytes[at..]);
        let all = theirs(&whole);
        let (_, ours) = ours(&source).await;
        assert!(
            ours.len() > 40 && ours.len() < all.len(),
            "{name}: {}",
            ours.len()
        );
        let expected = &hashes(&all)[all.len() - ours.len()..];
        assert_eq!(hashes(&ours), expected, "{name}");
    }
}

#[tokio::test]
async fn a_broadcast_that_was_cut_ends_with_its_last_picture() {
    if !clip::has_ffmpeg("a_broadcast_that_was_cut_ends_with_its_last_picture") {
        return;
    }
    let mpeg2 = "-c:v mpeg2video -bf 2 -g 25 -b:v 2M -c:a mp2";
    for (name, coding) in [("264.ts", H264), ("mpeg2.ts", mpeg2), ("mpeg2.mpg", mpeg2)] {
        let whole = film(&format!("ingest-whole-{name}"), coding);
        let bytes = std::fs::read(&whole).expect("a clip");
        let all = hashes(&theirs(&whole));
        for part in [50, 61, 77, 83, 92, 99] {
            let end = bytes.len() * part / 100 + part;
            let source = clip::write(&format!("ingest-cut-{part}-{name}"), &bytes[..end]);
            let (facts, read) = task::ingested(&source).await;
            let video = facts.video.expect("a picture");
            let ours = hashes(&frames::decoded(&read, video.timescale, &[0]));
            // Of those before the cut the last few may lack what they refer to.
            let same = ours.iter().zip(&all).take_while(|(a, b)| a == b).count();
            assert!(
                same + 5 >= ours.len(),
                "{name} at {part}: {same} of {}",
                ours.len()
            );
            let made = task::chunk(&read, &video, WHOLE, 1, &[(160, 90)]);
            let made = task::run(made, &read).await;
            assert_eq!(made.failure, None, "{name} at {part}");
            assert_eq!(made.chunk.expect("a chunk").frames, ours.len() as u64);
        }
    }
}

const WHOLE: bus_schema::plan::Span = bus_schema::plan::Span {
    start_ns: 0,
    end_ns: None,
};

#[tokio::test]
async fn chunks_read_their_share_and_the_probe_reads_all_once() {
    if !clip::has_ffmpeg("chunks_read_their_share_and_the_probe_reads_all_once") {
        return;
    }
    let source = clip::film(
        "ingest-long.ts",
        60,
        "25",
        "640x360",
        "-vf noise=alls=20 -b:v 8M -g 50",
    );
    let bytes = task::bytes(&source);
    assert!(bytes > 40 << 20, "{bytes}");
    let made = task::probe(&source).await;
    let read = task::intermediate(&source, &made).expect("an intermediate");
    // The first picture is looked at before.
    assert!(
        made.read_bytes < bytes + (16 << 20),
        "{} of {bytes}",
        made.read_bytes
    );
    assert!(made.progress.len() > 1, "it says how far it is");
    let video = made.facts.and_then(|facts| facts.video).expect("a picture");
    for start_s in [0, 20, 50] {
        let span = bus_schema::plan::Span {
            start_ns: start_s * task::SECOND_NS,
            end_ns: Some((start_s + 10) * task::SECOND_NS),
        };
        let made = task::run(task::chunk(&read, &video, span, 2, &[(160, 90)]), &read).await;
        assert_eq!(made.failure, None);
        let most = bytes / 6 * 3 / 2 + (8 << 20);
        assert!(
            made.read_bytes < most,
            "{start_s} s: {} of {bytes}",
            made.read_bytes
        );
    }
}
