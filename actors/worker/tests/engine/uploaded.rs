//! An uploaded image is the poster: upright, cut to the film's shape, encoded anew. Of what is none a frame of the
//! film is in its place, and why is told.

use std::path::Path;

use bus_schema::attempt::ImagesResult;
use bus_schema::object_key;
use bus_schema::plan::images::ImagesPlan;
use bus_schema::request::images::{ImageFormat, ImagesRequest, Poster, Thumbnails};
use bus_schema::request::uploaded_image::{ImageFault, ImageVerdict, UploadedImage};
use bus_schema::task::{ImagesSpec, TaskSpec};
use worker::child::ChildTask;

use super::task::{self, Made};
use super::{clip, geometry};

/// The corners of the images here, from the upper left in the order of reading.
const CORNERS: [[u8; 3]; 4] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
/// Width and height of every poster here.
const SIZE: (u32, u32) = (320, 180);

/// An image whose quarters have the colours of [`CORNERS`], in the format of its name.
fn image(name: &str, size: &str, options: &str) -> Vec<u8> {
    let path = clip::make(
        name,
        &format!(
            "-f lavfi -i color=white:s={size},format=rgb24,\
             drawbox=x=0:y=0:w=iw/2:h=ih/2:c=red:t=fill,drawbox=x=iw/2:y=0:w=iw/2:h=ih/2:c=lime:t=fill,\
             drawbox=x=0:y=ih/2:w=iw/2:h=ih/2:c=blue:t=fill -frames:v 1 {options}"
        ),
    );
    std::fs::read(path).expect("an image")
}

/// A grey film that is shown 320 x 180 pixels large, and stored on its side.
fn film() -> std::path::PathBuf {
    let flat = clip::make(
        "uploaded-flat.mp4",
        "-f lavfi -i color=gray:s=180x320:r=25:d=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    geometry::turned("uploaded-film.mp4", &flat, 90)
}

/// Makes a poster of an image that is announced with its size. `None`: its bytes do not come.
async fn make(source: &Path, bytes: usize, image: Option<&[u8]>) -> (Made, ImagesResult) {
    let facts = task::facts(source).await.video.expect("there is a picture");
    assert_eq!((facts.width, facts.height), SIZE);
    let bytes = bytes as u64;
    let asked = ImagesRequest {
        format: ImageFormat::Jpeg,
        widths: vec![SIZE.0],
        poster: Poster::Uploaded { bytes },
        thumbnails: Thumbnails::None,
        has_storyboard: false,
    };
    let images = ImagesPlan::new(&asked, &facts, facts.start_ns + facts.duration_ns);
    let spec = TaskSpec::Images(ImagesSpec {
        source_bytes: task::bytes(source),
        facts,
        images: images.clone(),
        scenes_ns: Vec::new(),
        clip: None,
        uploaded: Some(UploadedImage { bytes }),
    });
    let child = ChildTask::spawn(&task::options(), spec).expect("a child starts");
    let mut made = task::drive_with(child, source, image).await;
    assert_eq!(made.failure, None);
    let result = made.images.take().expect("there is a result");
    assert_eq!(result.check(&images, 0), Ok(()));
    (made, result)
}

/// Whether the poster's quarters have these colours.
fn check_corners(made: &Made, what: &str, expected: [[u8; 3]; 4]) {
    let name = object_key::poster(SIZE.0, ImageFormat::Jpeg);
    let path = clip::write(&format!("uploaded-{what}-poster.jpg"), &made.objects[&name]);
    assert_eq!(clip::size(&path), SIZE, "{what}");
    let picture = clip::rgb(&path);
    let places = [(1, 1), (3, 1), (1, 3), (3, 3)];
    for ((x, y), corner) in places.into_iter().zip(expected) {
        let at = (SIZE.1 * y / 4 * SIZE.0 + SIZE.0 * x / 4) * 3;
        let pixel = &picture[at as usize..][..3];
        let is_near = pixel.iter().zip(corner).all(|(a, b)| a.abs_diff(b) < 24);
        assert!(is_near, "{what}: {pixel:?} in {x}, {y}, not {corner:?}");
    }
}

/// A JPEG with an orientation, as cameras write it: behind its first marker.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, &exif, &jpeg[2..]].concat()
}

