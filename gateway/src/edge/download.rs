//! `GET /v1/jobs/{id}/download`: a finished file, from storage directly.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bus_schema::id::RenditionName;
use bus_schema::ladder::AUDIO;
use bus_schema::object_key;
use bus_schema::record::{JobRecord, Output, OutputKind};
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::params::{JobPath, Params};
use super::state::Shared;
use crate::problem::{Code, Problem, ProblemBody};

/// RFC 8187: what stands for itself in `filename*`.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Which file.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DownloadQuery {
    /// A rendition's name; the highest by default.
    rendition: Option<String>,
}

/// Leads to a finished file in storage.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/download", tag = "playback", operation_id = "downloadFile",
    params(("id" = String, Path, description = "The job."), DownloadQuery),
    responses(
        (status = 302, description = "A signed address in storage, for an hour."),
        (status = 404, description = "`unknown_job`, `unknown_rendition`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`not_ready`: later; `job_ended`: never.", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn download(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
    Params(query): Params<DownloadQuery>,
) -> Result<Response, Problem> {
    let record = edge.record(id).await?;
    let output = find(&record, query.rendition.as_deref())?;
    let key = format!(
        "{}{}",
        object_key::outputs(&record.tenant, &record.id),
        output.name
    );
    let url = edge
        .signed_get(&key, Some(disposition(&record.request.filename, output)))
        .await?;
    redirect(&url, "no-store")
}

/// The file of this rendition, or of the highest.
fn find<'a>(record: &'a JobRecord, rendition: Option<&str>) -> Result<&'a Output, Problem> {
    let is_file = |output: &&Output| matches!(output.kind, OutputKind::Mp4 | OutputKind::M4a);
    let planned: Vec<&str> = record
        .plan
        .iter()
        .flat_map(|plan| &plan.files)
        .map(RenditionName::as_str)
        .collect();
    let wanted = match rendition {
        Some(name) => Some(name),
        None => planned
            .iter()
            .copied()
            .rfind(|name| *name != AUDIO)
            .or_else(|| planned.last().copied()),
    };
    let found = record.outputs.iter().filter(is_file).find(|output| {
        output.rendition.as_ref().map(RenditionName::as_str) == wanted && wanted.is_some()
    });
    if let Some(output) = found {
        return Ok(output);
    }
    let is_known = record.plan.is_none() || wanted.is_some_and(|name| planned.contains(&name));
    let shown: String = wanted
        .unwrap_or("file")
        .chars()
        .filter(|c| !c.is_control())
        .take(32)
        .collect();
    Err(if !is_known {
        let detail = format!(
            "The job makes no file `{shown}`: it makes {}.",
            planned.join(", ")
        );
        Problem::new(Code::UnknownRendition, detail)
    } else if record.state.is_terminal() {
        let state = record.state.as_str();
        Problem::new(
            Code::JobEnded,
            format!("The job is {state} and has no `{shown}`: its warnings and error tell why."),
        )
    } else {
        Problem::new(
            Code::NotReady,
            format!("`{shown}` is not finished: wait for the job to complete."),
        )
    })
}

/// The user's own name, with the rendition in it, in both spellings of RFC 6266.
fn disposition(filename: &str, output: &Output) -> String {
    let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
    let stem = if stem.is_empty() { "video" } else { stem };
    let rendition = output
        .rendition
        .as_ref()
        .map(|name| format!("-{name}"))
        .unwrap_or_default();
    let extension = if output.kind == OutputKind::M4a {
        "m4a"
    } else {
        "mp4"
    };
    let name = format!("{stem}{rendition}.{extension}");
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ';
    let ascii: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    format!(
        "attachment; filename=\"{ascii}\"; filename*=UTF-8''{}",
        utf8_percent_encode(&name, ATTR_CHAR)
    )
}

/// 302 with a cache rule.
pub(super) fn redirect(url: &str, cache_control: &'static str) -> Result<Response, Problem> {
    let location = HeaderValue::from_str(url).map_err(|_| {
        Problem::new(
            Code::Internal,
            "The storage address cannot be written as a header.",
        )
    })?;
    let cache_control = HeaderValue::from_static(cache_control);
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, cache_control),
    ];
    Ok((StatusCode::FOUND, headers).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_download_is_the_users_own_and_cannot_break_the_header() {
        let output = Output {
            kind: OutputKind::Mp4,
            rendition: Some("720p".parse().unwrap()),
            name: "t9a1/720p.mp4".to_owned(),
            bytes: 1,
            frames: None,
            duration_ms: None,
            codecs: None,
        };
        assert_eq!(
            disposition("Über \"uns\".v2.mov", &output),
            "attachment; filename=\"_ber _uns_.v2-720p.mp4\"; filename*=UTF-8''%C3%9Cber%20%22uns%22.v2-720p.mp4"
        );
        assert!(disposition(".mp4", &output).contains("\"video-720p.mp4\""));
    }
}
