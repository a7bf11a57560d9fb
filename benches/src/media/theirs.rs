//! ffmpeg and x264 with the engine's settings, and the proof that they are the same.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bus_schema::plan::VideoRendition;
use tokio::process::Command;

use super::ours::Planned;
use super::process;

/// Frames that the engine's encoders look ahead.
const LOOKAHEAD_FRAMES: u32 = 12;
/// What x264 writes in front of its settings.
const SEI: &[u8] = b"x264 - core";

/// Threads of each encoder: the engine's default.
pub(super) fn threads() -> String {
    std::thread::available_parallelism()
        .map_or(1, std::num::NonZero::get)
        .to_string()
}

/// x264's settings of a rendition beside preset and quality, by their names in x264.
fn settings(rendition: &VideoRendition) -> Vec<(&'static str, String)> {
    let keyframe = rendition.keyframe_frames_max.to_string();
    vec![
        ("rc-lookahead", LOOKAHEAD_FRAMES.to_string()),
        ("sync-lookahead", "0".to_owned()),
        ("keyint", keyframe.clone()),
        ("min-keyint", keyframe),
        ("scenecut", "40".to_owned()),
        (
            "vbv-maxrate",
            rendition.bitrate_max_bps.div_ceil(1000).to_string(),
        ),
        ("vbv-bufsize", (rendition.buffer_bits / 1000).to_string()),
        ("qpmin", "0".to_owned()),
    ]
}

