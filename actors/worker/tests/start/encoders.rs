//! An encoder that worked is not tried again while nothing has changed that it depends on.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bus_schema::heartbeat::EncoderCheck;
use tempfile::TempDir;
use worker::encoders::{ABSENT, check_once, known};
use worker::plugins::{self, Plugins};

/// Encoders in software: what the stand-in below has, and remembers.
const SOFTWARE: [&str; 4] = ["x264enc", "x265enc", "vp9enc", "av1enc"];
/// Starts of the program where nothing is known: which are there, and a trial of each.
const ALL: usize = SOFTWARE.len() + 1;

/// A machine with a stand-in for the worker's program, which counts what it is started for.
struct Machine {
    folder: TempDir,
    plugins: Plugins,
    /// What there are elements for.
    present: Vec<&'static str>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plugins =
            plugins::prepare(&folder.path().join("cache")).expect("plugins are installed");
        let machine = Self {
            folder,
            plugins,
            present: SOFTWARE.to_vec(),
        };
        machine.write_program("exit 0");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cache(&self, name: &str) -> PathBuf {
        self.plugins.folder().join(name)
    }

    /// The program notes its arguments, leaves a registry as GStreamer would, and ends.
    fn write_program(&self, end: &str) {
        let (trials, registry) = (self.path("trials"), self.cache("registry.bin"));
        let present = serde_json::json!(self.present);
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> {}\n: > {}\n\
             case $2 in --present) printf '%s' '{present}' ;; esac\n{end}\n",
            trials.display(),
            registry.display()
        );
        // By another process: what is open for writing here, the children of other tests have open too
        // until they run their own program, and such a file cannot be run.
        let mut writer = Command::new("/bin/sh")
            .args(["-c", "cat > $0.new && chmod 700 $0.new && mv $0.new $0"])
            .arg(self.path("program"))
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut stdin = writer.stdin.take().expect("its stdin");
        stdin.write_all(script.as_bytes()).expect("a script");
        drop(stdin);
        assert!(writer.wait().expect("it ends").success());
    }

    /// Starts once: what it says, and how many trials that took.
    async fn start(&self) -> (Vec<EncoderCheck>, usize) {
        let count = |path: &Path| std::fs::read_to_string(path).map_or(0, |t| t.lines().count());
        let before = count(&self.path("trials"));
        let checks = check_once(&self.path("program"), &self.plugins).await;
        (checks, count(&self.path("trials")) - before)
    }

    async fn works_after(&self, trials: usize, why: &str) {
        let (checks, tried) = self.start().await;
        assert_eq!(tried, trials, "{why}");
        let names: Vec<&str> = checks.iter().map(|check| check.encoder.as_str()).collect();
        assert_eq!(names, known().collect::<Vec<_>>(), "{why}");
        for check in checks {
            let is_there = self.present.contains(&check.encoder.as_str());
            let expected = (!is_there).then(|| ABSENT.to_owned());
            assert_eq!(check.failure, expected, "{why}: {}", check.encoder);
        }
    }
}

#[tokio::test]
async fn a_second_start_tries_nothing() {
    let machine = Machine::new();
    machine.works_after(ALL, "nothing is known").await;
    machine.works_after(0, "nothing has changed").await;
}

#[tokio::test]
async fn what_an_encoder_depends_on_has_it_tried_again() {
    let machine = Machine::new();
    machine.works_after(ALL, "nothing is known").await;

    machine.write_program("exit 0 # another version");
    machine.works_after(ALL, "the worker is another").await;
    machine.works_after(0, "nothing has changed").await;

    let link = machine.cache("plugins").join("libgstx264.so");
    let library = machine.path("libgstx264.so");
    std::fs::write(&library, "another").expect("a library");
    std::fs::remove_file(&link).expect("the plugin is there");
    symlink(library, link).expect("a link");
    machine.works_after(ALL, "a plugin is another").await;
    machine.works_after(0, "nothing has changed").await;

    std::fs::remove_file(machine.cache("registry.bin")).expect("it is there");
    machine
        .works_after(ALL, "the registry is to be built")
        .await;
}

#[tokio::test]
async fn a_damaged_memory_is_none() {
    let machine = Machine::new();
    machine.works_after(ALL, "nothing is known").await;
    let file = machine.cache("encoders.json");
    let whole = std::fs::read(&file).expect("it is kept");
    for damaged in [
        &b""[..],
        b"null",
        b"{}",
        &whole[..whole.len() / 2],
        &[0xff; 100],
    ] {
        std::fs::write(&file, damaged).expect("written");
        machine.works_after(ALL, "it is damaged").await;
        machine.works_after(0, "it is mended").await;
    }
    // Of another day, before or after.
    let text = String::from_utf8(whole).expect("JSON");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for tried_ms in [0, u64::MAX] {
        let mut other = value.clone();
        other["tried_ms"] = tried_ms.into();
        std::fs::write(&file, other.to_string()).expect("written");
        machine.works_after(ALL, "it is too old").await;
    }
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let machine = Machine::new();
    machine.write_program("echo out of memory >&2; exit 4");
    for _ in 0..2 {
        let (checks, tried) = machine.start().await;
        assert_eq!(tried, 1, "nobody knows which there are");
        for check in checks {
            let failure = check.failure.expect("it does not work");
            assert!(failure.contains("out of memory"), "{failure}");
        }
    }
    machine.write_program("exit 0");
    machine.works_after(ALL, "it has passed").await;
}

#[tokio::test]
async fn a_device_is_tried_at_each_start() {
    let mut machine = Machine::new();
    machine.present.push("nvh264enc");
    machine.write_program("exit 0");
    machine.works_after(ALL + 1, "nothing is known").await;
    machine.works_after(1, "others use the device, too").await;

    let fails = "case $3 in nv*) echo the device is gone >&2; exit 4 ;; esac";
    machine.write_program(fails);
    let (checks, tried) = machine.start().await;
    assert_eq!(tried, ALL + 1, "the worker is another");
    let failures = checks.iter().filter(|check| check.encoder == "nvh264enc");
    let failures: Vec<&str> = failures
        .filter_map(|check| check.failure.as_deref())
        .collect();
    assert!(failures[0].contains("the device is gone"), "{failures:?}");
}
