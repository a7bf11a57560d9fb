//! The terminal: one command transcodes a film, and says how it went.

use std::path::Path;
use std::process::{Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::system::tcoder;
use crate::harness::{System, clips, films};

/// Runs a command to its end.
pub(crate) async fn run(folder: &Path, arguments: &[&str], url: Option<&str>) -> Output {
    let mut command = tcoder(folder);
    command.args(arguments);
    if let Some(url) = url {
        command.env("TCODER_URL", url);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output();
    tokio::time::timeout(crate::harness::DEADLINE, output)
        .await
        .expect("it ends")
        .expect("it runs")
}

/// The report, with the files that it names looked at.
pub(crate) fn report(out: &Path) -> Value {
    let text = std::fs::read(out.join("report.json")).expect("a report");
    serde_json::from_slice(&text).expect("JSON")
}

fn check_report(out: &Path) {
    let report = report(out);
    assert_eq!(report["state"], "completed", "{report:#}");
    assert_eq!(report["error"], Value::Null, "{report:#}");
    assert_eq!(report["warnings"], json!([]), "{report:#}");
    let (playable, total) = (&report["time_to_playable_ms"], &report["total_ms"]);
    assert!(
        playable.as_u64() <= total.as_u64() && playable.is_u64(),
        "{report:#}"
    );
    let renditions = report["renditions"].as_array().expect("renditions");
    let sizes: Vec<_> = renditions
        .iter()
        .map(|rendition| (rendition["name"].as_str(), rendition["width"].as_u64()))
        .collect();
    let expected = [(Some("144p"), Some(256)), (Some("360p"), Some(640))];
    assert_eq!(sizes, expected, "{report:#}");
    for rendition in renditions {
        let path = out.join(rendition["path"].as_str().expect("a path"));
        let probed = films::probe(path.to_str().expect("a plain path"));
        assert_eq!(rendition["frames"], films::frames(&probed), "{rendition:#}");
        assert_eq!(films::frames(&probed), clips::Real::FRAMES);
        assert!(
            rendition["bitrate_bps"].as_u64() > Some(1_000),
            "{rendition:#}"
        );
        let codecs = rendition["codecs"].as_str().expect("codecs");
        assert!(codecs.starts_with("avc1."), "{rendition:#}");
    }
}

#[tokio::test]
async fn transcode_leaves_files_and_a_report() {
    let Some(film) = clips::Real::find("transcode_leaves_files_and_a_report") else {
        return;
    };
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let film = film.path.to_str().expect("a plain path");
    let arguments = [
        "transcode",
        film,
        "--qualities",
        "144p,360p",
        "--out",
        "out",
    ];
    let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
    assert!(output.status.success(), "{output:?}");
    let out = folder.path().join("out");
    check_report(&out);
    // What lies there plays without the gateway.
    let master = out.join("master.m3u8");
    let probed = films::probe(master.to_str().expect("a plain path"));
    assert!(films::stream(&probed, "audio").is_some(), "{probed:#}");
}

#[tokio::test]
async fn a_copied_film_has_its_report_too() {
    if !clips::has_ffmpeg("a_copied_film_has_its_report_too") {
        return;
    }
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let film = clips::silent().await;
    let film = film.to_str().expect("a plain path");
    let arguments = ["transcode", film, "--preset", "default", "--out", "out"];
    let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
    assert!(output.status.success(), "{output:?}");
    let out = folder.path().join("out");
    let report = report(&out);
    assert_eq!(report["state"], "completed", "{report:#}");
    assert_eq!(report["is_copied"], true, "{report:#}");
    // There is no playlist that could tell.
    let codecs = report["renditions"][0]["codecs"].as_str();
    assert!(
        codecs.is_some_and(|codecs| codecs.starts_with("avc1.")),
        "{report:#}"
    );
    assert_eq!(report["encode_reason"], Value::Null, "{report:#}");
    assert!(report["time_to_playable_ms"].is_u64(), "{report:#}");
    let [copy] = report["renditions"]
        .as_array()
        .expect("renditions")
        .as_slice()
    else {
        unreachable!("one file: {report:#}");
    };
    let size = (copy["width"].as_u64(), copy["height"].as_u64());
    assert_eq!(size, (Some(320), Some(180)), "{copy:#}");
    assert_eq!(copy["frames"], 50, "{copy:#}");
    let path = out.join(copy["path"].as_str().expect("a path"));
    assert_eq!(films::pictures(&path), films::pictures(Path::new(film)));
}

#[tokio::test]
async fn subtitles_are_fetched_and_reported() {
    let Some(film) = clips::Real::find("subtitles_are_fetched_and_reported") else {
        return;
    };
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let film = clips::titled(&film).await;
    let film = film.to_str().expect("a plain path");
    for preset in ["default", "hls"] {
        let wish = ["--preset", preset, "--qualities", "144p", "--out", "out"];
        let arguments = [&["transcode", film][..], &wish].concat();
        let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
        assert!(output.status.success(), "{output:?}");
        let out = folder.path().join("out");
        let report = report(&out);
        assert_eq!(
            report["subtitles"][1],
            json!({
                "name": "subtitles-2", "language": "en", "title": "Signs", "is_default": false,
                "is_forced": true, "path": "subtitles-2.vtt",
            }),
            "{report:#}"
        );
        for name in ["subtitles.vtt", "subtitles-2.vtt"] {
            let text = std::fs::read_to_string(out.join(name)).expect("a file");
            assert!(text.starts_with("WEBVTT\n\n00:00:0"), "{text}");
        }
    }
    let playlist = folder.path().join("out/subtitles.m3u8");
    let playlist = std::fs::read_to_string(playlist).expect("a playlist");
    assert!(playlist.contains("\nsubtitles.vtt\n"), "{playlist}");
}

#[tokio::test]
async fn transcode_says_in_one_sentence_why_not() {
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("letter.mp4"), "Dear film, ".repeat(500)).expect("written");
    let arguments = ["transcode", "letter.mp4", "--out", "out"];
    let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("not_media"), "{said}");
    let report = report(&folder.path().join("out"));
    assert_eq!(report["state"], "failed", "{report:#}");
    assert_eq!(report["error"]["code"], "not_media", "{report:#}");
    assert_eq!(report["renditions"], json!([]), "{report:#}");

    let output = run(
        folder.path(),
        &["transcode", "no-such.mp4"],
        Some(&system.run.url),
    )
    .await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[tokio::test]
async fn once_does_all_of_it_and_ends() {
    let Some(film) = clips::Real::find("once_does_all_of_it_and_ends") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let film = film.path.to_str().expect("a plain path");
    let once = [
        "up", "--data", "data", "--port", "0", "--once", "--out", "out", "--video",
    ];
    let output = run(folder.path(), &[&once[..], &[film]].concat(), None).await;
    assert!(output.status.success(), "{output:?}");
    let report = report(&folder.path().join("out"));
    assert_eq!(report["state"], "completed", "{report:#}");
    assert_eq!(
        report["renditions"].as_array().map(Vec::len),
        Some(5),
        "{report:#}"
    );

    std::fs::write(folder.path().join("letter.mp4"), "Dear film, ".repeat(500)).expect("written");
    let output = run(folder.path(), &[&once[..], &["letter.mp4"]].concat(), None).await;
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// What must be refused is refused before hours of work, not after them.
#[tokio::test]
async fn a_folder_that_cannot_be_had_is_refused_before_the_upload() {
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("never.mp4"), "Dear film").expect("written");
    std::fs::write(folder.path().join("taken"), "a file").expect("written");
    let arguments = ["transcode", "never.mp4", "--out", "taken"];
    let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("cannot make the folder taken"), "{said}");
    let (_, jobs) = system.client().ask(Method::GET, "/v1/jobs", None).await;
    let mut jobs = jobs["jobs"].as_array().expect("jobs").iter();
    assert!(jobs.all(|job| job["filename"] != "never.mp4"));
}

