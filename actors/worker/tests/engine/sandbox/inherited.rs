//! Nothing that was open somewhere above is open inside.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use bus_schema::task::{ProbeSpec, TaskSpec};
use rustix::io::FdFlags;
use worker::child::{ChildEvent, ChildTask};

use super::{sandbox, tried};
use crate::clip;
use crate::task::options;

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file that every process started while it is open inherits.
fn leak(name: &str) -> (PathBuf, File) {
    let path = clip::write(name, b"secret");
    let file = File::open(&path).expect("it was just written");
    rustix::io::fcntl_setfd(&file, FdFlags::empty()).expect("a flag can be cleared");
    (path, file)
}

#[test]
fn only_standard_descriptors_are_open_when_the_sandbox_is_entered() {
    let (_path, file) = leak("descriptors");
    let report = tried(&mut sandbox());
    drop(file);
    assert_eq!(report.descriptors, [0, 1, 2]);
}

#[tokio::test]
async fn a_task_s_process_holds_its_two_sockets_and_no_file() {
    let (path, file) = leak("inherited");
    let spec = TaskSpec::Probe(ProbeSpec {
        source_bytes: 5_000,
    });
    let mut child = ChildTask::spawn(&options(), spec).expect("a child starts");
    let event = tokio::time::timeout(PATIENCE, child.next()).await;
    // It is inside: it asks for the source.
    assert!(
        matches!(event, Ok(Some(ChildEvent::Range { .. }))),
        "{event:?}"
    );
    let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", child.pid())) else {
        // It may not be dumped, so that only root may look.
        println!("SKIPPED a_task_s_process_holds_its_two_sockets: needs root");
        return;
    };
    let links: Vec<PathBuf> = open
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .collect();
    drop(file);
    child.kill().await;
    assert!(!links.contains(&path), "{links:?}");
    let files: Vec<&PathBuf> = links.iter().filter(|link| link.is_absolute()).collect();
    assert!(
        files.iter().all(|file| file.ends_with("/dev/null")),
        "{files:?}"
    );
    let is_socket = |link: &&PathBuf| link.to_string_lossy().starts_with("socket:");
    assert_eq!(links.iter().filter(is_socket).count(), 2, "{links:?}");
}
