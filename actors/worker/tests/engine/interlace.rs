//! Interlaced film becomes whole pictures: as many as there were frames, without combs where
//! something moves and without loss where nothing does, also where chunks meet.

use std::path::{Path, PathBuf};

use bus_schema::plan::Span;

use super::clip;
use super::task::{self, Made, SECOND_NS};

const SIZE: (u32, u32) = (320, 192);
const SECONDS: u32 = 3;
const FRAMES: usize = 75;

/// A white bar that moves over the left half by 5 pixels a field, and white lines of two rows in
/// the right half that stand still.
fn film(name: &str, scan: &str, codec: &str) -> PathBuf {
    let (w, h) = SIZE;
    let black = format!("color=black:s={w}x{h}:r=50:d={SECONDS}[black]");
    let bar = format!("color=white:s=20x{h}:r=50:d={SECONDS}[bar]");
    let lines =
        format!("color=black:s=160x{h}:r=50:d={SECONDS},drawgrid=w=1000:h=4:t=2:c=white[lines]");
    let moved = "[black][bar]overlay=x=mod(n*5\\,140):eval=frame[moved]";
    let joined = format!("[moved][lines]overlay=x=160,interlace=scan={scan}:lowpass=off");
    // The filter's own field order is taken by encoders that know one.
    clip::make(
        name,
        &format!(
            "-f lavfi -i {black};{bar};{lines};{moved};{joined} -pix_fmt yuv420p -g 25 {codec}"
        ),
    )
}

/// The film in chunks that begin at these seconds, as grey frames.
async fn pictures(source: &Path, starts_s: &[u64]) -> Vec<Vec<u8>> {
    let (facts, read) = task::ingested(source).await;
    let source = read.as_path();
    let facts = facts.video.expect("there is a picture");
    assert!(facts.is_interlaced, "{}", source.display());
    let rate = f64::from(facts.fps_num) / f64::from(facts.fps_den);
    assert!((rate - 25.0).abs() < 0.01, "{}: {rate}", source.display());
    let mut all: Vec<Made> = Vec::new();
    for (index, start_s) in starts_s.iter().enumerate() {
        let span = Span {
            start_ns: start_s * SECOND_NS,
            end_ns: starts_s.get(index + 1).map(|end_s| end_s * SECOND_NS),
        };
        let mut spec = task::chunk(source, &facts, span, 1, &[SIZE]);
        if let bus_schema::task::TaskSpec::Chunk(chunk) = &mut spec {
            chunk.video.renditions[0].crf = 4;
            chunk.video.renditions[0].bitrate_max_bps = 20_000_000;
            chunk.video.renditions[0].buffer_bits = 20_000_000;
        }
        let made = task::run(spec, source).await;
        assert_eq!(made.failure, None, "{}, {span:?}", source.display());
        all.push(made);
    }
    let stem = source
        .file_name()
        .expect("a file has a name")
        .to_string_lossy();
    let name = format!("{}p", SIZE.1);
    let all: Vec<&Made> = all.iter().collect();
    let file = task::join(&name, &all, &format!("{stem}-{}.mp4", starts_s.len()));
    let frames = clip::grey(&file, SIZE.0, SIZE.1);
    let bytes = (SIZE.0 * SIZE.1) as usize;
    frames.chunks(bytes).map(<[u8]>::to_vec).collect()
}

/// How much rows differ from the mean of those around them, in the mean over the left half: 0
/// where a bar is upright and whole, tens where it is a comb.
fn comb(picture: &[u8]) -> u64 {
    let (w, h) = (SIZE.0 as usize, SIZE.1 as usize);
    let at = |x: usize, y: usize| i64::from(picture[y * w + x]);
    let mut sum = 0;
    let mut edges = 1;
    for x in 0..w / 2 {
        let of_column =
            (1..h - 1).map(|y| (2 * at(x, y) - at(x, y - 1) - at(x, y + 1)).unsigned_abs());
        let of_column: u64 = of_column.sum();
        if of_column > 0 {
            edges += 1;
        }
        sum += of_column;
    }
    sum / (edges * (h as u64 - 2))
}

/// The mean contrast of the lines in the right half, away from its border: 255 where they are as
/// sharp as in the source.
fn contrast(picture: &[u8]) -> i64 {
    let (w, h) = (SIZE.0 as usize, SIZE.1 as usize);
    let (mut white, mut black, mut n) = (0, 0, 0);
    for y in (8..h - 8).step_by(4) {
        for x in w / 2 + 20..w - 20 {
            for row in [y, y + 1] {
                white += i64::from(picture[row * w + x]);
                black += i64::from(picture[(row + 2) * w + x]);
                n += 1;
            }
        }
    }
    (white - black) / n
}

const H264: &str = "-c:v libx264 -preset veryfast -crf 4 -flags +ilme+ildct";
const MPEG2: &str = "-c:v mpeg2video -b:v 12M -flags +ilme+ildct -bf 2";

#[tokio::test]
async fn pictures_are_whole_and_as_many_as_frames() {
    if !clip::has_ffmpeg("pictures_are_whole_and_as_many_as_frames") {
        return;
    }
    let sources = [
        ("tff.mp4", "tff", format!("{H264} -x264-params tff=1")),
        ("bff.mp4", "bff", format!("{H264} -x264-params bff=1")),
        ("tff.ts", "tff", format!("{H264} -x264-params tff=1")),
        ("tff.mkv", "tff", format!("{MPEG2} -top 1")),
        ("bff.mkv", "bff", format!("{MPEG2} -top 0")),
        ("mpeg2.ts", "tff", format!("{MPEG2} -top 1")),
    ];
    for (name, scan, codec) in sources {
        let source = film(&format!("scan-{name}"), scan, &codec);
        let whole = pictures(&source, &[0]).await;
        let chunked = pictures(&source, &[0, 1, 2]).await;
        assert_eq!(whole.len(), FRAMES, "{name}");
        assert_eq!(chunked.len(), FRAMES, "{name} in chunks");
        for (n, (whole, chunked)) in whole.iter().zip(&chunked).enumerate() {
            for (how, picture) in [("whole", whole), ("in chunks", chunked)] {
                assert!(
                    comb(picture) < 12,
                    "{name}, {how}, frame {n}: combs of {}",
                    comb(picture)
                );
                assert!(
                    contrast(picture) > 200,
                    "{name}, {how}, frame {n}: lines of {}",
                    contrast(picture)
                );
            }
            let off = whole.iter().zip(chunked).map(|(a, b)| a.abs_diff(*b));
            let off: u64 = off.map(u64::from).sum();
            let mean = off / whole.len() as u64;
            assert!(mean < 3, "{name}, frame {n}: chunks differ by {mean}");
        }
    }
}
