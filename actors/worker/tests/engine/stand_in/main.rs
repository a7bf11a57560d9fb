//! The worker's child and its trials with a device that does not exist: an element that bears the name of a
//! hardware encoder, encodes by x264, and fails as the variable `STAND_IN` says. Only tests start it.

mod device;

use std::io::Write as _;
use std::process::ExitCode;

use device::Device;
use gstreamer as gst;
use gstreamer::prelude::*;
use worker::engine;

/// The device's name.
const NAME: &str = "nvh264enc";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // As the worker does: the last line of what its child says is the reason of a failed trial.
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::from(4)
        }
    }
}

fn run() -> Result<(), String> {
    gst::init().map_err(|error| error.to_string())?;
    gst::Element::register(None, NAME, gst::Rank::NONE, Device::static_type())
        .map_err(|error| error.to_string())?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["task", "--child", "--parent", parent] => {
            let parent = parent.parse().map_err(|error| format!("{error}"))?;
            engine::task::run(parent).map_err(|error| error.to_log())
        }
        ["encoders", "--trial", name] => engine::trial::run(name).map_err(|error| error.to_log()),
        ["encoders", "--present"] => {
            let present = engine::hardware::present().map_err(|error| error.to_log())?;
            let json = serde_json::to_string(&present).map_err(|error| error.to_string())?;
            writeln!(std::io::stdout(), "{json}").map_err(|error| error.to_string())
        }
        other => Err(format!("a stand-in does not do {other:?}")),
    }
}
