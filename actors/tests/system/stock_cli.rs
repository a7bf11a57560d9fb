//! The stock `nats` CLI is the operator's tool for a running system.

use std::path::{Path, PathBuf};

use nats::Credentials;
use serde_json::{Value, json};

use crate::harness::facts::whole_story;
use crate::harness::{DEADLINE, System, clips, find_program, skipped};

struct Cli<'a> {
    path: PathBuf,
    user: &'a Credentials,
    home: &'a Path,
}

impl Cli<'_> {
    /// What a command prints; it must succeed.
    async fn run(&self, arguments: &[&str]) -> String {
        let Credentials {
            url,
            user,
            password,
            ..
        } = self.user;
        let command = tokio::process::Command::new(&self.path)
            .args(["--server", url, "--user", user, "--password", password])
            .args(arguments)
            // Its contexts lie in the home folder: a test has nothing to do with them.
            .env("XDG_CONFIG_HOME", self.home)
            .env("HOME", self.home)
            .current_dir(self.home)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(DEADLINE, command).await;
        let output = output.expect("the CLI ends").expect("the CLI runs");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out
    }
}

#[tokio::test]
async fn shows_streams_consumers_records_and_facts() {
    let test = "shows_streams_consumers_records_and_facts";
    let Some(path) = find_program("nats") else {
        return skipped(
            test,
            "no `nats` CLI on PATH or in .tools/bin (run the set-up)",
        );
    };
    if !clips::has_ffmpeg(test) {
        return;
    }
    let system = System::shared().await;
    let client = system.client();
    let id = client.upload_file(&clips::silent().await, &json!({})).await;
    let job = client.completed(&id).await;
    let facts = whole_story(&system.bus().await, &job).await;
    let home = tempfile::tempdir().expect("a folder");
    let cli = Cli {
        path,
        user: system.run.nats.as_ref().expect("a bus of its own"),
        home: home.path(),
    };

    check_lists(&cli).await;
    let record = cli.run(&["kv", "get", "jobs", &id, "--raw"]).await;
    let record: Value = serde_json::from_str(&record).expect("a readable record");
    assert_eq!(record["id"], json!(id));
    assert_eq!(record["state"], "completed");

    let filter = format!("job.{id}.>");
    let decode = format!("{} decode", env!("CARGO_BIN_EXE_tcoder"));
    let count = facts.len().to_string();
    let shown = cli
        .run(&[
            "sub",
            &filter,
            "--stream",
            "JOBS",
            "--all",
            "--count",
            &count,
            "--raw",
            "--translate",
            &decode,
        ])
        .await;
    let bodies: Vec<Value> = shown
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|message| message["body"].clone())
        .collect();
    let expected: Vec<Value> = facts
        .iter()
        .map(|(_, fact)| serde_json::to_value(fact).expect("JSON"))
        .collect();
    assert_eq!(bodies, expected, "{shown}");
}

/// What there is, by its name.
async fn check_lists(cli: &Cli<'_>) {
    let streams = [
        "STORAGE",
        "JOBS",
        "TASKS",
        "REPORTS",
        "PROGRESS",
        "HEARTBEATS",
        "TIMERS",
        "WEBHOOKS",
        "DEAD",
    ];
    let lists: [(&[&str], &[&str]); 4] = [
        (&["stream", "ls", "--names"], &streams),
        (
            &["consumer", "ls", "TASKS", "--names"],
            &["workers-cpu", "workers-light"],
        ),
        (&["kv", "ls", "--names"], &["jobs", "machines", "control"]),
        (&["kv", "ls", "machines"], &["w1"]),
    ];
    for (arguments, names) in lists {
        let shown = cli.run(arguments).await;
        for name in names {
            assert!(
                shown.lines().any(|line| line.trim() == *name),
                "{arguments:?}: {shown}"
            );
        }
    }
}
