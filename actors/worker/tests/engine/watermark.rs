//! A mark lies where it was asked for, as large and as strong, upright in every rendition and every
//! chunk, and the rest of the picture is as it was; what cannot be drawn is refused by name.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use bus_schema::request::watermark::{Mark, Position, Watermark};
use bus_schema::source::VideoFacts;
use bus_schema::task::TaskSpec;

use super::clip;
use super::geometry;
use super::task::{self, Made, SECOND_NS};

const WHOLE: Span = Span {
    start_ns: 0,
    end_ns: None,
};
const MAGENTA: [u8; 3] = [255, 0, 255];
const GREY: [u8; 3] = [128; 3];

/// An image twice as wide as high, whose left half is magenta and whose right half is nothing.
fn image() -> Mark {
    let row = [[255, 0, 255, 255], [0, 255, 0, 0]]
        .map(|pixel| pixel.repeat(20))
        .concat();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 40, 20);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&row.repeat(20)).expect("an image");
    writer.finish().expect("an end");
    Mark::Png {
        base64: STANDARD.encode(bytes),
    }
}

fn watermark(mark: Mark, position: Position) -> Watermark {
    Watermark {
        mark,
        position,
        width_percent: 25,
        opacity_percent: 100,
        margin_percent: 5,
    }
}

fn plain(name: &str, size: &str, colour: &str, seconds: &str) -> PathBuf {
    clip::make(
        name,
        &format!(
            "-f lavfi -i color={colour}:s={size}:r=25:d={seconds},format=yuv420p -c:v libx264 \
             -preset ultrafast -crf 4"
        ),
    )
}

/// Transcodes a span with a mark, well enough to see colours.
async fn marked(
    source: &Path,
    facts: &VideoFacts,
    span: Span,
    sizes: &[(u32, u32)],
    mark: Watermark,
) -> Made {
    let mut spec = task::chunk(source, facts, span, 2, sizes);
    if let TaskSpec::Chunk(spec) = &mut spec {
        spec.watermark = Some(mark);
        for rendition in &mut spec.video.renditions {
            rendition.crf = 4;
            rendition.bitrate_max_bps = 20_000_000;
            rendition.buffer_bits = 20_000_000;
        }
    }
    task::run(spec, source).await
}

async fn facts(source: &Path) -> VideoFacts {
    task::facts(source).await.video.expect("there is a picture")
}

fn is_near(pixel: &[u8], colour: [u8; 3]) -> bool {
    pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 20)
}

/// The smallest box around all that is near a colour: left, top, right, bottom, and how many pixels.
fn seen(picture: &[u8], width: u32, colour: [u8; 3]) -> Option<([u32; 4], u32)> {
    let mut found: Option<([u32; 4], u32)> = None;
    for (at, pixel) in (0_u32..).zip(picture.chunks_exact(3)) {
        if is_near(pixel, colour) {
            let (x, y) = (at % width, at / width);
            let (edges, n) = found.get_or_insert(([x, y, x, y], 0));
            *edges = [
                edges[0].min(x),
                edges[1].min(y),
                edges[2].max(x),
                edges[3].max(y),
            ];
            *n += 1;
        }
    }
    found
}

