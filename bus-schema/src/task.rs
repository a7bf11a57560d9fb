//! Tasks: the invitation on the work queue, and the specification that a claim is answered with.

mod check;
mod pieces;
mod size;

pub use check::InvalidSpec;
pub use size::SPEC_BYTES_MAX;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Attempt, JobId, RenditionName, TaskNumber, TenantId};
use crate::plan::images::ImagesPlan;
use crate::plan::subtitles::SubtitlePlan;
use crate::plan::{AudioPlan, Span, VideoPlan};
use crate::request::clip::Clip;
use crate::request::uploaded_image::UploadedImage;
use crate::request::watermark::Watermark;
use crate::source::{AudioFacts, SubtitleFacts, VideoFacts};

macro_rules! token_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The token in subjects.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or(())
            }
        }
    };
}

token_enum!(
    /// Which workers can do a task; one consumer each.
    TaskClass {
        /// Keeps all cores of a slot busy: video chunks.
        Cpu = "cpu",
        /// Mostly waits for the network: probe, audio, assembly, copy, subtitles.
        Light = "light",
    }
);

token_enum!(
    /// What a task does.
    TaskKind {
        /// Reads source facts.
        Probe = "probe",
        /// Transcodes one chunk into every rendition.
        Chunk = "chunk",
        /// Transcodes the sound.
        Audio = "audio",
        /// Writes one MP4 from segments and sample tables.
        Assemble = "assemble",
        /// Writes one MP4 from the source's own streams.
        Remux = "remux",
        /// Makes the still images.
        Images = "images",
        /// Carries over the subtitles.
        Subtitles = "subtitles",
    }
);

/// The body of a message on `TASKS`: it invites to claim and authorizes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Whose task.
    pub job: JobId,
    /// Which.
    pub task: TaskNumber,
    /// What it does.
    pub kind: TaskKind,
}

/// Everything an attempt needs to know, but for the addresses of objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskSpec {
    /// Read source facts.
    Probe(ProbeSpec),
    /// Transcode one chunk.
    Chunk(ChunkSpec),
    /// Transcode the sound.
    Audio(AudioSpec),
    /// Assemble one MP4.
    Assemble(AssembleSpec),
    /// Copy the source's streams into one MP4.
    Remux(RemuxSpec),
    /// Make the still images.
    Images(ImagesSpec),
    /// Carry over the subtitles.
    Subtitles(SubtitlesSpec),
}

impl TaskSpec {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> TaskKind {
        match self {
            Self::Probe(_) => TaskKind::Probe,
            Self::Chunk(_) => TaskKind::Chunk,
            Self::Audio(_) => TaskKind::Audio,
            Self::Assemble(_) => TaskKind::Assemble,
            Self::Remux(_) => TaskKind::Remux,
            Self::Images(_) => TaskKind::Images,
            Self::Subtitles(_) => TaskKind::Subtitles,
        }
    }
}

/// Read source facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSpec {
    /// Size of the source object; by hand it is measured, whatever is told.
    pub source_bytes: u64,
}

/// Transcode the frames whose stream time lies in `span` into every rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkSpec {
    /// Size of the source object; by hand it is measured, whatever is told.
    pub source_bytes: u64,
    /// As probed.
    pub facts: VideoFacts,
    /// Which frames.
    pub span: Span,
    /// Length of a segment.
    pub segment_ns: u64,
    /// Number of the first segment.
    pub first_segment: u32,
    /// Into what.
    pub video: VideoPlan,
    /// What is drawn over the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Watermark>,
    /// Frames are reported that differ so much from the one before, in thousandths, where scenes are
    /// looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene_score_permille: Option<u16>,
    /// The part of the source that is taken: `facts` and `span` are in its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
}

/// Transcode a track of sound from a part on, and report it in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioSpec {
    /// Size of the source object; by hand it is measured, whatever is told.
    pub source_bytes: u64,
    /// As probed.
    pub facts: AudioFacts,
    /// Length of a segment; audio segments end at the first AAC frame at or after each multiple.
    pub segment_ns: u64,
    /// Parts that are there already: this attempt begins behind them.
    pub parts_done: u32,
    /// Into what.
    pub audio: AudioPlan,
    /// The part of the source that is taken: `facts` are in its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
}

/// Write one MP4 with its index in front, from segments and sample tables that lie in storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssembleSpec {
    /// Whose outputs the pieces lie in.
    pub tenant: TenantId,
    /// Whose outputs the pieces lie in.
    pub job: JobId,
    /// Name of the file's rendition; the file is [`crate::object_key::file`].
    pub name: RenditionName,
    /// Pieces of the picture in order; empty for an audio-only file.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "pieces")]
    pub video: Vec<Piece>,
    /// Its rendition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_name: Option<RenditionName>,
    /// The tracks of sound, the one to play when nobody chooses first.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "pieces::tracks"
    )]
    pub audio: Vec<AudioPieces>,
}

/// A track of sound of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioPieces {
    /// Its rendition.
    pub name: RenditionName,
    /// Its parts in order.
    #[serde(with = "pieces")]
    pub pieces: Vec<Piece>,
}

/// Write one MP4 with its index in front, from the source's streams as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemuxSpec {
    /// Size of the source object; by hand it is measured, whatever is told.
    pub source_bytes: u64,
}

/// Make the still images of the picture. Their names are [`crate::object_key`]'s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagesSpec {
    /// Size of the source object; by hand it is measured, whatever is told.
    pub source_bytes: u64,
    /// As probed.
    pub facts: VideoFacts,
    /// Which images.
    pub images: ImagesPlan,
    /// Where scenes begin, for thumbnails that show them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenes_ns: Vec<u64>,
    /// The part of the source that is taken: all times are in its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
    /// The image that the client uploaded to be the poster, where it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<UploadedImage>,
}

/// Make a WebVTT file of each of these tracks of subtitles. Their names are
/// [`crate::object_key::subtitles`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitlesSpec {
    /// Size of the source object; by hand it is measured, whatever is told.
    pub source_bytes: u64,
    /// As probed: the facts of each of `subtitles`, in their order.
    pub facts: Vec<SubtitleFacts>,
    /// Into what.
    pub subtitles: Vec<SubtitlePlan>,
    /// Length of what is made of the source.
    pub duration_ns: u64,
    /// The part of the source that is taken: cues are cut to it, and are in its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<Clip>,
}

/// Consecutive segments that one attempt wrote, with one table of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The task that wrote them.
    pub task: TaskNumber,
    /// Its winning attempt.
    pub attempt: Attempt,
    /// The part, for a task that reports parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// Number of the first segment.
    pub first_segment: u32,
    /// How many segments.
    pub n_segments: u32,
}
