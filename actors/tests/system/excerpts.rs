//! A part of a film in place of the whole: what comes out is as long as was asked for, to the frame.

use serde_json::json;

use crate::harness::{System, clips, films};

#[tokio::test]
async fn a_clip_is_made_of_the_frames_between() {
    let Some(film) = clips::Real::find("a_clip_is_made_of_the_frames_between") else {
        return;
    };
    let system = System::shared().await;
    let client = system.client();
    // An MP4, whose index promises more frames than are asked for; 25 a second.
    let wishes = json!({
        "preset": "hls-adaptive",
        "qualities": ["144p"],
        "clip": {"start_ms": 1_000, "end_ms": 3_500},
    });
    let id = client.upload_file(&film.path, &wishes).await;
    let job = client.completed(&id).await;
    assert_eq!(job["duration_ms"], 2_500, "{job:#}");
    let folder = tempfile::tempdir().expect("a folder");
    let names = client.save_files(&job, folder.path()).await;
    assert_eq!(names, ["144p.mp4"]);
    let probed = films::probe(
        folder
            .path()
            .join("144p.mp4")
            .to_str()
            .expect("a plain path"),
    );
    assert_eq!(films::frames(&probed), 63, "{probed:#}");
    let playlist = client.url(&format!("/v1/jobs/{id}/play/144p.m3u8"));
    assert_eq!(films::frames(&films::probe(&playlist)), 63);
}
