//! `/v1/jobs`: looking at jobs, and ending them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bus_schema::id::JobId;
use bus_schema::record::JobState;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::params::{JobPath, Params};
use super::state::Shared;
use super::view::{JobList, JobView};
use crate::clock::{now_ms, rfc3339};
use crate::jobs::ListFilter;
use crate::problem::{Code, Problem, ProblemBody};

/// Jobs of a page that names no limit.
const LIMIT_DEFAULT: usize = 20;
/// Most jobs of a page: each is a record to read.
const LIMIT_MAX: usize = 100;

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only jobs in this state.
    state: Option<String>,
    /// Only jobs with your own id.
    external_id: Option<String>,
    /// 1 to 100; 20 by default.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists jobs, newest first.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", operation_id = "listJobs", params(ListQuery),
    responses(
        (status = 200, description = "A page of jobs.", body = JobList),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(edge): State<Shared>,
    Params(query): Params<ListQuery>,
) -> Result<Json<JobList>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Problem::new(
            Code::InvalidQuery,
            format!("`limit` is {limit}, and must be 1 to {LIMIT_MAX}."),
        ));
    }
    let after = query.after.as_deref().map(str::parse::<JobId>).transpose();
    let after = after.map_err(|_| {
        Problem::new(
            Code::InvalidQuery,
            "`after` must be a job's id: use `next` of the page before.",
        )
    })?;
    let filter = ListFilter {
        tenant: edge.tenant(),
        state: query.state.as_deref().map(state).transpose()?,
        external_id: query.external_id,
        after,
        // One more tells whether there is another page.
        limit: limit + 1,
    };
    let mut records = edge.jobs.list(filter).await?;
    let has_more = records.len() > limit;
    records.truncate(limit);
    let next = records
        .last()
        .filter(|_| has_more)
        .map(|record| record.id.to_string());
    let records: Vec<Arc<_>> = records.into_iter().map(Arc::new).collect();
    let progress = edge.feed.gauge(records.clone()).await;
    let jobs = records
        .iter()
        .enumerate()
        .map(|(place, record)| JobView::of(record, progress.get(place)));
    Ok(Json(JobList {
        jobs: jobs.collect(),
        next,
    }))
}

fn state(name: &str) -> Result<JobState, Problem> {
    let value = serde_json::Value::String(name.to_owned());
    serde_json::from_value(value).map_err(|_| {
        Problem::new(
            Code::InvalidQuery,
            "`state` must be uploading, queued, running, playable, completed, failed or cancelled.",
        )
    })
}

/// One job.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "getJob", params(("id" = String, Path, description = "The job.")),
    responses(
        (status = 200, description = "The job as it is now.", body = JobView),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
) -> Result<Json<JobView>, Problem> {
    let record = edge.record(id).await?;
    Ok(Json(edge.view(record).await))
}

/// Stops a job's work. What is finished stays.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/cancel", tag = "jobs", operation_id = "cancelJob", params(("id" = String, Path, description = "The job.")),
    responses(
        (status = 200, description = "The job, cancelled.", body = JobView),
        (status = 409, description = "`conflict`: the job has ended.", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
) -> Result<Json<JobView>, Problem> {
    edge.record(id).await?;
    let record = edge.jobs.cancel(id).await?;
    Ok(Json(edge.view(record).await))
}

/// Cancels if needed, then removes outputs and record.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "deleteJob", params(("id" = String, Path, description = "The job.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
) -> Result<StatusCode, Problem> {
    edge.record(id).await?;
    edge.jobs.delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A ticket for a live feed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Ticket {
    /// Opens the job's live feed, once.
    live_ticket: String,
    /// When it ends unused, RFC 3339.
    expires_at: String,
}

/// A fresh ticket for the job's live feed, for a page that connects again.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/ticket", tag = "live", operation_id = "createTicket", params(("id" = String, Path, description = "The job.")),
    responses(
        (status = 200, description = "Good for one session, within a minute.", body = Ticket),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ticket(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
) -> Result<Json<Ticket>, Problem> {
    edge.record(id).await?;
    let (ticket, expires_ms) = edge.tickets.issue(id, now_ms());
    Ok(Json(Ticket {
        live_ticket: ticket.as_str().to_owned(),
        expires_at: rfc3339(expires_ms),
    }))
}
