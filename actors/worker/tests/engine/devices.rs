//! Encoders in hardware, by a stand-in: what they make is as exact as software's, and however they fail, that is
//! said of the device and not of the film.

use std::path::{Path, PathBuf};

use bus_schema::encoder::{self, Encoder};
use bus_schema::heartbeat::EncoderCheck;
use bus_schema::plan::Span;
use bus_schema::report::ErrorCode;
use worker::child::{ChildTask, Options};
use worker::encoders;

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
