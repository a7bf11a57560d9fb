//! A film to try things with: 20 s of 1080p with burnt-in time and a tone, made by GStreamer's own
//! command, which workers need anyway.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};

/// 20 s at 30 frames a second.
const FRAMES: u32 = 600;
/// As many buffers of 1,024 samples at 48 kHz as fill 20 s.
const AUDIO_BUFFERS: u32 = 938;

/// Makes the film, unless it is there.
pub(super) async fn make(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    crate::cli::say("making a film of 20 s to transcode ...");
    let draft = path.with_extension("draft");
    let picture = format!(
        "videotestsrc num-buffers={FRAMES} ! video/x-raw,width=1920,height=1080,framerate=30/1 \
         ! timeoverlay font-desc=Sans,48 halignment=center valignment=center ! videoconvert \
         ! x264enc speed-preset=veryfast bitrate=6000 key-int-max=60 ! h264parse ! mux."
    );
    let sound = format!(
        "audiotestsrc num-buffers={AUDIO_BUFFERS} samplesperbuffer=1024 wave=ticks \
         ! audio/x-raw,rate=48000,channels=2 ! audioconvert ! avenc_aac ! aacparse ! mux."
    );
    let sink = "mp4mux name=mux faststart=true ! filesink name=out";
    let output = tokio::process::Command::new("gst-launch-1.0")
        .args(["-q", "-e"])
        .args(picture.split_whitespace())
        .args(sound.split_whitespace())
        .args(sink.split_whitespace())
        .arg(format!("location={}", draft.display()))
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
    tokio::fs::rename(&draft, path).await?;
    Ok(())
}
