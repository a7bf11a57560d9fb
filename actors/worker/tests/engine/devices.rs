//! Encoders in hardware, by a stand-in: what they make is as exact as software's, and however they fail, that is
//! said of the device and not of the film.

use std::path::{Path, PathBuf};
use std::process::Command;

use bus_schema::encoder::{self, Encoder};
use bus_schema::heartbeat::EncoderCheck;
use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use worker::child::{ChildTask, Options};
use worker::sandbox::trial::Report;
use worker::{devices, encoders};

use super::clip;
use super::task::{self, Made, SECOND_NS};

/// Where the stand-in has its place.
const DEVICE: &str = "nvh264enc";

fn device() -> Encoder {
    encoder::encoder(DEVICE).expect("there are settings for it")
}

/// A child with a device that has this fault.
fn options(fault: &str) -> Options {
    let mut options = task::options();
    options.program = PathBuf::from(env!("CARGO_BIN_EXE_tcoder-worker-stand-in"));
    let variable = ("STAND_IN".to_owned(), fault.to_owned());
    options.environment.extend([variable]);
    options
}

/// The whole clip in chunks that begin at these seconds.
async fn encoded(source: &Path, options: &Options, starts_s: &[u64]) -> Vec<Made> {
    let facts = task::facts(source).await.video.expect("there is a picture");
    let mut all = Vec::new();
    for (index, start_s) in starts_s.iter().enumerate() {
        let span = Span {
            start_ns: start_s * SECOND_NS,
            end_ns: starts_s.get(index + 1).map(|end_s| end_s * SECOND_NS),
        };
        let spec = task::chunk(source, &facts, span, 1, &[(160, 90), (320, 180)]);
        let spec = task::encoded_by(spec, device());
        let child = ChildTask::spawn(options, spec).expect("a child starts");
        all.push(task::drive(child, source).await);
    }
    all
}

#[tokio::test]
async fn a_device_keeps_every_frame_at_its_time() {
    if !clip::has_ffmpeg("a_device_keeps_every_frame_at_its_time") {
        return;
    }
    let source = clip::film("device.mp4", 3, "30000/1001", "320x180", "");
    let all = encoded(&source, &options(""), &[0, 1]).await;
    for made in &all {
        assert_eq!(made.failure, None);
    }
    let made: Vec<&Made> = all.iter().collect();
    let joined = task::join("180p", &made, "device-joined.mp4");
    let (ours, theirs) = (clip::frame_times(&joined), clip::frame_times(&source));
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() < 0.001, "{ours} is not {theirs}");
    }
    let ssim = clip::ssim(&joined, &source);
    assert!(ssim > 0.9, "{ssim}");
}

#[tokio::test]
async fn a_device_that_fails_is_named() {
    if !clip::has_ffmpeg("a_device_that_fails_is_named") {
        return;
    }
    let source = clip::film("device.mp4", 3, "30000/1001", "320x180", "");
    for (fault, code) in [
        ("open", ErrorCode::EncoderFailed),
        ("middle", ErrorCode::EncoderFailed),
        ("loss", ErrorCode::EncoderFailed),
        ("crash", ErrorCode::Crashed),
    ] {
        let made = encoded(&source, &options(fault), &[0]).await.remove(0);
        let failure = made.failure.expect("it does not work");
        assert_eq!(failure.code, code, "{fault}: {failure:?}");
        assert!(failure.code.is_passing(), "{fault}");
        let is_named = failure.message.contains(DEVICE);
        assert_eq!(is_named, code == ErrorCode::EncoderFailed, "{failure:?}");
    }
    // The real program, which has no such device.
    let made = encoded(&source, &task::options(), &[0]).await.remove(0);
    let failure = made.failure.expect("it is not there");
    assert_eq!(failure.code, ErrorCode::EncoderFailed, "{failure:?}");
}

/// A node that is no secret and no file, and that no task in software may open.
const NODE: &str = "/dev/full";

/// A stand-in that opens a node as a driver does, which is one of its family's or is not.
fn with_node(is_of_family: bool) -> Options {
    let mut options = options("");
    let mut set = |name: &str| {
        let variable = (name.to_owned(), NODE.to_owned());
        options.environment.extend([variable]);
    };
    set("STAND_IN_NODE");
    if is_of_family {
        set(devices::NODE_FOR_TESTS);
    }
    options
}

