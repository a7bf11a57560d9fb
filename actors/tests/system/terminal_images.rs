//! Still images and clips by the terminal: what is asked for lies in the folder, and is what it is listed as.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::harness::pictures::{assert_coloured, coloured, size_of};
use crate::harness::{System, clips, films};
use crate::terminal::{report, run};

/// The files of the folder of images, by name.
fn files(out: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(out.join("images")).expect("images");
    files
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect()
}

/// The list of images, each of which is there in the size and the bytes that it is listed with.
fn list(out: &Path) -> Value {
    let list = std::fs::read(out.join("images.json")).expect("a list");
    let list: Value = serde_json::from_slice(&list).expect("JSON");
    let shots = list["thumbnails"].as_array().expect("a list").iter();
    let shots = shots
        .chain([&list["poster"]])
        .filter(|shot| !shot.is_null());
    let sheets = list["storyboard"]["sheets"].as_array();
    let mut named = BTreeSet::new();
    for file in shots
        .flat_map(|shot| shot["files"].as_array().expect("files"))
        .chain(sheets.into_iter().flatten())
    {
        let url = file["url"].as_str().expect("an address");
        let path = out.join(url);
        let bytes = std::fs::metadata(&path).expect("it is there").len();
        assert_eq!(file["bytes"], bytes, "{url}");
        let (width, height) = size_of(&path);
        assert_eq!(
            (&file["width"], &file["height"]),
            (&width.into(), &height.into()),
            "{url}"
        );
        named.insert(url.trim_start_matches("images/").to_owned());
    }
    assert_eq!(files(out), named);
    list
}

/// What the first command of the test below leaves: two sizes of a poster and of two thumbnails, and a storyboard.
fn check_clip(out: &Path) {
    let told = report(out);
    assert_eq!(told["warnings"], serde_json::json!([]), "{told:#}");
    // Of 25 frames a second those that begin from 2 s on and before 12.5 s.
    assert_eq!(told["renditions"][0]["frames"], 263, "{told:#}");
    let probed = films::probe(out.join("144p.mp4").to_str().expect("a plain path"));
    assert_eq!(films::frames(&probed), 263);
    let probed = films::probe(out.join("master.m3u8").to_str().expect("a plain path"));
    assert_eq!(films::frames(&probed), 263);

    let found = list(out);
    assert_eq!(found["poster"]["is_uploaded"], true, "{found:#}");
    let poster = found["poster"]["files"][0]["url"]
        .as_str()
        .expect("a poster");
    assert!(poster.ends_with("poster-160.webp"), "{poster}");
    assert_coloured(&out.join(poster));
    assert_eq!(found["thumbnails"].as_array().map(Vec::len), Some(2));
    // In the clip's time; the frame that began last.
    assert_eq!(found["thumbnails"][1]["time_ms"], 1_480, "{found:#}");
    assert_eq!(found["storyboard"]["n_tiles"], 11, "{found:#}");
    let index = std::fs::read_to_string(out.join("storyboard.vtt")).expect("an index");
    assert_eq!(
        index.matches("\nimages/storyboard-001.webp#xywh=").count(),
        11,
        "{index}"
    );
}

#[tokio::test]
async fn images_of_a_clip_are_fetched_with_it() {
    if !clips::has_ffmpeg("images_of_a_clip_are_fetched_with_it") {
        return;
    }
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let film = clips::beeps().await;
    let film = film.to_str().expect("a plain path");
    coloured(folder.path(), "own.png");
    let out = folder.path().join("out");
    let arguments = [
        "transcode",
        film,
        "--preset",
        "hls",
        "--qualities",
        "144p",
        "--start",
        "0:02",
        "--end",
        "12.5",
        "--poster-image",
        "own.png",
        "--thumbnails",
        "at=0,1.5",
        "--storyboard",
        "--image-format",
        "webp",
        "--image-widths",
        "160,64",
        "--out",
        "out",
    ];
    let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
    assert!(output.status.success(), "{output:?}");
    check_clip(&out);

    // Another film's images are all that lies there afterwards.
    let arguments = [
        "transcode",
        film,
        "--preset",
        "default",
        "--poster=1",
        "--thumbnails",
        "every=10",
        "--out",
        "out",
    ];
    let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
    assert!(output.status.success(), "{output:?}");
    let found = list(&out);
    assert_eq!(found["poster"]["time_ms"], 1_000, "{found:#}");
    assert_eq!(
        found["thumbnails"].as_array().map(Vec::len),
        Some(3),
        "{found:#}"
    );
    assert_eq!(found["storyboard"], Value::Null);
    assert!(!out.join("storyboard.vtt").exists());
}

#[tokio::test]
async fn an_image_that_cannot_be_read_is_refused_before_the_upload() {
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["film.mp4", "poster.gif"] {
        std::fs::write(folder.path().join(name), "Dear film").expect("written");
    }
    for (arguments, told) in [
        (["--poster-image", "none.png"], "cannot read none.png"),
        (["--poster-image", "poster.gif"], "convert it"),
        (
            ["--poster-image=poster.gif", "--poster"],
            "cannot be used with",
        ),
        (["--image-format", "webp"], "no images are asked for"),
        (["--thumbnails", "often"], "every=10"),
    ] {
        let arguments = [&["transcode", "film.mp4"][..], &arguments].concat();
        let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.contains(told), "{said}");
    }
}
