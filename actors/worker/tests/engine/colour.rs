//! Colours: bars of known red, green and blue come out as those, whatever matrix, range, depth or
//! sampling the source has them in; and the rendition says what it is: BT.709, limited, 8 bits.

use std::path::{Path, PathBuf};

use bus_schema::source::VideoFacts;

use super::bars::{self, Colours};
use super::clip;
use super::task;

/// Bars of 40 pixels, side by side: 75 % bars, then greys, as red, green and blue.
const BARS: Colours = [
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
    [64, 64, 64],
    [235, 235, 235],
];
/// Two roundings to 8 bits of a difference, and the encoder's own error.
const OFF_MAX: u8 = 5;

/// Bars in the colours of `tags` (ffmpeg's name of a matrix) and this range.
fn film(name: &str, matrix: &str, range: &str, pix_fmt: &str, rest: &str) -> PathBuf {
    // ffmpeg's words for the same in its scaler and in what it writes.
    let (scaled, written) = match matrix {
        "bt601" => ("bt601", "smpte170m"),
        "bt2020" => ("bt2020", "bt2020nc"),
        other => (other, other),
    };
    let primaries = match matrix {
        "bt601" => "smpte170m",
        other => other,
    };
    let transfer = match matrix {
        "bt601" => "smpte170m",
        "bt2020" => "bt2020-10",
        other => other,
    };
    let input = bars::input(BARS);
    clip::make(
        name,
        &format!(
            "{input} -vf scale=out_color_matrix={scaled}:out_range={range}:flags=accurate_rnd,format={pix_fmt} \
             -colorspace {written} -color_primaries {primaries} -color_trc {transfer} \
             -color_range {range} {rest}"
        ),
    )
}

/// What must hold of the rendition of bars: these colours, and tags that say how to read them.
async fn check(source: &Path, colours: Colours) -> VideoFacts {
    let what = source.file_name().expect("a name").to_string_lossy();
    let (facts, read) = task::ingested(source).await;
    let source = read.as_path();
    let facts = facts.video.expect("there is a picture");
    for picture in bars::renditions(source, &facts).await {
        for (n, (seen, expected)) in picture.into_iter().zip(colours).enumerate() {
            let off = bars::difference(seen, expected);
            assert!(
                off <= OFF_MAX,
                "{what}, bar {n}: {seen:?} in place of {expected:?}"
            );
        }
    }
    facts
}

const H264: &str = "-c:v libx264 -preset ultrafast -crf 4";
const HEVC: &str = "-c:v libx265 -preset ultrafast -crf 4 -x265-params log-level=none -tag:v hvc1";
const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 8M";

#[tokio::test]
async fn samplings_and_depths_have_the_same_colours() {
    if !clip::has_ffmpeg("samplings_and_depths_have_the_same_colours") {
        return;
    }
    let sources = [
        ("h264-420.mp4", "yuv420p", H264, 8),
        ("h264-422.mp4", "yuv422p", H264, 8),
        ("h264-444.mp4", "yuv444p", H264, 8),
        ("h264-420-10.mp4", "yuv420p10le", H264, 10),
        ("h264-422-10.mov", "yuv422p10le", H264, 10),
        ("h264-444-10.mkv", "yuv444p10le", H264, 10),
        ("hevc-420.mp4", "yuv420p", HEVC, 8),
        ("hevc-420-10.mp4", "yuv420p10le", HEVC, 10),
        ("hevc-422-10.mov", "yuv422p10le", HEVC, 10),
        ("hevc-444-12.mkv", "yuv444p12le", HEVC, 12),
        ("vp9-420.webm", "yuv420p", VP9, 8),
        ("vp9-444.webm", "yuv444p", VP9, 8),
        ("vp9-420-10.webm", "yuv420p10le", VP9, 10),
        ("prores.mov", "yuv422p10le", "-c:v prores_ks", 10),
    ];
    for (name, pix_fmt, codec, depth) in sources {
        let source = film(name, "bt709", "tv", pix_fmt, codec);
        assert_eq!(check(&source, BARS).await.bit_depth, depth, "{name}");
    }
}

#[tokio::test]
async fn matrices_and_ranges_have_the_same_colours() {
    if !clip::has_ffmpeg("matrices_and_ranges_have_the_same_colours") {
        return;
    }
    let sources = [
        ("601.mp4", "bt601", "tv", "yuv420p", H264),
        ("601.mkv", "bt601", "tv", "yuv420p", H264),
        ("709.mkv", "bt709", "tv", "yuv420p", H264),
        ("601-full.mp4", "bt601", "pc", "yuvj420p", H264),
        ("709-full.mp4", "bt709", "pc", "yuvj420p", H264),
        ("709-full.mkv", "bt709", "pc", "yuvj444p", H264),
        ("709-full-10.mp4", "bt709", "pc", "yuv420p10le", HEVC),
        ("601-full.webm", "bt601", "pc", "yuv420p", VP9),
        ("jpeg.mov", "bt601", "pc", "yuvj422p", "-c:v mjpeg -q:v 2"),
        (
            "601-mpeg2.mkv",
            "bt601",
            "tv",
            "yuv420p",
            "-c:v mpeg2video -b:v 6M",
        ),
        (
            "601.ts",
            "bt601",
            "tv",
            "yuv420p",
            "-c:v mpeg2video -b:v 6M",
        ),
    ];
    for (name, matrix, range, pix_fmt, codec) in sources {
        check(&film(name, matrix, range, pix_fmt, codec), BARS).await;
    }
}

#[tokio::test]
async fn pictures_of_standard_size_without_tags_are_bt_601() {
    if !clip::has_ffmpeg("pictures_of_standard_size_without_tags_are_bt_601") {
        return;
    }
    let mpeg2 = "-c:v mpeg2video -b:v 6M";
    for (name, codec) in [("bare.mp4", H264), ("bare.mkv", H264), ("bare.ts", mpeg2)] {
        let bare = "-colorspace 2 -color_primaries 2 -color_trc 2";
        let source = film(name, "bt601", "tv", "yuv420p", &format!("{codec} {bare}"));
        check(&source, BARS).await;
    }
}
