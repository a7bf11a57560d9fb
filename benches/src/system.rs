//! A whole system to measure: `tcoder up` from beside this program, on a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nats::conf::ServerConf;
use nats::{Bus, Credentials};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// How long a start may take.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How often things are looked at.
const POLL: Duration = Duration::from_millis(5);
/// How long a job may take.
const JOB_PATIENCE: Duration = Duration::from_secs(3_600);

/// A running system; dropping it ends it.
#[derive(Debug)]
pub(crate) struct System {
    dir: TempDir,
    up: Child,
    url: String,
    http: reqwest::Client,
}

impl System {
    /// Starts it; the time until it answers.
    pub(crate) async fn start() -> anyhow::Result<(Self, Duration)> {
        let dir = tempfile::tempdir()?;
        Self::start_on(dir).await
    }

    /// The same on a folder that another left.
    pub(crate) async fn start_on(dir: TempDir) -> anyhow::Result<(Self, Duration)> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let log = std::fs::File::create(dir.path().join("up.log"))?;
        let began = Instant::now();
        let up = Command::new(beside("tcoder")?)
            .args(["up", "--port", &port.to_string(), "--data"])
            .arg(dir.path().join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start tcoder")?;
        let url = format!("http://127.0.0.1:{port}");
        let system = Self {
            dir,
            up,
            url,
            http: reqwest::Client::new(),
        };
        let ready = format!("{}/readyz", system.url);
        while !system
            .http
            .get(&ready)
            .send()
            .await
            .is_ok_and(|r| r.status().is_success())
        {
            ensure!(
                began.elapsed() < START_PATIENCE,
                "tcoder does not come up; see {}",
                system.log()
            );
            tokio::time::sleep(POLL).await;
        }
        Ok((system, began.elapsed()))
    }

    fn log(&self) -> String {
        self.dir.path().join("up.log").display().to_string()
    }

    /// Its folder, to put things in.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The control plane's process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.up.id()
    }

    /// Stops it cleanly; its folder.
    pub(crate) async fn stop(mut self) -> anyhow::Result<TempDir> {
        if let Some(pid) = self.up.id().and_then(|pid| i32::try_from(pid).ok())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.up.wait().await?;
        Ok(self.dir)
    }

    /// The bus, with the operator's rights.
    pub(crate) async fn bus(&self) -> anyhow::Result<Bus> {
        let run: Value = serde_json::from_slice(&std::fs::read(self.data("run.json"))?)?;
        let credentials: Credentials = serde_json::from_value(run["nats"].clone())?;
        let bus = nats::connect(&credentials, "bench").await?;
        bus.ready(START_PATIENCE).await?;
        Ok(bus)
    }

    /// How worker `w1` connects.
    pub(crate) fn worker(&self) -> anyhow::Result<Credentials> {
        let conf: ServerConf = serde_json::from_slice(&std::fs::read(self.data("nats.json"))?)?;
        conf.worker_credentials("w1")
            .context("there is no worker w1")
    }

    fn data(&self, name: &str) -> PathBuf {
        self.dir.path().join("data").join(name)
    }

    /// Uploads bytes as a new job.
    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> anyhow::Result<String> {
        let new = json!({"filename": "film.mp4", "content_type": "video/mp4", "size": bytes.len()});
        let authorized: Value = self
            .http
            .post(format!("{}/v1/uploads", self.url))
            .json(&new)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let target = &authorized["upload"];
        let mut put = self.http.put(target["url"].as_str().context("no address")?);
        for (name, value) in target["headers"].as_object().into_iter().flatten() {
            put = put.header(name, value.as_str().unwrap_or_default());
        }
        put.body(bytes).send().await?.error_for_status()?;
        Ok(authorized["job_id"].as_str().context("no job")?.to_owned())
    }

    /// A job as it ended.
    pub(crate) async fn ended(&self, id: &str) -> anyhow::Result<Value> {
        let began = Instant::now();
        loop {
            let job = self
                .http
                .get(format!("{}/v1/jobs/{id}", self.url))
                .send()
                .await?;
            let job: Value = job.error_for_status()?.json().await?;
            if matches!(
                job["state"].as_str(),
                Some("completed" | "failed" | "cancelled")
            ) {
                return Ok(job);
            }
            ensure!(began.elapsed() < JOB_PATIENCE, "job {id} does not end");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until a worker lives.
    pub(crate) async fn has_worker(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let status: Value = self
                .http
                .get(format!("{}/v1/status", self.url))
                .send()
                .await?
                .json()
                .await?;
            if status["workers"]
                .as_array()
                .is_some_and(|workers| !workers.is_empty())
            {
                return Ok(());
            }
            ensure!(began.elapsed() < START_PATIENCE, "no worker comes");
            tokio::time::sleep(POLL).await;
        }
    }

    /// A job's facts as they come.
    pub(crate) async fn facts(&self, id: &str) -> anyhow::Result<Facts> {
        let job = format!("{}/v1/jobs/{id}", self.url);
        let answer = self.http.post(format!("{job}/ticket")).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let ticket = answer["live_ticket"].as_str().context("no ticket")?;
        let response = self
            .http
            .get(format!("{job}/events?ticket={ticket}"))
            .send()
            .await?;
        Ok(Facts {
            response: response.error_for_status()?,
            text: String::new(),
        })
    }

    /// Cancels a job.
    pub(crate) async fn cancel(&self, id: &str) -> anyhow::Result<()> {
        self.http
            .post(format!("{}/v1/jobs/{id}/cancel", self.url))
            .send()
            .await?;
        self.ended(id).await.map(drop)
    }
}

/// Server-sent events, one JSON value each.
#[derive(Debug)]
pub(crate) struct Facts {
    response: reqwest::Response,
    text: String,
}

impl Facts {
    /// The next one.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Some((line, rest)) = self.text.split_once('\n') {
                let value = line
                    .strip_prefix("data:")
                    .map(|data| serde_json::from_str(data.trim()));
                self.text = rest.to_owned();
                if let Some(value) = value {
                    return Ok(value?);
                }
                continue;
            }
            let piece = self.response.chunk().await?.context("the events end")?;
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
    }
}

/// A program beside this one.
pub(crate) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(
        program.exists(),
        "{} is missing: build it first (make bench does)",
        program.display()
    );
    Ok(program)
}