/// What must hold: the image's left half lies in the place computed here from what was asked for,
/// filling it, in every rendition; and everything else is grey.
async fn check(source: &Path, sizes: &[(u32, u32)], position: Position) {
    let facts = facts(source).await;
    let made = marked(source, &facts, WHOLE, sizes, watermark(image(), position)).await;
    assert_eq!(made.failure, None);
    for &(width, height) in sizes {
        let stem = source.file_stem().expect("a name").to_string_lossy();
        let what = format!("{stem}-{position}-{height}p");
        let file = task::join(
            &format!("{height}p"),
            &[&made],
            &format!("marked-{what}.mp4"),
        );
        let picture = clip::rgb(&file);
        let (wide, high, margin) = (width / 4, width / 8, width / 20);
        let (right, bottom) = (width - margin - wide, height - margin - high);
        let (x, y) = match position {
            Position::TopLeft => (margin, margin),
            Position::TopRight => (right, margin),
            Position::BottomLeft => (margin, bottom),
            Position::BottomRight => (right, bottom),
            Position::Center => ((width - wide) / 2, (height - high) / 2),
        };
        let ([left, top, right, bottom], n) =
            seen(&picture, width, MAGENTA).expect("the mark is seen");
        let wanted = [x, y, x + wide / 2 - 1, y + high - 1];
        for (edge, wanted) in [left, top, right, bottom].into_iter().zip(wanted) {
            assert!(
                edge.abs_diff(wanted) <= 3,
                "{what}: {left} {top} {right} {bottom}, not {wanted:?}"
            );
        }
        let filled = (right + 1 - left) * (bottom + 1 - top);
        assert!(n * 100 >= filled * 95, "{what}: {n} of {filled}");
        // All that is not within 4 pixels of the mark's half.
        let other = (0_u32..).zip(picture.chunks_exact(3)).find(|(at, pixel)| {
            let (px, py) = (at % width, at / width);
            let is_far = px + 4 < x || px > x + wide / 2 + 4 || py + 4 < y || py > y + high + 4;
            is_far && !is_near(pixel, GREY)
        });
        assert_eq!(other, None, "{what}: something else changed");
    }
}

#[tokio::test]
async fn marks_lie_in_every_corner_of_every_rendition() {
    if !clip::has_ffmpeg("marks_lie_in_every_corner_of_every_rendition") {
        return;
    }
    let source = plain("mark-wide.mp4", "640x360", "gray", "0.2");
    for position in Position::ALL {
        check(&source, &[(320, 180), (640, 360)], position).await;
    }
}

#[tokio::test]
async fn marks_stand_upright_on_turned_and_upright_films() {
    if !clip::has_ffmpeg("marks_stand_upright_on_turned_and_upright_films") {
        return;
    }
    let flat = plain("mark-flat.mp4", "640x360", "gray", "0.2");
    let tall = plain("mark-tall.mp4", "360x640", "gray", "0.2");
    let wide = "-f lavfi -i color=gray:s=320x320:r=25:d=0.2 -vf setsar=16/9 -c:v libx264 -pix_fmt yuv420p10le";
    let anamorphic = clip::make("mark-anamorphic.mkv", wide);
    for position in [Position::TopLeft, Position::BottomRight] {
        let quarter = geometry::turned("mark-turn90.mp4", &flat, 90);
        check(&quarter, &[(180, 320), (360, 640)], position).await;
        check(&tall, &[(180, 320), (360, 640)], position).await;
        let half = geometry::turned("mark-turn180.mp4", &flat, 180);
        check(&half, &[(320, 180)], position).await;
        check(&anamorphic, &[(568, 320)], position).await;
    }
}

#[tokio::test]
async fn half_of_the_opacity_is_half_of_the_colour() {
    if !clip::has_ffmpeg("half_of_the_opacity_is_half_of_the_colour") {
        return;
    }
    let source = plain("mark-black.mp4", "320x180", "black", "0.2");
    let mark = Watermark {
        opacity_percent: 50,
        width_percent: 100,
        margin_percent: 0,
        ..watermark(image(), Position::Center)
    };
    let made = marked(&source, &facts(&source).await, WHOLE, &[(320, 180)], mark).await;
    let file = task::join("180p", &[&made], "marked-half.mp4");
    let picture = clip::rgb(&file);
    let at = |x: usize, y: usize| &picture[(y * 320 + x) * 3..][..3];
    assert!(is_near(at(60, 90), [128, 0, 128]), "{:?}", at(60, 90));
    assert!(is_near(at(260, 90), [0; 3]), "{:?}", at(260, 90));
}

