//! `/v1/ladder`: which qualities can be asked for.

use axum::Json;
use axum::extract::State;
use bus_schema::ladder::AUDIO;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::Shared;

/// What can be asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Qualities {
    /// Levels of the picture, lowest first.
    rungs: Vec<Quality>,
    /// What asks for the sound alone: `audio`.
    audio: &'static str,
}

/// A level.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Quality {
    /// What asks for it.
    #[schema(example = "720p")]
    name: String,
    /// Bound of the picture's short side, in pixels; the long side is bounded by 16/9 of it.
    short_side: u32,
    /// Cap of the bitrate up to 30 frames a second, for H.264.
    bitrate_max_bps: u32,
}

/// The qualities that can be asked for.
#[utoipa::path(
    get, path = "/v1/ladder", tag = "jobs", operation_id = "getLadder",
    responses((status = 200, description = "The ladder.", body = Qualities))
)]
pub(super) async fn ladder(State(edge): State<Shared>) -> Json<Qualities> {
    let rungs = edge.options.ladder.rungs().iter();
    let rungs = rungs.map(|rung| Quality {
        name: rung.name.to_string(),
        short_side: rung.short_side,
        bitrate_max_bps: rung.bitrate_max_bps,
    });
    Json(Qualities {
        rungs: rungs.collect(),
        audio: AUDIO,
    })
}
