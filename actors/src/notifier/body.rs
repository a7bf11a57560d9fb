//! What is posted: `{"type", "timestamp", "data"}`, thin. Made of the fact and of what never changes
//! in a job's record, so that it is the same whenever it is made.

use std::collections::BTreeMap;

use bus_schema::JobId;
use bus_schema::fact::{Fact, FactKind};
use bus_schema::record::JobState;
use bus_schema::report::TaskError;
use bus_schema::request::JobRequest;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The body of a delivery.
#[derive(Debug, Serialize)]
struct Body<'a> {
    /// `job.completed`, ...
    r#type: &'static str,
    /// When it happened, RFC 3339.
    timestamp: String,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    /// The job.
    job: JobId,
    /// The fact's number: deliveries may overtake each other, numbers do not.
    n: u64,
    /// The job's state since this stage.
    state: JobState,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Milliseconds from the upload's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a TaskError>,
}

/// The body for this fact; `None` when it is no stage.
#[must_use]
pub(crate) fn of(
    job: JobId,
    n: u64,
    at_ms: u64,
    fact: &Fact,
    request: &JobRequest,
) -> Option<String> {
    let r#type = fact.kind().stage()?;
    let mut data = Data {
        job,
        n,
        state: state_since(fact.kind())?,
        external_id: request.external_id.as_deref(),
        metadata: &request.metadata,
        bytes: None,
        after_ms: None,
        warnings: &[],
        error: None,
    };
    match fact {
        Fact::Uploaded { bytes, .. } => data.bytes = Some(*bytes),
        Fact::Playable { after_ms } => data.after_ms = Some(*after_ms),
        Fact::Completed { after_ms, warnings } => {
            data.after_ms = Some(*after_ms);
            data.warnings = warnings;
        }
        Fact::Failed { error } => data.error = Some(error),
        _ => {}
    }
    let timestamp = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at_ms) * 1_000_000)
        .ok()?
        .format(&Rfc3339)
        .ok()?;
    serde_json::to_string(&Body {
        r#type,
        timestamp,
        data,
    })
    .ok()
}

fn state_since(stage: FactKind) -> Option<JobState> {
    Some(match stage {
        FactKind::Uploaded => JobState::Queued,
        FactKind::Started => JobState::Running,
        FactKind::Playable => JobState::Playable,
        FactKind::Completed => JobState::Completed,
        FactKind::Failed => JobState::Failed,
        FactKind::Cancelled => JobState::Cancelled,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use bus_schema::report::ErrorCode;
    use serde_json::{Value, json};

    use super::*;

    fn request() -> JobRequest {
        serde_json::from_value(json!({
            "filename": "film.mp4",
            "content_type": "video/mp4",
            "preset": "hls-adaptive",
            "metadata": {"order": "7"},
            "external_id": "film-7",
        }))
        .unwrap()
    }

    fn body(fact: &Fact) -> Option<Value> {
        let job = JobId::from_parts(1, [0; 10]);
        let text = of(job, 3, 1_700_000_000_250, fact, &request())?;
        Some(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_stage_is_told_with_what_the_client_knows_it_by() {
        let completed = Fact::Completed {
            after_ms: 5_000,
            warnings: Vec::new(),
        };
        let expected = json!({
            "type": "job.completed",
            "timestamp": "2023-11-14T22:13:20.25Z",
            "data": {
                "job": JobId::from_parts(1, [0; 10]),
                "n": 3,
                "state": "completed",
                "external_id": "film-7",
                "metadata": {"order": "7"},
                "after_ms": 5_000,
            },
        });
        assert_eq!(body(&completed), Some(expected));
        let error = TaskError {
            code: ErrorCode::NotMedia,
            message: "no film".to_owned(),
        };
        let failed = body(&Fact::Failed { error }).unwrap();
        assert_eq!(
            failed["data"]["error"],
            json!({"code": "not_media", "message": "no film"})
        );
    }

    #[test]
    fn every_stage_has_a_body_and_nothing_else_has() {
        let error = TaskError {
            code: ErrorCode::NotMedia,
            message: String::new(),
        };
        for (fact, state) in [
            (
                Fact::Uploaded {
                    bytes: 1,
                    etag: String::new(),
                },
                Some("queued"),
            ),
            (Fact::Started {}, Some("running")),
            (Fact::Playable { after_ms: 1 }, Some("playable")),
            (
                Fact::Completed {
                    after_ms: 1,
                    warnings: vec!["w".to_owned()],
                },
                Some("completed"),
            ),
            (Fact::Failed { error }, Some("failed")),
            (Fact::Cancelled {}, Some("cancelled")),
            (
                Fact::Authorized {
                    filename: String::new(),
                    bytes: 1,
                },
                None,
            ),
        ] {
            let body = body(&fact);
            assert_eq!(body.is_some(), fact.kind().stage().is_some(), "{fact:?}");
            let told = body
                .as_ref()
                .and_then(|body| body["data"]["state"].as_str());
            assert_eq!(told, state, "{fact:?}");
        }
        for kind in FactKind::ALL {
            assert_eq!(
                state_since(*kind).is_some(),
                kind.stage().is_some(),
                "{kind}"
            );
        }
    }
}