#[tokio::test]
async fn the_mark_is_the_same_in_every_chunk() {
    if !clip::has_ffmpeg("the_mark_is_the_same_in_every_chunk") {
        return;
    }
    let source = clip::film("mark-chunks.mp4", 6, "25", "320x180", "");
    let facts = facts(&source).await;
    let mut places = Vec::new();
    for (start_s, end_s) in [(0, Some(2)), (2, Some(4)), (4, None)] {
        let span = Span {
            start_ns: start_s * SECOND_NS,
            end_ns: end_s.map(|end_s: u64| end_s * SECOND_NS),
        };
        let mark = watermark(image(), Position::TopRight);
        let made = marked(&source, &facts, span, &[(320, 180)], mark).await;
        assert_eq!(made.failure, None);
        let file = task::join("180p", &[&made], &format!("marked-chunk-{start_s}.mp4"));
        let picture = clip::rgb(&file);
        // Within the mark, away from its edges: whatever moves below.
        let inside: Vec<u8> = (20..52_usize)
            .flat_map(|y| picture[(y * 320 + 228) * 3..][..32 * 3].to_vec())
            .collect();
        assert!(
            inside.chunks_exact(3).all(|pixel| is_near(pixel, MAGENTA)),
            "chunk at {start_s} s"
        );
        places.push(inside);
    }
    for place in &places {
        let most = place
            .iter()
            .zip(&places[0])
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(most.is_some_and(|most| most <= 4), "{most:?}");
    }
}

#[tokio::test]
async fn a_text_is_white_with_a_dark_edge() {
    if !clip::has_ffmpeg("a_text_is_white_with_a_dark_edge") {
        return;
    }
    let source = plain("mark-text.mp4", "640x360", "gray", "0.2");
    let text = |line: &str| Mark::Text {
        line: line.to_owned(),
    };
    let facts = facts(&source).await;
    let mark = watermark(text("© tcoder"), Position::BottomLeft);
    let made = marked(&source, &facts, WHOLE, &[(640, 360)], mark).await;
    if made
        .failure
        .as_ref()
        .is_some_and(|error| error.message.contains("fonts-dejavu-core"))
    {
        eprintln!("SKIPPED a_text_is_white_with_a_dark_edge: no font is installed");
        return;
    }
    assert_eq!(made.failure, None);
    let picture = clip::rgb(&task::join("360p", &[&made], "marked-text.mp4"));
    let (letters, n) = seen(&picture, 640, [255; 3]).expect("letters are seen");
    let [left, top, right, bottom] = letters;
    assert!(
        left >= 32 && right < 32 + 160 && bottom < 360 - 32 && top > 290,
        "{letters:?}"
    );
    assert!(right - left > 140 && n > 500, "{letters:?}: {n}");
    let ([left, ..], _) = seen(&picture, 640, [51; 3]).expect("an edge is seen");
    assert!((30..200).contains(&left), "{left}");
}

#[tokio::test]
async fn what_cannot_be_drawn_is_refused_by_name() {
    if !clip::has_ffmpeg("what_cannot_be_drawn_is_refused_by_name") {
        return;
    }
    let source = plain("mark-refused.mp4", "320x180", "gray", "0.2");
    let facts = facts(&source).await;
    let png = |base64: &str| Mark::Png {
        base64: base64.to_owned(),
    };
    let text = |line: &str| Mark::Text {
        line: line.to_owned(),
    };
    let marks = [
        (png("AAAA"), "PNG"),
        (png(""), "PNG"),
        (text("日本"), "日"),
        // Within the blocks that are known, and yet no letter.
        (text("\u{378}"), "U+0378"),
    ];
    for (mark, named) in marks {
        let mark = watermark(mark, Position::Center);
        let made = marked(&source, &facts, WHOLE, &[(320, 180)], mark).await;
        let failure = made.failure.expect("a refusal");
        assert_eq!(failure.code, ErrorCode::Unsupported, "{failure:?}");
        assert!(failure.message.contains(named), "{failure:?}");
    }
}
