//! The stock `nats` CLI accepts every file of the topology, and leaves what `apply` would.

use std::path::Path;

use nats::server::TestServer;
use nats::topology::{self, BUCKETS, CONSUMERS, Replicas, STREAMS};
use tokio::process::Command;

use crate::fixture::stock_cli;

#[tokio::test]
async fn makes_the_whole_topology_from_the_files() {
    let Some(cli) = stock_cli("makes_the_whole_topology_from_the_files") else {
        return;
    };
    let server = TestServer::start().await.expect("a server");
    let ops = server.ops();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("topology");
    let run = async |arguments: &[&str], path: &str| {
        let output = Command::new(&cli)
            .args([
                "--server",
                &ops.url,
                "--user",
                &ops.user,
                "--password",
                &ops.password,
            ])
            .args(arguments)
            .arg("--config")
            .arg(root.join(path))
            // Its contexts lie in the home folder: this test has nothing to do with them.
            .env("XDG_CONFIG_HOME", server.dir())
            .env("HOME", server.dir())
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .expect("the CLI runs");
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{path}: {out}{err}");
    };
    for file in STREAMS.iter().chain(BUCKETS) {
        run(&["stream", "add"], file.path).await;
    }
    for file in CONSUMERS {
        run(&["consumer", "add", file.stream], file.path).await;
    }
    let bus = server.bus().await.expect("a bus");
    let drift = topology::drift(&bus.js, Replicas::One)
        .await
        .expect("compared");
    assert!(drift.is_empty(), "{drift:?}");
    let report = topology::apply(&bus.js, Replicas::One)
        .await
        .expect("applied");
    assert!(
        report.created.is_empty() && report.updated.is_empty(),
        "{report:?}"
    );
}
