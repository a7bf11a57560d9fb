//! One task by hand: a file or address in, files out.

use std::path::{Path, PathBuf};

use anyhow::Context;
use bus_schema::attempt::{AssembleResult, AudioPart, ChunkResult, ImagesResult, SubtitlesResult};
use bus_schema::intermediate::Intermediate;
use bus_schema::object_key;
use bus_schema::report::TaskError;
use bus_schema::request::uploaded_image::{IMAGE_BYTES_MAX, UploadedImage};
use bus_schema::source::SourceFacts;
use bus_schema::task::TaskSpec;
use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use crate::child::{ChildEvent, ChildTask, Options};
use crate::mp4::remux::CopiedFile;
use crate::protocol::{CopyRanges, RANGE_BYTES_MAX, Readable};
use crate::reader::Reader;

/// What `tcoder-worker task` prints last: how the task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Source facts; what the source was remuxed into, if it was, lies in the folder as
    /// `intermediate.mp4`.
    Probed(SourceFacts),
    /// A chunk, whose objects lie in the folder.
    Transcoded(ChunkResult),
    /// The sound, in parts, whose objects lie in the folder.
    Audio(Vec<AudioPart>),
    /// The still images, which lie in the folder.
    Pictured(ImagesResult),
    /// The subtitles, which lie in the folder.
    Subtitled(SubtitlesResult),
    /// The file, which lies in the folder as `copy.mp4`.
    Copied(AssembleResult),
    /// It failed.
    Failed(TaskError),
}

/// Name of the file that a copy makes.
const COPY: &str = "copy.mp4";
/// Name of the file that a source is remuxed into: the source of all tasks behind the probe.
const INTERMEDIATE: &str = "intermediate.mp4";
/// Its media, until its head is there.
const INTERMEDIATE_MEDIA: &str = "intermediate.part";
/// What names of its head's objects begin with.
const INTERMEDIATE_HEAD: &str = "intermediate/head-";
/// Bytes that are copied at once; S3 is not concerned.
const PART_BYTES: u64 = 16 << 20;
/// The longest read of the source: what a child, for whom the reader is, may ask for.
const READ_BYTES_MAX: u64 = RANGE_BYTES_MAX as u64;

/// What a task reads, each a path or an address.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The film.
    pub source: &'a str,
    /// An image for the poster, which a task of images takes.
    pub image: Option<&'a str>,
}

/// Runs a task on its inputs, and writes what it makes under `out`. The spec's sizes of them are replaced by what they
/// really have.
///
/// # Errors
/// When the spec is none that can be done, the source cannot be opened, the child not be started, or the outputs not
/// be written. A task that fails is an outcome, not an error.
pub async fn run(
    options: &Options,
    mut spec: TaskSpec,
    inputs: Inputs<'_>,
    out: &Path,
) -> anyhow::Result<Outcome> {
    check(&spec)?;
    let Inputs { source, image } = inputs;
    let (reader, size) = Reader::open(source)
        .await
        .with_context(|| format!("cannot open {source}"))?;
    set_size(&mut spec, size);
    let image = match image {
        Some(image) => Some(open_image(image, &mut spec).await?),
        None => None,
    };
    let mut child = ChildTask::spawn(options, spec).context("cannot start the task's process")?;
    let (mut parts, mut outcome) = (Vec::new(), None);
    let mut head = Vec::new();
    let mut pieces = Pieces::new(out);
    while let Some(event) = child.next().await {
        match event {
            ChildEvent::Range {
                of,
                offset,
                len,
                reply,
            } => {
                let reader = match (of, &image) {
                    (Readable::Image, Some(image)) => image,
                    (Readable::Image, None) | (Readable::Source, _) => &reader,
                };
                let read = reader.read(offset, len).await;
                reply.send(read.map_err(|error| error.to_string()));
            }
            ChildEvent::Object {
                name,
                bytes,
                credit,
            } => {
                if name.starts_with(object_key::INTERMEDIATE) {
                    pieces.write(&name, &bytes).await?;
                } else {
                    write(&out.join(name), &bytes).await?;
                }
                drop(credit);
            }
            ChildEvent::Progress(position) => tracing::info!(?position, "progress"),
            ChildEvent::AudioPart(part) => parts.push(part),
            ChildEvent::Probed(facts) => {
                pieces.finish(facts.intermediate.as_ref()).await?;
                outcome = Some(Outcome::Probed(facts));
            }
            ChildEvent::Transcoded(result) => outcome = Some(Outcome::Transcoded(result)),
            ChildEvent::AudioDone { .. } => {
                outcome = Some(Outcome::Audio(std::mem::take(&mut parts)))
            }
            ChildEvent::Pictured(result) => outcome = Some(Outcome::Pictured(result)),
            ChildEvent::Subtitled(result) => outcome = Some(Outcome::Subtitled(result)),
            ChildEvent::CopyHead(piece) => head.extend_from_slice(&piece),
            ChildEvent::CopyPlanned(planned) => {
                let head = std::mem::take(&mut head);
                outcome = Some(Outcome::Copied(
                    copy(&reader, size, head, planned, out).await?,
                ));
            }
            ChildEvent::Failed(error) => {
                pieces.finish(None).await?;
                outcome = Some(Outcome::Failed(error));
            }
            ChildEvent::Exited => break,
        }
    }
    outcome.context("the task ended without a word")
}

