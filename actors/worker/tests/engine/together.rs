//! What surrounds tasks: the encoders' trial, tasks by hand, and children that do not outlive their
//! parent.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bus_schema::heartbeat::EncoderCheck;
use bus_schema::plan::Span;
use worker::by_hand::Outcome;

use super::{clip, folder, task};

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
const PROGRAM: &str = env!("CARGO_BIN_EXE_tcoder-worker");

/// By hand, with caches of this run's own.
fn program() -> Command {
    let mut program = Command::new(PROGRAM);
    program.env("XDG_CACHE_HOME", folder::of_run("caches"));
    program
}

#[test]
fn the_trial_encode_comes_back_and_an_unknown_encoder_does_not() {
    let output = program()
        .arg("encoders")
        .output()
        .expect("the program starts");
    let checks: Vec<EncoderCheck> =
        serde_json::from_slice(&output.stdout).expect("it prints checks");
    let x264 = checks
        .iter()
        .find(|check| check.encoder == "x264enc")
        .expect("x264 is known");
    assert_eq!(x264.failure, None);
    let output = Command::new(PROGRAM)
        .args(["encoders", "--trial", "nosuchenc"])
        .output()
        .expect("the program starts");
    assert!(!output.status.success());
}

#[test]
fn a_probe_by_hand_prints_facts_and_a_refusal_exits_with_its_code() {
    if !clip::has_ffmpeg("a_probe_by_hand_prints_facts_and_a_refusal_exits_with_its_code") {
        return;
    }
    let source = clip::film("hand.mp4", 1, "25", "320x180", "");
    // As documented: the sample that the schema keeps.
    let golden = "../../bus-schema/tests/golden/task-spec-probe.json";
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
    let by_hand = |source: &PathBuf| {
        let output = program()
            .args(["task", "--spec"])
            .arg(&spec)
            .arg("--source")
            .arg(source)
            .output()
            .expect("the program starts");
        let outcome: Outcome =
            serde_json::from_slice(&output.stdout).expect("it prints an outcome");
        (outcome, output.status.code())
    };
    let (outcome, code) = by_hand(&source);
    assert!(matches!(outcome, Outcome::Probed(_)), "{outcome:?}");
    assert_eq!(code, Some(0));
    let (outcome, code) = by_hand(&clip::write("hand.txt", b"no media at all"));
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert_eq!(code, Some(3));
}

/// A spec of one's own is refused by the name of the field that is wrong, before anything is started.
#[test]
fn a_spec_by_hand_is_refused_with_the_name_of_its_field() {
    let source = clip::write("spec.bin", b"not looked at");
    let said = |name: &str, spec: &[u8]| {
        let spec = clip::write(name, spec);
        let output = program()
            .args(["task", "--spec"])
            .arg(&spec)
            .arg("--source")
            .arg(&source)
            .output()
            .expect("the program starts");
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        assert_eq!(output.stdout, b"", "{output:?}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(said.is_ascii() && !said.contains('\u{1b}'), "{said}");
        said
    };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bus-schema/tests/golden");
    let sample = |kind: &str| {
        let path = golden.join(format!("task-spec-{kind}.json"));
        std::fs::read_to_string(path).expect("a sample")
    };
    let subtitles = sample("subtitles").replacen("\"track\": 1", "\"track\": 2", 1);
    let told = said("spec-subtitles.json", subtitles.as_bytes());
    assert!(told.contains("`subtitles.facts` must be"), "{told}");
    let told = said("spec-assemble.json", sample("assemble").as_bytes());
    assert!(told.contains("cannot be done by hand"), "{told}");
    let told = said("spec-typo.json", b"{\"prob\": {}}");
    assert!(told.contains("is no task: see --help"), "{told}");
    assert!(told.contains("unknown variant `prob`"), "{told}");
}

/// What it prints may be of no interest, and how it ends is told all the same.
#[test]
fn a_task_by_hand_that_nobody_reads_ends_as_any_other() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let spec = clip::write("unread.json", b"{\"probe\": {\"source_bytes\": 0}}");
    let output = program()
        .args(["task", "--spec"])
        .arg(spec)
        .arg("--source")
        .arg(clip::write("unread.txt", b"no media at all"))
        .stdout(writer)
        .stderr(Stdio::piped())
        .env("RUST_LOG", "off")
        .spawn()
        .expect("the program starts")
        .wait_with_output()
        .expect("it ends");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(output.stderr, b"", "{output:?}");
}

#[tokio::test]
async fn a_child_dies_with_its_parent() {
    if !clip::has_ffmpeg("a_child_dies_with_its_parent") {
        return;
    }
    let source = clip::film("orphan.mp4", 60, "25", "640x360", "");
    let facts = task::facts(&source)
        .await
        .video
        .expect("there is a picture");
    let span = Span {
        start_ns: 0,
        end_ns: None,
    };
    let spec = task::chunk(&source, &facts, span, 2, &[(320, 180), (640, 360)]);
    let spec = clip::write(
        "orphan.json",
        &serde_json::to_vec(&spec).expect("a spec is JSON"),
    );
    let out = tempfile::tempdir().expect("a temporary folder can be made");
    let mut parent = program()
        .args(["task", "--spec"])
        .arg(spec)
        .arg("--source")
        .arg(&source)
        .arg("--out")
        .arg(out.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let started = Instant::now();
    let child = loop {
        assert!(started.elapsed() < PATIENCE, "no child");
        // The child is forked by any thread of its parent.
        if let Some(pid) = child_of(parent.id()).filter(|_| out.path().join("360p").exists()) {
            break pid;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    parent.kill().expect("the parent can be killed");
    parent.wait().expect("the parent is reaped");
    let process = PathBuf::from(format!("/proc/{child}"));
    let is_alive =
        || std::fs::read_to_string(process.join("stat")).is_ok_and(|s| !s.contains(") Z "));
    while is_alive() {
        assert!(
            started.elapsed() < PATIENCE,
            "the child outlives its parent"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn child_of(parent: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).ok()?;
    let children = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("children")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    });
    children.into_iter().next()
}
