//! What an attempt is told to do. Pure: from the record, and for files from what the pieces' attempts
//! reported.

use std::borrow::Cow;

use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::intermediate::{Intermediate, IntermediatePlace};
use bus_schema::plan::{Plan, TaskRole};
use bus_schema::record::JobRecord;
use bus_schema::request::clip::Clip;
use bus_schema::source::SourceFacts;
use bus_schema::task::{
    AssembleSpec, AudioPieces, AudioSpec, ChunkSpec, ImagesSpec, Piece, ProbeSpec, RemuxSpec,
    SubtitlesSpec, TaskSpec,
};

use super::PROBE;

/// Segments of a piece: the number of the first, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// Number of the first.
    pub first: u32,
    /// How many.
    pub n: u32,
}

/// The specification of a task that is not assembled from others; `None` when the record has no such task.
#[must_use]
pub fn spec(record: &JobRecord, task: TaskNumber, role: TaskRole) -> Option<TaskSpec> {
    let source_bytes = match (role, read_instead(record)) {
        (TaskRole::Probe, _) | (_, None) => record.source.bytes,
        (_, Some(intermediate)) => intermediate.bytes(),
    };
    let clip = record.request.clip;
    let media = || {
        let facts = record.facts.as_ref()?;
        // Of a clip that cannot be taken there is no plan.
        let facts = match clip {
            Some(clip) => Cow::Owned(clip.apply(facts).ok()?),
            None => Cow::Borrowed(facts),
        };
        Some((record.plan.as_ref()?, facts))
    };
    Some(match role {
        TaskRole::Probe => TaskSpec::Probe(ProbeSpec { source_bytes }),
        TaskRole::Chunk(chunk) | TaskRole::FileChunk(chunk) => {
            let (plan, facts) = media()?;
            let video = plan.video.as_ref()?;
            TaskSpec::Chunk(ChunkSpec {
                source_bytes,
                facts: facts.video.clone()?,
                span: plan.chunk(chunk),
                segment_ns: plan.segment_ns,
                first_segment: plan.first_segment(chunk),
                video: match role {
                    TaskRole::FileChunk(_) => video.of_file(),
                    _ => video.of_chunk(chunk),
                },
                watermark: record.request.watermark.clone(),
                scene_score_permille: record.request.scene_score_permille(),
                clip,
            })
        }
        TaskRole::Audio(track) => {
            let (plan, facts) = media()?;
            let audio = plan.audio.get(track)?.clone();
            TaskSpec::Audio(AudioSpec {
                source_bytes,
                facts: facts
                    .audio
                    .iter()
                    .find(|one| one.track == audio.track)?
                    .clone(),
                segment_ns: plan.segment_ns,
                parts_done: record.tasks.get(task)?.n_parts(),
                audio,
                clip,
            })
        }
        TaskRole::Remux => TaskSpec::Remux(RemuxSpec { source_bytes }),
        TaskRole::Images => {
            let (plan, facts) = media()?;
            TaskSpec::Images(ImagesSpec {
                source_bytes,
                facts: facts.video.clone()?,
                images: plan.images.clone()?,
                scenes_ns: Vec::new(),
                clip,
                uploaded: None,
            })
        }
        TaskRole::Subtitles => {
            let (plan, facts) = media()?;
            subtitles(source_bytes, plan, &facts, clip)?
        }
        TaskRole::Assemble(_) => return None,
    })
}

/// What the source was remuxed into, which every task but the probe reads in its place.
fn read_instead(record: &JobRecord) -> Option<Intermediate> {
    record.facts.as_ref()?.intermediate
}

/// What a task reads in the source's place, and where that lies; `None` for one that reads the source
/// itself, or nothing of it.
#[must_use]
pub fn intermediate(record: &JobRecord, task: TaskNumber) -> Option<IntermediatePlace> {
    if task == PROBE {
        return None;
    }
    Some(IntermediatePlace {
        task: PROBE,
        attempt: record.tasks.get(PROBE)?.done_attempt()?,
        intermediate: read_instead(record)?,
    })
}

/// All tracks of subtitles, each with its facts.
fn subtitles(
    source_bytes: u64,
    plan: &Plan,
    facts: &SourceFacts,
    clip: Option<Clip>,
) -> Option<TaskSpec> {
    let of = |track: u32| facts.subtitles.iter().find(|one| one.track == track);
    let facts = plan.subtitles.iter().map(|one| of(one.track).cloned());
    Some(TaskSpec::Subtitles(SubtitlesSpec {
        source_bytes,
        facts: facts.collect::<Option<_>>()?,
        subtitles: plan.subtitles.clone(),
        duration_ns: plan.duration_ns,
        clip,
    }))
}

/// A chunk's or a part's ordinal, and the task and the attempt that wrote it.
pub type Written = (u32, TaskNumber, Attempt);

/// The attempts whose results a file is made of: the picture's chunks, the sound's parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ingredients {
    /// Chunk, task, attempt.
    pub video: Vec<Written>,
    /// Of each track of sound that is not given up and has parts: its place in the plan, and part, task
    /// and attempt of each.
    pub audio: Vec<(usize, Vec<Written>)>,
}

/// What one of the plan's files is made of.
#[must_use]
pub fn ingredients(record: &JobRecord, plan: &Plan, file: usize) -> Ingredients {
    let audio = record
        .audio_tracks()
        .map(|(track, _)| (track, record.audio_prefix(track)))
        .filter(|(_, parts)| !parts.is_empty())
        .collect();
    let is_audio_file = plan
        .files
        .get(file)
        .is_some_and(|name| plan.is_audio_file(name));
    let video = if is_audio_file {
        Vec::new()
    } else {
        record.file_chunks()
    };
    Ingredients { video, audio }
}

/// The specification of a file, given the segments of each of its ingredients in order, those of the
/// sound track by track. Pieces without any were never written, and are left out.
#[must_use]
pub fn assemble(
    record: &JobRecord,
    plan: &Plan,
    file: usize,
    video: &[Segments],
    audio: &[Vec<Segments>],
) -> Option<TaskSpec> {
    let Ingredients {
        video: chunks,
        audio: tracks,
    } = ingredients(record, plan, file);
    let name = plan.files.get(file)?.clone();
    let has_video = !chunks.is_empty();
    let piece = |(ordinal, task, attempt), segments: &Segments, is_part: bool| Piece {
        task,
        attempt,
        part: is_part.then_some(ordinal),
        first_segment: segments.first,
        n_segments: segments.n,
    };
    Some(TaskSpec::Assemble(AssembleSpec {
        tenant: record.tenant.clone(),
        job: record.id,
        video: chunks
            .into_iter()
            .zip(video)
            .filter(|(_, segments)| segments.n > 0)
            .map(|(one, segments)| piece(one, segments, false))
            .collect(),
        video_name: has_video.then(|| name.clone()),
        audio: tracks
            .into_iter()
            .zip(audio)
            .filter_map(|((track, parts), segments)| {
                let pieces = parts.into_iter().zip(segments);
                let pieces = pieces
                    .filter(|(_, segments)| segments.n > 0)
                    .map(|(one, segments)| piece(one, segments, true));
                Some(AudioPieces {
                    name: plan.audio.get(track)?.name.clone(),
                    pieces: pieces.collect(),
                })
            })
            .collect(),
        name,
    }))
}
