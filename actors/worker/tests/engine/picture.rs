//! Every frame of the source is in every rendition exactly once, at its own time, in segments that
//! are cut at the same times in all of them; whatever the source is, and however it is cut into
//! chunks.

use std::path::Path;

use bus_schema::attempt::ChunkResult;
use bus_schema::encoder::{self, Encoder};
use bus_schema::plan::Span;
use bus_schema::source::VideoFacts;
use bus_schema::task::TaskSpec;
use bus_schema::video_codec::VideoCodec;
use worker::mp4::SampleTable;

use super::clip;
use super::task::{self, Made, SECOND_NS};

const SIZES: &[(u32, u32)] = &[(160, 90), (320, 180)];

/// Transcodes in chunks that begin at these seconds.
pub(crate) async fn chunks(
    source: &Path,
    facts: &VideoFacts,
    starts_s: &[u64],
    segment_s: u64,
    sizes: &[(u32, u32)],
) -> Vec<Made> {
    let encoder = encoder::in_software(VideoCodec::H264);
    chunks_by(encoder, source, facts, starts_s, segment_s, sizes).await
}

/// The same with this encoder.
async fn chunks_by(
    encoder: Encoder,
    source: &Path,
    facts: &VideoFacts,
    starts_s: &[u64],
    segment_s: u64,
    sizes: &[(u32, u32)],
) -> Vec<Made> {
    let mut all = Vec::new();
    for (index, start_s) in starts_s.iter().enumerate() {
        let end_ns = starts_s.get(index + 1).map(|end_s| end_s * SECOND_NS);
        let span = Span {
            start_ns: start_s * SECOND_NS,
            end_ns,
        };
        let spec = task::chunk(source, facts, span, segment_s, sizes);
        let made = task::run(task::encoded_by(spec, encoder), source).await;
        assert_eq!(made.failure, None, "{}, {span:?}", source.display());
        all.push(made);
    }
    all
}

pub(crate) fn result(made: &Made) -> &ChunkResult {
    made.chunk.as_ref().expect("the chunk has a result")
}

/// What must hold for every source: chunks continue one another, tables agree with results,
/// renditions with each other, and with the source.
pub(crate) fn check(source: &Path, facts: &VideoFacts, all: &[Made], sizes: &[(u32, u32)]) {
    let what = source.display();
    let mut at = result(&all[0]).start;
    for made in all {
        let result = result(made);
        assert_eq!(result.start, at, "{what}: a gap between chunks");
        at += result.durations.iter().map(|d| u64::from(*d)).sum::<u64>();
        let last = made.progress.last().expect("progress is told");
        assert_eq!(last.done_ns.len(), sizes.len());
        assert!(
            last.done_ns.iter().all(|ns| *ns <= last.total_ns),
            "{what}: {last:?}"
        );
        for rendition in &result.renditions {
            let table = &made.objects[&format!("{}/samples", rendition.name)];
            let table = SampleTable::decode(table).expect("the table can be read");
            let durations: Vec<u32> = table.segments().iter().map(|s| s.duration).collect();
            assert_eq!(durations, result.durations, "{what}: {}", rendition.name);
            assert_eq!(
                u64::from(table.n_samples()),
                result.frames,
                "{what}: {}",
                rendition.name
            );
            assert_eq!(rendition.bytes.len(), durations.len());
            let config = &self::result(&all[0])
                .renditions
                .iter()
                .find(|r| r.name == rendition.name);
            assert_eq!(
                Some(&rendition.config),
                config.map(|r| &r.config),
                "{what}: config changed"
            );
        }
    }
    let of_source = clip::frame_times(source);
    let all: Vec<&Made> = all.iter().collect();
    for (width, height) in sizes {
        let stem = source
            .file_name()
            .expect("a file has a name")
            .to_string_lossy();
        let joined = task::join(
            &format!("{height}p"),
            &all,
            &format!("{stem}-{height}p.mp4"),
        );
        let times = clip::frame_times(&joined);
        assert_eq!(times.len(), of_source.len(), "{what}: frames at {height}p");
        let unit = 1.0 / f64::from(facts.timescale);
        for (n, (ours, theirs)) in times.iter().zip(&of_source).enumerate() {
            // Containers of milliseconds are read by ffprobe as such.
            assert!(
                (ours - theirs).abs() < unit.max(0.0011),
                "{what}: frame {n} at {ours}, not {theirs}"
            );
        }
        assert_eq!(clip::size(&joined), (*width, *height), "{what}");
    }
}

