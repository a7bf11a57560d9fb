//! Still images of a film: each is listed, comes from where it is listed, and is the image that it is
//! listed as.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::pictures::{assert_coloured, coloured, size_of};
use crate::harness::{Client, System, clips};

/// Width and height of an image.
fn size(folder: &Path, name: &str, bytes: &[u8]) -> (u64, u64) {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    size_of(&path)
}

fn address<'a>(job: &'a Value, kind: &str) -> &'a str {
    let outputs = job["outputs"].as_array().expect("outputs");
    let found = outputs.iter().find(|output| output["kind"] == kind);
    found.unwrap_or_else(|| unreachable!("{kind}: {job:#}"))["url"]
        .as_str()
        .expect("an address")
}

/// Fetches all that the list names, and compares it.
async fn check(client: &Client, job: &Value, extension: &str, folder: &Path) -> Value {
    let list_url = address(job, "images");
    let base = list_url.trim_end_matches("images.json");
    let list: Value = serde_json::from_slice(&client.fetch(list_url).await).expect("JSON");
    let shots = list["thumbnails"].as_array().expect("a list").iter();
    let files = shots
        .chain([&list["poster"]])
        .flat_map(|shot| shot["files"].as_array().expect("files"));
    let sheets = list["storyboard"]["sheets"].as_array().expect("sheets");
    for (n, file) in files.chain(sheets).enumerate() {
        let url = file["url"].as_str().expect("an address");
        assert!(url.ends_with(extension), "{url}");
        let bytes = client.fetch(&format!("{base}{url}")).await;
        assert_eq!(file["bytes"], bytes.len(), "{url}");
        let found = size(folder, &format!("{n}.{extension}"), &bytes);
        assert_eq!(
            (json!(found.0), json!(found.1)),
            (file["width"].clone(), file["height"].clone()),
            "{url}"
        );
    }
    list
}

#[tokio::test]
async fn images_of_a_copied_film_and_of_an_encoded_one_are_listed_and_served() {
    if !clips::has_ffmpeg("images_of_a_copied_film_and_of_an_encoded_one_are_listed_and_served") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let film = clips::beeps().await;
    for (preset, extension) in [("default", "jpg"), ("hls", "webp")] {
        let format = if extension == "jpg" { "jpeg" } else { "webp" };
        let images = json!({
            "format": format, "widths": [320, 64], "storyboard": true,
            "thumbnails": {"mode": "times", "at_s": [0, 12.34]},
        });
        let id = client
            .upload_file(&film, &json!({"preset": preset, "images": images}))
            .await;
        let job = client.completed(&id).await;
        let folder = tempfile::tempdir().expect("a folder");
        let list = check(&client, &job, extension, folder.path()).await;
        assert_eq!(
            list["thumbnails"].as_array().map(Vec::len),
            Some(2),
            "{list:#}"
        );
        // 25 frames a second: the one that began last.
        assert_eq!(list["thumbnails"][1]["time_ms"], 12_320, "{list:#}");
        assert_eq!(list["storyboard"]["n_tiles"], 24, "{list:#}");
        let poster = client.fetch(address(&job, "poster")).await;
        assert_eq!(
            size(folder.path(), &format!("poster.{extension}"), &poster),
            (320, 180)
        );
        let index = client.text(address(&job, "storyboard")).await;
        assert_eq!(index.matches(" --> ").count(), 24, "{index}");
        assert!(index.contains("#xywh=1440,0,160,90"), "{index}");
    }
}

#[tokio::test]
async fn a_time_behind_the_end_is_a_warning() {
    if !clips::has_ffmpeg("a_time_behind_the_end_is_a_warning") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let film = clips::beeps().await;
    let images = json!({"poster": false, "thumbnails": {"mode": "times", "at_s": [1, 3_600]}});
    let id = client
        .upload_file(&film, &json!({"preset": "default", "images": images}))
        .await;
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "completed", "{job:#}");
    let warning = job["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("1 of 2 thumbnails"), "{warning}");
}

#[tokio::test]
async fn an_uploaded_image_is_the_poster() {
    if !clips::has_ffmpeg("an_uploaded_image_is_the_poster") {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let film = clips::beeps().await;
    let folder = tempfile::tempdir().expect("a folder");
    let image = std::fs::read(coloured(folder.path(), "own.png")).expect("an image");
    let film = std::fs::read(film).expect("a clip");
    let wishes = json!({"preset": "default", "images": {
        "widths": [320, 64],
        "uploaded": {"content_type": "image/png", "size": image.len()},
        "thumbnails": {"mode": "times", "at_s": [1]},
    }});
    let authorized = client.authorize(film.len(), &wishes).await;
    client
        .send(&authorized["image_upload"], image.clone())
        .await;
    client.send(&authorized["upload"], film.clone()).await;
    let id = authorized["job_id"].as_str().expect("an id");
    let job = client.completed(id).await;
    assert_eq!(job["warnings"], json!([]), "{job:#}");
    let poster = client.fetch(address(&job, "poster")).await;
    assert_eq!(size(folder.path(), "poster.jpg", &poster), (320, 180));
    assert_coloured(&folder.path().join("poster.jpg"));
    let list: Value =
        serde_json::from_slice(&client.fetch(address(&job, "images")).await).expect("JSON");
    assert_eq!(list["poster"]["is_uploaded"], true, "{list:#}");
    assert_eq!(list["poster"]["files"].as_array().map(Vec::len), Some(2));
    assert_eq!(list["thumbnails"][0]["time_ms"], 1_000, "{list:#}");

    // It does not come, or is none: the film is done all the same, and says so.
    for (sent, told) in [
        (None, "had not come"),
        (Some(vec![7; image.len()]), "neither"),
    ] {
        let authorized = client.authorize(film.len(), &wishes).await;
        if let Some(bytes) = sent {
            client.send(&authorized["image_upload"], bytes).await;
        }
        client.send(&authorized["upload"], film.clone()).await;
        let job = client
            .ended(authorized["job_id"].as_str().expect("an id"))
            .await;
        assert_eq!(job["state"], "completed", "{job:#}");
        let warning = job["warnings"][0].as_str().expect("a warning");
        assert!(warning.contains(told), "{warning}");
        let poster = client.fetch(address(&job, "poster")).await;
        assert_eq!(size(folder.path(), "frame.jpg", &poster), (320, 180));
    }

    // It goes with its job: where it lay is free again, and taken once only.
    let path = format!("/v1/jobs/{id}");
    let (status, _) = client.ask(reqwest::Method::DELETE, &path, None).await;
    assert_eq!(status, 204);
    client.send(&authorized["image_upload"], image).await;
}
