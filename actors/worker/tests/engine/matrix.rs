//! Every kind of source gives every frame once, in one pass and in chunks: the very frames that
//! ffmpeg shows, at the times that the container has for them.

use std::path::{Path, PathBuf};

use super::{clip, frames, picture, task};

const SIZE: (usize, usize) = (320, 180);
/// ffprobe rounds to microseconds; some containers round to milliseconds.
const TOLERANCE_NS: u64 = 1_001_000;

/// Six seconds with sound, which most others are made from: B-frames, a keyframe every two seconds.
fn film() -> PathBuf {
    let coding = "-preset medium -bf 3 -g 60 -keyint_min 60 -sc_threshold 0";
    clip::film("matrix.mp4", 6, "30", "320x180", coding)
}

fn remade(name: &str, before: &str, behind: &str) -> PathBuf {
    let arguments = format!("{before} -i {} {behind}", film().display());
    clip::make(name, &arguments)
}

/// The film of a source is ffmpeg's stream `stream`, frame by frame, however it is cut.
async fn check(source: &Path, stream: &str) {
    let what = source.display().to_string();
    let (facts, read) = task::ingested(source).await;
    let facts = facts.video.expect("there is a picture");
    let theirs = frames::by_ffmpeg(source, stream, SIZE);
    assert!(theirs.len() > 20, "{what}: {} frames", theirs.len());
    let whole = frames::decoded(&read, facts.timescale, &[0]);
    frames::compare(&what, &whole, &theirs, TOLERANCE_NS);
    assert!(
        facts.frames.is_none_or(|n| n == whole.len() as u64),
        "{what}: {facts:?}"
    );
    assert!(
        facts.start_ns.abs_diff(whole[0].time_ns) <= 1_000,
        "{what}: {facts:?}"
    );
    let start_ms = whole[0].time_ns / 1_000_000;
    for starts_ms in [[0, 1_000, 2_000, 4_000], [0, 1_234, 2_666, 3_003]] {
        let starts_ms = starts_ms.map(|ms| if ms == 0 { 0 } else { ms + start_ms });
        let chunked = frames::decoded(&read, facts.timescale, &starts_ms);
        frames::compare(&what, &chunked, &whole, 0);
    }
}

#[tokio::test]
async fn matroska_and_webm_keep_their_start() {
    if !clip::has_ffmpeg("matroska_and_webm_keep_their_start") {
        return;
    }
    for (name, offset) in [
        ("start-0.mkv", "0"),
        ("start-21.mkv", "0.021"),
        ("start-5.mkv", "5"),
    ] {
        let copied = format!("-c copy -output_ts_offset {offset}");
        let source = remade(name, "", &copied);
        check(&source, "0:v:0").await;
        let video = task::facts(&source).await.video.expect("a picture");
        let sound_ns = frames::sound(&source, 0)[0].0;
        // The sound begins with the picture, but for what its encoder puts before it.
        assert!(
            video.start_ns.abs_diff(sound_ns) < 25_000_000,
            "{name}: {sound_ns}"
        );
    }
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 500k -g 60 -c:a libopus";
    let source = remade("matrix.webm", "", vp9);
    check(&source, "0:v:0").await;
    picture::whole(&source, &[0, 2], 1).await;
    let vp8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 500k -auto-alt-ref 1 -c:a libvorbis";
    check(&remade("matrix-8.webm", "", vp8), "0:v:0").await;
}

#[tokio::test]
async fn avi_keeps_every_frame() {
    if !clip::has_ffmpeg("avi_keeps_every_frame") {
        return;
    }
    for (name, codec) in [
        ("matrix-4.avi", "-c:v mpeg4 -bf 0 -g 60 -c:a libmp3lame"),
        ("matrix-n.avi", "-c:v mpeg4 -bf 0 -g 25 -r 24000/1001 -an"),
    ] {
        let source = remade(name, "", codec);
        check(&source, "0:v:0").await;
        picture::whole(&source, &[0, 2], 1).await;
    }
    // Decoders of JPEG differ in their last bits.
    let jpeg = "-c:v mjpeg -pix_fmt yuvj420p -c:a pcm_s16le";
    picture::whole(&remade("matrix-j.avi", "", jpeg), &[0, 2], 1).await;
}

