//! Kernels that know less: the filter of system calls holds alone, and what it cannot hold is said.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use worker::by_hand::Outcome;

use super::{is_about_reading, possible, report, sandbox, tried};
use crate::clip;

/// Runs `act` on a thread whose processes find landlock answering with this error, as kernels do
/// that were built without it (`ENOSYS`) or started without it (`EOPNOTSUPP`).
fn without_landlock<T: Send>(errno: i32, act: impl FnOnce() -> T + Send) -> T {
    let calls = BTreeMap::from([(libc::SYS_landlock_create_ruleset, Vec::new())]);
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("a known architecture");
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, answer, arch);
    let filter: BpfProgram = filter
        .and_then(TryInto::try_into)
        .expect("the filter is small");
    let confined = || {
        seccompiler::apply_filter(&filter).expect("a thread may restrict itself");
        act()
    };
    thread::scope(|scope| scope.spawn(confined).join().expect("the thread ends"))
}

#[test]
fn without_landlock_files_can_be_read_and_nothing_else_is_possible() {
    for errno in [libc::ENOSYS, libc::EOPNOTSUPP] {
        let output = without_landlock(errno, || sandbox().output().expect("the program starts"));
        let report = report(&output);
        assert_eq!(report.landlock_abi, 0);
        assert!(report.by.starts_with("no landlock"), "{}", report.by);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("files can be read"), "{said}");
        assert_eq!(output.status.code(), Some(4));
        let (reading, rest): (Vec<_>, Vec<_>) =
            report.attempts.into_iter().partition(is_about_reading);
        // Else this test would simulate nothing.
        assert!(
            possible(&reading).contains(&"read the users"),
            "{reading:?}"
        );
        assert_eq!(possible(&rest), Vec::<&str>::new());
        assert_eq!(possible(&report.needs).len(), report.needs.len());
    }
}

#[test]
fn a_worker_without_landlock_says_so_and_works() {
    if !clip::has_ffmpeg("a_worker_without_landlock_says_so_and_works") {
        return;
    }
    let source = clip::film("kernel.mp4", 2, "25", "320x180", "");
    let spec = clip::write("kernel.json", br#"{"probe":{"source_bytes":0}}"#);
    let cache = tempfile::tempdir().expect("a temporary folder can be made");
    let run = || {
        Command::new(env!("CARGO_BIN_EXE_tcoder-worker"))
            .arg("task")
            .arg("--spec")
            .arg(&spec)
            .arg("--source")
            .arg(&source)
            .env("XDG_CACHE_HOME", cache.path())
            .env("TMPDIR", cache.path())
            .output()
            .expect("the program starts")
    };
    let with = run();
    let without = without_landlock(libc::ENOSYS, run);
    for output in [&with, &without] {
        let outcome = serde_json::from_slice(&output.stdout).expect("it prints an outcome");
        assert!(matches!(outcome, Outcome::Probed(_)), "{outcome:?}");
    }
    let said = String::from_utf8_lossy(&without.stderr);
    assert!(said.contains("files can be read"), "{said}");
    assert!(said.contains("no landlock"), "{said}");
    if tried(&mut sandbox()).landlock_abi > 0 {
        let said = String::from_utf8_lossy(&with.stderr);
        assert!(!said.contains("landlock"), "{said}");
    }
}

/// Debian 12's kernel has the second version: no truncation, network, signals or scopes.
#[test]
fn an_older_landlock_and_the_filter_refuse_as_much() {
    let report = tried(sandbox().args(["--landlock", "2"]));
    if report.landlock_abi == 0 {
        println!("SKIPPED an_older_landlock: {:?}", report.notices);
        return;
    }
    assert!(report.landlock_abi <= 2);
    assert!(report.by.contains("the network"), "{}", report.by);
    assert_eq!(possible(&report.attempts), Vec::<&str>::new());
    assert_eq!(possible(&report.needs).len(), report.needs.len());
}
