//! Streams, consumers and buckets: data under `nats/topology`, and putting it on a server.
//!
//! The files are what `nats stream add --config F` and `nats consumer add STREAM --config F` accept,
//! and what the server shows afterwards: no field is left to a default that a newer server may
//! change. Why each limit is what it is stands in `ops.md`.

mod config;

mod file;

use async_nats::jetstream::Context;

use crate::error::{Error, ErrorKind, Result};

pub use file::{BUCKETS, CONSUMERS, ConsumerFile, STREAMS, StreamFile, worker_consumers};

/// On how many servers each stream lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Replicas {
    /// One server.
    #[default]
    One,
    /// A cluster of three or more: any one may be lost.
    Three,
}

/// What [`apply`] found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Made, by name: `JOBS`, `JOBS/notifier`.
    pub created: Vec<String>,
    /// Changed in place.
    pub updated: Vec<String>,
    /// As wanted already.
    pub unchanged: Vec<String>,
}

/// Makes the server's streams, consumers and buckets what the files say. Idempotent: what is right
/// is left alone, what can be changed in place is changed, what cannot is refused by name and
/// nothing is deleted.
///
/// # Errors
/// [`ErrorKind::CannotUpdate`] with the server's reason; [`ErrorKind::Unavailable`] when JetStream
/// does not answer. What was applied before the error stays.
pub async fn apply(js: &Context, replicas: Replicas) -> Result<Report> {
    let mut report = Report::default();
    for file in STREAMS.iter().chain(BUCKETS) {
        let wanted = config::stream(file, replicas)?;
        let api = config::Api {
            name: file.name.to_owned(),
            info: format!("STREAM.INFO.{}", file.name),
            create: format!("STREAM.CREATE.{}", file.name),
            update: format!("STREAM.UPDATE.{}", file.name),
            create_body: wanted.clone(),
            update_body: wanted.clone(),
        };
        apply_one(js, &api, &wanted, &mut report).await?;
    }
    for file in CONSUMERS {
        let wanted = config::parse(file.name, file.json)?;
        let api = config::consumer_api(file, &wanted);
        apply_one(js, &api, &wanted, &mut report).await?;
    }
    Ok(report)
}

/// What differs between the files and the server, one line each; empty when nothing does.
///
/// # Errors
/// [`ErrorKind::Unavailable`] when JetStream does not answer.
pub async fn drift(js: &Context, replicas: Replicas) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let files = STREAMS.iter().chain(BUCKETS);
    for file in files {
        let wanted = config::stream(file, replicas)?;
        let there = config::get(js, &format!("STREAM.INFO.{}", file.name)).await?;
        lines.extend(config::difference(file.name, &wanted, there.as_ref()));
    }
    for file in CONSUMERS {
        let wanted = config::parse(file.name, file.json)?;
        let api = config::consumer_api(file, &wanted);
        let there = config::get(js, &api.info).await?;
        lines.extend(config::difference(&api.name, &wanted, there.as_ref()));
    }
    Ok(lines)
}

async fn apply_one(
    js: &Context,
    api: &config::Api,
    wanted: &serde_json::Value,
    report: &mut Report,
) -> Result<()> {
    let there = config::get(js, &api.info).await?;
    let difference = config::difference(&api.name, wanted, there.as_ref());
    if there.is_none() {
        config::put(js, &api.create, &api.create_body).await?;
        report.created.push(api.name.clone());
        return Ok(());
    }
    if difference.is_empty() {
        report.unchanged.push(api.name.clone());
        return Ok(());
    }
    tracing::info!(
        name = api.name,
        ?difference,
        "changing the topology in place"
    );
    config::put(js, &api.update, &api.update_body).await.map_err(|error| {
        if error.is_retry() {
            return error;
        }
        let message = format!(
            "`{}` on the server cannot become what the file says ({}): move its messages away and delete it, or change the file back",
            api.name,
            difference.join("; "),
        );
        Error::with(ErrorKind::CannotUpdate, message, error)
    })?;
    // The server drops fields that it does not know without a word.
    let there = config::get(js, &api.info).await?;
    let left = config::difference(&api.name, wanted, there.as_ref());
    if !left.is_empty() {
        let message = format!(
            "the server took the change but did not make it: {}; is it older than 2.12?",
            left.join("; "),
        );
        return Err(Error::new(ErrorKind::CannotUpdate, message));
    }
    report.updated.push(api.name.clone());
    Ok(())
}
