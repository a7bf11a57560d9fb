//! Tasks through real children, with all that they make in memory.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bus_schema::attempt::{AudioPart, ChunkResult, ImagesResult, SubtitlesResult};
use bus_schema::encoder::Encoder;
use bus_schema::id::{Attempt, RenditionName, TaskNumber};
use bus_schema::object_key;
use bus_schema::plan::{AudioPlan, Span, VideoPlan, VideoRendition};
use bus_schema::report::TaskError;
use bus_schema::request::loudness::LoudnessResult;
use bus_schema::source::{AudioFacts, SourceFacts, VideoFacts};
use bus_schema::task::{AudioSpec, ChunkSpec, Piece, ProbeSpec, TaskSpec};
use bus_schema::video_codec::VideoCodec;
use bytes::Bytes;
use worker::child::{ChildEvent, ChildTask, Limits, Options};
use worker::mp4::{Assembly, SampleTable, TrackPieces};
use worker::plugins::{self, Plugins};
use worker::protocol::{CopyRanges, Position, Readable};

use super::{folder, sentence};

pub(crate) const SECOND_NS: u64 = 1_000_000_000;

static PLUGINS: LazyLock<Plugins> =
    LazyLock::new(|| plugins::prepare(&folder::of_run("cache")).expect("plugins are installed"));

/// The real program with default limits.
pub(crate) fn options() -> Options {
    let mut environment = PLUGINS.environment().clone();
    // What GLib only warns of is a defect of ours.
    environment.insert("G_DEBUG".to_owned(), "fatal-warnings".to_owned());
    Options {
        program: PathBuf::from(env!("CARGO_BIN_EXE_tcoder-worker")),
        environment,
        threads: 2,
        limits: Limits::default(),
    }
}

/// All that a task made and said.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) objects: BTreeMap<String, Bytes>,
    pub(crate) progress: Vec<Position>,
    pub(crate) facts: Option<SourceFacts>,
    pub(crate) chunk: Option<ChunkResult>,
    pub(crate) parts: Vec<AudioPart>,
    pub(crate) n_parts: Option<u32>,
    pub(crate) images: Option<ImagesResult>,
    pub(crate) subtitles: Option<SubtitlesResult>,
    pub(crate) loudness: Option<LoudnessResult>,
    pub(crate) head: Vec<u8>,
    pub(crate) copy: Option<CopyRanges>,
    pub(crate) failure: Option<TaskError>,
    /// Bytes of the source that were asked for.
    pub(crate) read_bytes: u64,
}

/// Runs a task on a file to its end.
pub(crate) async fn run(spec: TaskSpec, source: &Path) -> Made {
    let child = ChildTask::spawn(&options(), spec).expect("a child starts");
    drive(child, source).await
}

/// Serves a child from a file until it is gone.
pub(crate) async fn drive(child: ChildTask, source: &Path) -> Made {
    drive_with(child, source, None).await
}

