//! The stock `nats` CLI is the operator's tool: it accepts every file of the topology, leaves what
//! `apply` would, and the recipes of `ops.md` work.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nats::server::TestServer;
use nats::topology::{self, BUCKETS, CONSUMERS, Replicas, STREAMS};
use nats::{Credentials, Leases, Register, Subscription};
use tokio::process::Command;

use crate::fixture::{DEADLINE, count, stock_cli, within};

/// The CLI with an operator's credentials.
struct Cli<'a> {
    path: PathBuf,
    user: Credentials,
    home: &'a Path,
}

impl<'a> Cli<'a> {
    /// `None` where the CLI is not installed; the test is then named as skipped.
    fn find(test: &str, server: &'a TestServer) -> Option<Self> {
        Some(Self {
            path: stock_cli(test)?,
            user: server.ops(),
            home: server.dir(),
        })
    }

    /// Runs one command and returns what it printed.
    async fn run(&self, arguments: &[&str]) -> String {
        let Credentials {
            url,
            user,
            password,
            ..
        } = &self.user;
        let command = Command::new(&self.path)
            .args(["--server", url, "--user", user, "--password", password])
            .args(arguments)
            // Its contexts lie in the home folder: a test has nothing to do with them.
            .env("XDG_CONFIG_HOME", self.home)
            .env("HOME", self.home)
            .current_dir(self.home)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = within("the CLI ends", command).await.expect("the CLI runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out
    }
}

#[tokio::test]
async fn makes_the_whole_topology_from_the_files() {
    let server = TestServer::start().await.expect("a server");
    let Some(cli) = Cli::find("makes_the_whole_topology_from_the_files", &server) else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("topology");
    let path = |file: &str| root.join(file).to_string_lossy().into_owned();
    for file in STREAMS.iter().chain(BUCKETS) {
        cli.run(&["stream", "add", "--config", &path(file.path)])
            .await;
    }
    for file in CONSUMERS {
        cli.run(&["consumer", "add", file.stream, "--config", &path(file.path)])
            .await;
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

#[tokio::test]
async fn shows_and_mends_what_ops_md_says() {
    let (server, bus) = TestServer::start_with_topology().await.expect("a server");
    let Some(cli) = Cli::find("shows_and_mends_what_ops_md_says", &server) else {
        return;
    };
    let jobs: Register<Vec<u32>> = Register::new(&bus, "jobs");
    jobs.create("j1", &vec![1, 2]).await.expect("created");
    let minute = Duration::from_secs(60);
    Leases::new(&bus, "machines")
        .acquire("w1", "{}", minute)
        .await
        .expect("free");
    bus.publish("progress.w1.j1.1", "50")
        .await
        .expect("published");
    bus.publish("report.w1.j1.1", "poison")
        .await
        .expect("published");
    let mut reports = Subscription::open(&bus, "REPORTS", "reports")
        .await
        .expect("open");
    let report = within("a report", reports.next(1)).await.expect("a report");
    report.dead("unreadable").await.expect("buried");

    assert!(cli.run(&["stream", "report"]).await.contains("HEARTBEATS"));
    assert!(
        cli.run(&["consumer", "report", "TASKS"])
            .await
            .contains("workers-light")
    );
    assert_eq!(
        cli.run(&["kv", "get", "jobs", "j1", "--raw"]).await.trim(),
        "[1,2]"
    );
    assert!(cli.run(&["kv", "ls", "machines"]).await.contains("w1"));
    assert!(
        cli.run(&["stream", "subjects", "PROGRESS"])
            .await
            .contains("progress.w1.j1.1")
    );
    let get = ["stream", "get", "DEAD", "1", "--translate", "tr a-z A-Z"];
    let dead = cli.run(&get).await;
    assert!(
        dead.contains("unreadable") && dead.contains("report.w1.j1.1"),
        "{dead}"
    );
    assert!(dead.contains("POISON"), "not translated: {dead}");
    cli.run(&["pub", "report.w1.j1.1", "poison"]).await;
    let again = within("replayed", reports.next(1)).await.expect("a report");
    assert_eq!(again.payload.as_ref(), b"poison");
    again.ack().await.expect("acked");
    cli.run(&["stream", "rmm", "DEAD", "1", "--force"]).await;
    assert_eq!(count(&bus, "DEAD").await, 0);
    let backup = server.dir().join("backup").to_string_lossy().into_owned();
    cli.run(&["account", "backup", &backup, "--force"]).await;
    assert!(Path::new(&backup).join("KV_jobs").exists());
    bus.settle(DEADLINE).await.expect("the server is well");
}
