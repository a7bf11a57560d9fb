//! A film comes out in every codec that a client may ask for, by playlist and as a file.

use serde_json::json;

use crate::harness::{System, clips, films};

/// What is asked for, what the playlist says, what ffprobe calls it.
const CODECS: [(&str, &str, &str); 4] = [
    ("h264", "avc1.64", "h264"),
    ("hevc", "hvc1.1.6.L", "hevc"),
    ("vp9", "vp09.00.21.08", "vp9"),
    ("av1", "av01.0.", "av1"),
];

#[tokio::test]
async fn a_film_is_whole_in_every_codec() {
    let Some(film) = clips::Real::find("a_film_is_whole_in_every_codec") else {
        return;
    };
    let system = System::shared().await;
    let client = system.client();
    let folder = tempfile::tempdir().expect("a folder");
    for (codec, said, name) in CODECS {
        let wish = json!({ "preset": "hls", "qualities": ["360p"], "codec": codec });
        let id = client.upload_file(&film.path, &wish).await;
        let job = client.completed(&id).await;
        assert_eq!(job["codec"], codec);
        let folder = folder.path().join(codec);
        std::fs::create_dir(&folder).expect("a folder");
        assert_eq!(client.save_files(&job, &folder).await, ["360p.mp4"]);
        let probed = films::probe(folder.join("360p.mp4").to_str().expect("a plain path"));
        assert_eq!(films::frames(&probed), clips::Real::FRAMES, "{codec}");
        let picture = films::stream(&probed, "video").expect("a picture");
        assert_eq!(picture["codec_name"], name);
        let master = job["playback"]["hls"].as_str().expect("a playlist");
        let text = client.text(master).await;
        assert!(
            text.contains(&format!("CODECS=\"{said}")),
            "{codec}: {text}"
        );
        let playlist = client.text(&master.replace("master", "360p")).await;
        assert!(playlist.contains("#EXT-X-ENDLIST"), "{playlist}");
        let manifest = client
            .text(&master.replace("master.m3u8", "manifest.mpd"))
            .await;
        assert!(manifest.contains(&format!("codecs=\"{said}")), "{manifest}");
    }
}
