//! What a client wishes for a job, checked. Every refusal comes before anything is written.

mod chapters;
mod clip;
mod images;
mod loudness;
mod watermark;

pub(super) use chapters::ChaptersBody;
pub(super) use clip::ClipBody;
pub(super) use images::{ImagesBody, UploadedBody};
pub(super) use loudness::LoudnessBody;
pub(super) use watermark::WatermarkBody;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bus_schema::ladder::{self, Ladder};
use bus_schema::request::{JobRequest, PRIORITY_DEFAULT, PRIORITY_MAX, Preset};
use bus_schema::video_codec::{UnknownCodec, VideoCodec};
use url::Host;

use super::options::Options;
use crate::problem::{Code, Problem};
use crate::webhook::{GuardedResolver, WebhookUrl};

/// Longest file name, in bytes: what file systems take.
const FILENAME_BYTES_MAX: usize = 255;
/// Longest content type; RFC 6838 limits each half to 127.
const CONTENT_TYPE_BYTES_MAX: usize = 255;
/// Entries of metadata, and the bytes of names and values: the record must stay small.
const METADATA_ENTRIES_MAX: usize = 16;
const METADATA_NAME_BYTES_MAX: usize = 64;
const METADATA_VALUE_BYTES_MAX: usize = 512;
/// Longest id of the client's own.
const EXTERNAL_ID_BYTES_MAX: usize = 255;
/// A name server that takes longer is asked again at each delivery.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

/// As they come in, from any of the bodies that make a job.
#[derive(Debug)]
pub(super) struct Wishes {
    pub(super) filename: String,
    pub(super) content_type: String,
    pub(super) preset: Option<String>,
    pub(super) qualities: Vec<String>,
    pub(super) codec: Option<String>,
    pub(super) priority: Option<u64>,
    pub(super) webhook_url: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) external_id: Option<String>,
    pub(super) watermark: Option<WatermarkBody>,
    pub(super) images: Option<ImagesBody>,
    pub(super) loudness: Option<LoudnessBody>,
    pub(super) chapters: Option<ChaptersBody>,
    pub(super) clip: Option<ClipBody>,
}

impl Wishes {
    /// The request and its priority.
    pub(super) async fn check(self, options: &Options) -> Result<(JobRequest, u8), Problem> {
        check_filename(&self.filename)?;
        check_content_type(&self.content_type)?;
        let preset = self
            .preset
            .map_or_else(|| Ok(Preset::default()), |preset| preset.parse::<Preset>());
        let preset = preset
            .map_err(|unknown| refused(Code::UnknownPreset, sentence(&unknown.to_string())))?;
        check_qualities(&self.qualities, &options.ladder)?;
        let codec = check_codec(self.codec.as_deref(), &self.qualities)?;
        let priority = self.priority.unwrap_or_else(|| u64::from(PRIORITY_DEFAULT));
        let priority = u8::try_from(priority)
            .ok()
            .filter(|priority| *priority <= PRIORITY_MAX);
        let priority = priority.ok_or_else(|| {
            refused(
                Code::InvalidPriority,
                format!(
                    "The priority is not 0 to {PRIORITY_MAX}: leave it out for {PRIORITY_DEFAULT}."
                ),
            )
        })?;
        check_metadata(&self.metadata, self.external_id.as_deref())?;
        let clip = self.clip.map(ClipBody::check).transpose()?;
        let watermark = self.watermark.map(WatermarkBody::check).transpose()?;
        let images = self.images.map(ImagesBody::check).transpose()?;
        let chapters = self.chapters.map(ChaptersBody::check).transpose()?;
        if self.qualities == [ladder::AUDIO] {
            let of = |code, what: &str| {
                let detail = format!("{what} a picture: leave it out, or ask for more than sound.");
                Err(refused(code, detail))
            };
            if watermark.is_some() {
                return of(Code::InvalidWatermark, "A watermark needs");
            }
            if chapters.is_some() {
                return of(Code::InvalidChapters, "The field `chapters` needs");
            }
            if images.is_some() {
                return of(Code::InvalidImages, "The field `images` needs");
            }
        }
        let loudness = self.loudness.map(LoudnessBody::check).transpose()?;
        if let Some(url) = &self.webhook_url {
            check_webhook(url, options.webhook_allow_loopback).await?;
        }
        let request = JobRequest {
            filename: self.filename,
            content_type: self.content_type,
            preset,
            qualities: self.qualities,
            codec,
            webhook_url: self.webhook_url,
            metadata: self.metadata,
            external_id: self.external_id,
            watermark,
            images,
            loudness,
            chapters,
            clip,
        };
        Ok((request, priority))
    }
}

fn refused(code: Code, detail: impl Into<String>) -> Problem {
    Problem::new(code, detail)
}