#[tokio::test]
async fn groups_of_pictures_of_every_shape_are_whole() {
    if !clip::has_ffmpeg("groups_of_pictures_of_every_shape_are_whole") {
        return;
    }
    let open = "open-gop=1:keyint=40:min-keyint=40:scenecut=0:bframes=4:b-pyramid=normal:b-adapt=0";
    let coding = format!("-c:v libx264 -preset medium -x264-params {open} -c:a copy");
    for name in ["open.mp4", "open.mkv", "open.mov"] {
        check(&remade(name, "", &coding), "0:v:0").await;
    }
    let refs = "bframes=7:b-pyramid=strict:ref=6:keyint=60:scenecut=0:b-adapt=0";
    let coding = format!("-c:v libx264 -preset medium -x264-params {refs} -c:a copy");
    check(&remade("pyramid.mp4", "", &coding), "0:v:0").await;
    let hevc = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=40:open-gop=1:bframes=4";
    for name in ["hevc.mp4", "hevc.mkv"] {
        check(&remade(name, "", &format!("{hevc} -c:a copy")), "0:v:0").await;
    }
}

#[tokio::test]
async fn a_telephone_s_film_is_whole() {
    if !clip::has_ffmpeg("a_telephone_s_film_is_whole") {
        return;
    }
    // Varying rate, turned, with a track of metadata, and cut on the telephone.
    let varying =
        "-vf 'select=mod(n\\,7)*mod(n\\,3)' -vsync vfr -c:v libx264 -bf 2 -g 60 -c:a copy";
    let upright = remade("phone-1.mov", "", varying);
    let turned = format!(
        "-ss 0.7 -i {} -c copy -metadata:s:v rotate=90 -timecode 01:02:03:04",
        upright.display()
    );
    let source = clip::make("phone-2.mov", &turned);
    let facts = task::facts(&source).await;
    assert_eq!(facts.container, "mov");
    let video = facts.video.expect("a picture");
    assert_eq!((video.width, video.height), (180, 320));
    let theirs = frames::by_ffmpeg(&source, "0:v:0", SIZE);
    let ours = frames::decoded(&source, video.timescale, &[0]);
    let hashes =
        |frames: &[frames::Frame]| frames.iter().map(|frame| frame.hash).collect::<Vec<_>>();
    assert_eq!(hashes(&ours), hashes(&theirs));
    let chunked = frames::decoded(&source, video.timescale, &[0, 1_000, 2_100]);
    frames::compare("phone", &chunked, &ours, 0);
}

#[tokio::test]
async fn fragments_are_whole() {
    if !clip::has_ffmpeg("fragments_are_whole") {
        return;
    }
    for (name, flags) in [
        (
            "fragments-1.mp4",
            "frag_keyframe+empty_moov+default_base_moof",
        ),
        ("fragments-2.mp4", "frag_keyframe"),
        ("fragments-3.mp4", "frag_keyframe+empty_moov+skip_trailer"),
        ("fragments-4.mp4", "frag_every_frame+delay_moov"),
    ] {
        check(
            &remade(name, "", &format!("-c copy -movflags {flags}")),
            "0:v:0",
        )
        .await;
    }
    // Where decode times are negative, ffmpeg moves everything to begin at 0.
    for (name, flags) in [
        ("negative-1.mp4", "negative_cts_offsets"),
        (
            "negative-2.mp4",
            "frag_keyframe+empty_moov+negative_cts_offsets",
        ),
        ("negative-3.mp4", "dash+delay_moov+negative_cts_offsets"),
    ] {
        let source = remade(name, "", &format!("-c copy -movflags {flags}"));
        let facts = task::facts(&source).await.video.expect("a picture");
        let mut theirs = frames::by_ffmpeg(&source, "0:v:0", SIZE);
        let moved_ns = theirs[0].time_ns;
        theirs
            .iter_mut()
            .for_each(|frame| frame.time_ns -= moved_ns);
        assert_eq!(facts.start_ns, 0, "{name}");
        for starts_ms in [&[0][..], &[0, 1_000, 2_100, 4_000]] {
            let ours = frames::decoded(&source, facts.timescale, starts_ms);
            frames::compare(name, &ours, &theirs, TOLERANCE_NS);
        }
    }
}

