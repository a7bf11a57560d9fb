//! Fetching a job's results into a folder: MP4s, playlists, segments, and a report.

mod layout;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bus_schema::id::RenditionName;
use bus_schema::ladder::audio_names;
use bus_schema::object_key;
use bus_schema::plan::AUDIO_TRACKS_MAX;
use bus_schema::plan::subtitles::{SUBTITLE_TRACKS_MAX, subtitle_names};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use super::client::{Client, Job, JobError, Output, Rendition};

/// What comes last, and says how it went.
const REPORT: &str = "report.json";
const MASTER: &str = bus_schema::object_key::MULTIVARIANT_PLAYLIST;
const MANIFEST: &str = bus_schema::object_key::DASH_MANIFEST;

/// `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    job: String,
    state: String,
    error: Option<JobError>,
    warnings: Vec<String>,
    is_copied: bool,
    encode_reason: Option<String>,
    time_to_playable_ms: Option<u64>,
    total_ms: Option<u64>,
    renditions: Vec<ReportedRendition>,
    /// Tracks of sound, the one that is played when nobody chooses first.
    audio: Vec<ReportedAudio>,
    /// Tracks of subtitles that came out.
    subtitles: Vec<ReportedSubtitles>,
}

#[derive(Debug, Serialize)]
struct ReportedSubtitles {
    name: String,
    language: Option<String>,
    title: Option<String>,
    is_default: bool,
    is_forced: bool,
    path: String,
}

#[derive(Debug, Serialize)]
struct ReportedAudio {
    name: String,
    language: Option<String>,
    title: Option<String>,
}

#[derive(Debug, Serialize)]
struct ReportedRendition {
    name: String,
    width: Option<u32>,
    height: Option<u32>,
    frames: Option<u64>,
    bitrate_bps: u64,
    codecs: String,
    path: String,
}

/// The report of an earlier job, as far as tidying up needs it.
#[derive(Debug, Deserialize)]
struct EarlierReport {
    renditions: Vec<EarlierRendition>,
}

#[derive(Debug, Deserialize)]
struct EarlierRendition {
    name: RenditionName,
}

/// Makes the folder, before anything else is done, and takes the results of an earlier job out of it:
/// what lies there at the end is of one film. What is not ours stays.
pub(crate) async fn prepare(out: &Path) -> anyhow::Result<()> {
    let shown = out.display();
    tokio::fs::create_dir_all(out)
        .await
        .with_context(|| format!("cannot make the folder {shown} for the results"))?;
    let report = out.join(REPORT);
    let earlier = tokio::fs::read(&report).await.ok();
    let earlier = earlier.and_then(|text| serde_json::from_slice::<EarlierReport>(&text).ok());
    if let Some(earlier) = earlier {
        let names = earlier
            .renditions
            .into_iter()
            .map(|one| one.name.to_string());
        let audio = audio_names().take(AUDIO_TRACKS_MAX);
        let audio = audio.map(|name| name.to_string());
        let subtitles = subtitle_names().take(SUBTITLE_TRACKS_MAX);
        let subtitles = subtitles.map(|name| name.to_string());
        for name in names.chain(audio).chain(subtitles) {
            for file in ["mp4", "m4a", "m3u8", "vtt"] {
                remove(&out.join(format!("{name}.{file}"))).await?;
            }
            remove_segments(&out.join(name)).await?;
        }
        remove_segments(&out.join("images")).await?;
        for file in [
            MASTER,
            MANIFEST,
            object_key::IMAGES,
            object_key::STORYBOARD,
            object_key::CHAPTERS,
            object_key::CHAPTERS_JSON,
        ] {
            remove(&out.join(file)).await?;
        }
    }
    // Written at once, so that it is known now whether the folder can be written to.
    tokio::fs::write(&report, b"")
        .await
        .with_context(|| format!("cannot write into the folder {shown}"))?;
    remove(&report).await
}

