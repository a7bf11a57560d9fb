//! `tcoder jobs`, `watch`, `cancel`: what runs, and what becomes of it.

use bus_schema::JobId;
use clap::Args;

use super::follow::{Bars, follow};
use super::transcode::ended;
use super::{Exit, Remote, output, say};

/// List jobs, newest first.
///
/// Example: tcoder jobs --state running
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Jobs {
    /// uploading, queued, running, playable, completed, failed or cancelled.
    #[arg(long)]
    state: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    remote: Remote,
}

/// Watch a job until it ends.
///
/// Example: tcoder watch 01k9xv3q8m2r7t5w4y6z0abcde
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Watch {
    /// The job.
    id: JobId,
    #[command(flatten)]
    remote: Remote,
}

/// Cancel a job: its work stops within a second.
///
/// Example: tcoder cancel 01k9xv3q8m2r7t5w4y6z0abcde
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Cancel {
    /// The job.
    id: JobId,
    #[command(flatten)]
    remote: Remote,
}

impl Jobs {
    pub(crate) async fn apply(self) -> Exit {
        let listed = match self.remote.client() {
            Ok(client) => client.jobs(self.state.as_deref(), self.limit).await,
            Err(error) => Err(error),
        };
        let jobs = match listed {
            Ok(jobs) => jobs,
            Err(error) => return super::failed(&error),
        };
        for job in &jobs {
            if self.remote.json {
                let line = serde_json::json!({
                    "id": job.id, "state": job.state, "filename": job.filename,
                    "percent": job.progress.percent, "created_at": job.created_at,
                });
                say(&line.to_string());
            } else {
                let percent = job.progress.percent;
                say(&format!(
                    "{}  {:<9}  {percent:>3.0} %  {}",
                    job.id, job.state, job.filename
                ));
            }
        }
        if jobs.is_empty() && !self.remote.json {
            say("no jobs; begin one with `tcoder transcode FILE`");
        }
        Exit::Done
    }
}

impl Watch {
    pub(crate) async fn apply(self) -> Exit {
        let client = match self.remote.client() {
            Ok(client) => client,
            Err(error) => return super::failed(&error),
        };
        let mut bars = Bars::new(self.remote.json);
        let is_json = self.remote.json;
        let followed = follow(&client, self.id.as_str(), &mut bars, |frame| {
            if is_json {
                say(&frame.to_string());
            }
        });
        let followed = tokio::select! {
            followed = followed => Some(followed),
            () = output::unread() => None,
        };
        bars.end();
        let Some(followed) = followed else {
            return Exit::Done;
        };
        match followed {
            Ok(job) => ended(&job, !is_json),
            Err(error) => super::failed(&error),
        }
    }
}

impl Cancel {
    pub(crate) async fn apply(self) -> Exit {
        let cancelled = match self.remote.client() {
            Ok(client) => client.cancel(self.id.as_str()).await,
            Err(error) => Err(error),
        };
        match cancelled {
            Ok(job) => {
                say(&format!("{}: {}", job.state, job.id));
                Exit::Done
            }
            Err(error) => super::failed(&error),
        }
    }
}
