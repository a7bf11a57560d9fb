//! Preset `default`: what every browser plays is copied, everything else is encoded for a stated reason.

use std::path::Path;

use bus_schema::fact::Fact;
use bus_schema::task::TaskKind;
use serde_json::{Value, json};

use crate::harness::facts::whole_story;
use crate::harness::{System, clips, films};

/// Every packet of picture and sound: its times, its size, and a hash of its bytes.
const PACKETS: &str = "-map 0:v -map 0:a -c copy -copyts -f framemd5 -";

/// The job of a film with preset `default`, and its one file.
async fn transcoded(system: &System, film: &Path, folder: &Path) -> (Value, std::path::PathBuf) {
    let client = system.client();
    let id = client
        .upload_file(film, &json!({"preset": "default"}))
        .await;
    let job = client.completed(&id).await;
    let names = client.save_files(&job, folder).await;
    let [name] = names.as_slice() else {
        unreachable!("one file: {names:?}");
    };
    (job, folder.join(name))
}

fn packets(film: &Path) -> String {
    let film = film.to_str().expect("a plain path");
    let packets = films::run("ffmpeg", "-v error -i", film, PACKETS);
    String::from_utf8(packets).expect("text")
}

fn check_boxes(file: &Path) {
    let bytes = std::fs::read(file).expect("a file");
    let boxes = films::boxes(&bytes);
    let names: Vec<&str> = boxes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ftyp", "moov", "mdat"]);
}

#[tokio::test]
async fn a_web_safe_film_is_copied_packet_by_packet() {
    if !clips::has_ffmpeg("a_web_safe_film_is_copied_packet_by_packet") {
        return;
    }
    let system = System::shared().await;
    let film = clips::beeps().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (job, file) = transcoded(&system, &film, folder.path()).await;
    check_boxes(&file);
    assert_eq!(packets(&file), packets(&film));
    assert_eq!(job["encode_reason"], Value::Null, "{job:#}");
    assert_eq!(job["playback"], Value::Null, "{job:#}");
    assert!(job["playable_at"].is_string(), "{job:#}");
    let renditions = json!([{
        "name": "240p", "is_audio": false, "language": null, "title": null, "encoder": null,
        "width": 320, "height": 180, "percent": 100.0,
    }, {
        "name": "audio", "is_audio": true, "language": null, "title": null, "encoder": null,
        "width": null, "height": null, "percent": 100.0,
    }]);
    assert_eq!(job["renditions"], renditions, "{job:#}");
    let output = &job["outputs"][0];
    assert_eq!(
        (&output["rendition"], &output["frames"]),
        (&json!("240p"), &json!(600))
    );
    assert_eq!(
        output["duration_ms"].as_u64().map(|ms| ms / 100),
        Some(240),
        "{job:#}"
    );

    let facts = whole_story(&system.bus().await, &job).await;
    let tasks: Vec<TaskKind> = facts
        .iter()
        .filter_map(|(_, fact)| match fact {
            Fact::TaskDone { kind, .. } => Some(*kind),
            _ => None,
        })
        .collect();
    assert_eq!(tasks, [TaskKind::Probe, TaskKind::Remux]);
}

#[tokio::test]
async fn a_copy_of_several_parts_is_whole() {
    if !clips::has_ffmpeg("a_copy_of_several_parts_is_whole") {
        return;
    }
    let system = System::shared().await;
    let film = clips::heavy().await;
    let bytes = std::fs::metadata(&film).expect("a clip").len();
    assert!(bytes > 33 << 20, "{bytes} bytes are no three parts");
    let folder = tempfile::tempdir().expect("a folder");
    let (job, file) = transcoded(&system, &film, folder.path()).await;
    check_boxes(&file);
    assert_eq!(job["is_copied"], true, "{job:#}");
    assert_eq!(job["outputs"][0]["frames"], 300, "{job:#}");
    assert_eq!(packets(&file), packets(&film));
    let probed = films::probe(file.to_str().expect("a plain path"));
    assert_eq!(
        probed["streams"].as_array().map(Vec::len),
        Some(2),
        "{probed:#}"
    );
}

#[tokio::test]
async fn a_film_in_another_container_is_encoded_and_the_reason_stated() {
    if !clips::has_ffmpeg("a_film_in_another_container_is_encoded_and_the_reason_stated") {
        return;
    }
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (job, file) = transcoded(&system, &clips::matroska().await, folder.path()).await;
    check_boxes(&file);
    let reason = job["encode_reason"].as_str().expect("a reason");
    assert!(reason.contains("matroska"), "{reason}");
    let probed = films::probe(file.to_str().expect("a plain path"));
    assert_eq!(films::frames(&probed), 50);
    let facts = whole_story(&system.bus().await, &job).await;
    let planned = facts.iter().find_map(|(_, fact)| match fact {
        Fact::Planned { encode_reason, .. } => encode_reason.as_deref(),
        _ => None,
    });
    assert_eq!(planned, Some(reason));
}
