//! Takes what a child made, and gives it credit for more.

use bus_schema::object_key;
use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::task::TaskKind;
use bytes::Bytes;

use super::end::End;
use super::event::ChildEvent;
use super::session::{Session, broken};
use super::wire::{FrameReader, FrameWriter};
use crate::engine::error::plain;
use crate::mp4::remux::HEAD_BYTES_MAX;
use crate::protocol::{self, Begin, CREDIT_BYTES, HEAD_PIECE_BYTES_MAX, ToChild, ToParent, frame};

/// Credit goes back in quarters of the whole, so that a child that never runs short has only a few
/// frames unread; and the rest is still enough for the largest object.
const CREDIT_STEP_BYTES: u64 = CREDIT_BYTES / 4;

/// Reads results up to the last word.
pub(super) async fn read(session: &Session, mut wire: FrameReader) -> Result<End, TaskError> {
    let mut sent_bytes = 0;
    let mut done_ns = 0;
    let mut head_bytes = 0;
    loop {
        let body = wire
            .next(protocol::TO_PARENT_BYTES_MAX)
            .await
            .map_err(ended)?;
        let message = frame::decode(&body).map_err(broken)?;
        match message {
            ToParent::Object { name, bytes } => {
                let bytes = Bytes::from(bytes.into_vec());
                sent_bytes += bytes.len() as u64;
                take_object(session, name, bytes, sent_bytes).await?;
            }
            ToParent::Progress(position) => {
                let reached_ns = position
                    .done_ns
                    .iter()
                    .fold(0_u64, |sum, ns| sum.saturating_add(*ns));
                if reached_ns > done_ns {
                    done_ns = reached_ns;
                    session.advance();
                }
                session.tell(ChildEvent::Progress(position)).await;
            }
            ToParent::Log {
                is_warning: true,
                text,
            } => tracing::warn!(text = plain(&text), "child"),
            ToParent::Log {
                is_warning: false,
                text,
            } => tracing::debug!(text = plain(&text), "child"),
            ToParent::AudioPart(part) if session.kind == TaskKind::Audio => {
                session.advance();
                session.tell(ChildEvent::AudioPart(part)).await;
            }
            ToParent::CopyHead(piece) if session.kind == TaskKind::Remux => {
                head_bytes += piece.len() as u64;
                if piece.len() > HEAD_PIECE_BYTES_MAX || head_bytes > HEAD_BYTES_MAX {
                    return Err(broken("a copy's head over its limit"));
                }
                session.advance();
                let piece = Bytes::from(piece.into_vec());
                session.tell(ChildEvent::CopyHead(piece)).await;
            }
            last => return finish(session, last).await,
        }
    }
}

/// The last word: what the task was for, or that it failed.
async fn finish(session: &Session, last: ToParent) -> Result<End, TaskError> {
    let event = match (session.kind, last) {
        (TaskKind::Probe, ToParent::Probed(facts)) => ChildEvent::Probed(facts),
        (TaskKind::Chunk, ToParent::Transcoded(result)) => ChildEvent::Transcoded(result),
        (TaskKind::Images, ToParent::Pictured(result)) => ChildEvent::Pictured(result),
        (TaskKind::Subtitles, ToParent::Subtitled(result)) => ChildEvent::Subtitled(result),
        (TaskKind::Audio, ToParent::AudioDone { n_parts, loudness }) => {
            ChildEvent::AudioDone { n_parts, loudness }
        }
        (TaskKind::Remux, ToParent::CopyPlanned(ranges)) => ChildEvent::CopyPlanned(ranges),
        (_, ToParent::Failed(error)) => ChildEvent::Failed(TaskError {
            code: error.code,
            message: plain(&error.message),
        }),
        (kind, _) => return Err(broken(format!("the result of another task than {kind}"))),
    };
    session.tell(event).await;
    Ok(End::Finished)
}

async fn take_object(
    session: &Session,
    name: String,
    bytes: Bytes,
    sent: u64,
) -> Result<(), TaskError> {
    let is_of_probe = session.kind == TaskKind::Probe;
    let is_allowed = is_of_probe == name.starts_with(object_key::INTERMEDIATE);
    if !is_allowed || !object_key::is_attempt_name(&name) {
        return Err(broken(format!("an object named `{name}`")));
    }
    if sent > session.limits.output_bytes {
        let message = format!(
            "The task made more than {} bytes: it was ended. Ask for lower rates or fewer renditions.",
            session.limits.output_bytes
        );
        return Err(TaskError {
            code: ErrorCode::LimitExceeded,
            message,
        });
    }
    let credit = session
        .pool
        .hold(bytes.len() as u64)
        .ok_or_else(|| broken("an object without credit for it"))?;
    session.advance();
    session
        .tell(ChildEvent::Object {
            name,
            bytes,
            credit,
        })
        .await;
    Ok(())
}

/// Gives the task, and then credit as it is freed. A child that reads neither is seen by its
/// progress.
pub(super) async fn give_credit(
    session: &Session,
    mut wire: FrameWriter,
    begin: Begin,
) -> Result<End, TaskError> {
    let mut message = ToChild::Begin(Box::new(begin));
    loop {
        let frame =
            frame::encode(&message, protocol::TO_CHILD_BYTES_MAX).map_err(|error| TaskError {
                code: ErrorCode::Internal,
                message: format!("The task cannot be sent to its process: {error}."),
            })?;
        wire.push(&frame);
        while !wire.is_idle() {
            if wire.flush().await.is_err() {
                return std::future::pending().await;
            }
        }
        message = ToChild::Credit(session.pool.freed(CREDIT_STEP_BYTES).await);
    }
}

fn ended(error: frame::Error) -> TaskError {
    match error {
        frame::Error::Io(_) => TaskError {
            code: ErrorCode::Crashed,
            message:
                "The task's process died: if that happens again, report it with the worker's log."
                    .to_owned(),
        },
        error => broken(error),
    }
}
