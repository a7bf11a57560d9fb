//! Children that are not ours: whatever they send, or do not, the parent names it and kills them.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bus_schema::report::{ErrorCode, TaskError};
use bus_schema::task::{ProbeSpec, TaskSpec};
use worker::child::{ChildTask, Limits, Options};

use super::clip;
use super::task::{self, options};

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a child may be silent that will never speak.
const STALLED_MS: u64 = 1_000;

/// Runs a shell script in place of a child; it writes results to 1, and asks and reads ranges on 0. On
/// a slow day the script may be long in coming: that is not what is tried here.
async fn failure(name: &str, script: &str) -> TaskError {
    failure_within(name, script, Limits::default().stalled_ms).await
}

/// The same with a limit on silence.
async fn failure_within(name: &str, script: &str, stalled_ms: u64) -> TaskError {
    let program = clip::write(
        &format!("{name}.sh"),
        format!("#!/bin/sh\n{script}\n").as_bytes(),
    );
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&program, mode).expect("a script can be made executable");
    let limits = Limits {
        memory_bytes: 100 << 20,
        stalled_ms,
        ..Limits::default()
    };
    let source = clip::write(&format!("{name}.bin"), &[0; 5_000]);
    let spec = TaskSpec::Probe(ProbeSpec {
        source_bytes: 5_000,
    });
    let child = ChildTask::spawn(
        &Options {
            program,
            limits,
            ..options()
        },
        spec,
    )
    .expect("it starts");
    let made = tokio::time::timeout(PATIENCE, task::drive(child, &source)).await;
    made.expect("no hang").failure.expect("a failure")
}

#[tokio::test]
async fn garbage_and_oversize_break_the_protocol() {
    for (name, script) in [
        ("zeros", "head -c 100000 /dev/zero; exec sleep 100"),
        ("oversize", r"printf '\377\377\377\377'; exec sleep 100"),
        ("noise", "head -c 100000 /dev/urandom; exec sleep 100"),
        // {"audio-done": {"n_parts": 1}} is no answer to a probe.
        (
            "other",
            r"printf '\026\0\0\0\201\252audio-done\201\247n_parts\001'; exec sleep 100",
        ),
        // {"object": {"name": "../x", "bytes": b"x"}}
        (
            "path",
            r"printf '\034\0\0\0\201\246object\202\244name\244../x\245bytes\304\001x'; exec sleep 100",
        ),
    ] {
        let error = failure(name, script).await;
        assert_eq!(error.code, ErrorCode::Crashed, "{name}: {error:?}");
        assert!(error.message.contains("protocol"), "{name}: {error:?}");
    }
}

#[tokio::test]
async fn asks_beyond_the_source_or_too_many_break_the_protocol() {
    // {"id": 0, "offset": 4294967295, "len": 1}
    let beyond = r"printf '\026\0\0\0\203\242id\000\246offset\316\377\377\377\377\243len\001' >&0; exec sleep 100";
    let error = failure("beyond", beyond).await;
    assert!(error.message.contains("protocol"), "{error:?}");
    // {"id": 0, "offset": 0, "len": 0}
    let nothing = r"printf '\022\0\0\0\203\242id\000\246offset\000\243len\000' >&0; exec sleep 100";
    let error = failure("nothing", nothing).await;
    assert!(error.message.contains("protocol"), "{error:?}");
    // The same honest ask for ever: read and refused, or refused as too many at once, but ended.
    let greedy =
        r"while printf '\022\0\0\0\203\242id\000\246offset\000\243len\012' >&0; do :; done";
    let error = failure("greedy", greedy).await;
    assert_ne!(error.code, ErrorCode::Internal, "{error:?}");
}

#[tokio::test]
async fn silence_is_a_stall_and_an_early_end_a_crash() {
    let error = failure_within("silent", "exec sleep 100", STALLED_MS).await;
    assert_eq!(error.code, ErrorCode::LimitExceeded, "{error:?}");
    let error = failure("early", "exit 7").await;
    assert_eq!(error.code, ErrorCode::Crashed, "{error:?}");
    assert!(error.message.contains("exit status: 7"), "{error:?}");
    // Talk without progress is silence, too.
    let log =
        r"while printf '\031\0\0\0\201\243log\202\252is_warning\302\244text\241x'; do :; done";
    let error = failure_within("talk", log, STALLED_MS).await;
    assert_eq!(error.code, ErrorCode::LimitExceeded, "{error:?}");
}

#[tokio::test]
async fn memory_is_watched_from_outside() {
    let error = failure(
        "hungry",
        "exec 3>&1; exec dd if=/dev/zero of=/dev/null bs=300M count=100000",
    )
    .await;
    assert_eq!(error.code, ErrorCode::LimitExceeded, "{error:?}");
    assert!(error.message.contains("memory"), "{error:?}");
}
