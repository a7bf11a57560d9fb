//! `tcoder doctor`: what is missing, and how to mend it.

use std::path::{Path, PathBuf};

use actors::config::Config;
use actors::up::data_dir::CACHE;
use actors::up::run_file::RunFile;
use clap::Args;
use gateway::storage::Storage;
use serde_json::Value;

use super::client::Client;
use super::{Exit, complain, say};

/// Look at everything that tcoder needs, and say how to mend what is missing.
///
/// Example: tcoder doctor --storage
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Doctor {
    /// Also write, read and remove an object in the configured storage.
    #[arg(long)]
    storage: bool,
    /// The data folder of `tcoder up`.
    #[arg(long, value_name = "DIR", default_value = ".tcoder")]
    data: PathBuf,
}

/// What was found.
#[derive(Debug, Default)]
struct Findings {
    n_wrong: u32,
}

impl Findings {
    #[expect(clippy::unused_self, reason = "reads as `wrong` does")]
    fn good(&self, what: &str) {
        say(&format!("ok       {what}"));
    }

    fn wrong(&mut self, what: &str, mend: &str) {
        self.n_wrong += 1;
        say(&format!("missing  {what}\n         {mend}"));
    }
}

impl Doctor {
    pub(crate) async fn apply(self, config: Option<&Path>) -> Exit {
        let config = match Config::load(config, std::env::vars()) {
            Ok(config) => config,
            Err(error) => {
                complain(&error.to_string());
                return Exit::Usage;
            }
        };
        let mut findings = Findings::default();
        bus_server(&mut findings, &config).await;
        worker(&mut findings, &config, &self.data).await;
        let run = RunFile::read(&self.data.join("run.json")).ok();
        gateway(&mut findings, run.as_ref()).await;
        if self.storage {
            storage(&mut findings, &config, run.as_ref()).await;
        }
        if findings.n_wrong == 0 {
            Exit::Done
        } else {
            Exit::Failed
        }
    }
}

async fn bus_server(findings: &mut Findings, config: &Config) {
    if let Some(url) = &config.bus.url {
        return findings.good(&format!("bus at {url} (configured; not asked)"));
    }
    match nats::server::find_binary().await {
        Ok(path) => findings.good(&format!("nats-server: {}", path.display())),
        Err(error) => findings.wrong("nats-server", &error.to_string()),
    }
}

async fn worker(findings: &mut Findings, config: &Config, data: &Path) {
    let beside = std::env::current_exe().map(|own| own.with_file_name("tcoder-worker"));
    let Some(program) = config.pool.worker.clone().or_else(|| beside.ok()) else {
        return;
    };
    let asked = tokio::process::Command::new(&program)
        .arg("encoders")
        .arg("--cache")
        .arg(data.join(CACHE))
        .output()
        .await;
    let Ok(output) = asked else {
        let mend = "build it: cargo build --profile up -p worker, or set pool.worker";
        return findings.wrong(&format!("the worker {}", program.display()), mend);
    };
    findings.good(&format!("worker: {}", program.display()));
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for check in checks.as_array().into_iter().flatten() {
        let encoder = check["encoder"].as_str().unwrap_or("?");
        match check["failure"].as_str() {
            None => findings.good(&format!("encoder {encoder}: encoded frames that decode")),
            Some(reason) if encoder == "x264enc" => findings.wrong(
                &format!("encoder {encoder}: {reason}"),
                "install gstreamer1.0-plugins-ugly and gstreamer1.0-libav",
            ),
            Some(reason) => say(&format!("absent   encoder {encoder}: {reason}")),
        }
    }
    if checks.as_array().is_none_or(Vec::is_empty) {
        findings.wrong(
            "encoders",
            "see `tcoder-worker encoders`: are GStreamer's plugins installed?",
        );
    }
}

async fn gateway(findings: &mut Findings, run: Option<&RunFile>) {
    let Some(run) = run else {
        return say("absent   tcoder is not running here: start it with `tcoder up`");
    };
    let status = match Client::new(&run.url, None) {
        Ok(client) => client.status().await,
        Err(error) => Err(error),
    };
    match status {
        Err(error) => findings.wrong(&format!("the gateway at {}", run.url), &error.to_string()),
        Ok(status) => {
            findings.good(&format!("gateway: {}", run.url));
            for part in ["bus", "storage"] {
                let detail = status[part]["detail"].as_str().unwrap_or("?").to_owned();
                if status[part]["is_ok"].as_bool() == Some(true) {
                    findings.good(&format!("{part}: {detail}"));
                } else {
                    findings.wrong(part, &detail);
                }
            }
        }
    }
}

async fn storage(findings: &mut Findings, config: &Config, run: Option<&RunFile>) {
    let mut options = config.storage.clone();
    if let (None, Some(store)) = (&options.endpoint, run.and_then(|run| run.store.as_ref())) {
        options.endpoint = Some(store.endpoint.clone());
        options.access_key.clone_from(&store.access_key);
        options.secret_key.clone_from(&store.secret_key);
    }
    let storage = match Storage::new(&options) {
        Ok(storage) => storage,
        Err(error) => return findings.wrong("storage", &error.to_string()),
    };
    let probe = storage.check("outputs/doctor/probe").await;
    for step in &probe.steps {
        match &step.result {
            Ok(()) => findings.good(&format!("storage: {}", step.name)),
            Err(error) => findings.wrong(&format!("storage: {}", step.name), &error.to_string()),
        }
    }
}