/// The same with an image beside the film.
pub(crate) async fn drive_with(mut child: ChildTask, source: &Path, image: Option<&[u8]>) -> Made {
    let file = std::fs::File::open(source).expect("the source can be opened");
    let mut made = Made::default();
    while let Some(event) = child.next().await {
        match event {
            ChildEvent::Range {
                of,
                offset,
                len,
                reply,
            } => {
                let mut bytes = vec![0; len as usize];
                let read = match (of, image) {
                    (Readable::Source, _) => {
                        made.read_bytes += u64::from(len);
                        file.read_exact_at(&mut bytes, offset)
                    }
                    (Readable::Image, Some(image)) => {
                        (&image[usize::try_from(offset).expect("small")..]).read_exact(&mut bytes)
                    }
                    (Readable::Image, None) => Err(std::io::Error::other("the image is gone")),
                };
                reply.send(
                    read.map(|()| Bytes::from(bytes))
                        .map_err(|error| error.to_string()),
                );
            }
            ChildEvent::Object {
                name,
                bytes,
                credit,
            } => {
                let before = made.objects.insert(name.clone(), bytes);
                assert!(
                    before.is_none() || name.ends_with("init.mp4"),
                    "{name} was made twice"
                );
                drop(credit);
            }
            ChildEvent::Progress(position) => made.progress.push(position),
            ChildEvent::Probed(facts) => made.facts = Some(facts),
            ChildEvent::Transcoded(result) => made.chunk = Some(result),
            ChildEvent::AudioPart(part) => made.parts.push(part),
            ChildEvent::Pictured(result) => made.images = Some(result),
            ChildEvent::Subtitled(result) => made.subtitles = Some(result),
            ChildEvent::AudioDone { n_parts, loudness } => {
                (made.n_parts, made.loudness) = (Some(n_parts), loudness);
            }
            ChildEvent::CopyHead(piece) => made.head.extend_from_slice(&piece),
            ChildEvent::CopyPlanned(ranges) => made.copy = Some(ranges),
            ChildEvent::Failed(error) => {
                sentence::check(&error);
                assert!(made.failure.replace(error).is_none(), "failed twice");
            }
            ChildEvent::Exited => {
                assert!(
                    child.next().await.is_none(),
                    "there is nothing after the end"
                );
                return made;
            }
        }
    }
    panic!("the events ended without an end: {made:?}");
}

pub(crate) async fn probe(source: &Path) -> Made {
    let source_bytes = bytes(source);
    run(TaskSpec::Probe(ProbeSpec { source_bytes }), source).await
}

/// Source facts of a clip that has to be good.
pub(crate) async fn facts(source: &Path) -> SourceFacts {
    let made = probe(source).await;
    made.facts
        .unwrap_or_else(|| panic!("{}: {:?}", source.display(), made.failure))
}

/// Source facts of a clip that has to be good, and what all other tasks read: itself, or what it was
/// remuxed into.
pub(crate) async fn ingested(source: &Path) -> (SourceFacts, PathBuf) {
    let made = probe(source).await;
    let read = intermediate(source, &made).unwrap_or_else(|| source.to_owned());
    let facts = made.facts;
    let facts = facts.unwrap_or_else(|| panic!("{}: {:?}", source.display(), made.failure));
    (facts, read)
}

/// What a probe remuxed a source into, as one file.
pub(crate) fn intermediate(source: &Path, made: &Made) -> Option<PathBuf> {
    let intermediate = made.facts.as_ref()?.intermediate?;
    let mut whole = Vec::new();
    for (name, bytes) in intermediate.objects() {
        let object = &made.objects[&name];
        assert_eq!(object.len() as u64, bytes, "{name}");
        whole.extend_from_slice(object);
    }
    assert_eq!(whole.len() as u64, intermediate.bytes());
    let name = source.file_name().expect("a name").to_string_lossy();
    Some(super::clip::write(
        &format!("{name}.intermediate.mp4"),
        &whole,
    ))
}

pub(crate) fn bytes(source: &Path) -> u64 {
    std::fs::metadata(source)
        .expect("the source is there")
        .len()
}

pub(crate) fn rendition(name: &str, width: u32, height: u32) -> VideoRendition {
    let encoder = bus_schema::encoder::in_software(VideoCodec::H264);
    VideoRendition {
        name: name.parse().expect("a rendition's name"),
        width,
        height,
        encoder: encoder.element.to_owned(),
        crf: encoder.quality,
        bitrate_max_bps: 1_000_000,
        buffer_bits: 2_000_000,
        keyframe_frames_max: 250,
    }
}

