//! What an edit list shows is shown, all of it and nothing else, whatever the cut: the very frames
//! that ffmpeg shows, in one pass and in chunks; and what it cannot show is refused by name.

use std::path::{Path, PathBuf};

use bus_schema::report::ErrorCode;

use super::{clip, frames, picture, task};

const SIZE: (usize, usize) = (320, 180);
/// ffprobe rounds to microseconds.
const TOLERANCE_NS: u64 = 1_000;

/// Ten seconds with a group of pictures every three, B-frames and sound.
fn long() -> PathBuf {
    clip::film(
        "edits-long.mp4",
        10,
        "30000/1001",
        "320x180",
        "-preset medium -bf 3 -g 90 -keyint_min 90 -sc_threshold 0 -aac_pns 0",
    )
}

fn cut(name: &str, before: &str, behind: &str) -> PathBuf {
    let arguments = format!("{before} -i {} {behind} -c copy", long().display());
    clip::make(name, &arguments)
}

/// The same frames as ffmpeg's, in one pass and in chunks, and through real tasks.
async fn check(source: &Path, tolerance_ns: u64) {
    let what = source.display().to_string();
    let facts = task::facts(source).await.video.expect("there is a picture");
    let mut theirs = frames::by_ffmpeg(source, "0:v:0", SIZE);
    assert!(theirs.len() > 20, "{what}: {} frames", theirs.len());
    let whole = frames::decoded(source, facts.timescale, &[0]);
    // Where an edit begins between two frames, ffmpeg moves the later one to the edit's beginning, and
    // all others with it.
    let moved_ns = whole[0].time_ns - theirs[0].time_ns;
    assert!(moved_ns < 33_366_667, "{what}: {moved_ns}");
    theirs
        .iter_mut()
        .for_each(|frame| frame.time_ns += moved_ns);
    frames::compare(&what, &whole, &theirs, tolerance_ns);
    assert_eq!(facts.frames, Some(whole.len() as u64), "{what}");
    for starts_ms in [&[0, 1_000, 2_000, 4_000][..], &[0, 1_234, 3_003]] {
        let chunked = frames::decoded(source, facts.timescale, starts_ms);
        frames::compare(&what, &chunked, &whole, 0);
    }
}

/// The same through real tasks, in chunks that begin at these seconds.
async fn transcode(source: &Path, starts_s: &[u64]) {
    picture::whole(source, starts_s, 1).await;
}

/// The same samples as ffmpeg's from the same time on; ffmpeg begins with the first that is shown.
fn check_sound(source: &Path) {
    let what = source.display();
    let theirs = clip::samples(source);
    let runs = frames::sound(source, 0);
    let begins_ns = runs[0].0;
    let mut ours = Vec::new();
    for (time_ns, samples) in &runs {
        let at = ((time_ns - begins_ns) * 48 + 500_000) / 1_000_000;
        assert!(at.abs_diff(ours.len() as u64) <= 1, "{what}: a gap at {at}");
        ours.extend(samples);
    }
    let off = ours
        .iter()
        .zip(&theirs)
        .map(|(a, b): (&f32, &f32)| (a - b).abs());
    // What an encoder puts before the beginning is nobody's sound, and decoders differ in it.
    let off: Vec<f32> = off.skip(1024).collect();
    let first = off.iter().position(|off| *off > 1e-3);
    let last = off.iter().rposition(|off| *off > 1e-3);
    assert_eq!(first, None, "{what}: samples differ up to {last:?}");
    // ffmpeg shows the last packet whole, we to the sample that the edit says.
    assert!(
        ours.len().abs_diff(theirs.len()) <= 1024,
        "{what}: {} samples, not {}",
        ours.len(),
        theirs.len()
    );
    // From anywhere, the same sound at the same time: a decoder is right from its third packet on.
    let half_ms = begins_ns / 1_000_000 + ours.len() as u64 / 96;
    let later = frames::sound(source, half_ms - 100);
    let is_behind = |run: &&(u64, Vec<f32>)| run.0 >= half_ms * 1_000_000;
    let (time_ns, samples) = later.iter().find(is_behind).expect("sound");
    let at = usize::try_from(((time_ns - begins_ns) * 48 + 500_000) / 1_000_000).expect("an index");
    let off = samples.iter().zip(&ours[at..]).map(|(a, b)| (a - b).abs());
    let most = off.fold(0.0, f32::max);
    assert!(
        most < 1e-3,
        "{what}: samples behind a seek differ by {most}"
    );
}

