//! `/healthz`, `/readyz`, `/v1/stats`, `/v1/status`: for load balancers and people.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::Shared;
use crate::jobs::{Stats, Status};
use crate::problem::{Code, Problem, ProblemBody};

/// It works.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ok {
    /// `ok`.
    status: &'static str,
}

/// The process is up.
#[utoipa::path(
    get, path = "/healthz", tag = "operations", operation_id = "getHealth",
    responses((status = 200, description = "It is up.", body = Ok))
)]
pub(super) async fn healthz() -> Json<Ok> {
    Json(Ok { status: "ok" })
}

/// The process can do its work: bus and storage answer.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "getReadiness",
    responses(
        (status = 200, description = "It can work.", body = Ok),
        (status = 503, description = "`unavailable`, with what is missing.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(edge): State<Shared>) -> Result<Json<Ok>, Problem> {
    let Status { bus, storage, .. } = edge.jobs.status();
    let missing: Vec<String> = [("bus", bus), ("storage", storage)]
        .into_iter()
        .filter(|(_, health)| !health.is_ok)
        .map(|(name, health)| format!("{name}: {}", health.detail))
        .collect();
    if missing.is_empty() {
        return Result::Ok(Json(Ok { status: "ok" }));
    }
    Err(Problem::new(Code::Unavailable, missing.join("; ")))
}

/// Numbers for dashboards, from memory.
///
/// They lag: `jobs` is what the last sweep over all jobs counted, which is done every half minute and
/// once at the start; `tasks` and the workers' numbers are as of the last that was heard of them. Ask for
/// one job, or follow it, to know where it stands now.
#[utoipa::path(
    get, path = "/v1/stats", tag = "operations", operation_id = "getStats",
    responses((status = 200, description = "Jobs, tasks, workers.", body = Stats))
)]
pub(super) async fn stats(State(edge): State<Shared>) -> Json<Stats> {
    Json(edge.jobs.stats())
}

/// What works and what does not.
#[utoipa::path(
    get, path = "/v1/status", tag = "operations", operation_id = "getStatus",
    responses((status = 200, description = "Bus, storage, leader, workers.", body = Status))
)]
pub(super) async fn status(State(edge): State<Shared>) -> Json<Status> {
    Json(edge.jobs.status())
}
