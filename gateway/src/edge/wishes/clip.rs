//! A part of a source, as clients ask for it.

use bus_schema::request::clip::Clip;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{refused, sentence};
use crate::problem::{Code, Problem};

/// From where to where the source is taken, to the frame and to the sample. Whether the source is so long
/// is known once it is there: a job whose clip lies behind its end fails.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct ClipBody {
    /// Milliseconds from the source's beginning; 0 by default.
    start_ms: Option<u64>,
    /// Milliseconds from the source's beginning; the source's end by default.
    end_ms: Option<u64>,
}

impl ClipBody {
    /// The clip, if anything can be in it.
    pub(super) fn check(self) -> Result<Clip, Problem> {
        let clip = Clip {
            start_ms: self.start_ms.unwrap_or(0),
            end_ms: self.end_ms,
        };
        let checked = clip.check();
        checked.map_err(|refusal| refused(Code::InvalidClip, sentence(&refusal.to_string())))?;
        Ok(clip)
    }
}
