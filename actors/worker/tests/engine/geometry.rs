//! The shape of the picture: every corner is where a viewer sees it, pixels are square, sizes are
//! even and of the aspect that the source is shown at; whatever its pixels' aspect, size or turn.

use std::path::Path;

use bus_schema::ladder::Ladder;
use bus_schema::plan::Span;
use bus_schema::source::VideoFacts;

use super::clip;
use super::task;

/// Colours of the corners: top left, top right, bottom left, bottom right.
type Corners = [&'static str; 4];

const UPRIGHT: Corners = ["red", "lime", "blue", "white"];

/// A grey picture of this size with a colour in each corner, of a quarter of its width and height.
fn cornered(name: &str, size: &str, rest: &str) -> std::path::PathBuf {
    let corner =
        |x: &str, y: &str, colour| format!("drawbox=x={x}:y={y}:w=iw/4:h=ih/4:c={colour}:t=fill");
    let boxes = [
        corner("0", "0", UPRIGHT[0]),
        corner("iw-w", "0", UPRIGHT[1]),
        corner("0", "ih-h", UPRIGHT[2]),
        corner("iw-w", "ih-h", UPRIGHT[3]),
    ];
    let boxes = boxes.join(",");
    // In RGB, so that boxes of odd sizes have sharp borders.
    let picture = format!(
        "-f lavfi -i color=gray:s={size}:r=25:d=0.4,format=rgb24,{boxes} -preset ultrafast -crf 4"
    );
    clip::make(name, &format!("{picture} {rest}"))
}

/// The same coded picture, to be turned clockwise before it is shown: with another matrix in its
/// track header, since releases of ffmpeg differ in what they mean by a rotation.
pub(crate) fn turned(name: &str, source: &Path, degrees: u16) -> std::path::PathBuf {
    let mut bytes = std::fs::read(source).expect("a clip can be read");
    let header = bytes
        .windows(4)
        .position(|window| window == b"tkhd")
        .expect("there is a track");
    // Behind the kind: version, times, ordinal, length, layer, volume.
    let at = header + 4 + 40;
    let (one, minus) = (0x0001_0000_i32, -0x0001_0000_i32);
    let [a, b, c, d] = match degrees {
        90 => [0, one, minus, 0],
        180 => [minus, 0, 0, minus],
        270 => [0, minus, one, 0],
        _ => [one, 0, 0, one],
    };
    for (n, value) in [(0, a), (1, b), (3, c), (4, d)] {
        bytes[at + n * 4..at + n * 4 + 4].copy_from_slice(&value.to_be_bytes());
    }
    clip::write(name, &bytes)
}

/// Which colour of the four a pixel is nearest to, or what it is instead.
fn colour([r, g, b]: [u8; 3]) -> String {
    let has = |value: u8| value > 160;
    let lacks = |value: u8| value < 95;
    let name = match (r, g, b) {
        _ if has(r) && has(g) && has(b) => "white",
        _ if has(r) && lacks(g) && lacks(b) => "red",
        _ if lacks(r) && has(g) && lacks(b) => "lime",
        _ if lacks(r) && lacks(g) && has(b) => "blue",
        _ => return format!("({r}, {g}, {b})"),
    };
    name.to_owned()
}

/// What must hold: shown at this size by the probe, at the ladder's size of it in the rendition
/// (the lowest rung, and the source's own), with these colours in the corners and grey between.
async fn check(source: &Path, shown: (u32, u32), corners: Corners) -> VideoFacts {
    let what = source.display();
    let (facts, read) = task::ingested(source).await;
    let source = read.as_path();
    let facts = facts.video.expect("there is a picture");
    assert_eq!((facts.width, facts.height), shown, "{what}: {facts:?}");
    let ladder = Ladder::default();
    let fitted = ladder.fit(ladder.rungs(), facts.width, facts.height, 25.0);
    let (low, own) = (&fitted[0], &fitted[fitted.len() - 1]);
    let mut sizes = vec![(low.width, low.height), (own.width, own.height)];
    sizes.dedup();
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let made = task::run(task::chunk(source, &facts, span, 2, &sizes), source).await;
    assert_eq!(made.failure, None, "{what}");
    for (width, height) in sizes {
        let aspect = f64::from(width) / f64::from(height);
        let aspect_shown = f64::from(shown.0) / f64::from(shown.1);
        // Even sizes: up to a pixel off, on either side.
        let tolerance = 1.0 / f64::from(width) + 1.0 / f64::from(height);
        assert!(
            (aspect / aspect_shown - 1.0).abs() <= tolerance,
            "{what}: {width}x{height}"
        );
        let stem = source
            .file_name()
            .expect("a file has a name")
            .to_string_lossy();
        let name = format!("{height}p");
        let file = task::join(&name, &[&made], &format!("{stem}-{name}.mp4"));
        assert_eq!(
            clip::shape(&file),
            format!("{width},{height},1:1"),
            "{what}"
        );
        let picture = clip::rgb(&file);
        let at = |x: u32, y: u32| {
            let at = ((y * width + x) * 3) as usize;
            [picture[at], picture[at + 1], picture[at + 2]]
        };
        // Two pixels from the border: bars would be seen, an encoder's ringing is not.
        let (right, bottom) = (width - 3, height - 3);
        let seen = [at(2, 2), at(right, 2), at(2, bottom), at(right, bottom)].map(colour);
        assert_eq!(seen, corners, "{what} at {width}x{height}");
        // Boxes end at a quarter of either side, in the pixels of the rendition, too.
        for (x, y) in [(width / 4 + 4, 2), (2, height / 4 + 4)] {
            let pixel = at(x, y);
            assert!(
                pixel.iter().all(|value| value.abs_diff(128) < 24),
                "{what} at {x}, {y} of {width}x{height}: {pixel:?}"
            );
        }
        for (x, y) in [(width / 4 - 5, 2), (2, height / 4 - 5)] {
            assert_eq!(colour(at(x, y)), corners[0], "{what} at {x}, {y}");
        }
    }
    facts
}

const H264: &str = "-c:v libx264 -pix_fmt yuv420p";

#[tokio::test]
async fn anamorphic_pictures_get_square_pixels() {
    if !clip::has_ffmpeg("anamorphic_pictures_get_square_pixels") {
        return;
    }
    let wide = format!("-vf setsar=16/9 {H264}");
    let narrow = format!("-vf setsar=8/9 {H264}");
    let mpeg2 = "-vf setdar=16/9 -c:v mpeg2video -b:v 4M -pix_fmt yuv420p";
    let sources = [
        ("wide.mp4", "180x180", wide.as_str(), (320, 180)),
        ("narrow.mov", "360x240", narrow.as_str(), (320, 240)),
        ("wide.mkv", "180x180", wide.as_str(), (320, 180)),
        ("wide.ts", "180x180", wide.as_str(), (320, 180)),
        // 64 to 45.
        ("dvd.mkv", "360x288", mpeg2, (512, 288)),
    ];
    for (name, size, rest, shown) in sources {
        let source = cornered(&format!("sar-{name}"), size, rest);
        check(&source, shown, UPRIGHT).await;
    }
}

#[tokio::test]
async fn odd_and_upright_sizes_keep_their_borders() {
    if !clip::has_ffmpeg("odd_and_upright_sizes_keep_their_borders") {
        return;
    }
    let vp9 = "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p -b:v 2M";
    let full = "-c:v libx264 -pix_fmt yuv444p";
    let sources = [
        ("odd.webm", "213x119", vp9, (213, 119)),
        ("odd.mp4", "213x119", full, (213, 119)),
        ("tall.mp4", "180x320", H264, (180, 320)),
        ("tall.webm", "121x215", vp9, (121, 215)),
        ("square.mkv", "200x200", H264, (200, 200)),
        ("cinema.mp4", "640x268", H264, (640, 268)),
    ];
    for (name, size, rest, shown) in sources {
        let source = cornered(&format!("size-{name}"), size, rest);
        check(&source, shown, UPRIGHT).await;
    }
}

#[tokio::test]
async fn turned_pictures_are_upright() {
    if !clip::has_ffmpeg("turned_pictures_are_upright") {
        return;
    }
    let [tl, tr, bl, br] = UPRIGHT;
    let turns = [
        (90, [bl, tl, br, tr]),
        (180, [br, bl, tr, tl]),
        (270, [tr, br, tl, bl]),
    ];
    for (degrees, corners) in turns {
        let is_upright = degrees == 180;
        let sideways = |(w, h)| if is_upright { (w, h) } else { (h, w) };
        for container in ["mp4", "mov"] {
            let flat = cornered(&format!("flat.{container}"), "320x180", H264);
            let source = turned(&format!("turn{degrees}.{container}"), &flat, degrees);
            let facts = check(&source, sideways((320, 180)), corners).await;
            assert_eq!(facts.rotation_deg, degrees);
            assert_eq!((facts.coded_width, facts.coded_height), (320, 180));
        }
        let narrow = cornered(
            "flat-narrow.mp4",
            "360x240",
            &format!("-vf setsar=8/9 {H264}"),
        );
        let source = turned(&format!("turn{degrees}-narrow.mp4"), &narrow, degrees);
        check(&source, sideways((320, 240)), corners).await;
        let odd = cornered("flat-odd.mp4", "213x119", "-c:v libx264 -pix_fmt yuv444p");
        let source = turned(&format!("turn{degrees}-odd.mp4"), &odd, degrees);
        check(&source, sideways((213, 119)), corners).await;
    }
}