/// Transcodes a film in chunks that begin at these seconds, and checks all of it.
pub(crate) async fn whole(source: &Path, starts_s: &[u64], segment_s: u64) -> VideoFacts {
    let (facts, read) = task::ingested(source).await;
    let facts = facts.video.expect("there is a picture");
    let all = chunks(&read, &facts, starts_s, segment_s, SIZES).await;
    check(source, &facts, &all, SIZES);
    facts
}

/// The same with this encoder; also gives what was made.
pub(crate) async fn whole_by(
    encoder: Encoder,
    source: &Path,
    starts_s: &[u64],
    segment_s: u64,
) -> Vec<Made> {
    let (facts, read) = task::ingested(source).await;
    let facts = facts.video.expect("there is a picture");
    let all = chunks_by(encoder, &read, &facts, starts_s, segment_s, SIZES).await;
    check(source, &facts, &all, SIZES);
    all
}

#[tokio::test]
async fn a_real_clip_keeps_its_frames() {
    let source = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../.tools/media/bigbuckbunny.mp4"
    ));
    if !source.exists() || !clip::has_ffmpeg("a_real_clip_keeps_its_frames") {
        eprintln!(
            "SKIPPED a_real_clip_keeps_its_frames: no {}",
            source.display()
        );
        return;
    }
    let facts = whole(source, &[0, 2, 4], 2).await;
    assert_eq!(facts.frames, Some(132));
    assert_eq!((facts.fps_num, facts.fps_den), (25, 1));
}

#[tokio::test]
async fn frame_rates_are_exact_whatever_they_are() {
    if !clip::has_ffmpeg("frame_rates_are_exact_whatever_they_are") {
        return;
    }
    let ntsc = clip::film("ntsc.mp4", 5, "30000/1001", "320x180", "");
    let facts = whole(&ntsc, &[0, 1, 3], 1).await;
    assert_eq!(
        (facts.fps_num, facts.fps_den, facts.timescale),
        (30_000, 1001, 30_000)
    );
    let film = clip::film("cinema.mkv", 5, "24000/1001", "320x180", "");
    let facts = whole(&film, &[0, 2], 1).await;
    assert_eq!((facts.fps_num, facts.fps_den), (24_000, 1001));
    let varying = "-vf 'select=mod(n\\,7)*mod(n\\,3)' -vsync vfr";
    whole(
        &clip::film("vfr.mp4", 5, "30", "320x180", varying),
        &[0, 1, 3],
        1,
    )
    .await;
}

#[tokio::test]
async fn containers_and_codecs_give_the_same_frames() {
    if !clip::has_ffmpeg("containers_and_codecs_give_the_same_frames") {
        return;
    }
    for (name, codec) in [
        ("film.mov", ""),
        ("film.mkv", ""),
        ("film.avi", "-c:v mpeg4 -bf 0"),
    ] {
        whole(&clip::film(name, 4, "25", "320x180", codec), &[0, 2], 1).await;
    }
    let vp8 = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 500k -c:a libvorbis";
    whole(
        &clip::film("film.webm", 4, "25", "320x180", vp8),
        &[0, 2],
        1,
    )
    .await;
    let ten_bits = "-pix_fmt yuv420p10le -profile:v high10";
    let facts = whole(
        &clip::film("ten.mp4", 2, "25", "320x180", ten_bits),
        &[0],
        1,
    )
    .await;
    assert_eq!(facts.bit_depth, 10);
    let alone = clip::film("alone.mp4", 2, "25", "320x180", "-an");
    assert!(task::facts(&alone).await.audio.is_empty());
    whole(&alone, &[0], 1).await;
}

#[tokio::test]
async fn a_broadcast_keeps_its_frames() {
    if !clip::has_ffmpeg("a_broadcast_keeps_its_frames") {
        return;
    }
    let source = clip::film("film.ts", 4, "25", "320x180", "");
    let facts = task::facts(&source).await;
    assert_eq!(facts.container, "mpegts");
    assert_eq!(facts.audio[0].sample_rate_hz, 48_000);
    whole(&source, &[0, 2], 1).await;
}

#[tokio::test]
async fn a_trimmed_file_shows_what_its_edit_list_says() {
    if !clip::has_ffmpeg("a_trimmed_file_shows_what_its_edit_list_says") {
        return;
    }
    let source = clip::film("long.mp4", 6, "25", "320x180", "");
    let arguments = format!("-ss 1.3 -i {} -c copy", source.display());
    whole(&clip::make("trimmed.mp4", &arguments), &[0, 2], 1).await;
}