#[tokio::test]
async fn an_image_of_every_format_is_cut_to_the_film_and_not_turned_with_it() {
    if !clip::has_ffmpeg("an_image_of_every_format_is_cut_to_the_film_and_not_turned_with_it") {
        return;
    }
    let film = film();
    for (name, size, options) in [
        ("uploaded.jpg", "1001x801", "-q:v 2"),
        ("uploaded-full.jpg", "640x360", "-q:v 2 -pix_fmt yuvj444p"),
        ("uploaded.png", "400x900", ""),
        ("uploaded-grid.png", "64x36", "-pix_fmt rgb48be"),
        ("uploaded.webp", "800x450", "-quality 95"),
        ("uploaded-exact.webp", "500x500", "-lossless 1"),
    ] {
        let bytes = image(name, size, options);
        let (made, result) = make(&film, bytes.len(), Some(&bytes)).await;
        assert_eq!(result.uploaded, Some(ImageVerdict::Used), "{name}");
        assert_eq!(result.poster.as_ref().map(|poster| poster.time_ms), Some(0));
        check_corners(&made, name, CORNERS);
        // It is nothing that came: not a byte of the file is passed on.
        assert_eq!(made.objects.len(), 1, "{name}");
        assert!(made.objects.values().all(|object| **object != bytes[..]));
    }
}

#[tokio::test]
async fn an_image_that_a_camera_stored_on_its_side_is_upright() {
    if !clip::has_ffmpeg("an_image_that_a_camera_stored_on_its_side_is_upright") {
        return;
    }
    let (film, jpeg) = (film(), image("uploaded-tall.jpg", "720x1280", "-q:v 2"));
    let [red, lime, blue, white] = CORNERS;
    for (orientation, expected) in [
        (1, CORNERS),
        (2, [lime, red, white, blue]),
        (3, [white, blue, lime, red]),
        (6, [blue, red, white, lime]),
        (8, [lime, white, red, blue]),
    ] {
        let bytes = oriented(&jpeg, orientation);
        let (made, result) = make(&film, bytes.len(), Some(&bytes)).await;
        assert_eq!(result.uploaded, Some(ImageVerdict::Used), "{orientation}");
        check_corners(&made, &format!("turned-{orientation}"), expected);
    }
}

#[tokio::test]
async fn of_what_is_no_image_a_frame_is_in_its_place() {
    if !clip::has_ffmpeg("of_what_is_no_image_a_frame_is_in_its_place") {
        return;
    }
    let film = film();
    let jpeg = image("uploaded.jpg", "1001x801", "-q:v 2");
    let half = &jpeg[..jpeg.len() / 2];
    let moving = clip::make(
        "uploaded-moving.webp",
        "-f lavfi -i testsrc=s=64x36:r=5:d=1 -loop 0",
    );
    let moving = std::fs::read(moving).expect("an image");
    // Behind the two bytes of its size the head of a JPEG is as it was.
    let mut huge = jpeg.clone();
    let head = huge.windows(2).position(|two| two == [0xff, 0xc0]);
    let at = head.expect("a head") + 5;
    huge[at..at + 4].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    let text = b"Dear film, ".repeat(50);
    for (what, bytes, fault) in [
        ("half", half, ImageFault::Damaged),
        ("a head alone", &jpeg[..200], ImageFault::Damaged),
        ("a letter", &text, ImageFault::NotAnImage),
        ("moving", &moving, ImageFault::Animated),
        ("huge", &huge, ImageFault::TooLarge),
    ] {
        let (made, result) = make(&film, bytes.len(), Some(bytes)).await;
        assert_eq!(
            result.uploaded,
            Some(ImageVerdict::Refused(fault)),
            "{what}"
        );
        check_corners(&made, "refused", [[128; 3]; 4]);
    }
    let (made, result) = make(&film, 1_000, None).await;
    let verdict = ImageVerdict::Refused(ImageFault::Unreadable);
    assert_eq!(result.uploaded, Some(verdict));
    check_corners(&made, "unreadable", [[128; 3]; 4]);
}

/// Damage of any kind leaves a poster, of the image or of the film.
#[tokio::test]
async fn no_damage_of_an_image_fails_its_task() {
    if !clip::has_ffmpeg("no_damage_of_an_image_fails_its_task") {
        return;
    }
    let film = film();
    for (name, options) in [
        ("uploaded.jpg", "-q:v 2"),
        ("uploaded.png", ""),
        ("uploaded.webp", "-quality 95"),
    ] {
        let whole = image(name, "640x360", options);
        for seed in 0..6usize {
            let mut bytes = whole.clone();
            // A few bytes of the head, and some of what is behind it.
            for n in 0..40 {
                let at = (seed * 7_919 + n * n * 31) % bytes.len().min(40 << n.min(12));
                bytes[at.max(12)] = u8::try_from((seed * 37 + n * 101) % 256).expect("a byte");
            }
            let (_, result) = make(&film, bytes.len(), Some(&bytes)).await;
            assert!(result.poster.is_some(), "{name} {seed}");
        }
    }
}
