//! `tcoder transcode FILE`: upload, follow, fetch.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bus_schema::request::Preset;
use bus_schema::request::clip::Clip;
use bus_schema::video_codec::VideoCodec;
use clap::Args;
use serde_json::{Value, json};

use super::client::{Client, Error, Job, Loudness, NewUpload};
use super::collect::{collect, prepare, report_refusal};
use super::follow::{Bars, follow};
use super::images::{Images, ImagesArgs};
use super::watermark::{Watermark, WatermarkArgs};
use super::{Exit, Remote, clip_time, complain, say};

/// Upload a file, watch its transcode, and say where to watch the film.
///
/// Example: tcoder transcode film.mp4 --preset hls-adaptive --out film
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Transcode {
    /// The film.
    file: PathBuf,
    /// default, web-optimized, hls or hls-adaptive.
    #[arg(long, default_value_t = Preset::HlsAdaptive)]
    preset: Preset,
    /// Qualities, comma-separated: 144p to 2160p, audio [default: the preset's own].
    #[arg(long, value_delimiter = ',')]
    qualities: Vec<String>,
    /// What the picture is encoded to: h264, hevc, vp9 or av1.
    #[arg(long, default_value_t = VideoCodec::H264)]
    codec: VideoCodec,
    /// Fetch the results into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Find chapters where scenes begin, none shorter than this [default without a number: 30].
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true)]
    chapters: Option<Option<f64>>,
    /// Begin here: seconds, m:ss or h:mm:ss, with up to three decimals.
    #[arg(long, value_name = "TIME", value_parser = clip_time::parse)]
    start: Option<u64>,
    /// End here, written likewise.
    #[arg(long, value_name = "TIME", value_parser = clip_time::parse)]
    end: Option<u64>,
    #[command(flatten)]
    images: ImagesArgs,
    #[command(flatten)]
    watermark: WatermarkArgs,
    /// Bring the sound to this loudness, in LUFS by EBU R 128: -16, or -23 for broadcast.
    #[arg(long, value_name = "LUFS", allow_negative_numbers = true)]
    loudness: Option<f64>,
    /// With --loudness, the true peak that is not exceeded for it, in dBTP [default: -1].
    #[arg(
        long,
        value_name = "DBTP",
        allow_negative_numbers = true,
        requires = "loudness"
    )]
    true_peak: Option<f64>,
    #[command(flatten)]
    remote: Remote,
}

/// What is to be transcoded, wherever from.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) file: &'a Path,
    pub(crate) preset: Preset,
    pub(crate) qualities: &'a [String],
    pub(crate) watermark: Option<Watermark>,
    pub(crate) loudness: Option<Loudness>,
    pub(crate) clip: Option<Clip>,
    pub(crate) codec: VideoCodec,
    pub(crate) images: Option<Images>,
    /// As the API takes it.
    pub(crate) chapters: Option<Value>,
    pub(crate) out: Option<&'a Path>,
    /// Told the job's id as soon as there is one.
    pub(crate) begun: &'a OnceLock<String>,
}

impl Transcode {
    pub(crate) async fn apply(self) -> Exit {
        let client = match self.remote.client() {
            Ok(client) => client,
            Err(error) => return super::failed(&error),
        };
        let clip = (self.start.is_some() || self.end.is_some()).then(|| Clip {
            start_ms: self.start.unwrap_or(0),
            end_ms: self.end,
        });
        let watermark = match self.watermark.read().await {
            Ok(watermark) => watermark,
            Err(error) => return super::failed(&Error::File(error)),
        };
        let images = match self.images.read().await {
            Ok(images) => images,
            Err(error) => return super::failed(&Error::File(error)),
        };
        let wish = Wish {
            file: &self.file,
            preset: self.preset,
            qualities: &self.qualities,
            watermark,
            loudness: self.loudness.map(|target_lufs| Loudness {
                target_lufs,
                true_peak_dbtp: self.true_peak,
            }),
            clip,
            codec: self.codec,
            images,
            chapters: self.chapters.map(|length_s| match length_s {
                Some(length_s) => json!({ "min_length_s": length_s }),
                None => json!({}),
            }),
            out: self.out.as_deref(),
            begun: &OnceLock::new(),
        };
        let mut bars = Bars::new(self.remote.json);
        let job = match run(&client, &wish, &mut bars).await {
            Ok(job) => job,
            Err(error) => {
                bars.end();
                return super::failed(&error);
            }
        };
        bars.end();
        if self.remote.json {
            return match client.job_json(&job.id).await {
                Ok(json) => {
                    say(&json.to_string());
                    ended(&job, false)
                }
                Err(error) => super::failed(&error),
            };
        }
        ended(&job, true)
    }
}

