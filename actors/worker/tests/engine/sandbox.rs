//! Inside, nothing but the two sockets can be reached.

mod death;
mod inherited;
mod kernel;

use std::process::{Command, Output};

use worker::sandbox::trial::{self, Attempt, Report};

/// The program, about to try its sandbox.
fn sandbox() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcoder-worker"));
    command.arg("sandbox");
    command
}

/// What it found.
fn report(output: &Output) -> Report {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("it prints a report ({error}): {said}"))
}

fn tried(command: &mut Command) -> Report {
    report(&command.output().expect("the program starts"))
}

/// Whether only landlock can refuse this.
fn is_about_reading(attempt: &Attempt) -> bool {
    attempt.what.starts_with("read ") || attempt.what.starts_with("list ")
}

/// All that is possible, by name.
fn possible(attempts: &[Attempt]) -> Vec<&str> {
    let possible = attempts.iter().filter(|one| one.refused.is_none());
    possible.map(|one| one.what.as_str()).collect()
}

#[test]
fn a_task_s_process_reaches_no_network_no_file_and_no_process() {
    let mut report = tried(&mut sandbox());
    assert!(report.attempts.len() > 100);
    if report.landlock_abi == 0 {
        println!("SKIPPED sandbox, reading files: {:?}", report.notices);
        report.attempts.retain(|one| !is_about_reading(one));
    } else {
        assert_eq!(report.notices, Vec::<String>::new());
    }
    assert_eq!(possible(&report.attempts), Vec::<&str>::new());
}

#[test]
fn what_tasks_cannot_do_without_stays_possible() {
    let report = tried(&mut sandbox());
    for Attempt { what, refused } in report.needs {
        assert_eq!(refused, None, "{what}");
    }
}

/// A call that this kernel does not have would be refused by no filter at all.
#[test]
fn what_is_refused_inside_is_there_outside() {
    let outside = trial::calls();
    let is_absent =
        |one: &&Attempt| matches!(&one.refused, Some(error) if error.ends_with("(os error 38)"));
    let (absent, there): (Vec<_>, Vec<_>) = outside.iter().partition(is_absent);
    for Attempt { what, .. } in &absent {
        println!("SKIPPED sandbox, {what}: this kernel does not have it");
    }
    assert!(there.len() > absent.len() * 5, "{absent:?}");
}

#[test]
fn calls_of_other_tables_end_the_process() {
    let report = tried(&mut sandbox());
    for kind in trial::Deadly::ALL {
        let of_kind = |one: &&Attempt| one.what.contains(kind.name());
        let attempt = report.attempts.iter().find(of_kind).expect("it was tried");
        let refused = attempt.refused.as_deref().unwrap_or("it is possible");
        assert!(refused.contains("signal: 31"), "{kind:?}: {refused}");
    }
}

#[test]
fn limits_leave_no_dump_no_file_and_no_flood_of_threads() {
    let limits = tried(&mut sandbox()).limits;
    assert_eq!((limits.core_bytes, limits.file_bytes), (Some(0), Some(0)));
    assert!(limits.files.is_some_and(|files| files <= 256), "{limits:?}");
    let (threads, bytes) = (limits.user_threads, limits.data_bytes);
    assert!(threads.is_some_and(|threads| threads <= 8192), "{limits:?}");
    assert!(bytes.is_some_and(|bytes| bytes <= 8 << 30), "{limits:?}");
}
