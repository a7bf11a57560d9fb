//! What parent and child say to each other over two Unix sockets.
//!
//! The child holds no network, no credentials and no file: it asks for ranges of the source on one
//! socket (its standard input) and hands over what it wrote on the other (its standard output).
//! Each frame is a length and one named MessagePack value. Both directions have a largest frame and
//! a limit of what may be on its way, so that neither side can make the other wait or grow for
//! ever:
//!
//! * at most [`ASKS_MAX`] ranges are asked and not yet answered, none longer than
//!   [`RANGE_BYTES_MAX`];
//! * objects are sent only against credit in bytes, [`CREDIT_BYTES`] at first, given back by the
//!   parent as it gets rid of them.

pub mod frame;

use bus_schema::attempt::{AudioPart, ChunkResult, ImagesResult, SubtitlesResult};
use bus_schema::report::TaskError;
use bus_schema::request::loudness::LoudnessResult;
use bus_schema::source::SourceFacts;
use bus_schema::task::TaskSpec;
use serde::{Deserialize, Serialize};

use crate::mp4::remux::SourceRange;

/// The longest range that is asked for at once: the child's cache block.
pub const RANGE_BYTES_MAX: u32 = 1 << 20;
/// Ranges asked and not yet answered: the one that is needed and a read-ahead, doubled for two
/// tracks that lie apart in the file.
pub const ASKS_MAX: usize = 6;
/// The largest object: four seconds of 2160p at ten times a usual rate.
pub const OBJECT_BYTES_MAX: u64 = 32 << 20;
/// Bytes of objects that are with the parent and not yet stored: one of the largest, and more to
/// keep the encoders busy meanwhile.
pub const CREDIT_BYTES: u64 = OBJECT_BYTES_MAX + (16 << 20);
/// The largest frame from the parent: a range with its wrapping, or a task with hundreds of pieces.
pub const TO_CHILD_BYTES_MAX: u32 = RANGE_BYTES_MAX + 4096;
/// The largest frame from the child: an object with its wrapping.
#[expect(clippy::cast_possible_truncation, reason = "32 MiB")]
pub const TO_PARENT_BYTES_MAX: u32 = (OBJECT_BYTES_MAX as u32) + 4096;
/// The largest piece of a copy's head; a head has at most [`crate::mp4::remux::HEAD_BYTES_MAX`].
pub const HEAD_PIECE_BYTES_MAX: usize = 1 << 20;
/// The largest ask.
pub const ASK_BYTES_MAX: u32 = 128;

/// What a child may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readable {
    /// The film.
    Source,
    /// The image that was uploaded beside it.
    Image,
}

/// The child asks for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Named again in the answer; counted up.
    pub id: u64,
    /// Of what.
    pub of: Readable,
    /// First byte.
    pub offset: u64,
    /// How many, at most [`RANGE_BYTES_MAX`]; never beyond its end.
    pub len: u32,
}

/// The parent answers an [`Ask`]; in any order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which ask.
    pub id: u64,
    /// Exactly as many bytes as asked, or why there are none.
    pub result: Result<serde_bytes::ByteBuf, String>,
}

/// From the parent, on the results socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToChild {
    /// The first frame: what to do.
    Begin(Box<Begin>),
    /// So many bytes of objects are stored: as many more may be sent.
    Credit(u64),
}

/// What a child is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The task.
    pub spec: TaskSpec,
    /// Cores of the slot: threads per decoder and encoder.
    pub threads: u32,
    /// A ceiling for the child's data segment, behind the parent's polling of what is resident.
    pub data_bytes_max: u64,
}

/// From the child, on the results socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToParent {
    /// Something to store under the attempt; its bytes use up credit.
    Object {
        /// As [`bus_schema::object_key`] makes it.
        name: String,
        /// Its content.
        bytes: serde_bytes::ByteBuf,
    },
    /// How far it is; at most ten times a second.
    Progress(Position),
    /// A line for the log.
    Log {
        /// Whether somebody should look.
        is_warning: bool,
        /// The line.
        text: String,
    },
    /// Source facts; the last frame of a probe.
    Probed(SourceFacts),
    /// A chunk whose objects were all sent; the last frame of a chunk.
    Transcoded(ChunkResult),
    /// A part of the sound whose objects were all sent.
    AudioPart(AudioPart),
    /// All parts of the sound were; the last frame of the sound.
    AudioDone {
        /// How many parts there are, those of earlier attempts included.
        n_parts: u32,
        /// What was measured, where a level was asked for.
        loudness: Option<LoudnessResult>,
    },
    /// The still images, whose objects were all sent; the last frame of images.
    Pictured(ImagesResult),
    /// The subtitles, whose files were all sent; the last frame of subtitles.
    Subtitled(SubtitlesResult),
    /// The next bytes of a copy's head, at most [`HEAD_PIECE_BYTES_MAX`].
    CopyHead(serde_bytes::ByteBuf),
    /// What follows the head that was sent; the last frame of a copy.
    CopyPlanned(CopyRanges),
    /// The task failed; the last frame.
    Failed(TaskError),
}

/// What of the source follows the head of a copy. The parent copies it: no byte of media goes through
/// the child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRanges {
    /// In order; at most [`crate::mp4::remux::RANGES_MAX`].
    pub ranges: Vec<SourceRange>,
    /// Frames of the picture.
    pub frames: u64,
    /// Duration of the longest track.
    pub duration_ms: u64,
    /// RFC 6381, each codec once, the picture's first.
    pub codecs: String,
}

/// How far a task is, in source time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Source time encoded so far in each rendition, in the plan's order; one entry for sound.
    pub done_ns: Vec<u64>,
    /// Source time of the whole task.
    pub total_ns: u64,
    /// Frames encoded per second of wall time; 0 where there are no frames.
    pub frames_per_s: u32,
}
