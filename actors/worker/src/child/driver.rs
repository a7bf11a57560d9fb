//! Drives one child from its start to its end: answers, credit, limits, and the last word.

use std::process::ExitStatus;
use std::time::Duration;

use bus_schema::report::{ErrorCode, TaskError};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::end::End;
use super::event::ChildEvent;
use super::limits::{Limits, Stall, Usage, WATCH_MS};
use super::session::Session;
use super::wire::Wires;
use super::{ranges, results, stderr};
use crate::protocol::Begin;

/// How long a child may take to exit after its last word.
const EXIT_MS_MAX: u64 = 5_000;

/// Runs until the child is reaped; the last event is [`ChildEvent::Exited`].
pub(super) async fn run(
    mut child: Child,
    wires: Wires,
    begin: Begin,
    limits: Limits,
    events: mpsc::Sender<ChildEvent>,
) {
    let pid = child.id().unwrap_or_default();
    let session = Session::new(&begin.spec, limits, events);
    let ended = tokio::select! {
        ended = drive(&session, wires, begin, pid) => ended,
        () = stderr::log(child.stderr.take(), pid) => Ok(End::Abandoned),
    };
    if matches!(ended, Ok(End::Finished)) {
        let patience = Duration::from_millis(EXIT_MS_MAX);
        tokio::select! {
            ended = tokio::time::timeout(patience, child.wait()) => if ended.is_err() {
                tracing::warn!(pid, "a child did not exit after its last word");
            },
            // Its owner has all that it wanted, and a next task to begin.
            () = session.abandoned() => {}
        }
    }
    // For one that exited by itself this says that there is nothing to kill.
    if let Err(error) = child.kill().await {
        tracing::trace!(pid, %error, "nothing to kill");
    }
    let status = child.wait().await.ok();
    if let Err(error) = ended {
        session
            .tell(ChildEvent::Failed(name_death(error, status)))
            .await;
    }
    session.tell(ChildEvent::Exited).await;
}

/// All that goes on at once, until one of them ends.
async fn drive(session: &Session, wires: Wires, begin: Begin, pid: u32) -> Result<End, TaskError> {
    let Wires {
        asks,
        answers,
        results,
        control,
    } = wires;
    tokio::select! {
        ended = results::read(session, results) => ended,
        ended = ranges::serve(session, asks, answers) => ended,
        ended = results::give_credit(session, control, begin) => ended,
        ended = watch(session, pid) => ended,
        () = session.abandoned() => Ok(End::Abandoned),
    }
}

/// Looks at memory, threads and progress.
async fn watch(session: &Session, pid: u32) -> Result<End, TaskError> {
    let stalled_ms = session.limits.stalled_ms;
    let mut stall = Stall::new(stalled_ms);
    let mut advances = session.advances();
    let mut ticks = tokio::time::interval(Duration::from_millis(WATCH_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(message) = Usage::of(pid).and_then(|usage| excess(usage, session.limits)) {
            return Err(TaskError {
                code: ErrorCode::LimitExceeded,
                message,
            });
        }
        if advances != session.advances() {
            advances = session.advances();
            stall.reset();
        }
        if stall.tick(session.is_owed()) {
            let message = format!(
                "The task made no progress for {stalled_ms} ms: it was ended. Upload a repaired copy \
                 of the file if that happens again."
            );
            return Err(TaskError {
                code: ErrorCode::LimitExceeded,
                message,
            });
        }
    }
}

/// What is used beyond its limit, if anything is, as a sentence.
fn excess(usage: Usage, limits: Limits) -> Option<String> {
    let Usage {
        memory_bytes,
        threads,
    } = usage;
    if memory_bytes > limits.memory_bytes {
        return Some(format!(
            "The task took {memory_bytes} bytes of memory, where {} are allowed: it was ended. Ask \
             for smaller or fewer renditions.",
            limits.memory_bytes
        ));
    }
    (threads > limits.threads).then(|| {
        format!(
            "The task started {threads} threads, where {} are allowed: it was ended. Ask for fewer \
             renditions.",
            limits.threads
        )
    })
}

/// A child whose socket ended died first: how, only its exit status tells.
fn name_death(error: TaskError, status: Option<ExitStatus>) -> TaskError {
    match status {
        Some(status) if error.code == ErrorCode::Crashed => TaskError {
            code: error.code,
            message: format!("{} The process ended with {status}.", error.message),
        },
        _ => error,
    }
}
