//! Still images show the frame that is shown at their time, upright and in its colours, in every size
//! and format; chosen ones show something; a storyboard's small images are of their own time.

use std::path::{Path, PathBuf};

use bus_schema::attempt::ImagesResult;
use bus_schema::object_key;
use bus_schema::plan::images::ImagesPlan;
use bus_schema::request::images::{ImageFormat, ImagesRequest, Poster, Thumbnails};
use bus_schema::source::VideoFacts;
use bus_schema::task::{ImagesSpec, TaskSpec};

use super::clip;
use super::geometry;
use super::task::{self, Made};

fn asked(poster: Poster, thumbnails: Thumbnails) -> ImagesRequest {
    ImagesRequest {
        format: ImageFormat::Jpeg,
        widths: vec![320],
        poster,
        thumbnails,
        has_storyboard: false,
    }
}

async fn make(source: &Path, asked: &ImagesRequest) -> (Made, ImagesPlan) {
    let (facts, read) = task::ingested(source).await;
    let source = read.as_path();
    let facts = facts.video.expect("there is a picture");
    let images = ImagesPlan::new(asked, &facts, facts.start_ns + facts.duration_ns);
    let made = task::run(spec(source, &facts, &images, Vec::new()), source).await;
    assert_eq!(made.failure, None, "{}", source.display());
    (made, images)
}

fn spec(source: &Path, facts: &VideoFacts, images: &ImagesPlan, scenes_ns: Vec<u64>) -> TaskSpec {
    TaskSpec::Images(ImagesSpec {
        source_bytes: task::bytes(source),
        facts: facts.clone(),
        images: images.clone(),
        scenes_ns,
        clip: None,
        uploaded: None,
    })
}

fn result<'a>(made: &'a Made, images: &ImagesPlan) -> &'a ImagesResult {
    let result = made.images.as_ref().expect("there is a result");
    let n_thumbnails = images.thumbnail_picks(&[0; 8]).len();
    assert_eq!(result.check(images, n_thumbnails), Ok(()));
    result
}

/// An object as a file; its size must be the one that was told.
fn file(made: &Made, name: &str, bytes: u32, to: &str) -> PathBuf {
    let object = made
        .objects
        .get(name)
        .unwrap_or_else(|| panic!("{name} of {:?}", made.objects.keys()));
    assert_eq!(object.len(), bytes as usize, "{name}");
    clip::write(to, object)
}

/// A film each of whose frames is one grey: frame n has 16 + 8 * (n modulo 27), in all four corners
/// and between; so that a frame can be told from an image of it.
fn stairs(name: &str, rate: f64, frames: u32, rest: &str) -> PathBuf {
    clip::make(
        name,
        &format!(
            "-f lavfi -i color=black:s=320x180:r={rate}:d={} -frames:v {frames} \
             -vf 'geq=lum=16+8*mod(N\\,27):cb=128:cr=128,format=yuv420p' -c:v libx264 -preset ultrafast \
             -qp 6 {rest}",
            f64::from(frames + 1) / rate,
        ),
    )
}

/// The luma code of the middle of an image, by its red, green and blue.
fn luma(picture: &[u8]) -> f64 {
    let middle = picture.len() / 2 / 3 * 3;
    16.0 + f64::from(picture[middle]) * 219.0 / 255.0
}

