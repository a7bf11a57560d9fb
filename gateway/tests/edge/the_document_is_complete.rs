//! `/openapi.json` lists every route with its shapes and refusals, and nothing that is not there.

use std::collections::BTreeSet;

use gateway::problem::Code;
use serde_json::Value;

use crate::fixture::{Fixture, json};

const OPERATIONS: [&str; 17] = [
    "post /v1/uploads",
    "get /v1/jobs",
    "post /v1/jobs",
    "get /v1/jobs/{id}",
    "delete /v1/jobs/{id}",
    "post /v1/jobs/{id}/cancel",
    "post /v1/jobs/{id}/ticket",
    "get /v1/jobs/{id}/download",
    "get /v1/jobs/{id}/play/master.m3u8",
    "get /v1/jobs/{id}/play/{path}",
    "get /v1/jobs/{id}/live",
    "get /v1/jobs/{id}/events",
    "get /v1/ladder",
    "get /v1/stats",
    "get /v1/status",
    "get /healthz",
    "get /readyz",
];

#[tokio::test]
async fn every_route_is_described_and_every_description_is_routed() {
    let fixture = Fixture::start().await;
    let document = json(fixture.get("/openapi.json").await).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let (mut listed, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            listed.insert(format!("{method} {path}"));
            assert!(
                operation["summary"].is_string(),
                "{method} {path} has a summary"
            );
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} names one operation");
            for name in path.split(['{', '}']).skip(1).step_by(2) {
                let parameters = operation["parameters"].as_array().unwrap();
                assert!(
                    parameters
                        .iter()
                        .any(|p| p["name"] == name && p["in"] == "path"),
                    "{path}: {name}"
                );
            }
            let url = fixture.url(&path.replace(['{', '}'], ""));
            let method = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = fixture
                .http
                .request(method, url)
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            assert!(
                !answer.contains("\"not_found\"") && !answer.contains("method_not_allowed"),
                "{path}: {answer}"
            );
        }
    }
    assert_eq!(listed, OPERATIONS.iter().map(ToString::to_string).collect());
}

/// What carries a session makes no difference to what opens it.
#[tokio::test]
async fn both_feeds_take_a_ticket_and_name_its_refusal() {
    let fixture = Fixture::start().await;
    let document = json(fixture.get("/openapi.json").await).await;
    for path in ["/v1/jobs/{id}/live", "/v1/jobs/{id}/events"] {
        let operation = &document["paths"][path]["get"];
        let parameters = operation["parameters"].as_array().unwrap();
        let ticket = parameters.iter().find(|one| one["name"] == "ticket");
        assert_eq!(
            ticket.map(|one| &one["in"]),
            Some(&"query".into()),
            "{path}"
        );
        let refusal = operation["responses"]["403"]["description"].as_str();
        assert!(
            refusal.is_some_and(|text| text.contains("invalid_ticket")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_shape_and_every_code_is_there() {
    let fixture = Fixture::start().await;
    let document = json(fixture.get("/openapi.json").await).await;
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let listed = &document["components"]["schemas"]["Code"]["enum"];
    let listed: BTreeSet<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(listed, codes);
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.len() > 10, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "{reference} leads nowhere"
        );
    }
}

fn collect<'a>(value: &'a Value, references: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(map) => {
            references.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|value| collect(value, references));
        }
        Value::Array(all) => all.iter().for_each(|value| collect(value, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
