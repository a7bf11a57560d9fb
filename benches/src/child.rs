//! Says when it began to run, then becomes the worker's child. Where to say it, and what to become,
//! stands in a file beside it: the worker gives its children no environment.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> ExitCode {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Ok(own) = std::env::current_exe() else {
        return ExitCode::FAILURE;
    };
    let Ok(text) = std::fs::read_to_string(own.with_extension("conf")) else {
        return ExitCode::FAILURE;
    };
    let Some((socket, program)) = text.trim().split_once('\n') else {
        return ExitCode::FAILURE;
    };
    let said = UnixDatagram::unbound().and_then(|s| s.send_to(&now.to_le_bytes(), socket));
    if said.is_err() || arguments.is_empty() {
        return ExitCode::SUCCESS;
    }
    drop(Command::new(program).args(arguments).exec());
    ExitCode::FAILURE
}