async fn remove(file: &Path) -> anyhow::Result<()> {
    match tokio::fs::remove_file(file).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The segments of a rendition, and their folder unless something else lies there too.
async fn remove_segments(folder: &Path) -> anyhow::Result<()> {
    let Ok(mut files) = tokio::fs::read_dir(folder).await else {
        return Ok(());
    };
    while let Some(file) = files.next_entry().await? {
        let path = file.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("m4s" | "mp4" | "jpg" | "webp")) {
            remove(&path).await?;
        }
    }
    if let Err(error) = tokio::fs::remove_dir(folder).await {
        tracing::debug!(%error, folder = %folder.display(), "kept");
    }
    Ok(())
}

/// Writes the report of a film that did not even become a job.
pub(crate) async fn report_refusal(out: &Path, code: &str, message: &str) -> anyhow::Result<()> {
    let report = Report {
        job: String::new(),
        state: "failed".to_owned(),
        error: Some(JobError {
            code: code.to_owned(),
            message: message.to_owned(),
        }),
        warnings: Vec::new(),
        is_copied: false,
        encode_reason: None,
        time_to_playable_ms: None,
        total_ms: None,
        renditions: Vec::new(),
        audio: Vec::new(),
        subtitles: Vec::new(),
    };
    write(&report, out).await
}

