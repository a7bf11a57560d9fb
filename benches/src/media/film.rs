//! The films that are encoded: a real clip, enlarged and repeated, made once.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::process;
use crate::report::complain;

/// A film.
#[derive(Debug, Clone)]
pub(super) struct Film {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// How long it is.
    pub(super) seconds: u32,
}

impl Film {
    /// 1080p at 30 frames a second with stereo sound.
    pub(super) async fn hd(cache: &Path, seconds: u32) -> anyhow::Result<Self> {
        Self::made(cache, seconds, 1920, 1080).await
    }

    /// 2160p of the same.
    pub(super) async fn uhd(cache: &Path, seconds: u32) -> anyhow::Result<Self> {
        Self::made(cache, seconds, 3840, 2160).await
    }

    async fn made(cache: &Path, seconds: u32, width: u32, height: u32) -> anyhow::Result<Self> {
        let path = cache.join(format!("film-{height}p-{seconds}s.mp4"));
        if path.exists() {
            return Ok(Self { path, seconds });
        }
        complain(&format!("making {}, once", path.display()));
        let clip = clip()?;
        let half = cache.join(format!("half-{}.mp4", std::process::id()));
        let filter = format!("scale={width}:{height}:flags=lanczos,fps=30,format=yuv420p");
        let seconds_text = seconds.to_string();
        let mut command = process::ffmpeg();
        command.args(["-stream_loop", "-1", "-i"]).arg(&clip);
        command.args(["-vf", &filter, "-t", &seconds_text, "-c:v", "libx264"]);
        command.args("-preset veryfast -crf 18 -g 60 -bf 3".split(' '));
        command.args("-c:a aac -ac 2 -ar 48000 -b:a 160k -movflags +faststart".split(' '));
        process::run(command.arg(&half), "ffmpeg").await?;
        std::fs::rename(&half, &path)?;
        Ok(Self { path, seconds })
    }

    /// Its size.
    pub(super) fn bytes(&self) -> anyhow::Result<u64> {
        Ok(std::fs::metadata(&self.path)?.len())
    }
}

/// The clip that set-up fetches.
fn clip() -> anyhow::Result<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let clip = root.join(".tools/media/bigbuckbunny.mp4");
    ensure!(
        clip.exists(),
        "{} is missing: `make bench` fetches it",
        clip.display()
    );
    clip.canonicalize().context("the clip has no path")
}
