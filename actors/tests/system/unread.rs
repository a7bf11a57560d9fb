//! What nobody reads: a command whose reader has read enough (`tcoder jobs | head -1`) ends as it would have, in silence.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::json;

use crate::harness::system::tcoder;
use crate::harness::{System, process, until};

/// A pipe that nobody reads.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Stdio::from(writer)
}

async fn ended(command: Command) -> Output {
    let mut command = tokio::process::Command::from(command);
    let child = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    tokio::time::timeout(crate::harness::DEADLINE, child.wait_with_output())
        .await
        .expect("it ends")
        .expect("it runs")
}

/// What a command says where nobody reads what it prints, and its exit code.
async fn unread_command(folder: &Path, arguments: &[&str], url: &str) -> (Option<i32>, String) {
    let mut command = tcoder(folder);
    command.args(arguments).env("TCODER_URL", url);
    command.stdout(unread()).stderr(Stdio::piped());
    let output = ended(command).await;
    let said = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), said)
}

#[tokio::test]
async fn a_command_whose_reader_is_gone_ends_in_silence() {
    let system = System::shared().await;
    let url = system.run.url.as_str();
    let folder = tempfile::tempdir().expect("a folder");
    // Its upload never comes: to watch it would take for ever.
    let upload = system.client().authorize(7, &json!({})).await;
    let job = upload["job_id"].as_str().expect("an id");
    let done = (Some(0), String::new());
    for arguments in [
        &["jobs", "--json"][..],
        &["jobs"],
        &["watch", job, "--json"],
        &["cancel", job],
        &["watch", job],
        &["up", "--print-config"],
        &["decode"],
        &["doctor", "--help"],
    ] {
        let unread = unread_command(folder.path(), arguments, url).await;
        let expected = match arguments {
            ["watch", _] => (Some(5), "tcoder: the job was cancelled\n".to_owned()),
            _ => done.clone(),
        };
        assert_eq!(unread, expected, "{arguments:?}");
    }
    let (code, said) = unread_command(folder.path(), &["doctor"], url).await;
    assert!(matches!(code, Some(0 | 4)), "{code:?} {said}");
    assert_eq!(said, "");
}

#[tokio::test]
async fn a_transcode_whose_reader_is_gone_goes_on_to_its_end() {
    let system = System::shared().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("letter.mp4"), "Dear film, ".repeat(500)).expect("written");
    for json in [&["--json"][..], &[]] {
        let arguments = [&["transcode", "letter.mp4"][..], json].concat();
        let (code, said) = unread_command(folder.path(), &arguments, &system.run.url).await;
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains("(not_media)"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

/// A full disk is another matter: what was asked for is not there.
#[tokio::test]
async fn what_cannot_be_written_is_a_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["up", "--print-config"][..], &["decode"]] {
        let mut command = tcoder(folder.path());
        let full = std::fs::File::create("/dev/full").expect("it is there");
        command.args(arguments).stdout(full).stderr(Stdio::piped());
        let output = ended(command).await;
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.starts_with("tcoder: cannot write: "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

/// Neither what it says nor what it logs is why it runs.
#[tokio::test]
async fn a_system_that_nobody_listens_to_runs_until_it_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = tcoder(folder.path());
    command.args(["up", "--data", "data", "--port", "0"]);
    command.stdout(unread()).stderr(unread());
    let mut command = tokio::process::Command::from(command);
    let mut up = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let run = folder.path().join("data/run.json");
    until("it is up", async || run.exists().then_some(())).await;
    process::signal(up.id().expect("it runs"), Signal::INT);
    let status = tokio::time::timeout(crate::harness::DEADLINE, up.wait()).await;
    let status = status.expect("it ends").expect("it runs");
    assert_eq!(status.code(), Some(130), "{status}");
}
