//! Server-sent events are the same feed, behind the same ticket: they resume by their ids, and end for good.

use bus_schema::fact::Fact;
use bus_schema::id::JobId;
use bus_schema::record::JobState;
use serde_json::{Value, json};

use crate::fixture::{Fixture, code};
use crate::sample_job::{SECOND_NS, SampleJob};
use crate::socket::{Socket, ticket};

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
async fn server_sent_events_resume_by_their_ids_and_end_with_204() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    let id = job.record.id;
    fixture.jobs.put(job.clone());
    for n in 1..=3 {
        fixture.publish(id, n, Fact::Started {}).await;
    }
    let path = async || {
        let ticket = ticket(&fixture, id).await;
        format!("/v1/jobs/{id}/events?ticket={ticket}")
    };
    let mut stream = fixture.get(&path().await).await;
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
            .get(fixture.url(&path().await))
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
    assert_eq!(code(again("x").await).await, "invalid_query");
}

#[tokio::test]
async fn a_ticket_opens_one_stream_of_its_own_job() {
    let fixture = Fixture::start().await;
    let (job, other) = (fixture.running_job(), fixture.running_job());
    let open =
        async |job: JobId, query: &str| fixture.get(&format!("/v1/jobs/{job}/events{query}")).await;
    let refusal = async |job: JobId, query: &str| {
        let refused = open(job, query).await;
        (refused.status().as_u16(), code(refused).await)
    };
    let invalid = (403, "invalid_ticket".to_owned());
    let own = format!("?n=0&ticket={}", ticket(&fixture, job).await);
    let mut stream = open(job, &own).await;
    assert_eq!(events(&mut stream, 1).await[0].1["type"], "hello");
    assert_eq!(refusal(job, &own).await, invalid, "used");
    let own = format!("?ticket={}", ticket(&fixture, job).await);
    assert_eq!(refusal(other, &own).await, invalid, "another's");
    assert_eq!(refusal(job, &own).await, invalid, "and spent by the try");
    for none in [
        "",
        "?n=0",
        "?ticket=",
        "?ticket=0123456789abcdef0123456789abcdef",
    ] {
        assert_eq!(refusal(job, none).await, invalid, "{none:?}");
    }
    let unknown = JobId::random(1);
    assert_eq!(
        refusal(unknown, "?ticket=x").await,
        (404, "unknown_job".to_owned())
    );
    // One for both: what carries the session makes no difference.
    let own = ticket(&fixture, job).await;
    let live = format!("/v1/jobs/{job}/live?ticket={own}");
    assert!(Socket::connect(&fixture, &live, None).await.is_ok());
    assert_eq!(refusal(job, &format!("?ticket={own}")).await, invalid);
}

/// That a job has ended is told to those with a ticket only.
#[tokio::test]
async fn the_end_of_a_job_needs_a_ticket_too() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    let id = job.record.id;
    job.record.state = JobState::Cancelled;
    fixture.jobs.put(job);
    let ended = async |ticket: &str| {
        let url = fixture.url(&format!("/v1/jobs/{id}/events?ticket={ticket}"));
        let request = fixture.http.get(url).header("last-event-id", "0");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ended("").await, 403);
    assert_eq!(ended(&ticket(&fixture, id).await).await, 204);
}
