//! Inside, nothing but the two sockets can be reached.

use std::process::Command;

use worker::sandbox::trial::Attempt;

#[test]
fn a_task_s_process_reaches_no_network_no_file_and_no_process() {
    let output = Command::new(env!("CARGO_BIN_EXE_tcoder-worker"))
        .arg("sandbox")
        .output()
        .expect("the program starts");
    let attempts: Vec<Attempt> =
        serde_json::from_slice(&output.stdout).expect("it prints attempts");
    assert!(attempts.len() > 8);
    let notices = String::from_utf8_lossy(&output.stderr);
    let has_files = !notices.contains("files are not restricted");
    for Attempt { what, refused } in attempts {
        let is_about_files =
            what.contains("read") || what.contains("list the") || what.contains("write");
        if is_about_files && !has_files {
            eprintln!("SKIPPED sandbox, {what}: {notices}");
            continue;
        }
        assert!(refused.is_some(), "it is possible to {what}");
    }
}
