//! Subtitles of a film are carried over: listed, served as WebVTT, in both kinds of playlists, and
//! fetched by the terminal; pictures of text are told of.

use serde_json::{Value, json};

use crate::harness::facts::whole_story;
use crate::harness::{Client, System, clips};

#[tokio::test]
async fn subtitles_are_listed_served_and_told_of() {
    let Some(film) = clips::Real::find("subtitles_are_listed_served_and_told_of") else {
        return;
    };
    let system = System::shared().await;
    let client = system.client();
    let wishes = json!({"preset": "hls", "qualities": ["144p"]});
    let id = client
        .upload_file(&clips::titled(&film).await, &wishes)
        .await;
    let job = client.ended(&id).await;
    assert_eq!(job["state"], "completed", "{job:#}");
    let warnings = job["warnings"].as_array().expect("a list");
    assert_eq!(warnings.len(), 1, "{job:#}");
    let warning = warnings[0].as_str().expect("a sentence");
    assert!(
        warning.starts_with("The subtitles in track 3 (dvd_subtitle, fr) are pictures of text"),
        "{warning}"
    );
    assert_eq!(
        job["subtitles"],
        json!([
            {"name": "subtitles", "language": "de", "title": null, "is_default": false, "is_forced": false},
            {"name": "subtitles-2", "language": "en", "title": "Signs", "is_default": false, "is_forced": true},
        ])
    );
    let german = format!(
        "WEBVTT\n\n00:00:01.200 --> 00:00:03.400\n{}\n",
        "<i>Guten</i> Tag &amp; &lt;hallo&gt;"
    );
    let english =
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nA sign\n\n00:00:04.000 --> 00:00:05.000\nEnd\n";
    let texts = [german.as_str(), english];
    let outputs = job["outputs"].as_array().expect("outputs").iter();
    let files: Vec<&Value> = outputs
        .filter(|output| output["kind"] == "subtitles")
        .collect();
    assert_eq!(files.len(), 2, "{job:#}");
    for (file, expected) in files.iter().zip(texts) {
        let url = file["url"].as_str().expect("an address");
        let text = client.text(url).await;
        assert_eq!(text, expected);
        assert_eq!(file["bytes"], text.len());
        assert_eq!(client.content_type(url).await, "text/vtt; charset=utf-8");
    }
    check_playlists(&client, &job, &texts).await;
    whole_story(&system.bus().await, &job).await;
}

/// Both kinds of playlists lead to these files.
async fn check_playlists(client: &Client, job: &Value, texts: &[&str]) {
    let master = job["playback"]["hls"].as_str().expect("a playlist");
    let text = client.text(master).await;
    let base = master.trim_end_matches("master.m3u8");
    let group = text.lines().filter(|line| line.contains("TYPE=SUBTITLES"));
    for (line, expected) in group.zip(texts) {
        let (_, uri) = line.split_once("URI=\"").expect("an address");
        let playlist = client
            .text(&format!("{base}{}", uri.trim_end_matches('"')))
            .await;
        let file = playlist.lines().find(|line| !line.starts_with('#'));
        let file = client
            .text(&format!("{base}{}", file.expect("a segment")))
            .await;
        assert_eq!(file, *expected);
    }
    assert_eq!(text.matches("TYPE=SUBTITLES").count(), 2, "{text}");
    assert!(
        text.contains("NAME=\"Signs\",LANGUAGE=\"en\",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES"),
        "{text}"
    );
    let manifest = client.text(&format!("{base}manifest.mpd")).await;
    for (n, expected) in texts.iter().enumerate() {
        let uri = manifest.split("<BaseURL>").nth(n + 1).expect("a file");
        let uri = uri.split('<').next().expect("an address");
        assert_eq!(client.text(&format!("{base}{uri}")).await, *expected);
    }
}
