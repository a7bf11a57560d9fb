//! `--watermark-*`: a mark over the picture.

use std::path::PathBuf;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bus_schema::request::watermark::PNG_BYTES_MAX;
use clap::Args;
use serde::Serialize;

/// What is drawn over the picture; checked by the gateway, which knows all rules.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct WatermarkArgs {
    /// Draw this line of text over the picture.
    #[arg(long, value_name = "TEXT", conflicts_with = "watermark_image")]
    watermark_text: Option<String>,
    /// Draw this PNG over the picture, of 24 KiB at most.
    #[arg(long, value_name = "FILE")]
    watermark_image: Option<PathBuf>,
    /// top-left, top-right, bottom-left, bottom-right or center [default: bottom-right].
    #[arg(long, value_name = "PLACE")]
    watermark_position: Option<String>,
    /// Its width in percent of the picture's [default: 15].
    #[arg(long, value_name = "PERCENT")]
    watermark_width: Option<u64>,
    /// Its opacity in percent [default: 100].
    #[arg(long, value_name = "PERCENT")]
    watermark_opacity: Option<u64>,
    /// Its distance from the borders in percent of the picture's width [default: 2].
    #[arg(long, value_name = "PERCENT")]
    watermark_margin: Option<u64>,
}

/// As the API takes it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Watermark {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width_percent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opacity_percent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin_percent: Option<u64>,
}

impl WatermarkArgs {
    /// Reads the image; `None` where no mark is asked for.
    pub(crate) async fn read(&self) -> anyhow::Result<Option<Watermark>> {
        let image = match &self.watermark_image {
            None => None,
            Some(path) => {
                let shown = path.display();
                let cannot = || format!("cannot read the watermark {shown}");
                let bytes = tokio::fs::metadata(path).await.with_context(cannot)?.len();
                anyhow::ensure!(
                    bytes <= PNG_BYTES_MAX as u64,
                    "the watermark {shown} has {bytes} bytes, and {PNG_BYTES_MAX} are the most: make it smaller"
                );
                Some(STANDARD.encode(tokio::fs::read(path).await.with_context(cannot)?))
            }
        };
        if self.watermark_text.is_none() && image.is_none() {
            let is_placed = self.watermark_position.is_some()
                || [
                    self.watermark_width,
                    self.watermark_opacity,
                    self.watermark_margin,
                ]
                .iter()
                .any(Option::is_some);
            anyhow::ensure!(
                !is_placed,
                "there is nothing to draw: give --watermark-text or --watermark-image, too"
            );
            return Ok(None);
        }
        Ok(Some(Watermark {
            text: self.watermark_text.clone(),
            image,
            position: self.watermark_position.clone(),
            width_percent: self.watermark_width,
            opacity_percent: self.watermark_opacity,
            margin_percent: self.watermark_margin,
        }))
    }
}