async fn write(report: &Report, out: &Path) -> anyhow::Result<()> {
    let path = out.join(REPORT);
    tokio::fs::write(&path, serde_json::to_vec_pretty(report)?)
        .await
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes everything of a job that has ended into a prepared folder; `report.json` comes last.
pub(crate) async fn collect(client: &Client, job: &Job, out: &Path) -> anyhow::Result<()> {
    if let Some(playback) = &job.playback {
        playlists(client, &playback.hls, out).await?;
    }
    let mut renditions = Vec::new();
    for output in job
        .outputs
        .iter()
        .filter(|output| output.kind == "mp4" || output.kind == "m4a")
    {
        let Some(name) = &output.rendition else {
            continue;
        };
        let path = format!("{name}.{}", output.kind);
        save(client, &output.url, &out.join(&path)).await?;
        let shown = job
            .renditions
            .iter()
            .find(|rendition| rendition.name == *name);
        let duration_ms = output.duration_ms.unwrap_or(0).max(1);
        renditions.push(ReportedRendition {
            name: name.clone(),
            width: shown.and_then(|rendition| rendition.width),
            height: shown.and_then(|rendition| rendition.height),
            frames: output.frames,
            bitrate_bps: output.bytes.saturating_mul(8_000) / duration_ms,
            codecs: output.codecs.clone().unwrap_or_default(),
            path,
        });
    }
    if let Some(dash) = job.outputs.iter().find(|output| output.kind == "dash") {
        let manifest = client.fetch(&dash.url).await?.text().await?;
        tokio::fs::write(out.join(MANIFEST), layout::flat(&manifest)).await?;
    }
    images(client, job, out).await?;
    let report = Report {
        job: job.id.clone(),
        state: job.state.clone(),
        error: job.error.clone(),
        warnings: job.warnings.clone(),
        is_copied: job.is_copied,
        encode_reason: job.encode_reason.clone(),
        time_to_playable_ms: between_ms(job.uploaded_at.as_deref(), job.playable_at.as_deref()),
        total_ms: between_ms(job.uploaded_at.as_deref(), job.finished_at.as_deref()),
        renditions,
        audio: audio(job),
        subtitles: subtitles(client, job, out).await?,
    };
    write(&report, out).await
}

fn audio(job: &Job) -> Vec<ReportedAudio> {
    let tracks = job.renditions.iter().filter(|one| one.is_audio);
    let track = |one: &Rendition| ReportedAudio {
        name: one.name.clone(),
        language: one.language.clone(),
        title: one.title.clone(),
    };
    tracks.map(track).collect()
}

/// The files of subtitles.
async fn subtitles(
    client: &Client,
    job: &Job,
    out: &Path,
) -> anyhow::Result<Vec<ReportedSubtitles>> {
    let mut reported = Vec::new();
    for track in &job.subtitles {
        let is_its = |output: &&Output| {
            output.kind == "subtitles" && output.rendition.as_ref() == Some(&track.name)
        };
        let Some(output) = job.outputs.iter().find(is_its) else {
            continue;
        };
        let path = format!("{}.vtt", track.name);
        save(client, &output.url, &local(out, &path)?).await?;
        reported.push(ReportedSubtitles {
            name: track.name.clone(),
            language: track.language.clone(),
            title: track.title.clone(),
            is_default: track.is_default,
            is_forced: track.is_forced,
            path,
        });
    }
    Ok(reported)
}

/// The list of still images, the images that it names, the index of the storyboard, and chapters.
async fn images(client: &Client, job: &Job, out: &Path) -> anyhow::Result<()> {
    for output in &job.outputs {
        let name = match output.kind.as_str() {
            "images" => object_key::IMAGES,
            "storyboard" => object_key::STORYBOARD,
            "chapters" if output.url.ends_with(object_key::CHAPTERS) => object_key::CHAPTERS,
            "chapters" => object_key::CHAPTERS_JSON,
            _ => continue,
        };
        let text = client.fetch(&output.url).await?.text().await?;
        tokio::fs::write(out.join(name), layout::flat(&text)).await?;
        let base = output.url.rsplit_once('/').map_or("", |(base, _)| base);
        for image in linked(&text) {
            let file = local(out, &layout::flat(&image))?;
            save(client, &format!("{base}/{image}"), &file).await?;
        }
    }
    Ok(())
}

/// What a list of images names: the values of `"url"`, each once.
fn linked(list: &str) -> BTreeSet<String> {
    let after = list.split("\"url\": \"").skip(1);
    let urls = after.filter_map(|rest| Some(rest.split_once('"')?.0));
    urls.map(ToOwned::to_owned).collect()
}

/// The multivariant playlist, everything that it names, and everything that those name.
async fn playlists(client: &Client, path: &str, out: &Path) -> anyhow::Result<()> {
    let base = path.rsplit_once('/').map_or("", |(base, _)| base);
    let master = client.fetch(path).await?.text().await?;
    tokio::fs::write(out.join(MASTER), &master).await?;
    for name in named(&master) {
        let playlist = client
            .fetch(&format!("{base}/{name}"))
            .await?
            .text()
            .await?;
        for object in named(&playlist) {
            let file = local(out, &layout::flat_name(&playlist, &object))?;
            save(client, &format!("{base}/{object}"), &file).await?;
        }
        tokio::fs::write(local(out, &name)?, layout::flat(&playlist)).await?;
    }
    Ok(())
}

/// What a playlist names: lines that are no tags, and `URI="..."` of tags; each once.
fn named(playlist: &str) -> BTreeSet<String> {
    let plain = playlist
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let quoted = playlist
        .lines()
        .filter(|line| line.starts_with('#'))
        .filter_map(|line| {
            let (_, rest) = line.split_once("URI=\"")?;
            Some(rest.split_once('"')?.0)
        });
    plain.chain(quoted).map(ToOwned::to_owned).collect()
}

/// A relative name below the folder; a playlist from elsewhere must not write elsewhere.
fn local(out: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let is_plain = name
        .split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.'));
    anyhow::ensure!(
        is_plain && !name.contains('\\'),
        "the playlist names `{name}`, outside of the folder"
    );
    Ok(out.join(name))
}

async fn save(client: &Client, path: &str, file: &Path) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    let mut body = client.fetch(path).await?.bytes_stream();
    let written = tokio::fs::File::create(file).await;
    let mut written = written.with_context(|| format!("cannot write {}", file.display()))?;
    while let Some(piece) = body.try_next().await? {
        written.write_all(&piece).await?;
    }
    written.flush().await?;
    drop(body.next());
    Ok(())
}

fn between_ms(from: Option<&str>, to: Option<&str>) -> Option<u64> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    let at = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    u64::try_from((at(to?)? - at(from?)?).whole_milliseconds()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playlist_cannot_write_elsewhere() {
        for name in ["../x", "/x", "a/../x", "a//x", ".x", "a\\x"] {
            assert!(local(Path::new("out"), name).is_err(), "{name}");
        }
        assert!(local(Path::new("out"), "720p/1.m4s").is_ok());
    }
}