/// Uploads, follows, fetches.
pub(crate) async fn run(client: &Client, wish: &Wish<'_>, bars: &mut Bars) -> Result<Job, Error> {
    if let Some(out) = wish.out {
        prepare(out).await.map_err(Error::File)?;
    }
    let job = match upload(client, wish, bars).await {
        Ok(job) => job,
        Err(error) => {
            if let (Some(out), Some(code)) = (wish.out, error.code()) {
                let reported = report_refusal(out, code, &error.to_string()).await;
                reported.map_err(Error::File)?;
            }
            return Err(error);
        }
    };
    // Set once: there is one upload to a wish.
    wish.begun.get_or_init(|| job.clone());
    bars.line(&format!(
        "watch it at {}",
        client.url(&format!("/#/jobs/{job}"))
    ));
    let job = follow(client, &job, bars, |_| {}).await?;
    if let Some(out) = wish.out {
        bars.say(format!("fetching the results into {}", out.display()));
        collect(client, &job, out).await.map_err(Error::File)?;
    }
    Ok(job)
}

async fn upload(client: &Client, wish: &Wish<'_>, bars: &Bars) -> Result<String, Error> {
    let file = wish.file;
    let facts = tokio::fs::metadata(file)
        .await
        .map_err(|error| Error::File(anyhow::anyhow!("cannot read {}: {error}", file.display())))?;
    if !facts.is_file() {
        return Err(Error::File(anyhow::anyhow!(
            "{} is not a file",
            file.display()
        )));
    }
    if facts.len() == 0 {
        return Err(Error::Empty(file.display().to_string()));
    }
    let filename = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let new = NewUpload {
        content_type: content_type(&filename).to_owned(),
        filename,
        size: facts.len(),
        preset: Some(wish.preset.to_string()),
        qualities: wish.qualities.to_vec(),
        watermark: wish.watermark.clone(),
        loudness: wish.loudness,
        clip: wish.clip,
        codec: (!wish.codec.is_default()).then(|| wish.codec.to_string()),
        images: wish.images.clone(),
        chapters: wish.chapters.clone(),
    };
    let authorized = client.authorize(&new).await?;
    let image = wish.images.as_ref().and_then(Images::file);
    if let (Some(target), Some(image)) = (&authorized.image_upload, image) {
        // In front of the film: it is to be there when that has come.
        client.put(target, image, |_| ()).await?;
    }
    let bar = bars.upload(facts.len());
    let sent = bar.clone();
    client
        .put(&authorized.upload, file, move |bytes| sent.inc(bytes))
        .await?;
    bar.finish_and_clear();
    Ok(authorized.job_id)
}

/// A hint for the record; the probe looks at the bytes.
fn content_type(name: &str) -> &'static str {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("mp4" | "m4v") => "video/mp4",
        Some("mov") => "video/quicktime",
        Some("mkv") => "video/x-matroska",
        Some("webm") => "video/webm",
        Some("avi") => "video/x-msvideo",
        Some("ts" | "m2ts" | "mts") => "video/mp2t",
        Some("mp3") => "audio/mpeg",
        Some("m4a") => "audio/mp4",
        Some("wav") => "audio/wav",
        _ => "application/octet-stream",
    }
}

/// Says how a job ended, and the exit code of that.
pub(crate) fn ended(job: &Job, is_told: bool) -> Exit {
    for warning in &job.warnings {
        complain(&format!("warning: {warning}"));
    }
    match job.state.as_str() {
        "completed" => {
            if is_told {
                say(&format!("completed: {} ({})", job.filename, job.id));
            }
            Exit::Done
        }
        "cancelled" => {
            complain("the job was cancelled");
            Exit::Cancelled
        }
        _ => {
            let reason = job.error.as_ref();
            let (code, message) =
                reason.map_or(("unknown", "no reason is known"), |e| (&e.code, &e.message));
            complain(&format!("failed: {message} ({code})"));
            Exit::Failed
        }
    }
}