#[tokio::test]
async fn a_film_without_a_byte_is_reported_too() {
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("zero.mp4"), "").expect("written");
    let arguments = ["transcode", "zero.mp4", "--out", "out"];
    let output = run(folder.path(), &arguments, Some(&system.run.url)).await;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("zero.mp4 is empty"), "{said}");
    let report = report(&folder.path().join("out"));
    assert_eq!(report["state"], "failed", "{report:#}");
    assert_eq!(report["error"]["code"], "empty", "{report:#}");
}

/// Without a film `up` makes one: eight bits, whole, and twice the same folder holds one film's results.
#[tokio::test]
async fn a_film_of_its_own_is_made_and_results_do_not_mix() {
    if !clips::has_ffmpeg("a_film_of_its_own_is_made_and_results_do_not_mix") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    std::fs::create_dir_all(out.join("720p")).expect("a folder");
    std::fs::write(out.join("720p/000001.m4s"), "old").expect("written");
    std::fs::write(out.join("notes.txt"), "mine").expect("written");
    let old = json!({"job": "x", "renditions": [{"name": "720p"}, {"name": "144p"}]});
    std::fs::write(out.join("report.json"), old.to_string()).expect("written");
    std::fs::write(out.join("144p.mp4"), "old").expect("written");
    let arguments = [
        "up",
        "--data",
        "data",
        "--port",
        "0",
        "--once",
        "--out",
        "out",
        "--preset",
        "web-optimized",
    ];
    let output = run(folder.path(), &arguments, None).await;
    assert!(output.status.success(), "{output:?}");
    let made = folder.path().join("data/film.mp4");
    let made = films::probe(made.to_str().expect("a plain path"));
    let video = films::stream(&made, "video").expect("a picture");
    assert_eq!(video["pix_fmt"], "yuv420p", "{made:#}");
    let report = report(&out);
    assert_eq!(report["renditions"][0]["frames"], 600, "{report:#}");
    let mut left: Vec<_> = std::fs::read_dir(&out)
        .expect("a folder")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    left.sort();
    assert_eq!(left, ["720p.mp4", "notes.txt", "report.json"]);
}