async fn check_exact(source: &Path, rate: u32, times_ms: &[u64], format: ImageFormat) {
    let what = source.display();
    let asked = ImagesRequest {
        format,
        ..asked(
            Poster::At { ms: times_ms[0] },
            Thumbnails::Times {
                ms: times_ms.to_vec(),
            },
        )
    };
    let facts = task::facts(source).await.video.expect("there is a picture");
    let start_ms = facts.start_ns / 1_000_000;
    let (made, images) = make(source, &asked).await;
    let result = result(&made, &images);
    assert_eq!(result.thumbnails.len(), times_ms.len(), "{what}");
    let poster = result.poster.as_ref().expect("there is a poster");
    assert_eq!(poster.time_ms, result.thumbnails[0].time_ms, "{what}");
    for (image, ms) in result.thumbnails.iter().zip(times_ms) {
        // The last frame that began at or before that time.
        let n = ms.saturating_sub(start_ms) * u64::from(rate) / 1_000;
        let name = object_key::thumbnail(image.number, 320, format);
        let path = file(
            &made,
            &name,
            image.bytes[0],
            &format!("exact-{ms}.{}", format.extension()),
        );
        assert_eq!(clip::size(&path), (320, 180), "{what}");
        let found = luma(&clip::rgb(&path));
        let wanted = f64::from(16 + 8 * u32::try_from(n % 27).expect("small"));
        assert!(
            (found - wanted).abs() < 3.5,
            "{what} at {ms} ms: frame {n} is {wanted}, not {found}"
        );
        let told = image
            .time_ms
            .abs_diff(start_ms + n * 1_000 / u64::from(rate));
        assert!(told <= 1, "{what}: {} ms for frame {n}", image.time_ms);
    }
}

#[tokio::test]
async fn the_frame_is_the_one_that_is_shown_at_the_time() {
    if !clip::has_ffmpeg("the_frame_is_the_one_that_is_shown_at_the_time") {
        return;
    }
    // The last frame of 101 at 25 a second begins at 4,000.
    let times = [0, 39, 40, 41, 1_999, 2_000, 3_333, 3_999, 4_000, 4_030];
    let seekable = [
        ("stairs.mp4", "-g 30 -bf 2"),
        ("stairs-open.mp4", "-g 48 -bf 3 -x264-params open-gop=1"),
        ("stairs.mkv", "-g 30 -bf 2"),
    ];
    for (name, rest) in seekable {
        check_exact(
            &stairs(name, 25.0, 101, rest),
            25,
            &times,
            ImageFormat::Jpeg,
        )
        .await;
    }
    check_exact(
        &stairs("stairs.mp4", 25.0, 101, "-g 30 -bf 2"),
        25,
        &times,
        ImageFormat::Webp,
    )
    .await;
    // This one cannot be sought in.
    let broadcast = stairs(
        "stairs.ts",
        25.0,
        101,
        "-g 30 -bf 2 -muxdelay 0 -muxpreload 0",
    );
    check_exact(&broadcast, 25, &times[..8], ImageFormat::Jpeg).await;
}

#[tokio::test]
async fn times_of_a_film_that_was_cut_without_encoding_are_its_own() {
    if !clip::has_ffmpeg("times_of_a_film_that_was_cut_without_encoding_are_its_own") {
        return;
    }
    let whole = stairs("stairs.mp4", 25.0, 101, "-g 30 -bf 2");
    let cut = clip::make(
        "stairs-cut.mp4",
        &format!("-ss 1.52 -i {} -c copy", whole.display()),
    );
    let times = vec![0, 40, 1_000, 2_000];
    let (made, images) = make(
        &cut,
        &asked(Poster::None, Thumbnails::Times { ms: times.clone() }),
    )
    .await;
    for (image, ms) in result(&made, &images).thumbnails.iter().zip(times) {
        let name = object_key::thumbnail(image.number, 320, ImageFormat::Jpeg);
        let path = file(&made, &name, image.bytes[0], &format!("cut-{ms}.jpg"));
        let found = luma(&clip::rgb(&path));
        let wanted = f64::from(16 + 8 * u32::try_from((38 + ms / 40) % 27).expect("small"));
        assert!(
            (found - wanted).abs() < 3.5,
            "at {ms} ms: {wanted}, not {found}"
        );
    }
}

