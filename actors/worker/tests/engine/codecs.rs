//! Every codec keeps every frame at its own time, in segments that are cut at the same times as H.264's, under
//! one decoder configuration; says what it is as RFC 6381 has it; looks like its source; and keeps to its cap.

use std::path::Path;

use bus_schema::encoder;
use bus_schema::plan::Span;
use bus_schema::task::{Piece, TaskSpec};
use bus_schema::video_codec::VideoCodec;
use worker::mp4::{Assembly, SampleTable, TrackPieces};

use super::clip;
use super::picture::{result, whole_by};
use super::task::{self, Made};

/// What the smaller of two renditions is called in playlists, and what ffprobe calls its codec.
const NAMES: [(VideoCodec, &str, &str); 4] = [
    (VideoCodec::H264, "avc1.640014", "h264"),
    (VideoCodec::Hevc, "hvc1.1.6.L60.90", "hevc"),
    (VideoCodec::Vp9, "vp09.00.20.08", "vp9"),
    (VideoCodec::Av1, "av01.0.00M.08", "av1"),
];

/// The real clip, or a made one where it was not fetched, under a name of this test's own.
fn real_clip(name: &str) -> std::path::PathBuf {
    let real = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../.tools/media/bigbuckbunny.mp4"
    ));
    let to = format!("codecs-{name}.mp4");
    match std::fs::read(real) {
        Ok(bytes) => clip::write(&to, &bytes),
        Err(_) => clip::film(&to, 5, "25", "640x360", ""),
    }
}

async fn keeps_its_frames(codec: VideoCodec) {
    if !clip::has_ffmpeg("keeps_its_frames") {
        return;
    }
    let encoder = encoder::in_software(codec);
    let (_, codecs, name) = NAMES.into_iter().find(|of| of.0 == codec).expect("named");
    let source = real_clip(name);
    let all = whole_by(encoder, &source, &[0, 2, 4], 2).await;
    for made in &all {
        assert_eq!(result(made).renditions[0].codecs, codecs);
    }
    let of_all: Vec<&Made> = all.iter().collect();
    let joined = task::join("180p", &of_all, &format!("{name}-joined.mp4"));
    looks_like(&joined, &source);
    assert_eq!(clip::codec(&joined), name);
    // AV1's own header leaves its colours unsaid, and decoders believe that; players believe the box.
    let init = &all[0].objects["180p/init.mp4"];
    let box_of_colours = b"colrnclx\x00\x01\x00\x01\x00\x01\x00";
    let has_box = init
        .windows(box_of_colours.len())
        .any(|at| at == box_of_colours);
    assert!(has_box, "{codec}");
    let colours = clip::colours(&joined);
    let is_said = colours.contains("tv,bt709,bt709,bt709");
    assert!(is_said || codec == VideoCodec::Av1, "{codec}: {colours}");
    let file = assembled(&all, "180p", &format!("{name}-assembled.mp4"));
    let (times, joined_times) = (clip::frame_times(&file), clip::frame_times(&joined));
    assert_eq!(times.len(), joined_times.len(), "{codec}");
    for (time, joined) in times.iter().zip(joined_times) {
        assert!((time - joined).abs() < 1e-6, "{codec}: {time} is {joined}");
    }
    looks_like(&file, &source);
    // Rates that are no whole numbers, and frames that come as they like.
    let ntsc = clip::film(&format!("{name}-ntsc.mp4"), 3, "30000/1001", "320x180", "");
    whole_by(encoder, &ntsc, &[0, 1], 1).await;
    let varying = "-vf 'select=mod(n\\,7)*mod(n\\,3)' -vsync vfr";
    let varying = clip::film(&format!("{name}-vfr.mp4"), 3, "30", "320x180", varying);
    whole_by(encoder, &varying, &[0, 1], 1).await;
}

/// SSIM against the source, scaled alike: pictures that belong to other frames are far below.
fn looks_like(file: &Path, source: &Path) {
    let ssim = clip::ssim(file, source);
    assert!(ssim > 0.94, "{}: {ssim}", file.display());
}

