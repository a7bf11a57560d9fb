//! One audio track as AAC.

use std::sync::Arc;

use bus_schema::task::AudioSpec;

use super::results::Results;
use super::source::Source;
use super::{Error, Result};

/// Transcodes a track.
///
/// # Errors
/// Not yet.
pub fn run(_spec: &AudioSpec, _source: &Source, _results: &Arc<Results>, _threads: u32) -> Result<u32> {
    Err(Error::internal("not yet"))
}
