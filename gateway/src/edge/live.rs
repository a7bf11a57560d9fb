//! `/v1/jobs/{id}/live`: a job's feed over a WebSocket.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bus_schema::id::JobId;
use bus_schema::live::LiveMessage;
use serde::Deserialize;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::params::{JobPath, Params};
use super::state::Shared;
use crate::clock::now_ms;
use crate::live::{End, Frame, Session};
use crate::problem::{Code, Problem, ProblemBody};

/// A silent peer is asked whether it is there; proxies cut idle lines after 30 to 60 s.
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Pings without any answer before the line counts as dead.
const UNANSWERED_MAX: u32 = 2;
/// A frame that the peer's window does not take for so long means that it does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that was told to close has so long to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Nothing is expected from clients: a few stray frames are ignored, more are not.
const FRAMES_IN_MAX: u32 = 64;
/// Largest frame that is even read.
const FRAME_BYTES_MAX: usize = 4 * 1024;

/// What opens a session.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LiveQuery {
    /// From the upload's authorization, or `POST /v1/jobs/{id}/ticket`; good once.
    #[serde(default)]
    ticket: String,
    /// The last fact you have; everything after it follows. 0 by default: all.
    #[serde(default)]
    n: u64,
}

/// The job's feed as JSON text frames: `hello`, the facts after `n`, then live, with `progress` between.
///
/// After `hello` with `recovered: false` facts are missing: read the job, its `n` is where the feed goes
/// on. After the last fact the session is closed with 1000. Codes 4000 to 4499 and 1012 mean: connect
/// again with your last `n` and a fresh ticket.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/live", tag = "live", operation_id = "openLive",
    params(("id" = String, Path, description = "The job."), LiveQuery),
    responses(
        (status = 101, description = "Frames follow."),
        (status = 403, description = "`invalid_ticket`, `foreign_origin`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 426, description = "`upgrade_required`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn live(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
    Params(query): Params<LiveQuery>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|_| {
        Problem::new(
            Code::UpgradeRequired,
            "Open this address as a WebSocket, or read /events instead.",
        )
    })?;
    let record = edge.record(id).await?;
    take_ticket(&edge, &query.ticket, id)?;
    let permit = edge
        .session_permits
        .clone()
        .try_acquire_owned()
        .map_err(|_| too_many())?;
    let (feed, catch_up) = (edge.feed.clone(), edge.catch_up.clone());
    let session = Session::open(record, query.n, feed, catch_up, edge.jobs.clone()).await;
    let session = session.ok_or_else(stopping)?;
    let (shutdown, token) = (edge.shutdown.clone(), edge.sessions.token());
    let upgrade = upgrade
        .max_message_size(FRAME_BYTES_MAX)
        .max_frame_size(FRAME_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        if let Some(end) = carry(&mut socket, session, &shutdown).await {
            tracing::debug!(job = %id, ?end, "live session closed");
            close(&mut socket, end).await;
        }
        drop((permit, token));
    }))
}

/// Takes the ticket of a session, whatever carries it. It is spent whether or not the session opens.
pub(super) fn take_ticket(edge: &Shared, ticket: &str, job: JobId) -> Result<(), Problem> {
    if edge.tickets.take(ticket, job, now_ms()) {
        return Ok(());
    }
    Err(Problem::new(
        Code::InvalidTicket,
        "The ticket is unknown, used or older than a minute: get one with POST /v1/jobs/{id}/ticket.",
    ))
}

pub(super) fn too_many() -> Problem {
    Problem::new(
        Code::TooManySessions,
        "This gateway holds as many live sessions as it can: try again in a moment.",
    )
}

pub(super) fn stopping() -> Problem {
    Problem::new(
        Code::Unavailable,
        "This gateway is stopping: try again in a moment.",
    )
}

/// Runs a session until it ends; `None` when the peer is gone.
async fn carry(
    socket: &mut WebSocket,
    mut session: Session,
    shutdown: &CancellationToken,
) -> Option<End> {
    let mut ping = tokio::time::interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping.reset();
    let (mut unanswered, mut frames_in) = (0, 0);
    loop {
        tokio::select! {
            frame = session.next() => {
                let message = match frame {
                    Frame::Message(message) => message,
                    Frame::End(end) => return Some(end),
                };
                match timeout(SEND_TIMEOUT, socket.send(text(&message))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return None,
                    Err(_) => return Some(End::Slow),
                }
            }
            incoming = socket.recv() => {
                unanswered = 0;
                match incoming {
                    None | Some(Err(_) | Ok(Message::Close(_))) => return None,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                        frames_in += 1;
                        if frames_in > FRAMES_IN_MAX {
                            return Some(End::Noise);
                        }
                    }
                }
            }
            _ = ping.tick() => {
                if unanswered >= UNANSWERED_MAX {
                    return Some(End::Silent);
                }
                unanswered += 1;
                match timeout(SEND_TIMEOUT, socket.send(Message::Ping(axum::body::Bytes::new()))).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return None,
                    Err(_) => return Some(End::Slow),
                }
            }
            () = shutdown.cancelled() => return Some(End::Restart),
        }
    }
}

fn text(message: &LiveMessage) -> Message {
    // Ids, numbers and words: it always is JSON.
    Message::Text(serde_json::to_string(message).unwrap_or_default().into())
}

/// Says why, and waits for the peer to have heard it.
async fn close(socket: &mut WebSocket, end: End) {
    let frame = CloseFrame {
        code: end.code(),
        reason: end.reason().into(),
    };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // A peer that does not answer loses its connection all the same.
    drop(timeout(CLOSE_TIMEOUT, goodbye).await);
}
