//! `--poster`, `--poster-image`, `--thumbnails`, `--storyboard`: still images of the film.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

/// Which images are made; checked by the gateway, which knows all rules.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct ImagesArgs {
    /// Make a poster; of the frame at this second, if one is given.
    #[arg(long, value_name = "SECOND", num_args = 0..=1, require_equals = true)]
    poster: Option<Option<f64>>,
    /// Take this image for the poster: a JPEG, PNG or WebP of up to 10 MiB.
    #[arg(
        long,
        value_name = "FILE",
        visible_alias = "thumbnail",
        conflicts_with = "poster"
    )]
    poster_image: Option<PathBuf>,
    /// Make thumbnails: automatic, automatic=5, scenes=5, every=10, or at=1.5,20,300.
    #[arg(long, value_name = "WHICH")]
    thumbnails: Option<String>,
    /// Make a storyboard: small images of the whole film, with an index for players.
    #[arg(long)]
    storyboard: bool,
    /// jpeg or webp [default: jpeg].
    #[arg(long, value_name = "FORMAT")]
    image_format: Option<String>,
    /// Widths of posters and thumbnails, comma-separated [default: 640].
    #[arg(long, value_name = "PIXELS", value_delimiter = ',')]
    image_widths: Vec<u32>,
}

/// As the API takes them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Images {
    poster: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    poster_at_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded: Option<Uploaded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnails: Option<Value>,
    storyboard: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    widths: Vec<u32>,
}

/// An image that is announced, and sent before the film.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Uploaded {
    #[serde(skip)]
    file: PathBuf,
    content_type: &'static str,
    size: u64,
}

impl Images {
    /// The file to send to where the gateway says, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.uploaded.as_ref().map(|image| image.file.as_path())
    }
}

impl ImagesArgs {
    /// `None` where no images are asked for.
    pub(crate) async fn read(&self) -> anyhow::Result<Option<Images>> {
        let has_poster = self.poster.is_some() || self.poster_image.is_some();
        if !has_poster && self.thumbnails.is_none() && !self.storyboard {
            anyhow::ensure!(
                self.image_format.is_none() && self.image_widths.is_empty(),
                "no images are asked for: give --poster, --thumbnails or --storyboard, too"
            );
            return Ok(None);
        }
        let uploaded = match &self.poster_image {
            Some(file) => Some(announced(file).await?),
            None => None,
        };
        Ok(Some(Images {
            poster: has_poster,
            poster_at_s: self.poster.flatten(),
            uploaded,
            thumbnails: self.thumbnails.as_deref().map(thumbnails).transpose()?,
            storyboard: self.storyboard,
            format: self.image_format.clone(),
            widths: self.image_widths.clone(),
        }))
    }
}

/// What the gateway is told of a file. Whether it is an image at all, the task that reads it says.
async fn announced(file: &Path) -> anyhow::Result<Uploaded> {
    let facts = tokio::fs::metadata(file).await;
    let facts = facts.with_context(|| format!("cannot read {}", file.display()))?;
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    let content_type = match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        _ => bail!(
            "{} is no .jpg, .png or .webp: convert it first",
            file.display()
        ),
    };
    Ok(Uploaded {
        file: file.to_owned(),
        content_type,
        size: facts.len(),
    })
}

fn thumbnails(text: &str) -> anyhow::Result<Value> {
    let seconds = |text: &str| {
        let number = text.trim().parse::<f64>();
        number.with_context(|| format!("--thumbnails: `{text}` is no number of seconds"))
    };
    Ok(match text.split_once('=') {
        None if text == "automatic" => json!({ "mode": "automatic" }),
        None if text == "scenes" => json!({ "mode": "scenes" }),
        Some((mode @ ("automatic" | "scenes"), count)) => {
            let count: u32 = count
                .parse()
                .with_context(|| format!("--thumbnails: `{count}` is no number"))?;
            json!({ "mode": mode, "count": count })
        }
        Some(("every", every)) => json!({ "mode": "interval", "every_s": seconds(every)? }),
        Some(("at", times)) => {
            let times = times
                .split(',')
                .map(seconds)
                .collect::<anyhow::Result<Vec<_>>>()?;
            json!({ "mode": "times", "at_s": times })
        }
        None | Some(_) => {
            bail!(
                "--thumbnails is automatic, automatic=5, scenes=5, every=10 or at=1.5,20, and not `{text}`"
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_are_written_short() {
        for (text, mode) in [
            ("automatic", "automatic"),
            ("automatic=5", "automatic"),
            ("scenes", "scenes"),
            ("scenes=9", "scenes"),
            ("every=2.5", "interval"),
            ("at=1,2", "times"),
        ] {
            assert_eq!(thumbnails(text).unwrap()["mode"], mode, "{text}");
        }
        assert_eq!(
            thumbnails("at=1.5, 20").unwrap()["at_s"],
            json!([1.5, 20.0])
        );
        for bad in ["", "all", "every=", "at=x", "automatic=-1"] {
            assert!(thumbnails(bad).is_err(), "{bad}");
        }
    }
}
