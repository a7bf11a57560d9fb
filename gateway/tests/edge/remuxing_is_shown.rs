//! A source that is remuxed is told of before there is a plan, to those who follow and to those who ask.

use bus_schema::id::{Attempt, TaskNumber};
use bus_schema::progress::Progress;
use bus_schema::record::JobState;
use serde_json::{Value, json};

use crate::fixture::{DEADLINE, Fixture, json as body_of};
use crate::sample_job::{SECOND_NS, SampleJob};
use crate::socket::Socket;

#[tokio::test]
async fn remuxing_is_shown_before_there_is_a_plan() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    job.record.plan = None;
    job.record.state = JobState::Running;
    let id = job.record.id;
    fixture.jobs.put(job);
    let mut socket = Socket::open(&fixture, id, 4).await;
    let progress = Progress {
        worker: "w1".parse().unwrap(),
        job: id,
        task: TaskNumber(0),
        attempt: Attempt(1),
        done_ns: vec![300_000],
        total_ns: 1_000_000,
        frames_per_s: 0,
    };
    let is_told = |frame: &Value| frame["remuxed_percent"] == 30.0;
    tokio::time::timeout(DEADLINE, async {
        loop {
            // Again and again, as workers do: the gateway's subscription may reach the bus after one word.
            fixture.tell(progress.clone()).await;
            if is_told(&socket.frame().await) {
                return;
            }
        }
    })
    .await
    .expect("it is told");
    let shown = body_of(fixture.get(&format!("/v1/jobs/{id}")).await).await;
    assert_eq!(shown["progress"]["remuxed_percent"], 30.0, "{shown}");
    assert_eq!(shown["progress"]["percent"], 0.0);
    assert_eq!(shown["renditions"], json!([]));
}
