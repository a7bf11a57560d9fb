//! What stands in an address: the job, and query parameters of a known shape.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path, Query};
use bus_schema::id::JobId;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// The job in the path.
#[derive(Debug, Clone, Copy)]
pub(super) struct JobPath(pub(super) JobId);

impl<S: Send + Sync> FromRequestParts<S> for JobPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(names) = path.map_err(|_| Problem::unknown_job(""))?;
        let id = names.get("id").map_or("", String::as_str);
        id.parse().map(Self).map_err(|_| Problem::unknown_job(id))
    }
}

/// The query.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => {
                let words: String = error
                    .body_text()
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(300)
                    .collect();
                Err(Problem::new(
                    Code::InvalidQuery,
                    format!("The query cannot be used: {words}."),
                ))
            }
        }
    }
}