#[tokio::test]
async fn a_first_frame_that_is_late_stays_late() {
    if !clip::has_ffmpeg("a_first_frame_that_is_late_stays_late") {
        return;
    }
    let two = format!(
        "-itsoffset 0.9 -i {0} -i {0} -map 0:v -map 1:a -c copy",
        film().display()
    );
    for name in ["late.mkv", "late.mov"] {
        let source = clip::make(name, &two);
        check(&source, "0:v:0").await;
        let start_ns = task::facts(&source)
            .await
            .video
            .expect("a picture")
            .start_ns;
        assert!(
            start_ns.abs_diff(900_000_000) < 30_000_000,
            "{name}: {start_ns}"
        );
        let sound_ns = frames::sound(&source, 0)[0].0;
        assert!(sound_ns < 30_000_000, "{name}: {sound_ns}");
    }
}

#[tokio::test]
async fn covers_are_never_taken_for_the_film() {
    if !clip::has_ffmpeg("covers_are_never_taken_for_the_film") {
        return;
    }
    let film = film();
    let cover = clip::make("cover.jpg", "-f lavfi -i mandelbrot=s=640x480 -frames:v 1");
    let both = format!("-i {} -i {}", film.display(), cover.display());
    let tagged = format!("{both} -map 0 -map 1 -c copy -disposition:v:1 attached_pic");
    check(&clip::make("tagged.mp4", &tagged), "0:v:0").await;
    let attached = format!(
        "-i {} -c copy -attach {} -metadata:s:t mimetype=image/jpeg",
        film.display(),
        cover.display()
    );
    check(&clip::make("attached.mkv", &attached), "0:v:0").await;
    // A track of its own, and before the film.
    let first = format!("{both} -map 1 -map 0:v -map 0:a -c copy");
    for name in ["cover-first.mp4", "cover-first.mov", "cover-first.mkv"] {
        let source = clip::make(name, &first);
        check(&source, "0:v:1").await;
        let facts = task::facts(&source).await.video.expect("a picture");
        assert_eq!((facts.width, facts.codec.as_str()), (320, "h264"), "{name}");
    }
}

#[tokio::test]
async fn tracks_of_other_kinds_are_passed_over() {
    if !clip::has_ffmpeg("tracks_of_other_kinds_are_passed_over") {
        return;
    }
    let text: String = (0..3)
        .map(|n| format!("{}\n00:00:0{n},000 --> 00:00:0{n},900\nline {n}\n\n", n + 1))
        .collect();
    let subtitles = clip::write("lines.srt", text.as_bytes());
    let film = film();
    for (name, codec) in [("text.mp4", "mov_text"), ("text.mkv", "srt")] {
        let made = format!(
            "-i {} -i {} -map 1 -map 0 -c copy -c:s {codec}",
            film.display(),
            subtitles.display()
        );
        check(&clip::make(name, &made), "0:v:0").await;
    }
    check(
        &remade("data.mov", "", "-c copy -timecode 01:00:00:00"),
        "0:v:0",
    )
    .await;
}

#[tokio::test]
async fn sound_may_be_longer_or_shorter_than_the_picture() {
    if !clip::has_ffmpeg("sound_may_be_longer_or_shorter_than_the_picture") {
        return;
    }
    for (container, codec) in [("mp4", "aac"), ("mkv", "libopus"), ("mov", "aac")] {
        for seconds in [1, 9] {
            let name = format!("sound-{seconds}.{container}");
            let made = format!(
                "-i {} -f lavfi -i sine=f=440:r=48000:d={seconds} -map 0:v -map 1:a -c:v copy -c:a {codec}",
                film().display()
            );
            let source = clip::make(&name, &made);
            check(&source, "0:v:0").await;
            let facts = task::facts(&source).await;
            let sound_ns = facts.audio[0].duration_ns;
            assert!(
                sound_ns.abs_diff(seconds * task::SECOND_NS) < 50_000_000,
                "{name}: {sound_ns}"
            );
            let made = task::run(task::audio(&source, &facts.audio[0], 0), &source).await;
            assert_eq!(made.failure, None, "{name}");
            picture::whole(&source, &[0, 3], 1).await;
        }
    }
}