/// The chunk of a span, with segments of `segment_s`.
pub(crate) fn chunk(
    source: &Path,
    facts: &VideoFacts,
    span: Span,
    segment_s: u64,
    sizes: &[(u32, u32)],
) -> TaskSpec {
    let name = |height: &u32| format!("{height}p");
    TaskSpec::Chunk(ChunkSpec {
        source_bytes: bytes(source),
        facts: facts.clone(),
        span,
        segment_ns: segment_s * SECOND_NS,
        first_segment: u32::try_from(span.start_ns / (segment_s * SECOND_NS))
            .expect("few segments"),
        video: VideoPlan {
            timescale: facts.timescale,
            end_ns: facts.start_ns + facts.duration_ns,
            renditions: sizes
                .iter()
                .map(|(w, h)| rendition(&name(h), *w, *h))
                .collect(),
            takeover: None,
        },
        watermark: None,
        scene_score_permille: None,
        clip: None,
    })
}

/// The same with another encoder.
pub(crate) fn encoded_by(spec: TaskSpec, encoder: Encoder) -> TaskSpec {
    let TaskSpec::Chunk(mut spec) = spec else {
        panic!("only chunks are encoded to pictures: {spec:?}");
    };
    for rendition in &mut spec.video.renditions {
        encoder.element.clone_into(&mut rendition.encoder);
        rendition.crf = encoder.quality;
    }
    TaskSpec::Chunk(spec)
}

/// The whole sound from part `parts_done` on, with segments of 2 s and two of them a part.
pub(crate) fn audio(source: &Path, facts: &AudioFacts, parts_done: u32) -> TaskSpec {
    TaskSpec::Audio(AudioSpec {
        source_bytes: bytes(source),
        facts: facts.clone(),
        segment_ns: 2 * SECOND_NS,
        parts_done,
        audio: AudioPlan {
            name: "audio".parse().expect("a rendition's name"),
            track: facts.track,
            channels: 2,
            sample_rate_hz: 48_000,
            bitrate_bps: 128_000,
            part_segments: 2,
            language: None,
            title: None,
            loudness: None,
        },
        clip: None,
    })
}

/// A rendition's init segment and all its segments, over several tasks, as one file.
pub(crate) fn join(name: &str, made: &[&Made], to: &str) -> PathBuf {
    let mut file = made[0].objects[&format!("{name}/init.mp4")].to_vec();
    for one in made {
        let prefix = format!("{name}/");
        let segments = one
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix) && key.ends_with(".m4s"));
        for (_, bytes) in segments {
            file.extend_from_slice(bytes);
        }
    }
    super::clip::write(to, &file)
}

/// The sound of several attempts, each from one of its parts on to one of its parts, as one MP4 with
/// the index in front.
pub(crate) fn assemble_sound(made: &[(&Made, std::ops::Range<u32>)], to: &str) -> PathBuf {
    let name: RenditionName = "audio".parse().expect("a rendition's name");
    let mut objects = BTreeMap::new();
    let mut pieces = Vec::new();
    for ((made, parts), attempt) in made.iter().zip(1..) {
        let (task, attempt) = (TaskNumber(1), Attempt(attempt));
        let dir = object_key::attempt_dir(task, attempt);
        let named = made.objects.iter();
        objects.extend(named.map(|(name, bytes)| (format!("{dir}{name}"), bytes)));
        for part in made.parts.iter().filter(|part| parts.contains(&part.part)) {
            let piece = Piece {
                task,
                attempt,
                part: Some(part.part),
                first_segment: part.first_segment,
                n_segments: u32::try_from(part.durations.len()).expect("few segments"),
            };
            let table = &made.objects[&object_key::part_samples(&name, part.part)];
            pieces.push((piece, SampleTable::decode(table).expect("a table")));
        }
    }
    let assembly = Assembly::new(None, [TrackPieces { name, pieces }]).expect("pieces that fit");
    let mut file = assembly.header().to_vec();
    for copy in assembly.copies() {
        let object = assembly.object_name(copy).expect("an object of ours");
        let from = copy.offset as usize;
        file.extend_from_slice(&objects[&object][from..from + copy.bytes as usize]);
    }
    super::clip::write(to, &file)
}