#[tokio::test]
async fn times_may_come_in_any_order_and_those_behind_the_end_are_missing() {
    if !clip::has_ffmpeg("times_may_come_in_any_order_and_those_behind_the_end_are_missing") {
        return;
    }
    let source = stairs("stairs.mp4", 25.0, 101, "-g 30 -bf 2");
    let times = Thumbnails::Times {
        ms: vec![3_000, 60_000, 1_000, 3_000],
    };
    let (made, images) = make(&source, &asked(Poster::At { ms: 60_000 }, times)).await;
    let result = result(&made, &images);
    assert_eq!(result.poster, None);
    let found: Vec<_> = result
        .thumbnails
        .iter()
        .map(|one| (one.number, one.time_ms))
        .collect();
    assert_eq!(found, [(1, 3_000), (3, 1_000), (4, 3_000)]);
    assert_eq!(made.objects.len(), 3);
}

#[tokio::test]
async fn images_are_upright_and_of_every_width() {
    if !clip::has_ffmpeg("images_are_upright_and_of_every_width") {
        return;
    }
    let boxes = "drawbox=x=0:y=0:w=iw/2:h=ih/2:c=red:t=fill,drawbox=x=iw/2:y=0:w=iw/2:h=ih/2:c=lime:t=fill,\
                 drawbox=x=0:y=ih/2:w=iw/2:h=ih/2:c=blue:t=fill";
    let flat = clip::make(
        "images-flat.mp4",
        &format!(
            "-f lavfi -i color=white:s=640x360:r=25:d=1,format=rgb24,{boxes},format=yuv420p \
             -vf scale=out_color_matrix=bt709 -c:v libx264 -preset ultrafast -crf 4 -colorspace bt709 \
             -color_primaries bt709 -color_trc bt709"
        ),
    );
    let [red, lime, blue, white] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
    let turns = [
        (0, [red, lime, blue, white]),
        (90, [blue, red, white, lime]),
        (180, [white, blue, lime, red]),
        (270, [lime, white, red, blue]),
    ];
    for (degrees, corners) in turns {
        let source = geometry::turned(&format!("images-{degrees}.mp4"), &flat, degrees);
        for format in ImageFormat::ALL {
            let asked = ImagesRequest {
                format,
                widths: vec![90, 3_840],
                ..asked(Poster::Automatic, Thumbnails::None)
            };
            let (made, images) = make(&source, &asked).await;
            let poster = result(&made, &images).poster.as_ref().expect("a poster");
            let is_upright = degrees % 180 == 0;
            let own = if is_upright { (640, 360) } else { (360, 640) };
            let small = if is_upright { (90, 51) } else { (90, 160) };
            for (size, bytes) in [small, own].into_iter().zip(&poster.bytes) {
                let name = object_key::poster(size.0, format);
                let to = format!("upright-{degrees}-{}.{}", size.0, format.extension());
                let path = file(&made, &name, *bytes, &to);
                assert_eq!(clip::size(&path), size, "{degrees}");
                let sampling = clip::colours(&path);
                assert!(sampling.contains("420p"), "{name}: {sampling}");
                let picture = clip::rgb(&path);
                let (left, right) = (size.0 / 4, size.0 * 3 / 4);
                let (top, bottom) = (size.1 / 4, size.1 * 3 / 4);
                let places = [(left, top), (right, top), (left, bottom), (right, bottom)];
                for ((x, y), corner) in places.into_iter().zip(corners) {
                    let pixel = &picture[((y * size.0 + x) * 3) as usize..][..3];
                    let is_near = pixel.iter().zip(corner).all(|(a, b)| a.abs_diff(b) < 24);
                    assert!(
                        is_near,
                        "{name} at {degrees}: {pixel:?} at {x}, {y}, not {corner:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn chosen_images_are_neither_black_nor_blurred() {
    if !clip::has_ffmpeg("chosen_images_are_neither_black_nor_blurred") {
        return;
    }
    // Black, then blurred, then sharp for two of twenty seconds, then white.
    let source = clip::make(
        "images-chosen.mp4",
        "-f lavfi -i color=black:s=320x180:r=10:d=8 -f lavfi -i testsrc2=s=320x180:r=10:d=4,gblur=sigma=12 \
         -f lavfi -i testsrc2=s=320x180:r=10:d=2 -f lavfi -i color=white:s=320x180:r=10:d=6 \
         -filter_complex [0][1][2][3]concat=n=4 -c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p",
    );
    let (made, images) = make(
        &source,
        &asked(Poster::Automatic, Thumbnails::Automatic { count: 2 }),
    )
    .await;
    let result = result(&made, &images);
    let poster = result.poster.as_ref().expect("a poster");
    assert!((12_000..14_000).contains(&poster.time_ms), "{poster:?}");
    let times: Vec<u64> = result.thumbnails.iter().map(|one| one.time_ms).collect();
    assert!(
        (8_000..10_000).contains(&times[0]),
        "{times:?}: the only part of the half with a picture"
    );
    assert!((12_000..14_000).contains(&times[1]), "{times:?}");
}

#[tokio::test]
async fn a_storyboard_shows_each_time_at_its_place() {
    if !clip::has_ffmpeg("a_storyboard_shows_each_time_at_its_place") {
        return;
    }
    // A frame in five seconds: luma tells which. Keyframes are farther apart than tiles.
    let source = stairs("stairs-slow.mp4", 0.2, 220, "-g 20 -keyint_min 20");
    let asked = ImagesRequest {
        has_storyboard: true,
        ..asked(Poster::None, Thumbnails::None)
    };
    let (made, images) = make(&source, &asked).await;
    let board = images.storyboard.expect("a storyboard");
    let result = result(&made, &images);
    assert_eq!(
        (board.n_tiles, board.interval_ns),
        (110, 10_000_000_000),
        "{board:?}"
    );
    assert_eq!(result.sheets.len(), 2);
    let mut sheets = Vec::new();
    for (n, bytes) in (0..).zip(&result.sheets) {
        let name = object_key::storyboard_sheet(n, ImageFormat::Jpeg);
        let path = file(&made, &name, *bytes, &format!("sheet-{n}.jpg"));
        let size = board.sheet(n);
        assert_eq!(clip::size(&path), (size.width, size.height));
        sheets.push((size.width, clip::rgb(&path)));
    }
    for tile in 0..board.n_tiles {
        let (sheet, x, y) = board.place(tile);
        let (width, picture) = &sheets[sheet as usize];
        let at = (y + board.tile.height / 2) * width + x + board.tile.width / 2;
        let found = 16.0 + f64::from(picture[at as usize * 3]) * 219.0 / 255.0;
        // The two frames that are shown in this tile's time.
        let fits = [2 * tile, 2 * tile + 1].iter().any(|n| {
            let wanted = f64::from(16 + 8 * (n % 27));
            (found - wanted).abs() < 3.5
        });
        assert!(fits, "tile {tile} shows {found}");
    }
}

#[tokio::test]
async fn a_storyboard_reads_no_film_twice() {
    if !clip::has_ffmpeg("a_storyboard_reads_no_film_twice") {
        return;
    }
    let source = clip::make(
        "images-long.mp4",
        "-f lavfi -i testsrc2=s=320x180:r=25:d=300 -c:v libx264 -preset ultrafast -g 50 -b:v 800k \
         -pix_fmt yuv420p -movflags +faststart",
    );
    let asked = ImagesRequest {
        has_storyboard: true,
        ..asked(Poster::Automatic, Thumbnails::Automatic { count: 3 })
    };
    let (made, images) = make(&source, &asked).await;
    assert_eq!(images.storyboard.map(|board| board.n_tiles), Some(100));
    assert_eq!(result(&made, &images).sheets.len(), 1);
    // No part of the film is read twice, but for the beginnings of groups that two blocks share.
    let source_bytes = task::bytes(&source);
    assert!(
        made.read_bytes <= source_bytes * 5 / 4,
        "{} of {source_bytes} bytes",
        made.read_bytes
    );
    let last = made.progress.last().expect("progress is told");
    assert!(last.done_ns[0] <= last.total_ns);
}
