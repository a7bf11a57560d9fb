//! Chapters of a film with known cuts: in WebVTT, in JSON, and as date ranges of its playlists.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{System, clips, films};

/// Three pictures: cuts at 5 and 9 s of 12.
fn film(folder: &std::path::Path) -> PathBuf {
    let path = folder.join("chapters.mp4");
    let to = path.to_str().expect("a plain path");
    let pictures = "-v error -f lavfi -i testsrc2=s=320x180:r=25:d=5 -f lavfi -i mandelbrot=s=320x180:r=25 \
                    -f lavfi -i smptebars=s=320x180:r=25:d=3 -filter_complex \
                    [0]format=yuv420p,setsar=1[a];[1]trim=end=4,format=yuv420p,setsar=1[b];[2]format=yuv420p,setsar=1[c];[a][b][c]concat=n=3 \
                    -c:v libx264 -preset ultrafast";
    films::run("ffmpeg", pictures, to, "-y");
    path
}

fn address<'a>(job: &'a Value, name: &str) -> &'a str {
    let outputs = job["outputs"].as_array().expect("outputs");
    let urls = outputs.iter().filter_map(|output| output["url"].as_str());
    urls.into_iter()
        .find(|url| url.ends_with(name))
        .unwrap_or_else(|| unreachable!("{name}: {job:#}"))
}

#[tokio::test]
async fn chapters_begin_at_the_cuts_and_scenes_are_shown() {
    if !clips::has_ffmpeg("chapters_begin_at_the_cuts_and_scenes_are_shown") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let folder = tempfile::tempdir().expect("a folder");
    let film = film(folder.path());
    let wishes = json!({
        "preset": "hls", "chapters": {"min_length_s": 2},
        "images": {"poster": false, "thumbnails": {"mode": "scenes", "count": 5}},
    });
    let id = client.upload_file(&film, &wishes).await;
    let job = client.completed(&id).await;

    let list: Value =
        serde_json::from_slice(&client.fetch(address(&job, "chapters.json")).await).expect("JSON");
    let starts = list["chapters"].as_array().expect("a list").iter();
    let starts: Vec<u64> = starts.filter_map(|one| one["start_ms"].as_u64()).collect();
    assert_eq!(starts, [0, 5_000, 9_000], "{list:#}");
    let vtt = client.text(address(&job, "chapters.vtt")).await;
    assert!(
        vtt.contains("00:00:05.000 --> 00:00:09.000\nChapter 2\n"),
        "{vtt}"
    );

    let base = address(&job, "master.m3u8")
        .trim_end_matches("master.m3u8")
        .to_owned();
    let name = job["renditions"][0]["name"].as_str().expect("a name");
    let playlist = client.text(&format!("{base}{name}.m3u8")).await;
    assert_eq!(
        playlist.matches("#EXT-X-DATERANGE:").count(),
        3,
        "{playlist}"
    );
    let second = "START-DATE=\"1970-01-01T00:00:05.000Z\",DURATION=4.000,X-TITLE=\"Chapter 2\"";
    assert!(playlist.contains(second), "{playlist}");
    assert!(
        playlist.contains("#EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z\n#EXT-X-DATERANGE"),
        "{playlist}"
    );

    let images: Value =
        serde_json::from_slice(&client.fetch(address(&job, "images.json")).await).expect("JSON");
    let times = images["thumbnails"].as_array().expect("a list").iter();
    let times: Vec<u64> = times.filter_map(|one| one["time_ms"].as_u64()).collect();
    assert_eq!(times, [0, 5_000, 9_000], "{images:#}");
}

#[tokio::test]
async fn a_film_without_scenes_or_that_is_copied_says_so() {
    if !clips::has_ffmpeg("a_film_without_scenes_or_that_is_copied_says_so") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let film = clips::beeps().await;
    for (preset, said) in [("default", "copied"), ("web-optimized", "no scene begins")] {
        let id = client
            .upload_file(&film, &json!({"preset": preset, "chapters": {}}))
            .await;
        let job = client.ended(&id).await;
        assert_eq!(job["state"], "completed", "{job:#}");
        let warning = job["warnings"][0].as_str().expect("a warning");
        assert!(warning.contains(said), "{preset}: {warning}");
    }
}
