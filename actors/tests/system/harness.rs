//! What the tests stand on: a running system, its clients, clips, and instruments to look at results.

pub(crate) mod beeps;

pub(crate) mod captions;

pub(crate) mod chromium;

pub(crate) mod client;

pub(crate) mod clips;

pub(crate) mod facts;

pub(crate) mod films;

pub(crate) mod pictures;

pub(crate) mod process;

pub(crate) mod system;

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) use client::Client;
pub(crate) use system::System;

/// To catch a hang, not to measure: a job here takes seconds on two quiet cores, with every claim
/// that has to expire at most a minute.
pub(crate) const DEADLINE: Duration = Duration::from_secs(240);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Looks until there is something; a hang fails the test with a name.
pub(crate) async fn until<T, Fut>(what: &str, mut look: impl FnMut() -> Fut) -> T
where
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// Names a test that cannot run here, and why.
#[expect(
    clippy::print_stdout,
    reason = "what is skipped must be named in the test's output"
)]
pub(crate) fn skipped(test: &str, reason: &str) {
    println!("SKIPPED {test}: {reason}");
}

/// A program on PATH or in `.tools/bin`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([tools().join("bin")])
        .map(|dir| dir.join(name))
        .find(|candidate| candidate.is_file())
}

/// What the set-up fetched.
pub(crate) fn tools() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.tools")
}