fn check(spec: &TaskSpec) -> anyhow::Result<()> {
    anyhow::ensure!(
        !matches!(spec, TaskSpec::Assemble(_)),
        "the spec is of kind `assemble`, which reads the segments of a job and no source: it cannot be done by hand"
    );
    spec.check().context("the spec contradicts itself")
}

/// Opens the image of a task of images, which is told its size.
async fn open_image(image: &str, spec: &mut TaskSpec) -> anyhow::Result<Reader> {
    let TaskSpec::Images(spec) = spec else {
        anyhow::bail!("only a task of images takes an image");
    };
    let opened = Reader::open(image).await;
    let (reader, bytes) = opened.with_context(|| format!("cannot open {image}"))?;
    let is_possible = (1..=IMAGE_BYTES_MAX).contains(&bytes);
    anyhow::ensure!(
        is_possible,
        "{image} has {bytes} bytes, and may have {IMAGE_BYTES_MAX}"
    );
    spec.uploaded = Some(UploadedImage { bytes });
    Ok(reader)
}

fn set_size(spec: &mut TaskSpec, size: u64) {
    match spec {
        TaskSpec::Probe(spec) => spec.source_bytes = size,
        TaskSpec::Chunk(spec) => spec.source_bytes = size,
        TaskSpec::Audio(spec) => spec.source_bytes = size,
        TaskSpec::Remux(spec) => spec.source_bytes = size,
        TaskSpec::Images(spec) => spec.source_bytes = size,
        TaskSpec::Subtitles(spec) => spec.source_bytes = size,
        TaskSpec::Assemble(_) => {}
    }
}

/// Writes a file, and the folder that it lies in.
async fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    Ok(tokio::fs::write(path, bytes).await?)
}

/// What a source is remuxed into, as one file: its media comes first, and goes behind its head.
#[derive(Debug)]
struct Pieces {
    out: PathBuf,
    head: Vec<u8>,
    media: Option<tokio::fs::File>,
}

impl Pieces {
    fn new(out: &Path) -> Self {
        Self {
            out: out.to_owned(),
            head: Vec::new(),
            media: None,
        }
    }

    fn media_path(&self) -> PathBuf {
        self.out.join(INTERMEDIATE_MEDIA)
    }

    async fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        if name.starts_with(INTERMEDIATE_HEAD) {
            self.head.extend_from_slice(bytes);
            return Ok(());
        }
        let media = match &mut self.media {
            Some(media) => media,
            None => {
                tokio::fs::create_dir_all(&self.out).await?;
                let path = self.media_path();
                self.media.insert(tokio::fs::File::create(path).await?)
            }
        };
        Ok(media.write_all(bytes).await?)
    }

    /// Joins both, where the source was remuxed to its end.
    async fn finish(&mut self, intermediate: Option<&Intermediate>) -> anyhow::Result<()> {
        let Some(mut media) = self.media.take() else {
            return Ok(());
        };
        media.flush().await?;
        if intermediate.is_some() {
            let mut whole = tokio::fs::File::create(self.out.join(INTERMEDIATE)).await?;
            whole.write_all(&self.head).await?;
            let mut media = tokio::fs::File::open(self.media_path()).await?;
            tokio::io::copy(&mut media, &mut whole).await?;
            whole.flush().await?;
        }
        Ok(tokio::fs::remove_file(self.media_path()).await?)
    }
}

/// Writes a copy as planned.
async fn copy(
    reader: &Reader,
    source_bytes: u64,
    head: Vec<u8>,
    planned: CopyRanges,
    out: &Path,
) -> anyhow::Result<AssembleResult> {
    let file = CopiedFile::new(head, &planned.ranges, source_bytes, PART_BYTES)?;
    tokio::fs::create_dir_all(out).await?;
    let mut written = tokio::fs::File::create(out.join(COPY)).await?;
    for part in file.parts() {
        let mut body = BytesMut::new();
        body.extend_from_slice(file.head().get(part.head.clone()).unwrap_or(&[]));
        for read in &part.reads {
            let mut bytes = BytesMut::new();
            while (bytes.len() as u64) < read.bytes {
                let done = bytes.len() as u64;
                let portion = u32::try_from((read.bytes - done).min(READ_BYTES_MAX))?;
                bytes.extend_from_slice(&reader.read(read.offset + done, portion).await?);
            }
            read.keep(&bytes, &mut body)?;
        }
        written.write_all(&body).await?;
    }
    written.flush().await?;
    Ok(AssembleResult {
        bytes: file.bytes(),
        n_parts: file.n_parts(),
        frames: planned.frames,
        duration_ms: planned.duration_ms,
        codecs: planned.codecs,
    })
}
