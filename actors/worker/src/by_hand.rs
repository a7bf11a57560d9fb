//! One task by hand: a file or address in, files out.

use std::path::Path;

use anyhow::Context;
use bus_schema::attempt::{AudioPart, ChunkResult};
use bus_schema::report::TaskError;
use bus_schema::source::SourceFacts;
use bus_schema::task::TaskSpec;
use serde::{Deserialize, Serialize};

use crate::child::{ChildEvent, ChildTask, Options};
use crate::reader::Reader;

/// What `tcoder-worker task` prints last: how the task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Source facts.
    Probed(SourceFacts),
    /// A chunk, whose objects lie in the folder.
    Transcoded(ChunkResult),
    /// The sound, in parts, whose objects lie in the folder.
    Audio(Vec<AudioPart>),
    /// It failed.
    Failed(TaskError),
}

/// Runs a task on a source, and writes what it makes under `out`. The spec's `source_bytes` are
/// replaced by what the source really has.
///
/// # Errors
/// When the source cannot be opened, the child not be started, or the outputs not be written. A
/// task that fails is an outcome, not an error.
pub async fn run(
    options: &Options,
    mut spec: TaskSpec,
    source: &str,
    out: &Path,
) -> anyhow::Result<Outcome> {
    let (reader, size) = Reader::open(source)
        .await
        .with_context(|| format!("cannot open {source}"))?;
    match &mut spec {
        TaskSpec::Probe(spec) => spec.source_bytes = size,
        TaskSpec::Chunk(spec) => spec.source_bytes = size,
        TaskSpec::Audio(spec) => spec.source_bytes = size,
        TaskSpec::Assemble(_) => anyhow::bail!("an assembly reads objects, not a source"),
    }
    let mut child = ChildTask::spawn(options, spec).context("cannot start the task's process")?;
    let (mut parts, mut outcome) = (Vec::new(), None);
    while let Some(event) = child.next().await {
        match event {
            ChildEvent::Range { offset, len, reply } => {
                reply.send(
                    reader
                        .read(offset, len)
                        .await
                        .map_err(|error| error.to_string()),
                );
            }
            ChildEvent::Object {
                name,
                bytes,
                credit,
            } => {
                let path = out.join(name);
                if let Some(folder) = path.parent() {
                    tokio::fs::create_dir_all(folder).await?;
                }
                tokio::fs::write(&path, &bytes).await?;
                drop(credit);
            }
            ChildEvent::Progress(position) => tracing::info!(?position, "progress"),
            ChildEvent::AudioPart(part) => parts.push(part),
            ChildEvent::Probed(facts) => outcome = Some(Outcome::Probed(facts)),
            ChildEvent::Transcoded(result) => outcome = Some(Outcome::Transcoded(result)),
            ChildEvent::AudioDone { .. } => {
                outcome = Some(Outcome::Audio(std::mem::take(&mut parts)))
            }
            ChildEvent::Failed(error) => outcome = Some(Outcome::Failed(error)),
            ChildEvent::Exited => break,
        }
    }
    outcome.context("the task ended without a word")
}