fn check_filename(name: &str) -> Result<(), Problem> {
    let is_path = name.contains(['/', '\\']) || name == "." || name == "..";
    let is_name = name.len() <= FILENAME_BYTES_MAX
        && !name.trim().is_empty()
        && !name.chars().any(|c| c.is_control() || is_invisible(c));
    if is_name && !is_path {
        return Ok(());
    }
    Err(refused(
        Code::InvalidFilename,
        format!(
            "`filename` must be a plain name of 1 to {FILENAME_BYTES_MAX} bytes, without `/`, `\\`, control and invisible characters: send `film.mp4`, not its path."
        ),
    ))
}

/// Characters without a shape of their own: of no width, turning the direction of what follows, or
/// breaking the line. A name that holds them reads as another one. The page takes out the same.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

fn check_content_type(text: &str) -> Result<(), Problem> {
    let is_token = |part: &str| {
        let is_token_byte = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        !part.is_empty() && part.bytes().all(is_token_byte)
    };
    let is_type = text.len() <= CONTENT_TYPE_BYTES_MAX
        && text
            .split_once('/')
            .is_some_and(|(kind, name)| is_token(kind) && is_token(name));
    if is_type {
        return Ok(());
    }
    Err(refused(
        Code::InvalidContentType,
        "`content_type` must be like `video/mp4`, without parameters; `application/octet-stream` if you do not know.",
    ))
}

fn check_qualities(qualities: &[String], ladder: &Ladder) -> Result<(), Problem> {
    let known = || {
        let rungs = ladder.rungs().iter();
        rungs
            .map(|rung| rung.name.as_str())
            .chain([ladder::AUDIO])
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut seen = BTreeSet::new();
    for quality in qualities {
        let shown = || {
            quality
                .chars()
                .filter(|c| !c.is_control())
                .take(32)
                .collect::<String>()
        };
        if !ladder.is_quality(quality) {
            let detail = format!("There is no quality `{}`: choose of {}.", shown(), known());
            return Err(refused(Code::UnknownQuality, detail));
        }
        if !seen.insert(quality) {
            let detail = format!("The quality `{}` is named twice: name each once.", shown());
            return Err(refused(Code::UnknownQuality, detail));
        }
    }
    Ok(())
}

fn check_codec(codec: Option<&str>, qualities: &[String]) -> Result<VideoCodec, Problem> {
    let Some(codec) = codec else {
        return Ok(VideoCodec::default());
    };
    let codec = codec.parse().map_err(|unknown: UnknownCodec| {
        refused(Code::UnknownCodec, sentence(&unknown.to_string()))
    })?;
    if !qualities.is_empty() && qualities.iter().all(|quality| quality == ladder::AUDIO) {
        let detail = "`codec` is the picture's, and only `audio` is asked for: leave it out, or name a quality with a picture.";
        return Err(refused(Code::UnknownCodec, detail));
    }
    Ok(codec)
}

fn check_metadata(
    metadata: &BTreeMap<String, String>,
    external_id: Option<&str>,
) -> Result<(), Problem> {
    let is_text = |text: &str, bytes_max: usize| {
        text.len() <= bytes_max && !text.chars().any(char::is_control)
    };
    let is_small = metadata.len() <= METADATA_ENTRIES_MAX
        && metadata.iter().all(|(name, value)| {
            !name.is_empty()
                && is_text(name, METADATA_NAME_BYTES_MAX)
                && is_text(value, METADATA_VALUE_BYTES_MAX)
        });
    if !is_small {
        return Err(refused(
            Code::InvalidMetadata,
            format!(
                "`metadata` takes {METADATA_ENTRIES_MAX} entries, names of 1 to {METADATA_NAME_BYTES_MAX} and values of up to {METADATA_VALUE_BYTES_MAX} bytes, without control characters."
            ),
        ));
    }
    if external_id.is_some_and(|id| id.is_empty() || !is_text(id, EXTERNAL_ID_BYTES_MAX)) {
        return Err(refused(
            Code::InvalidMetadata,
            format!(
                "`external_id` takes 1 to {EXTERNAL_ID_BYTES_MAX} bytes without control characters."
            ),
        ));
    }
    Ok(())
}

/// The text now, the name as it resolves now; the Notifier checks again at each connect. A name that
/// does not resolve is no refusal: its server may come up later.
async fn check_webhook(text: &str, allow_loopback: bool) -> Result<(), Problem> {
    let refusal = |reason: &str| refused(Code::WebhookRefused, sentence(reason));
    let url =
        WebhookUrl::parse(text, allow_loopback).map_err(|error| refusal(&error.to_string()))?;
    if let Some(Host::Domain(name)) = url.url().host() {
        let lookup = GuardedResolver { allow_loopback }.lookup(name);
        if let Ok(Err(error)) = tokio::time::timeout(RESOLVE_TIMEOUT, lookup).await
            && error.kind() == std::io::ErrorKind::PermissionDenied
        {
            return Err(refusal(&format!(
                "the webhook address {error}: use a public host"
            )));
        }
    }
    Ok(())
}

/// An error's words as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests;
