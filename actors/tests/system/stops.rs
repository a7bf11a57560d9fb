//! Ctrl-C: a terminal tells it to everything that was started from it, and all of it ends in order, without a complaint.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use actors::up::run_file::RunFile;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use crate::harness::Client;
use crate::harness::system::tcoder;
use crate::harness::{DEADLINE, clips, until};

/// As a shell starts a command: in a group of its own, with its log in a file.
fn start(folder: &Path) -> tokio::process::Child {
    let log = File::create(folder.join("up.log")).expect("a log");
    let mut command = tcoder(folder);
    command
        .args(["up", "--data", "data", "--port", "0"])
        .env("TCODER_BUS_PORT", "0")
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .process_group(0);
    tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .expect("tcoder starts")
}

#[tokio::test]
async fn ctrl_c_ends_all_in_order() {
    if !clips::has_ffmpeg("ctrl_c_ends_all_in_order") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut up = start(folder.path());
    let path = folder.path().join("data/run.json");
    let run = until("it is up", async || RunFile::read(&path).ok()).await;
    // So that there is a worker, and a bus with something on it.
    let client = Client::new(&run.url);
    let job = client.upload_file(&clips::silent().await, &json!({})).await;
    client.completed(&job).await;
    let group = i32::try_from(up.id().expect("it runs")).expect("a process id");
    let group = Pid::from_raw(group).expect("a process id");
    kill_process_group(group, Signal::INT).expect("they are told");
    let status = tokio::time::timeout(DEADLINE, up.wait()).await;
    let status = status.expect("it ends").expect("it runs");
    let log = std::fs::read_to_string(folder.path().join("up.log")).expect("a log");
    assert_eq!(status.code(), Some(130), "{log}");
    let complaint = log.lines().find(|line| {
        [" WARN ", " ERROR ", "tcoder: "]
            .iter()
            .any(|word| line.contains(word))
    });
    assert_eq!(complaint, None, "{log}");
}