#[tokio::test]
async fn the_picture_is_upright_whole_and_square() {
    if !clip::has_ffmpeg("the_picture_is_upright_whole_and_square") {
        return;
    }
    let source = clip::film("lying.mp4", 1, "25", "320x180", "");
    let arguments = format!("-i {} -c copy -metadata:s:v rotate=90", source.display());
    let source = clip::make("turned.mp4", &arguments);
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    assert_eq!(
        (facts.width, facts.height, facts.coded_width),
        (180, 320, 320)
    );
    let sizes = &[(90, 160)];
    let all = chunks(&source, &facts, &[0], 1, sizes).await;
    check(&source, &facts, &all, sizes);
    // ffmpeg turns the source by itself.
    let ours = clip::grey(&task::join("160p", &[&all[0]], "turned-joined.mp4"), 18, 32);
    let theirs = clip::grey(&source, 18, 32);
    assert_eq!(ours.len(), theirs.len());
    let off: u64 = ours
        .iter()
        .zip(&theirs)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    let mean = off / ours.len() as u64;
    assert!(
        mean < 12,
        "the pictures differ by {mean} of 255 in the mean"
    );

    let wide = clip::film("wide.mp4", 1, "25", "180x180", "-aspect 16:9");
    let facts = task::facts(&wide).await.video.expect("there is a picture");
    assert_eq!((facts.width, facts.height), (320, 180));
}

#[tokio::test]
async fn odd_sizes_become_even_ones() {
    if !clip::has_ffmpeg("odd_sizes_become_even_ones") {
        return;
    }
    let odd = "-c:v libvpx -deadline realtime -cpu-used 8 -s 213x119 -c:a libvorbis";
    let source = clip::film("odd.webm", 2, "25", "320x180", odd);
    let facts = whole(&source, &[0], 1).await;
    assert_eq!((facts.coded_width, facts.coded_height), (213, 119));
}

#[tokio::test]
async fn interlaced_frames_stay_as_many() {
    if !clip::has_ffmpeg("interlaced_frames_stay_as_many") {
        return;
    }
    let interlaced = "-vf setfield=tff -flags +ilme+ildct -x264-params tff=1";
    let source = clip::film("interlaced.mp4", 2, "25", "320x180", interlaced);
    assert!(whole(&source, &[0, 1], 1).await.is_interlaced);
}

#[tokio::test]
async fn a_chunk_reads_little_more_than_its_share() {
    if !clip::has_ffmpeg("a_chunk_reads_little_more_than_its_share") {
        return;
    }
    let heavy = "-g 100 -x264-params bitrate=16000:vbv-maxrate=16000:vbv-bufsize=16000:nal-hrd=cbr";
    let source = clip::film("heavy.mp4", 20, "25", "320x180", heavy);
    let size = task::bytes(&source);
    assert!(size > 30_000_000, "{size}");
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    let span = Span {
        start_ns: 12 * SECOND_NS,
        end_ns: Some(19 * SECOND_NS),
    };
    let made = task::run(task::chunk(&source, &facts, span, 2, &[(160, 90)]), &source).await;
    assert_eq!(made.failure, None);
    // Seven seconds of twenty, from a keyframe on, and what is read at both ends and ahead. The four seconds
    // before the keyframe, to which a sample of sound once led, would be too much.
    let most = size * 7 / 20 * 3 / 2 + 2_000_000;
    assert!(made.read_bytes <= most, "{} of {most}", made.read_bytes);
}

#[tokio::test]
async fn the_cap_holds_where_quality_would_want_more() {
    if !clip::has_ffmpeg("the_cap_holds_where_quality_would_want_more") {
        return;
    }
    let noise = "-vf noise=alls=40:allf=t";
    let source = clip::film("noise.mp4", 4, "25", "320x180", noise);
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let spec = task::chunk(&source, &facts, span, 2, &[(320, 180)]);
    let bits = |made: &Made| {
        let bytes = &result(made).renditions[0].bytes;
        bytes.iter().map(|bytes| u64::from(*bytes) * 8).sum::<u64>()
    };
    let TaskSpec::Chunk(mut capped) = spec.clone() else {
        panic!("{spec:?}");
    };
    capped.video.renditions[0].bitrate_max_bps = 400_000;
    capped.video.renditions[0].buffer_bits = 400_000;
    let free = task::run(spec, &source).await;
    let capped = task::run(TaskSpec::Chunk(capped), &source).await;
    // Four seconds, and a full buffer to begin with.
    let most = 400_000 * 4 + 400_000;
    assert!(
        bits(&free) > most * 5 / 4,
        "{} bits need no cap",
        bits(&free)
    );
    assert!(bits(&capped) < most, "{} of {most} bits", bits(&capped));
}
