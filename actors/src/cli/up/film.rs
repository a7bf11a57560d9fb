//! A film to try things with: 20 s of 1080p with burnt-in time and a tone, made by GStreamer's own
//! command, which workers need anyway.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail};

/// 20 s at 30 frames a second.
const FRAMES: u32 = 600;
/// As many buffers of 1,024 samples at 48 kHz as fill 20 s.
const AUDIO_BUFFERS: u32 = 938;

/// Makes the film in a folder, unless it is there; everything that this writes stays in the folder.
pub(super) async fn make(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("film.mp4");
    if path.exists() {
        return Ok(path);
    }
    crate::cli::say("making a film of 20 s to transcode ...");
    let draft = path.with_extension("draft");
    let scratch = path.with_extension("scratch");
    let picture = format!(
        "videotestsrc num-buffers={FRAMES} ! video/x-raw,width=1920,height=1080,framerate=30/1 \
         ! timeoverlay font-desc=Sans,48 halignment=center valignment=center ! videoconvert \
         ! video/x-raw,format=I420 ! x264enc speed-preset=veryfast bitrate=6000 key-int-max=60 ! h264parse ! mux."
    );
    let sound = format!(
        "audiotestsrc num-buffers={AUDIO_BUFFERS} samplesperbuffer=1024 wave=ticks \
         ! audio/x-raw,rate=48000,channels=2 ! audioconvert ! avenc_aac ! aacparse ! mux."
    );
    let mux = format!("faststart-file={}", scratch.display());
    let sink = "! filesink name=out";
    let output = tokio::process::Command::new("gst-launch-1.0")
        .args(["-q", "-e"])
        .args(picture.split_whitespace())
        .args(sound.split_whitespace())
        .args(["mp4mux", "name=mux", "faststart=true", &mux])
        .args(sink.split_whitespace())
        .arg(format!("location={}", draft.display()))
        .env("GST_REGISTRY_1_0", folder.join("gstreamer-registry.bin"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("gst-launch-1.0 is missing: install gstreamer1.0-tools, or give --video FILE")?;
    if !output.status.success() {
        bail!(
            "the film could not be made: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    if let Err(error) = tokio::fs::remove_file(&scratch).await {
        tracing::debug!(%error, "no scratch file to remove");
    }
    tokio::fs::rename(&draft, &path).await?;
    Ok(path)
}
