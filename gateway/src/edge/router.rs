//! Routes and the document that describes them, from one list.

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, header};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::state::Shared;
use super::{
    download, events, from_object, guard, health, jobs, live, page, play, qualities, uploads,
};
use crate::problem::{Code, Problem, ProblemBody};

/// What the document says of itself.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "tcoder",
        description = "Upload a video, watch it play while it is being transcoded. Every refusal is an RFC 9457 \
            problem with a stable `code` and a sentence that says what to do.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "jobs", description = "Uploads and jobs."),
        (name = "playback", description = "Playlists, segments, files."),
        (name = "live", description = "Facts and progress as they happen."),
        (name = "operations", description = "Health and numbers."),
    ),
    components(schemas(ProblemBody, Code))
)]
struct Document;

/// The whole edge.
pub(super) fn router(edge: Shared) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(uploads::create))
        .routes(routes!(jobs::list, from_object::create))
        .routes(routes!(jobs::get, jobs::delete))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::ticket))
        .routes(routes!(download::download))
        .routes(routes!(play::multivariant))
        .routes(routes!(play::object))
        .routes(routes!(live::live))
        .routes(routes!(events::events))
        .routes(routes!(qualities::ladder))
        .routes(routes!(health::stats))
        .routes(routes!(health::status))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .split_for_parts();
    let document = published(document);
    router
        .route(
            "/openapi.json",
            get(move || std::future::ready(json(document.clone()))),
        )
        .fallback(page::fallback)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(
            edge.clone(),
            guard::guard,
        ))
        .with_state(edge)
}

/// OpenAPI has no wildcards: `{*path}` is a parameter like any other there.
fn published(mut document: utoipa::openapi::OpenApi) -> bytes::Bytes {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    document.to_json().unwrap_or_default().into()
}

fn json(document: bytes::Bytes) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )],
        document,
    )
        .into_response()
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "This address does not take this method: /openapi.json lists those it takes.",
    )
}