/// A rendition as ffmpeg encodes it, `crf` apart from the plan's.
fn encoder(planned: &Planned, rendition: &VideoRendition, crf: u8) -> Vec<String> {
    let params: Vec<String> = settings(rendition)
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let segment_s = planned.segment_s();
    [
        "-c:v",
        "libx264",
        "-preset",
        "fast",
        "-crf",
        &crf.to_string(),
        "-threads",
        &threads(),
        "-x264-params",
        &params.join(":"),
        "-fps_mode",
        "passthrough",
        "-force_key_frames",
        &format!("expr:gte(t,n_forced*{segment_s})"),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn scale(rendition: &VideoRendition) -> String {
    format!(
        "scale={}:{}:flags=bicubic",
        rendition.width, rendition.height
    )
}

/// `[0:v]` split and scaled into `[v0]` and so on.
fn split(renditions: &[VideoRendition]) -> String {
    let n = renditions.len();
    let names: String = (0..n).map(|n| format!("[s{n}]")).collect();
    let scaled = renditions
        .iter()
        .enumerate()
        .map(|(n, rendition)| format!(";[s{n}]{}[v{n}]", scale(rendition)));
    format!("[0:v]split={n}{names}{}", scaled.collect::<String>())
}

/// One ffmpeg process for all renditions and the sound, `crf` as said.
pub(super) fn at_once(planned: &Planned, crf: u8, out: &Path) -> anyhow::Result<Command> {
    let renditions = &planned.video()?.renditions;
    let mut command = process::ffmpeg();
    command.args([
        "-i",
        &planned.source(),
        "-filter_complex",
        &split(renditions),
    ]);
    for (n, rendition) in renditions.iter().enumerate() {
        command.args(["-map", &format!("[v{n}]")]);
        command.args(encoder(planned, rendition, crf));
        command.arg(file(out, rendition));
    }
    command.args([
        "-map",
        "0:a",
        "-c:a",
        "aac",
        "-b:a",
        &planned.audio_bps()?.to_string(),
    ]);
    command.arg(out.join("audio.m4a"));
    Ok(command)
}

/// One ffmpeg process for each rendition, each with its own sound.
pub(super) fn each(planned: &Planned, out: &Path) -> anyhow::Result<Vec<Command>> {
    let audio_bps = planned.audio_bps()?.to_string();
    let renditions = planned.video()?.renditions.iter();
    let commands = renditions.map(|rendition| {
        let mut command = process::ffmpeg();
        command.args(["-i", &planned.source(), "-vf", &scale(rendition)]);
        command.args(encoder(planned, rendition, rendition.crf));
        command.args(["-c:a", "aac", "-b:a", &audio_bps]);
        command.arg(file(out, rendition));
        command
    });
    Ok(commands.collect())
}

/// One ffmpeg process that writes HLS, and the playlists that are there when each rendition has its
/// first segment.
pub(super) fn hls(planned: &Planned, out: &Path) -> anyhow::Result<(Command, Vec<PathBuf>)> {
    let renditions = &planned.video()?.renditions;
    let mut command = process::ffmpeg();
    command.args([
        "-i",
        &planned.source(),
        "-filter_complex",
        &split(renditions),
    ]);
    let mut lists = Vec::new();
    for (n, rendition) in renditions.iter().enumerate() {
        command.args(["-map", &format!("[v{n}]")]);
        command.args(encoder(planned, rendition, rendition.crf));
        let list = out.join(format!("{}.m3u8", rendition.name));
        command.args(["-f", "hls", "-hls_time", &planned.segment_s().to_string()]);
        command.args(["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename"]);
        command.arg(format!("{}-init.mp4", rendition.name));
        command.arg(&list);
        lists.push(list);
    }
    Ok((command, lists))
}

/// The raw frames of each rendition, for x264 alone, with the frames that begin segments.
#[derive(Debug)]
pub(super) struct Raw {
    folder: tempfile::TempDir,
    keyframes: PathBuf,
}

impl Raw {
    /// Makes them: about 4 GB for a minute of four renditions.
    pub(super) async fn make(planned: &Planned, folder: tempfile::TempDir) -> anyhow::Result<Self> {
        let renditions = &planned.video()?.renditions;
        let mut command = process::ffmpeg();
        command.args([
            "-i",
            &planned.source(),
            "-filter_complex",
            &split(renditions),
        ]);
        for (n, rendition) in renditions.iter().enumerate() {
            command.args(["-map", &format!("[v{n}]"), "-fps_mode", "passthrough"]);
            command.arg(folder.path().join(format!("{}.y4m", rendition.name)));
        }
        process::run(&mut command, "ffmpeg").await?;
        let frames = planned.frames_per_segment();
        let lines: String = (0..planned.segments())
            .map(|n| format!("{} I -1\n", n * frames))
            .collect();
        let keyframes = folder.path().join("keyframes");
        std::fs::write(&keyframes, lines)?;
        Ok(Self { folder, keyframes })
    }

    /// x264 alone on each.
    pub(super) fn encoders(&self, planned: &Planned, out: &Path) -> anyhow::Result<Vec<Command>> {
        let renditions = planned.video()?.renditions.iter();
        let commands = renditions.map(|rendition| {
            let mut command = Command::new("x264");
            command.args([
                "--quiet",
                "--no-progress",
                "--preset",
                "fast",
                "--threads",
                &threads(),
            ]);
            command.args(["--crf", &rendition.crf.to_string(), "--qpfile"]);
            command.arg(&self.keyframes);
            for (name, value) in settings(rendition) {
                command.args([format!("--{name}"), value]);
            }
            let input = self.folder.path().join(format!("{}.y4m", rendition.name));
            command
                .arg("-o")
                .arg(out.join(format!("{}.264", rendition.name)));
            command.arg(input);
            command
        });
        Ok(commands.collect())
    }
}

/// Where ffmpeg writes a rendition.
pub(super) fn file(out: &Path, rendition: &VideoRendition) -> PathBuf {
    out.join(format!("{}.mp4", rendition.name))
}

/// The settings that x264 wrote into what it made.
pub(super) fn sei(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{} is not there", path.display()))?;
    let start = bytes.windows(SEI.len()).position(|window| window == SEI);
    let text = start.and_then(|start| bytes.get(start..)?.split(|byte| *byte == 0).next());
    let text = text.with_context(|| format!("{} says no settings", path.display()))?;
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// Fails unless x264 was given the same settings for both files.
pub(super) fn same_settings(one: &Path, other: &Path) -> anyhow::Result<()> {
    let (a, b) = (sei(one)?, sei(other)?);
    let differ: Vec<String> = a
        .split(' ')
        .zip(b.split(' '))
        .filter(|(a, b)| a != b)
        .map(|(a, b)| format!("{a} and {b}"))
        .collect();
    ensure!(
        a == b,
        "not the same settings in {} and {}: {}",
        one.display(),
        other.display(),
        differ.join(", ")
    );
    Ok(())
}

/// Sizes of a file's coded pictures, in bytes.
pub(super) async fn pictures(path: &Path) -> anyhow::Result<Vec<u64>> {
    let mut command = Command::new("ffprobe");
    command.args("-v error -select_streams v:0 -show_entries packet=size -of csv=p=0".split(' '));
    let said = process::run(command.arg(path), "ffprobe").await?;
    let text = String::from_utf8(said)?;
    let sizes = text.lines().map(|line| line.trim_end_matches(',').parse());
    sizes
        .collect::<Result<_, _>>()
        .context("ffprobe says no sizes")
}

/// How many pictures a file has.
pub(super) async fn frames(path: &Path) -> anyhow::Result<usize> {
    Ok(pictures(path).await?.len())
}
