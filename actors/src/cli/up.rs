//! `tcoder up`: everything on one machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use actors::config::Config;
use actors::up;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Exit, complain, say};

/// Run everything on this machine: bus, storage, control plane, workers.
///
/// Nothing needs to be configured. The data folder keeps jobs over restarts.
///
/// Example: tcoder up --data /var/lib/tcoder --port 8080
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Up {
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", default_value = ".tcoder")]
    data: PathBuf,
    /// The gateway's port [default: 8080, or the next free one].
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

impl Up {
    pub(crate) async fn apply(self, config: Option<&Path>) -> Exit {
        let config = match Config::load(config, std::env::vars()) {
            Ok(config) => config,
            Err(error) => {
                complain(&error.to_string());
                return Exit::Usage;
            }
        };
        let options = up::Options { data: self.data, config, port: self.port };
        let mut running = match up::Up::start(options).await {
            Ok(running) => running,
            Err(error) => {
                complain(&format!("{error:#}"));
                return Exit::Failed;
            }
        };
        say(&format!("tcoder is up: {}", running.run.url));
        let exit = tokio::select! {
            error = running.failed() => {
                complain(&format!("{error:#}"));
                Exit::Failed
            }
            exit = asked_to_stop() => exit,
        };
        if tokio::time::timeout(2 * up::DRAIN, running.stop()).await.is_err() {
            complain("stopped without draining: it took too long");
        }
        exit
    }
}

/// Ctrl-C, or what a service manager sends.
async fn asked_to_stop() -> Exit {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => tokio::time::sleep(Duration::MAX).await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Exit::Interrupted,
        () = terminated => Exit::Done,
    }
}
