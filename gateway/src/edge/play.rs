//! `/v1/jobs/{id}/play/...`: playlists from here, segments from storage or a CDN.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bus_schema::object_key;
use bytes::Bytes;
use http::{HeaderValue, header};

use super::download::redirect;
use super::params::JobPath;
use super::state::Shared;
use crate::playlist::{DASH_TYPE, HLS_TYPE};
use crate::problem::{Code, Problem, ProblemBody};

/// A segment's address may be used again for five minutes; its signature holds for an hour by default.
const SEGMENT_CACHE: &str = "private, max-age=300";
/// Playlists grow: always ask.
const PLAYLIST_CACHE: &str = "no-cache";

/// The multivariant playlist; it grows with the job.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/play/master.m3u8", tag = "playback", operation_id = "getMasterPlaylist",
    params(("id" = String, Path, description = "The job.")),
    responses(
        (status = 200, description = "HLS (RFC 8216).", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 409, description = "`not_ready`: later; `job_ended`: never.", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn multivariant(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
) -> Result<Response, Problem> {
    let record = edge.record(id).await?;
    Ok(text(HLS_TYPE, edge.texts.multivariant(&record).await?))
}

/// A rendition's playlist (`720p.m3u8`), the DASH manifest (`manifest.mpd`, once the job is completed),
/// the texts of still images (`images.json`, `storyboard.vtt`) and chapters (`chapters.vtt`, `chapters.json`), or a
/// segment, subtitles or an image as these name them (`t3a1/720p/000012.m4s`), which leads to storage.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/play/{*path}", tag = "playback", operation_id = "getPlayObject",
    params(
        ("id" = String, Path, description = "The job."),
        ("path" = String, Path, description = "As the playlists name it."),
    ),
    responses(
        (status = 200, description = "A playlist or manifest.", body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 302, description = "A segment, subtitles or an image: a signed address in storage, or the CDN's."),
        (status = 404, description = "`unknown_job`, `unknown_rendition`, `not_found`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`not_ready`: later; `job_ended`: never.", body = ProblemBody, content_type = "application/problem+json"),
        (status = "default", description = "Refused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn object(
    State(edge): State<Shared>,
    JobPath(id): JobPath,
    Path((_, path)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let record = edge.record(id).await?;
    if path == object_key::DASH_MANIFEST {
        return Ok(text(DASH_TYPE, edge.texts.dash(&record).await?));
    }
    for (name, content_type) in [
        (object_key::STORYBOARD, "text/vtt"),
        (object_key::IMAGES, "application/json"),
        (object_key::CHAPTERS, "text/vtt"),
        (object_key::CHAPTERS_JSON, "application/json"),
    ] {
        if path == name {
            return Ok(text(content_type, edge.texts.beside(&record, name).await?));
        }
    }
    if let Some(name) = path.strip_suffix(".m3u8") {
        let name = name.parse().map_err(|_| no_such(&path))?;
        return Ok(text(HLS_TYPE, edge.texts.media(&record, &name).await?));
    }
    if !is_media(&path) {
        return Err(no_such(&path));
    }
    let key = format!("{}{path}", object_key::outputs(&record.tenant, &record.id));
    let url = match &edge.options.media_base_url {
        Some(base) => format!("{}/{key}", base.as_str().trim_end_matches('/')),
        None => edge.signed_get(&key, None).await?,
    };
    redirect(&url, SEGMENT_CACHE)
}

/// Media under an attempt, and nothing else of what lies there.
fn is_media(path: &str) -> bool {
    let Some((attempt, name)) = path.split_once('/') else {
        return false;
    };
    let is_number =
        |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let numbers = attempt
        .strip_prefix('t')
        .and_then(|rest| rest.split_once('a'));
    let is_attempt = numbers.is_some_and(|(task, attempt)| is_number(task) && is_number(attempt));
    let is_file = [".m4s", ".mp4", ".m4a", ".jpg", ".webp", ".vtt"]
        .iter()
        .any(|suffix| name.ends_with(suffix));
    is_attempt && is_file && object_key::is_attempt_name(name)
}

fn no_such(path: &str) -> Problem {
    let shown: String = path.chars().filter(|c| !c.is_control()).take(64).collect();
    Problem::new(
        Code::NotFound,
        format!("Nothing is played from `{shown}`: begin with master.m3u8."),
    )
}

fn text(content_type: &'static str, text: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static(PLAYLIST_CACHE),
        ),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_media_of_attempts_is_signed() {
        for path in [
            "t3a1/720p/000012.m4s",
            "t1a2/audio/init.mp4",
            "t9a1/720p.mp4",
            "t9a1/audio.m4a",
            "t9a1/images/poster-640.jpg",
            "t9a1/images/storyboard-001.webp",
            "t10a1/subtitles-2.vtt",
        ] {
            assert!(is_media(path), "{path}");
        }
        for path in [
            "",
            "t3a1",
            "t3a1/",
            "t3a1/720p/samples",
            "job.json",
            "../x/720p/000001.m4s",
            "t3a1/../x.m4s",
            "t3a1/a/b/c.m4s",
            "tXa1/720p/000012.m4s",
            "ta/720p/000012.m4s",
            "t3a1/720p/../000012.m4s",
            "t3a1//000012.m4s",
            "/t3a1/720p/000012.m4s",
            "t-1a1/720p/000012.m4s",
        ] {
            assert!(!is_media(path), "{path}");
        }
    }
}
