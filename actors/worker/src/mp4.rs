//! ISO base media files, as bytes and values: no IO, no GStreamer.
//!
//! In the order in which the data travels: the [`index`] of a source tells what it holds; encoded
//! frames become [`Sample`]s by [`schedule`]; a [`PieceWriter`] writes a task's CMAF segments and keeps
//! their [`SampleTable`]; an [`Assembly`] makes one MP4 of many pieces without touching their media.
//! Where nothing has to be encoded, [`remux`] makes one of the source itself.
//!
//! Everything that is read here may come from a stranger: no decoder panics, none allocates more than
//! a named limit.

pub mod index;
pub mod intermediate;
pub mod remux;

mod assembly;
mod codec;
mod copied_track;
mod error;
mod init;
mod movie;
mod parts;
mod piece;
mod sample_table;
mod schedule;
mod segment;
mod text_tracks;
mod track;

pub use assembly::{Assembly, CopyRange, TrackPieces};
pub use codec::{CodecConfig, Vp9Config, av1};
pub use error::Error;
pub use init::init_segment;
pub use parts::{PART_BYTES_MIN, PARTS_MAX, Part, PartSource, Parts};
pub use piece::PieceWriter;
pub use sample_table::{SAMPLES_MAX, SampleTable, SegmentEntry, TABLE_BYTES_MAX};
pub use schedule::{Timing, schedule};
pub use segment::{Sample, segment};
pub use text_tracks::{TextSample, TextTrack, text_tracks};
pub use track::Track;
