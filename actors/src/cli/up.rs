//! `tcoder up`: everything on one machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use actors::config::Config;
use actors::up;
use bus_schema::request::Preset;
use bus_schema::video_codec::VideoCodec;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::client::Client;
use super::follow::Bars;
use super::transcode::{Wish, ended, run};
use super::{Exit, complain, say};

mod film;

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
    /// Transcode a film at once, and stay up with the page.
    #[arg(long, conflicts_with = "once")]
    watch_film: bool,
    /// Transcode a film, leave the results in --out, and exit: 0 only when it completed.
    #[arg(long, requires = "out")]
    once: bool,
    /// The film [default: 20 s of 1080p, made here].
    #[arg(long, value_name = "FILE")]
    video: Option<PathBuf>,
    /// Its preset.
    #[arg(long, default_value_t = Preset::HlsAdaptive)]
    preset: Preset,
    /// Where the results of --once go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the configuration without secrets, and exit.
    #[arg(long)]
    print_config: bool,
}

impl Up {
    /// What is logged: with bars on the terminal, only what is wrong.
    pub(crate) fn log(&self) -> &'static str {
        if self.once || self.watch_film {
            "error"
        } else {
            "info,async_nats=warn,s3s=off"
        }
    }

    pub(crate) async fn apply(self, config: Option<&Path>) -> Exit {
        let config = match Config::load(config, std::env::vars()) {
            Ok(config) => config,
            Err(error) => {
                complain(&error.to_string());
                return Exit::Usage;
            }
        };
        if self.print_config {
            return print(&config);
        }
        let wanted = config.gateway.listen.port();
        let options = up::Options {
            data: self.data.clone(),
            config,
            port: self.port,
            tcoder: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("tcoder")),
        };
        let mut running = match Box::pin(up::Up::start(options)).await {
            Ok(running) => running,
            Err(error) => {
                complain(&format!("{error:#}"));
                return Exit::Failed;
            }
        };
        let url = running.run.url.clone();
        if self.port.is_none() && !url.ends_with(&format!(":{wanted}")) {
            say(&format!("port {wanted} is taken: another one is used"));
        }
        say(&format!("tcoder is up: {url}"));
        let begun = OnceLock::new();
        let exit = tokio::select! {
            error = running.failed() => {
                complain(&format!("{error:#}"));
                Exit::Failed
            }
            exit = asked_to_stop() => exit,
            exit = self.film(&url, &begun) => exit,
        };
        if exit == Exit::Interrupted {
            self.interrupted(&url, begun.get()).await;
        }
        tokio::select! {
            stopped = tokio::time::timeout(2 * up::DRAIN, running.stop()) => if stopped.is_err() {
                complain("stopped without draining: it took too long");
            },
            // Who asks twice does not want to wait: what was started dies with this process.
            _ = asked_to_stop() => complain("stopped at once"),
        }
        exit
    }

    /// A film that was to be done once will not be followed any more: nobody waits for it.
    async fn interrupted(&self, url: &str, job: Option<&String>) {
        let (true, Some(job)) = (self.once, job) else {
            return say("stopping: what is at work is given back, and goes on at the next start");
        };
        let cancelled = match Client::new(url, None) {
            Ok(client) => client.cancel(job).await.map(drop),
            Err(error) => Err(error),
        };
        match cancelled {
            Ok(()) => complain("interrupted: the film's job was cancelled"),
            Err(error) => complain(&format!("interrupted, and the film's job goes on: {error}")),
        }
    }

    /// The film that was asked for; returns only when nothing else is wanted.
    async fn film(&self, url: &str, begun: &OnceLock<String>) -> Exit {
        if !self.once && !self.watch_film {
            return std::future::pending().await;
        }
        let exit = match self.transcode(url, begun).await {
            Ok(exit) => exit,
            Err(error) => {
                complain(&format!("{error:#}"));
                Exit::Failed
            }
        };
        if self.once {
            return exit;
        }
        say(&format!("the page stays at {url} until Ctrl-C"));
        std::future::pending().await
    }

    async fn transcode(&self, url: &str, begun: &OnceLock<String>) -> anyhow::Result<Exit> {
        let client = Client::new(url, None)?;
        let file = match &self.video {
            Some(file) => file,
            None => &film::make(&self.data.canonicalize()?).await?,
        };
        let wish = Wish {
            file,
            preset: self.preset,
            qualities: &[],
            watermark: None,
            loudness: None,
            clip: None,
            codec: VideoCodec::default(),
            images: None,
            chapters: None,
            out: self.out.as_deref().filter(|_| self.once),
            begun,
        };
        let mut bars = Bars::new(false);
        let followed = run(&client, &wish, &mut bars).await;
        bars.end();
        match followed {
            Ok(job) => Ok(ended(&job, true)),
            Err(error) => Ok(super::failed(&error)),
        }
    }
}

fn print(config: &Config) -> Exit {
    match config.printed() {
        Ok(text) => {
            say(text.trim_end());
            Exit::Done
        }
        Err(error) => {
            complain(&error.to_string());
            Exit::Failed
        }
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
