//! JSON bodies: bounded, of a known shape, with refusals that name the field.

use axum::extract::{FromRequest, Request};
use http::header;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::state::Shared;
use crate::problem::{Code, Problem};

/// A request's body, read and checked.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Shared) -> Result<Self, Problem> {
        let bytes_max = edge.options.body_bytes_max;
        let too_large = || {
            let detail = format!(
                "The body is over {bytes_max} bytes: files go to the upload address, not here."
            );
            Problem::new(Code::BodyTooLarge, detail)
        };
        let announced = request.headers().get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > bytes_max) {
            return Err(too_large());
        }
        let body = Limited::new(request.into_body(), bytes_max).collect().await;
        let bytes = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return too_large();
            }
            Problem::new(Code::InvalidJson, "The body broke off: send it again.")
        })?;
        parse(&bytes.to_bytes()).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        // serde_json's words name the field and the place: "unknown field `x`, expected one of ...".
        let words = error.to_string();
        let code = match error.classify() {
            serde_json::error::Category::Data if words.starts_with("unknown field") => {
                Code::UnknownField
            }
            serde_json::error::Category::Data => Code::InvalidBody,
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => Code::InvalidJson,
        };
        let words: String = words
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(500)
            .collect();
        Problem::new(code, format!("The body cannot be used: {words}."))
    })
}