#[tokio::test]
async fn a_device_is_given_to_who_encodes_with_its_family() {
    if !clip::has_ffmpeg("a_device_is_given_to_who_encodes_with_its_family") {
        return;
    }
    if !has_landlock() {
        println!("SKIPPED a_device_is_given_to_who_encodes_with_its_family: no landlock");
        return;
    }
    let source = clip::film("device.mp4", 3, "30000/1001", "320x180", "");
    let made = encoded(&source, &with_node(true), &[0]).await.remove(0);
    assert_eq!(made.failure, None);
    let made = encoded(&source, &with_node(false), &[0]).await.remove(0);
    let failure = made.failure.expect("it is not of its family");
    assert_eq!(failure.code, ErrorCode::EncoderFailed, "{failure:?}");
    // And so for trials, of which the owner of the machine is told.
    for is_of_family in [true, false] {
        let options = with_node(is_of_family);
        let checks = encoders::check(&options.program, &options.environment).await;
        let check = checks.into_iter().find(|check| check.encoder == DEVICE);
        let Some(failure) = check.expect("it is tried").failure else {
            assert!(is_of_family);
            continue;
        };
        assert!(!is_of_family, "{failure}");
        assert!(failure.contains("Permission denied"), "{failure}");
        let has_none = devices::of(DEVICE)[0].nodes().is_empty();
        let is_told = failure.contains("there is no device like /dev/nvidia0");
        assert_eq!(is_told, has_none, "{failure}");
    }
}

/// What `tcoder-worker sandbox` says of a process with this encoder.
fn sandbox(encoder: &str) -> Report {
    let output = Command::new(env!("CARGO_BIN_EXE_tcoder-worker"))
        .args(["sandbox", "--encoder", encoder])
        .env(devices::NODE_FOR_TESTS, NODE)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn has_landlock() -> bool {
    sandbox("x264enc").landlock_abi > 0
}

#[test]
fn the_sandbox_opens_no_further_than_to_the_devices() {
    if !has_landlock() {
        println!("SKIPPED the_sandbox_opens_no_further_than_to_the_devices: no landlock");
        return;
    }
    for encoder in [
        "x264enc",
        "nvh264enc",
        "vah264enc",
        "v4l2h264enc",
        "vulkanh264enc",
    ] {
        let report = sandbox(encoder);
        let attempts = report.attempts.iter();
        let open: Vec<_> = attempts.filter(|one| one.refused.is_none()).collect();
        assert!(open.is_empty(), "{encoder}: {open:?}");
        assert!(report.is_tight(), "{encoder}");
        let is_hardware = encoder != "x264enc";
        let given = &report.devices;
        assert_eq!(given.is_empty(), !is_hardware, "{encoder}");
        let of_node = given.iter().find(|one| one.what.contains(NODE));
        let expected = is_hardware.then_some(&None);
        assert_eq!(of_node.map(|one| &one.refused), expected, "{encoder}");
        let mut commands = given.iter().filter(|one| one.what.contains("command"));
        let are_open = commands.all(|one| one.refused.is_none());
        assert!(are_open, "{encoder}: {given:?}");
    }
}

#[tokio::test]
async fn a_trial_tells_what_a_device_lacks() {
    for (fault, reason) in [
        ("", None),
        ("open", Some("no session is free")),
        ("middle", Some("the device is gone")),
        ("loss", Some("of 16 frames")),
        ("crash", Some("signal: 6")),
    ] {
        let options = options(fault);
        let checks = encoders::check(&options.program, &options.environment).await;
        let of = |name: &str| checks.iter().find(|check| check.encoder == name).cloned();
        let failure = of(DEVICE).expect("it is tried").failure;
        match (reason, &failure) {
            (None, None) => {}
            (Some(reason), Some(failure)) if failure.contains(reason) => {}
            _ => panic!("{fault}: {failure:?}"),
        }
        // Whatever the device does: software works, and what is not here is not tried.
        let works = |check: EncoderCheck| check.failure.is_none();
        for software in ["x264enc", "x265enc", "vp9enc", "av1enc"] {
            assert!(of(software).is_some_and(works), "{software}: {checks:?}");
        }
        let absent = of("vtenc_h264").expect("it is told of").failure;
        assert_eq!(absent.as_deref(), Some(encoders::ABSENT));
    }
}
