//! `bench NAME`: measures, prints a table and, last, one JSON line. Exits 1 when a row misses its
//! limit, 2 when nothing could be measured.

mod dispatch;
mod idle;
mod media;
mod playable;
mod report;
mod system;

use std::process::ExitCode;

use report::Report;

const NAMES: &str = "dispatch, playable, idle, media";

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        return ExitCode::from(2);
    }
    let name = std::env::args().nth(1).unwrap_or_default();
    let measured = match name.as_str() {
        "dispatch" => dispatch::run().await,
        "playable" => playable::run().await,
        "idle" => idle::run().await,
        "media" => media::run().await,
        _ => Err(anyhow::anyhow!(
            "there is no bench `{name}`: choose one of {NAMES}"
        )),
    };
    match measured {
        Ok(rows) => Report { bench: name, rows }.print(),
        Err(error) => {
            report::complain(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}
