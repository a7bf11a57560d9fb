//! What several tests need: waiting for a condition, a stream of a test's own, the stock CLI.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, StorageType};
use nats::Bus;

/// To catch a hang, not to measure: at least ten times what anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// Waits until the condition holds.
pub(crate) async fn eventually<F, Fut>(what: &str, mut holds: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, wait).await.is_ok(),
        "never happened: {what}"
    );
}

/// The future's value; a hang fails the test with a name.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| unreachable!("no end within {DEADLINE:?}: {what}"))
}

/// A stream `OWN` on `own.>` in memory, with the consumer `own`.
pub(crate) async fn own_stream(bus: &Bus, ack_policy: AckPolicy, ack_wait: Duration) {
    let stream = Config {
        name: "OWN".to_owned(),
        subjects: vec!["own.>".to_owned()],
        storage: StorageType::Memory,
        ..Config::default()
    };
    let stream = bus.js.create_stream(stream).await.expect("a stream");
    let consumer = pull::Config {
        durable_name: Some("own".to_owned()),
        ack_policy,
        ack_wait,
        max_ack_pending: 100_000,
        ..pull::Config::default()
    };
    stream.create_consumer(consumer).await.expect("a consumer");
}

/// How many messages a stream holds.
pub(crate) async fn count(bus: &Bus, stream: &str) -> u64 {
    let stream = bus.js.get_stream(stream).await.expect("the stream");
    stream.cached_info().state.messages
}

/// The stock CLI, on PATH or in `.tools/bin`; `None`, said aloud, where there is none.
#[expect(
    clippy::print_stderr,
    reason = "what is skipped must be named in the test's output"
)]
pub(crate) fn stock_cli(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin");
    let found = std::env::split_paths(&path)
        .chain([tools])
        .map(|dir| dir.join("nats"))
        .find(|candidate| candidate.is_file());
    if found.is_none() {
        eprintln!("SKIPPED {test}: no `nats` CLI on PATH or in .tools/bin (run the set-up)");
    }
    found
}
