//! Finds the scaler's library.

use std::process::ExitCode;

#[expect(
    clippy::print_stderr,
    reason = "cargo shows what a build script says on it when that fails"
)]
fn main() -> ExitCode {
    // The interface that is called, version 2.4, came with it.
    let found = pkg_config::Config::new()
        .atleast_version("3.0")
        .probe("zimg");
    match found {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("libzimg is missing (on Debian: apt-get install libzimg-dev): {error}");
            ExitCode::FAILURE
        }
    }
}
