//! The judge: ffmpeg makes sources, and decodes what we wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether ffmpeg and ffprobe can be run; says so when the test is skipped.
#[expect(
    clippy::print_stdout,
    reason = "what did not run is named in the test's output"
)]
pub(crate) fn is_here(test: &str) -> bool {
    let runs = |program: &str| {
        let mut command = Command::new(program);
        command.arg("-version").stdout(Stdio::null());
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let is_here = runs("ffmpeg") && runs("ffprobe");
    if !is_here {
        println!("SKIPPED {test}: ffmpeg and ffprobe are not installed");
    }
    is_here
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(["-v", "error"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    assert_eq!(errors, "", "{program} {arguments:?} complains");
    String::from_utf8(output.stdout).expect("text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// Makes a file from lavfi sources with these options.
pub(crate) fn make(path: PathBuf, arguments: &[&str]) -> PathBuf {
    run("ffmpeg", &[&["-y"], arguments, &[text(&path)]].concat());
    path
}

/// One decoded frame: when it is shown, in its track's units, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) pts: i64,
    pub(crate) md5: String,
}

/// All decoded frames of a track, `v` or `a`.
pub(crate) fn frames(path: &Path, track: &str) -> Vec<Frame> {
    let map = format!("0:{track}");
    let input = ["-i", text(path), "-map", &map];
    // Every frame once, at its own time even before 0, in the track's own units.
    let output = [
        "-copyts",
        "-avoid_negative_ts",
        "disabled",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "-1",
        "-f",
        "framemd5",
        "-",
    ];
    run("ffmpeg", &[&input[..], &output[..]].concat())
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            Frame {
                pts: fields[2].parse().expect("a time"),
                md5: fields[5].to_owned(),
            }
        })
        .collect()
}

/// Times, sizes and digests of all packets of the first picture and the first sound, as they are read.
pub(crate) fn packets(path: &Path) -> Vec<String> {
    let input = ["-i", text(path), "-map", "0:v:0", "-map", "0:a:0?"];
    let output = ["-c", "copy", "-copyts", "-f", "framemd5", "-"];
    run("ffmpeg", &[&input[..], &output[..]].concat())
        .lines()
        .filter(|line| {
            !line.starts_with('#') || line.starts_with("#tb") || line.starts_with("#extradata")
        })
        .map(str::to_owned)
        .collect()
}

/// One value that ffprobe prints.
pub(crate) fn probe(path: &Path, arguments: &[&str]) -> String {
    let output = ["-of", "csv=p=0", text(path)];
    let printed = run("ffprobe", &[arguments, &output].concat());
    printed.trim().trim_end_matches(',').to_owned()
}

/// Whether this ffmpeg writes a rotation from metadata, as versions before 7 do.
pub(crate) fn has_rotation_tag() -> bool {
    let version = Command::new("ffmpeg").arg("-version").output();
    let text = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let number = text.strip_prefix("ffmpeg version ").unwrap_or_default();
    let major: String = number.chars().take_while(char::is_ascii_digit).collect();
    major.parse().is_ok_and(|major: u32| major < 7)
}
