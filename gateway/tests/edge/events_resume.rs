//! Server-sent events are the same feed: they resume by the browser's own means, and end for good.

use bus_schema::fact::Fact;
use bus_schema::record::JobState;
use serde_json::{Value, json};

use crate::fixture::Fixture;
use crate::sample_job::{SECOND_NS, SampleJob};

/// Events of a stream of server-sent events, as (id, data), until it ends or `count` facts came.
async fn events(response: &mut reqwest::Response, count: usize) -> Vec<(String, Value)> {
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.len() < count {
        let Some(chunk) = response.chunk().await.expect("what a frame has") else {
            break;
        };
        text.push_str(std::str::from_utf8(&chunk).expect("what a frame has"));
        while let Some((event, rest)) = text.clone().split_once("\n\n") {
            rest.clone_into(&mut text);
            let field = |name: &str| {
                let line = event.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim_start().to_owned()
            };
            let Ok(data) = serde_json::from_str::<Value>(&field("data:")) else {
                continue;
            };
            if data["type"] != "progress" {
                found.push((field("id:"), data));
            }
        }
    }
    found
}

#[tokio::test]
async fn server_sent_events_resume_by_themselves_and_end_with_204() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    let id = job.record.id;
    fixture.jobs.put(job.clone());
    for n in 1..=3 {
        fixture.publish(id, n, Fact::Started {}).await;
    }
    let path = format!("/v1/jobs/{id}/events");
    let mut stream = fixture.get(&path).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let first = events(&mut stream, 4).await;
    assert_eq!(
        first[0].1,
        json!({"type": "hello", "job": id, "n": 0, "recovered": true})
    );
    let ids: Vec<&str> = first.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["", "1", "2", "3"]);
    drop(stream);
    fixture.publish(id, 4, Fact::Started {}).await;
    let again = async |last: &str| {
        let request = fixture
            .http
            .get(fixture.url(&path))
            .header("last-event-id", last);
        request.send().await.unwrap()
    };
    let mut stream = again("2").await;
    let rest = events(&mut stream, 3).await;
    let ids: Vec<&str> = rest.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["", "3", "4"]);
    job.record.state = JobState::Cancelled;
    job.record.n_facts = 5;
    fixture.jobs.put(job);
    fixture.publish(id, 5, Fact::Cancelled {}).await;
    let end = events(&mut stream, 2).await;
    assert_eq!(end.len(), 1, "then the stream ends: {end:?}");
    assert_eq!(
        (end[0].0.as_str(), &end[0].1["type"]),
        ("5", &json!("cancelled"))
    );
    assert_eq!(again("5").await.status(), 204);
    let mut late = again("4").await;
    assert_eq!(
        events(&mut late, 9).await.len(),
        2,
        "hello and the last fact"
    );
    assert_eq!(
        crate::fixture::code(again("x").await).await,
        "invalid_query"
    );
}
