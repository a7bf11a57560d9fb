//! Whether the fields of a specification agree with each other. Those of a job always do; one that was written by
//! hand may not, and would be a riddle, or be waited for without end, where they are used.

use std::fmt;

use super::{AudioSpec, ChunkSpec, ImagesSpec, SubtitlesSpec, TaskSpec};

/// Most channels of sound that a task makes.
const CHANNELS_MAX: u32 = 2;

/// What is wrong with a specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSpec {
    /// The field, as its path in JSON.
    pub field: &'static str,
    /// What it has to be, behind the word "must".
    pub rule: &'static str,
}

impl fmt::Display for InvalidSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` must {}", self.field, self.rule)
    }
}

impl std::error::Error for InvalidSpec {}

impl TaskSpec {
    /// Looks at what no field can tell of itself.
    ///
    /// # Errors
    /// The first field that cannot be meant.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        match self {
            Self::Chunk(spec) => chunk(spec),
            Self::Audio(spec) => audio(spec),
            Self::Images(spec) => images(spec),
            Self::Subtitles(spec) => subtitles(spec),
            Self::Probe(_) | Self::Assemble(_) | Self::Remux(_) => Ok(()),
        }
    }
}

fn ensure(holds: bool, field: &'static str, rule: &'static str) -> Result<(), InvalidSpec> {
    if holds {
        Ok(())
    } else {
        Err(InvalidSpec { field, rule })
    }
}

fn chunk(spec: &ChunkSpec) -> Result<(), InvalidSpec> {
    let ChunkSpec {
        span,
        segment_ns,
        video,
        ..
    } = spec;
    let has_length = span.end_ns.is_none_or(|end_ns| end_ns > span.start_ns);
    ensure(has_length, "chunk.span", "end behind its start")?;
    ensure(*segment_ns > 0, "chunk.segment_ns", "be above 0")?;
    ensure(
        video.timescale > 0,
        "chunk.video.timescale",
        "be above 0, as in the facts",
    )?;
    let renditions = "chunk.video.renditions";
    ensure(
        !video.renditions.is_empty(),
        renditions,
        "name one rendition at least",
    )?;
    let mut sizes = video.renditions.iter().map(|one| (one.width, one.height));
    let is_sized = sizes.all(|(width, height)| width > 0 && height > 0);
    ensure(is_sized, renditions, "have widths and heights above 0")
}

fn audio(spec: &AudioSpec) -> Result<(), InvalidSpec> {
    let AudioSpec {
        facts,
        segment_ns,
        audio,
        ..
    } = spec;
    ensure(*segment_ns > 0, "audio.segment_ns", "be above 0")?;
    ensure(
        audio.track == facts.track,
        "audio.audio.track",
        "be the `track` of the facts",
    )?;
    ensure(
        (1..=CHANNELS_MAX).contains(&audio.channels),
        "audio.audio.channels",
        "be 1 or 2",
    )?;
    let rate = "audio.audio.sample_rate_hz";
    ensure(audio.sample_rate_hz > 0, rate, "be above 0")?;
    let part = "audio.audio.part_segments";
    ensure(audio.part_segments > 0, part, "be above 0")
}

fn images(spec: &ImagesSpec) -> Result<(), InvalidSpec> {
    let Some(board) = &spec.images.storyboard else {
        return Ok(());
    };
    let sizes = [
        board.tile.width,
        board.tile.height,
        board.columns,
        board.rows,
    ];
    ensure(
        sizes.iter().all(|size| *size > 0) && board.interval_ns > 0,
        "images.images.storyboard",
        "have tiles, columns, rows and an interval above 0",
    )
}

fn subtitles(spec: &SubtitlesSpec) -> Result<(), InvalidSpec> {
    let facts = spec.facts.iter().map(|facts| facts.track);
    let plans = spec.subtitles.iter().map(|plan| plan.track);
    ensure(
        facts.eq(plans),
        "subtitles.facts",
        "be the probe's facts of each of `subtitles.subtitles`, of the same `track` and in the same order",
    )
}
