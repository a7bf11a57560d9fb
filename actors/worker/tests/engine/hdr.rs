//! High dynamic range and wide gamut come out as a screen of standard range shows them: as the
//! reference does it (ffmpeg's `zscale` and `tonemap`), in the right order of brightness, and said
//! to be what they are.

use std::path::{Path, PathBuf};

use super::bars::{self, Colours};
use super::clip;
use super::task;

/// Bars of 40 pixels: greys that get lighter, then colours, as the signal's red, green and blue.
const BARS: Colours = [
    [40, 40, 40],
    [90, 90, 90],
    [148, 148, 148],
    [190, 190, 190],
    [150, 60, 60],
    [60, 140, 70],
    [50, 60, 150],
    [150, 120, 100],
];
/// The error of the table, which is largest where colours leave the gamut, and of the encoder.
const OFF_MAX: u8 = 8;

fn has_reference(test: &str) -> bool {
    if !clip::has_ffmpeg(test) {
        return false;
    }
    let found = clip::has_filter("zscale") && clip::has_filter("tonemap");
    if !found {
        eprintln!("SKIPPED {test}: this ffmpeg has no zscale or no tonemap");
    }
    found
}

fn film(name: &str, transfer: &str, pix_fmt: &str, codec: &str) -> PathBuf {
    let input = bars::input(BARS);
    let tags = format!(
        "-colorspace bt2020nc -color_primaries bt2020 -color_trc {transfer} -color_range tv"
    );
    clip::make(
        name,
        &format!(
            "{input} -vf scale=out_color_matrix=bt2020:out_range=tv:flags=accurate_rnd,format={pix_fmt} \
             {tags} {codec}"
        ),
    )
}

/// What the reference makes of a source, in BT.709.
fn reference(source: &Path, steps: &str) -> Vec<[u8; 3]> {
    let filter = format!(
        "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709{steps},zscale=t=bt709:m=gbr:r=pc:npl=100,format=gbrp,format=rgb24"
    );
    bars::middles(&clip::rgb_by(source, &filter), bars::SIZE)
}

/// What must hold: the first bars as the reference has them, greys grey and in order, colours of
/// their hue.
async fn check(source: &Path, transfer: &str, steps: &str, compared: usize) {
    let what = source.file_name().expect("a name").to_string_lossy();
    let expected = reference(source, steps);
    let facts = task::facts(source).await.video.expect("there is a picture");
    assert_eq!(facts.transfer.as_deref(), Some(transfer), "{what}");
    assert_eq!(facts.primaries.as_deref(), Some("bt2020"), "{what}");
    for seen in bars::renditions(source, &facts).await {
        for (n, (seen, expected)) in seen.iter().zip(&expected).enumerate().take(compared) {
            let off = bars::difference(*seen, *expected);
            assert!(
                off <= OFF_MAX,
                "{what}, bar {n}: {seen:?} in place of {expected:?}"
            );
        }
        let greys: Vec<u8> = seen[..4].iter().map(|grey| grey[1]).collect();
        assert!(greys.is_sorted_by(|a, b| a + 8 < *b), "{what}: {greys:?}");
        for (bar, part) in [(4, 0), (5, 1), (6, 2)] {
            let most = (0..3).max_by_key(|part| seen[bar][*part]);
            assert_eq!(most, Some(part), "{what}, bar {bar}: {:?}", seen[bar]);
        }
    }
}

const HEVC: &str = "-c:v libx265 -preset ultrafast -crf 4 -x265-params log-level=none -tag:v hvc1";
const VP9: &str = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 8M";
const MOBIUS: &str = ",tonemap=mobius:param=0.3:peak=10:desat=0";

#[tokio::test]
async fn hdr10_and_hlg_are_shown_in_standard_range() {
    if !has_reference("hdr10_and_hlg_are_shown_in_standard_range") {
        return;
    }
    let sources = [
        ("pq.mp4", "smpte2084", "yuv420p10le", HEVC),
        ("pq.mkv", "smpte2084", "yuv420p10le", HEVC),
        ("pq-422.mov", "smpte2084", "yuv422p10le", HEVC),
        ("pq.webm", "smpte2084", "yuv420p10le", VP9),
        ("hlg.mp4", "arib-std-b67", "yuv420p10le", HEVC),
        ("hlg.mkv", "arib-std-b67", "yuv420p10le", HEVC),
    ];
    for (name, transfer, pix_fmt, codec) in sources {
        // The reference bends each of HLG's primaries by itself, where BT.2100 says to bend their
        // luminance: on greys both are the same.
        let compared = if name.starts_with("hlg") { 4 } else { 8 };
        check(
            &film(name, transfer, pix_fmt, codec),
            transfer,
            MOBIUS,
            compared,
        )
        .await;
    }
}

#[tokio::test]
async fn wide_gamuts_are_shown_in_the_usual_one() {
    if !has_reference("wide_gamuts_are_shown_in_the_usual_one") {
        return;
    }
    for (name, transfer, pix_fmt, codec) in [
        ("wide.mp4", "bt2020-10", "yuv420p10le", HEVC),
        ("wide-8.mkv", "bt2020-10", "yuv420p", "-c:v libx264 -crf 4"),
        ("wide-444.mp4", "bt2020-10", "yuv444p10le", HEVC),
    ] {
        let source = film(&format!("gamut-{name}"), transfer, pix_fmt, codec);
        check(&source, transfer, "", 8).await;
    }
}
