//! The engine, as `tcoder-worker task` runs it, on what the control plane would plan.

use std::path::{Path, PathBuf};

use actors::planner;
use anyhow::{Context as _, bail, ensure};
use bus_schema::ladder::Ladder;
use bus_schema::plan::{Plan, Span, VideoPlan};
use bus_schema::request::{JobRequest, Preset};
use bus_schema::source::SourceFacts;
use bus_schema::task::{AudioSpec, ChunkSpec, ProbeSpec, TaskSpec};
use serde_json::{Value, json};
use tokio::process::Command;

use super::film::Film;
use super::process;
use crate::system::beside;

const SECOND_NS: u64 = 1_000_000_000;

/// The engine.
#[derive(Debug)]
pub(super) struct Engine {
    program: PathBuf,
    cache: PathBuf,
}

/// A film, planned.
#[derive(Debug)]
pub(super) struct Planned {
    film: Film,
    facts: SourceFacts,
    plan: Plan,
}

impl Engine {
    /// The worker beside this program.
    pub(super) fn new(cache: &Path) -> anyhow::Result<Self> {
        let cache = cache.join("worker");
        std::fs::create_dir_all(&cache)?;
        Ok(Self {
            program: beside("tcoder-worker")?,
            cache,
        })
    }

    /// Probes a film and plans it in these qualities.
    pub(super) async fn plan(&self, film: &Film, qualities: &[&str]) -> anyhow::Result<Planned> {
        let source_bytes = film.bytes()?;
        let spec = TaskSpec::Probe(ProbeSpec { source_bytes });
        let scratch = tempfile::tempdir_in(&self.cache)?;
        let mut command = self.command(&spec, &film.path.display().to_string(), scratch.path())?;
        let said = process::run(&mut command, "tcoder-worker").await?;
        let outcome: Value = serde_json::from_slice(&said)?;
        let facts = outcome.get("probed").context("the film cannot be probed")?;
        let facts: SourceFacts = serde_json::from_value(facts.clone())?;
        let request: JobRequest = serde_json::from_value(json!({
            "filename": "film.mp4",
            "content_type": "video/mp4",
            "preset": Preset::HlsAdaptive,
            "qualities": qualities,
        }))?;
        let means = planner::Means {
            ladder: &Ladder::default(),
            encoders: &std::collections::BTreeSet::new(),
        };
        let plan = match planner::plan(&facts, &request, means) {
            Ok(plan) => plan,
            Err(error) => bail!("no plan: {}", error.message),
        };
        ensure!(
            plan.video.as_ref().map(|video| video.renditions.len()) == Some(qualities.len()),
            "the plan has other renditions than asked for"
        );
        Ok(Planned {
            film: film.clone(),
            facts,
            plan,
        })
    }

    /// `tcoder-worker task` on a source; what it makes is written below `out`.
    pub(super) fn command(
        &self,
        spec: &TaskSpec,
        source: &str,
        out: &Path,
    ) -> anyhow::Result<Command> {
        std::fs::create_dir_all(out)?;
        let kind = spec.kind();
        let file = out.join(format!("{kind}.json"));
        std::fs::write(&file, serde_json::to_vec(spec)?)?;
        let mut command = Command::new(&self.program);
        command.arg("task").arg("--spec").arg(&file);
        command.args(["--source", source]).arg("--out").arg(out);
        command.arg("--cache").arg(&self.cache);
        Ok(command)
    }

    /// Encodes a span of the picture into files below `out`.
    pub(super) async fn encode(
        &self,
        planned: &Planned,
        span: Span,
        first_segment: u32,
        out: &Path,
    ) -> anyhow::Result<()> {
        let spec = planned.chunk(span, first_segment)?;
        let mut command = self.command(&spec, &planned.source(), out)?;
        process::run(&mut command, "tcoder-worker").await.map(drop)
    }

    /// Encodes all of the picture and all of the sound, beside each other, as two slots do.
    pub(super) async fn encode_all(&self, planned: &Planned, out: &Path) -> anyhow::Result<()> {
        let mut sound = self.command(&planned.audio()?, &planned.source(), out)?;
        let sound = process::run(&mut sound, "tcoder-worker");
        tokio::try_join!(self.encode(planned, WHOLE, 0, out), sound)?;
        Ok(())
    }
}

/// All of a film.
pub(super) const WHOLE: Span = Span {
    start_ns: 0,
    end_ns: None,
};

impl Planned {
    /// How the picture is encoded.
    pub(super) fn video(&self) -> anyhow::Result<&VideoPlan> {
        self.plan.video.as_ref().context("a plan without a picture")
    }

    /// Bits of sound a second.
    pub(super) fn audio_bps(&self) -> anyhow::Result<u32> {
        let audio = self.plan.audio.first().context("a plan without sound")?;
        Ok(audio.bitrate_bps)
    }

    /// Length of a segment, in seconds.
    pub(super) fn segment_s(&self) -> u64 {
        self.plan.segment_ns / SECOND_NS
    }

    /// Frames of a segment, at the film's 30 a second.
    pub(super) fn frames_per_segment(&self) -> u64 {
        30 * self.segment_s()
    }

    /// Segments of the film.
    pub(super) fn segments(&self) -> u64 {
        u64::from(self.film.seconds).div_ceil(self.segment_s())
    }

    /// The chunk that is encoded first.
    pub(super) fn first_chunk(&self) -> Span {
        self.plan.chunk(0)
    }

    /// Where the film lies.
    pub(super) fn source(&self) -> String {
        self.film.path.display().to_string()
    }

    /// The task of a span.
    pub(super) fn chunk(&self, span: Span, first_segment: u32) -> anyhow::Result<TaskSpec> {
        Ok(TaskSpec::Chunk(ChunkSpec {
            clip: None,
            source_bytes: self.film.bytes()?,
            facts: self
                .facts
                .video
                .clone()
                .context("a film without a picture")?,
            span,
            segment_ns: self.plan.segment_ns,
            first_segment,
            video: self.video()?.clone(),
            watermark: None,
            scene_score_permille: None,
        }))
    }

    fn audio(&self) -> anyhow::Result<TaskSpec> {
        Ok(TaskSpec::Audio(AudioSpec {
            clip: None,
            source_bytes: self.film.bytes()?,
            facts: self
                .facts
                .audio
                .first()
                .cloned()
                .context("a film without sound")?,
            segment_ns: self.plan.segment_ns,
            parts_done: 0,
            audio: self
                .plan
                .audio
                .first()
                .cloned()
                .context("a plan without sound")?,
        }))
    }

    /// Spans of so many seconds over all of the film.
    pub(super) fn spans(&self, seconds: u32) -> Vec<Span> {
        let n = self.film.seconds.div_ceil(seconds.max(1));
        let at = |n: u32| u64::from(n) * u64::from(seconds) * SECOND_NS;
        (0..n)
            .map(|i| Span {
                start_ns: at(i),
                end_ns: (i + 1 < n).then_some(at(i + 1)),
            })
            .collect()
    }
}

/// A rendition's init segment and all its segments as one file beside them.
pub(super) fn joined(out: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = out.join(name);
    let mut segments: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    segments.retain(|path| path.extension().is_some_and(|end| end == "m4s"));
    segments.sort();
    ensure!(!segments.is_empty(), "nothing was made of {name}");
    let mut bytes = std::fs::read(folder.join("init.mp4"))?;
    for segment in segments {
        bytes.extend(std::fs::read(segment)?);
    }
    let path = out.join(format!("{name}.mp4"));
    std::fs::write(&path, bytes)?;
    Ok(path)
}