/// One MP4 of all chunks, as the assembler writes it.
fn assembled(all: &[Made], name: &str, to: &str) -> std::path::PathBuf {
    let mut first_segment = 0;
    let mut pieces = Vec::new();
    for (made, index) in all.iter().zip(0..) {
        let table = SampleTable::decode(&made.objects[&format!("{name}/samples")]);
        let table = table.expect("the table can be read");
        let n_segments = u32::try_from(table.segments().len()).expect("few");
        let piece = Piece {
            task: bus_schema::TaskNumber(index),
            attempt: bus_schema::Attempt(1),
            part: None,
            first_segment,
            n_segments,
        };
        first_segment += n_segments;
        pieces.push((piece, table));
    }
    let video = TrackPieces {
        name: name.parse().expect("a name"),
        pieces,
    };
    let assembly = Assembly::new(Some(video), None).expect("the pieces fit together");
    let mut file = assembly.header().to_vec();
    for copy in assembly.copies() {
        let object = assembly.object_name(copy).expect("it has a name");
        let object = object
            .split_once(&format!("{name}/"))
            .expect("it is its rendition's")
            .1;
        let bytes = &all[copy.piece].objects[&format!("{name}/{object}")];
        let start = copy.offset as usize;
        file.extend_from_slice(&bytes[start..start + copy.bytes as usize]);
    }
    clip::write(to, &file)
}

#[tokio::test]
async fn h264_keeps_its_frames() {
    keeps_its_frames(VideoCodec::H264).await;
}

#[tokio::test]
async fn hevc_keeps_its_frames() {
    keeps_its_frames(VideoCodec::Hevc).await;
}

#[tokio::test]
async fn vp9_keeps_its_frames() {
    keeps_its_frames(VideoCodec::Vp9).await;
}

#[tokio::test]
async fn av1_keeps_its_frames() {
    keeps_its_frames(VideoCodec::Av1).await;
}

#[tokio::test]
async fn the_cap_holds_in_every_codec() {
    if !clip::has_ffmpeg("the_cap_holds_in_every_codec") {
        return;
    }
    let noise = "-vf noise=alls=40:allf=t";
    let source = clip::film("codecs-noise.mp4", 4, "25", "320x180", noise);
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    for codec in VideoCodec::ALL {
        let spec = task::chunk(&source, &facts, span, 2, &[(320, 180)]);
        let spec = task::encoded_by(spec, encoder::in_software(codec));
        let segments = async |cap_bps: u32| {
            let TaskSpec::Chunk(mut spec) = spec.clone() else {
                panic!("{spec:?}");
            };
            spec.video.renditions[0].bitrate_max_bps = cap_bps;
            spec.video.renditions[0].buffer_bits = cap_bps;
            let made = task::run(TaskSpec::Chunk(spec), &source).await;
            assert_eq!(made.failure, None, "{codec}");
            result(&made).renditions[0].bytes.clone()
        };
        // Two seconds, and a full buffer to begin with.
        let most = (400_000 * 2 + 400_000) / 8;
        let (free, capped) = (segments(20_000_000).await, segments(400_000).await);
        let needs_cap = free.iter().all(|bytes| *bytes > most * 5 / 4);
        assert!(needs_cap, "{codec}: {free:?} bytes need no cap");
        let is_kept = capped.iter().all(|bytes| *bytes < most);
        assert!(is_kept, "{codec}: {capped:?} of {most} bytes");
    }
}

/// The ladder's lowest rungs of narrow or tiny sources; the planner refuses what is smaller.
#[tokio::test]
async fn tiny_pictures_are_encoded() {
    if !clip::has_ffmpeg("tiny_pictures_are_encoded") {
        return;
    }
    let source = clip::film("codecs-tiny.mp4", 1, "25", "64x48", "");
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    for codec in VideoCodec::ALL {
        let least = codec.side_min();
        for size in [(62, 46), (64, least), (least, least)] {
            let spec = task::chunk(&source, &facts, span, 1, &[size]);
            let spec = task::encoded_by(spec, encoder::in_software(codec));
            let made = task::run(spec, &source).await;
            assert_eq!(made.failure, None, "{codec} {size:?}");
        }
    }
}
