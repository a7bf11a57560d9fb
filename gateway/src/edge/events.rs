//! `/v1/jobs/{id}/events`: the same feed as server-sent events, for those who cannot have WebSockets.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use bus_schema::live::LiveMessage;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::live::{stopping, take_ticket, too_many};
use super::params::{JobPath, Params};
use super::state::Shared;
use crate::live::{Frame, Session};
use crate::problem::{Code, Problem, ProblemBody};

/// How long a client is asked to wait before it connects again.
const RETRY: Duration = Duration::from_secs(2);
/// A comment keeps the line open; proxies cut idle ones after 30 to 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What browsers send when they connect again: the last `id` they saw.
const LAST_EVENT_ID: &str = "last-event-id";

/// What opens a session, and where it begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// From the upload's authorization, or `POST /v1/jobs/{id}/ticket`; good once.
    #[serde(default)]
    ticket: String,
    /// The last fact you have; everything after it follows. `Last-Event-ID` goes before it.
    #[serde(default)]
    n: u64,
}

/// The job's feed as server-sent events: the frames of the WebSocket as `data`, the facts with their
/// number as `id`. After the last fact the stream ends, and 204 says that there is nothing to come back for.
///
/// A ticket opens one stream, as it opens one WebSocket. An `EventSource` that connects again by itself
/// repeats its address, is refused for its spent ticket and gives up: make another one with a fresh ticket
/// and your last `n`, or read the stream with `fetch`.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "live", operation_id = "streamEvents",
    params(
        ("id" = String, Path, description = "The job."),
        ("last-event-id" = Option<u64>, Header, description = "The last fact you have."),
        EventsQuery,
    ),
    responses(
        (status = 200, description = "Events follow.", body = String, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and you have every fact of it."),
        (status = 403, description = "`invalid_ticket`, `foreign_origin`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
    Params(query): Params<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last_id = headers
        .get(LAST_EVENT_ID)
        .map(|value| value.to_str().ok().and_then(|n| n.parse::<u64>().ok()));
    let n = match last_id {
        None => query.n,
        Some(Some(n)) => n,
        Some(None) => {
            return Err(Problem::new(
                Code::InvalidQuery,
                "`Last-Event-ID` must be a fact's number.",
            ));
        }
    };
    let record = edge.record(id).await?;
    take_ticket(&edge, &query.ticket, id)?;
    if last_id.is_some() && record.state.is_terminal() && n == record.n_facts {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let permit = edge
        .session_permits
        .clone()
        .try_acquire_owned()
        .map_err(|_| too_many())?;
    let (feed, catch_up) = (edge.feed.clone(), edge.catch_up.clone());
    let session = Session::open(record, n, feed, catch_up, edge.jobs.clone()).await;
    let session = session.ok_or_else(stopping)?;
    let carried = Carried {
        session,
        shutdown: edge.shutdown.clone(),
        _permit: permit,
    };
    let events = stream::unfold(carried, |mut carried| async move {
        let event = carried.next().await?;
        Some((Ok::<_, Infallible>(event), carried))
    });
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold events back until a buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// A session on its way to a body.
struct Carried {
    session: Session,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Carried {
    /// `None` at the end, whatever it is: a client comes back with its last id, and is told.
    async fn next(&mut self) -> Option<Event> {
        let frame = tokio::select! {
            frame = self.session.next() => frame,
            () = self.shutdown.cancelled() => return None,
        };
        let message = match frame {
            Frame::Message(message) => message,
            Frame::End(_) => return None,
        };
        let event = Event::default().data(serde_json::to_string(&message).unwrap_or_default());
        Some(match *message {
            LiveMessage::Hello(_) => event.retry(RETRY),
            LiveMessage::Fact(fact) => event.id(fact.n.to_string()),
            LiveMessage::Progress(_) => event,
        })
    }
}
