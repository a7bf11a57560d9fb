//! A child is held to its limits, reaped in any case, and never waited for for ever.

use std::path::PathBuf;
use std::time::Duration;

use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use bus_schema::source::VideoFacts;
use worker::child::{ChildEvent, ChildTask, Limits, Options};

use super::clip;
use super::task::{self, options};

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

async fn film() -> (PathBuf, VideoFacts) {
    let source = clip::film("limits.mp4", 20, "25", "640x360", "");
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    (source, facts)
}

fn spec(source: &std::path::Path, facts: &VideoFacts) -> bus_schema::task::TaskSpec {
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    task::chunk(source, facts, span, 2, &[(320, 180), (640, 360)])
}

/// Until the process is neither running nor waiting to be reaped.
async fn gone(pid: u32) {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let wait = async {
        while process.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("the child is reaped");
}

#[tokio::test]
async fn a_killed_child_crashed() {
    if !clip::has_ffmpeg("a_killed_child_crashed") {
        return;
    }
    let (source, facts) = film().await;
    let child = ChildTask::spawn(&options(), spec(&source, &facts)).expect("a child starts");
    let pid = child.pid();
    let raw = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(raw, rustix::process::Signal::KILL).expect("it can be killed");
    let made = task::drive(child, &source).await;
    let error = made.failure.expect("a failure");
    assert_eq!(error.code, ErrorCode::Crashed, "{error:?}");
    assert!(error.message.contains("signal: 9"), "{error:?}");
    gone(pid).await;
}

#[tokio::test]
async fn memory_and_output_are_limited() {
    if !clip::has_ffmpeg("memory_and_output_are_limited") {
        return;
    }
    let (source, facts) = film().await;
    let of = |limits| Options {
        limits,
        ..options()
    };
    let little = Limits {
        memory_bytes: 40 << 20,
        ..Limits::default()
    };
    let child = ChildTask::spawn(&of(little), spec(&source, &facts)).expect("a child starts");
    let error = task::drive(child, &source)
        .await
        .failure
        .expect("a failure");
    assert_eq!(error.code, ErrorCode::LimitExceeded, "{error:?}");
    assert!(error.message.contains("memory"), "{error:?}");
    let little = Limits {
        output_bytes: 10_000,
        ..Limits::default()
    };
    let child = ChildTask::spawn(&of(little), spec(&source, &facts)).expect("a child starts");
    let made = task::drive(child, &source).await;
    assert_eq!(
        made.failure.expect("a failure").code,
        ErrorCode::LimitExceeded
    );
    assert!(made.objects.values().map(bytes::Bytes::len).sum::<usize>() <= 10_000);
}

#[tokio::test]
async fn threads_are_limited() {
    if !clip::has_ffmpeg("threads_are_limited") {
        return;
    }
    let (source, facts) = film().await;
    let limits = Limits {
        threads: 3,
        ..Limits::default()
    };
    let options = Options {
        limits,
        ..options()
    };
    let child = ChildTask::spawn(&options, spec(&source, &facts)).expect("a child starts");
    let made = task::drive(child, &source).await;
    let error = made.failure.expect("a failure");
    assert_eq!(error.code, ErrorCode::LimitExceeded, "{error:?}");
    assert!(error.message.contains("threads"), "{error:?}");
}

#[tokio::test]
async fn a_stopped_child_is_a_stalled_one() {
    if !clip::has_ffmpeg("a_stopped_child_is_a_stalled_one") {
        return;
    }
    let (source, facts) = film().await;
    let limits = Limits {
        stalled_ms: 1_000,
        ..Limits::default()
    };
    let child = ChildTask::spawn(
        &Options {
            limits,
            ..options()
        },
        spec(&source, &facts),
    )
    .expect("a child starts");
    let pid = child.pid();
    let raw = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(raw, rustix::process::Signal::STOP).expect("it can be stopped");
    let made = tokio::time::timeout(PATIENCE, task::drive(child, &source))
        .await
        .expect("no hang");
    assert_eq!(
        made.failure.expect("a failure").code,
        ErrorCode::LimitExceeded
    );
    gone(pid).await;
}

/// Neither answers nor events are taken: the child waits, and can be ended at any time.
#[tokio::test]
async fn an_owner_that_does_not_listen_can_still_kill_or_drop() {
    if !clip::has_ffmpeg("an_owner_that_does_not_listen_can_still_kill_or_drop") {
        return;
    }
    let (source, facts) = film().await;
    let mut child = ChildTask::spawn(&options(), spec(&source, &facts)).expect("a child starts");
    let pid = child.pid();
    let first = tokio::time::timeout(PATIENCE, child.next())
        .await
        .expect("the child asks");
    assert!(matches!(first, Some(ChildEvent::Range { .. })), "{first:?}");
    tokio::time::timeout(PATIENCE, child.kill())
        .await
        .expect("killing does not hang");
    gone(pid).await;
    let child = ChildTask::spawn(&options(), spec(&source, &facts)).expect("a child starts");
    let pid = child.pid();
    drop(child);
    gone(pid).await;
}

#[tokio::test]
async fn a_child_waits_for_what_it_is_owed() {
    if !clip::has_ffmpeg("a_child_waits_for_what_it_is_owed") {
        return;
    }
    let (source, facts) = film().await;
    let limits = Limits {
        stalled_ms: 3_000,
        ..Limits::default()
    };
    let mut child = ChildTask::spawn(
        &Options {
            limits,
            ..options()
        },
        spec(&source, &facts),
    )
    .expect("a child starts");
    let event = tokio::time::timeout(PATIENCE, child.next())
        .await
        .expect("the child asks");
    let Some(ChildEvent::Range {
        offset, len, reply, ..
    }) = event
    else {
        panic!("{event:?}")
    };
    // Longer than it may stall, in our own time: an unanswered range is our debt.
    tokio::time::sleep(Duration::from_millis(4_000)).await;
    let bytes = std::fs::read(&source).expect("the source can be read");
    let from = usize::try_from(offset).unwrap();
    reply.send(Ok(bytes::Bytes::copy_from_slice(
        &bytes[from..from + len as usize],
    )));
    let made = task::drive(child, &source).await;
    assert_eq!(made.failure, None);
    assert_eq!(made.chunk.expect("a chunk").frames, 500);
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_unavailable() {
    if !clip::has_ffmpeg("a_source_that_cannot_be_read_is_unavailable") {
        return;
    }
    let (source, facts) = film().await;
    let mut child = ChildTask::spawn(&options(), spec(&source, &facts)).expect("a child starts");
    while let Some(event) = child.next().await {
        match event {
            ChildEvent::Range { reply, .. } => reply.send(Err("storage is down".to_owned())),
            ChildEvent::Failed(error) => {
                assert_eq!(error.code, ErrorCode::Unavailable, "{error:?}");
                assert!(error.message.contains("storage is down"), "{error:?}");
                return;
            }
            _ => {}
        }
    }
    panic!("no failure");
}
