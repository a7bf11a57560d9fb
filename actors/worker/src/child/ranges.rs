//! Serves a child's ranges: each becomes an event, each answer goes back as it comes.

use bus_schema::report::{ErrorCode, TaskError};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;

use super::end::End;
use super::event::{ChildEvent, RangeReply};
use super::limits::range_bytes_max;
use super::session::{Debt, Session, broken};
use super::wire::{FrameReader, FrameWriter};
use crate::engine::error::plain;
use crate::protocol::{self, ASKS_MAX, Answer, Ask, RANGE_BYTES_MAX, frame};

/// Until the child breaks the protocol. When it only closes its socket, its last word or its end is
/// still to come on the other one.
pub(super) async fn serve(
    session: &Session,
    mut asks: FrameReader,
    mut answers: FrameWriter,
) -> Result<End, TaskError> {
    let mut pending = FuturesUnordered::new();
    let all_bytes = session.source_bytes.saturating_add(session.image_bytes);
    let mut rest_bytes = range_bytes_max(all_bytes);
    loop {
        tokio::select! {
            body = asks.next(protocol::ASK_BYTES_MAX) => {
                let ask = match body.and_then(|body| frame::decode::<Ask>(&body)) {
                    Ok(ask) => ask,
                    Err(frame::Error::Io(_)) => return std::future::pending().await,
                    Err(error) => return Err(broken(error)),
                };
                check(&ask, session.bytes_of(ask.of), pending.len())?;
                rest_bytes = rest_bytes.checked_sub(u64::from(ask.len)).ok_or_else(too_much)?;
                session.advance();
                let (sender, receiver) = oneshot::channel();
                pending.push(answer(ask, session.owe(), receiver));
                let reply = RangeReply(sender);
                let Ask { of, offset, len, .. } = ask;
                session.tell(ChildEvent::Range { of, offset, len, reply }).await;
            }
            Some((answer, debt)) = pending.next(), if !pending.is_empty() => {
                let bytes = frame::encode(&answer, protocol::TO_CHILD_BYTES_MAX).map_err(broken)?;
                answers.push(&bytes);
                drop(debt);
            }
            flushed = answers.flush() => {
                if flushed.is_err() {
                    return std::future::pending().await;
                }
            }
        }
    }
}

fn check(ask: &Ask, size: u64, pending: usize) -> Result<(), TaskError> {
    let is_inside = ask
        .offset
        .checked_add(u64::from(ask.len))
        .is_some_and(|end| end <= size);
    if !is_inside || ask.len == 0 || ask.len > RANGE_BYTES_MAX {
        return Err(broken(format!(
            "{} bytes from {} of {size} of the {:?}",
            ask.len, ask.offset, ask.of
        )));
    }
    if pending >= ASKS_MAX {
        return Err(broken(format!("more than {ASKS_MAX} ranges at once")));
    }
    Ok(())
}

fn too_much() -> TaskError {
    let message =
        "The task read its source over and over: it was ended. Upload a repaired copy of the \
                   file."
            .to_owned();
    TaskError {
        code: ErrorCode::LimitExceeded,
        message,
    }
}

/// Waits for the owner's bytes; the debt lasts until they are written.
async fn answer<'a>(
    ask: Ask,
    debt: Debt<'a>,
    receiver: oneshot::Receiver<Result<Bytes, String>>,
) -> (Answer, Debt<'a>) {
    let result = match receiver.await {
        Ok(Ok(bytes)) if bytes.len() as u64 == u64::from(ask.len) => Ok(bytes.to_vec().into()),
        Ok(Ok(bytes)) => Err(format!(
            "{} bytes came where {} were asked",
            bytes.len(),
            ask.len
        )),
        Ok(Err(reason)) => Err(plain(&reason)),
        Err(_) => Err("nobody fetched it".to_owned()),
    };
    (Answer { id: ask.id, result }, debt)
}