#[tokio::test]
async fn a_film_cut_without_encoding_loses_nothing_at_either_end() {
    if !clip::has_ffmpeg("a_film_cut_without_encoding_loses_nothing_at_either_end") {
        return;
    }
    for (name, before, behind) in [
        ("cut-head.mp4", "-ss 1.3", ""),
        ("cut-tail.mp4", "", "-t 5.5"),
        ("cut-both.mp4", "-ss 1.3", "-t 5.47"),
        ("cut-both.mov", "-ss 4.1", "-t 5"),
        ("cut-short.mp4", "-ss 3.5", "-t 1.9"),
    ] {
        let source = cut(name, before, behind);
        check(&source, TOLERANCE_NS).await;
        check_sound(&source);
        transcode(&source, &[0, 1]).await;
    }
}

#[tokio::test]
async fn a_late_picture_and_a_late_sound_begin_when_they_should() {
    if !clip::has_ffmpeg("a_late_picture_and_a_late_sound_begin_when_they_should") {
        return;
    }
    let long = long();
    let two = format!("-itsoffset 1.25 -i {0} -i {0}", long.display());
    let late = clip::make(
        "late-picture.mp4",
        &format!("{two} -map 0:v -map 1:a -c copy"),
    );
    check(&late, TOLERANCE_NS).await;
    transcode(&late, &[0, 2, 4]).await;
    let start_ns = task::facts(&late).await.video.expect("a picture").start_ns;
    assert_eq!(start_ns, 1_250_000_000);
    let late = clip::make(
        "late-sound.mp4",
        &format!("{two} -map 1:v -map 0:a -c copy"),
    );
    check(&late, TOLERANCE_NS).await;
    check_sound(&late);
    let begins_ns = frames::sound(&late, 0)[0].0;
    assert_eq!(begins_ns, 1_228_000_000);
}

#[tokio::test]
async fn fragments_behind_an_edit_list_are_shown_by_it() {
    if !clip::has_ffmpeg("fragments_behind_an_edit_list_are_shown_by_it") {
        return;
    }
    let delayed = "-movflags frag_keyframe+delay_moov+default_base_moof";
    let source = cut("fragments.mp4", "-ss 1.3", delayed);
    // ffmpeg shows what comes before the edit, too, at times before 0.
    let facts = task::facts(&source).await.video.expect("a picture");
    let mut theirs = frames::by_ffmpeg(&source, "0:v:0", SIZE);
    theirs.retain(|frame| frame.time_ns > 0);
    assert_eq!(facts.frames, Some(261));
    for starts_ms in [&[0][..], &[0, 1_000, 2_000, 4_000]] {
        let ours = frames::decoded(&source, facts.timescale, starts_ms);
        frames::compare("fragments", &ours, &theirs, TOLERANCE_NS);
    }
}

/// A file whose picture has a delay and a stretch, with two other edits in their place: durations
/// in milliseconds and media times in units.
fn with_edits(name: &str, edits: [(u32, i32); 2]) -> PathBuf {
    let two = format!("-itsoffset 1.25 -i {0} -i {0}", long().display());
    let late = clip::make(
        "late-picture.mp4",
        &format!("{two} -map 0:v -map 1:a -c copy"),
    );
    let mut bytes = std::fs::read(late).expect("the clip can be read");
    let mut entries = Vec::new();
    for (duration, media_time) in edits {
        entries.extend(duration.to_be_bytes());
        entries.extend(media_time.to_be_bytes());
        entries.extend([0, 1, 0, 0]);
    }
    let place = bytes
        .windows(12)
        .position(|window| window.starts_with(b"elst") && window[8..12] == [0, 0, 0, 2])
        .expect("an edit list with two edits");
    bytes[place + 12..place + 36].copy_from_slice(&entries);
    clip::write(name, &bytes)
}

#[tokio::test]
async fn several_edits_in_order_are_shown_and_others_are_refused() {
    if !clip::has_ffmpeg("several_edits_in_order_are_shown_and_others_are_refused") {
        return;
    }
    // Two seconds from the beginning, and three from second five on.
    let second = 30_000;
    let source = with_edits("two-edits.mp4", [(2_000, 2_002), (3_000, 5 * second)]);
    // ffmpeg lets the second edit begin where the last frame of the first ends.
    check(&source, 70_000_000).await;
    let gap = with_edits("backwards.mp4", [(2_000, 5 * second), (2_000, 2_002)]);
    let failure = task::probe(&gap).await.failure.expect("a refusal");
    assert_eq!(failure.code, ErrorCode::Unsupported, "{failure:?}");
    assert!(failure.message.contains("edit list"), "{failure:?}");
}
