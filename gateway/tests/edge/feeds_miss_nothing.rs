//! A client gets every fact once and in order, whatever breaks between: its own line, the bus, the order of
//! publishing.

use std::collections::BTreeMap;

use bus_schema::fact::Fact;
use bus_schema::id::{Attempt, JobId, TaskNumber};
use bus_schema::progress::Progress;
use bus_schema::record::JobState;
use bus_schema::subject::fact_numbered;
use bus_schema::task::TaskKind;
use serde_json::{Value, json};

use crate::fixture::{DEADLINE, Fixture};
use crate::sample_job::{SECOND_NS, SampleJob};
use crate::socket::{Heard, Socket};

fn claimed(n: u64) -> Fact {
    Fact::Claimed {
        task: TaskNumber(u32::try_from(n).expect("few facts")),
        kind: TaskKind::Chunk,
        attempt: Attempt(1),
        worker: "w1".parse().expect("a name"),
    }
}

async fn publish(fixture: &Fixture, job: JobId, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        fixture.publish(job, n, claimed(n)).await;
    }
}

/// The numbers of the next facts, each checked for its shape.
async fn facts(socket: &mut Socket, job: JobId, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let fact = socket.fact().await;
        assert_eq!(
            (&fact["job"], &fact["type"]),
            (&json!(job), &json!("claimed")),
            "{fact}"
        );
        let n = fact["n"].as_u64().expect("what a frame has");
        assert_eq!(
            (&fact["at_ms"], &fact["task"]),
            (&json!(1_000 + n), &json!(n))
        );
        numbers.push(n);
    }
    numbers
}

async fn hello(socket: &mut Socket) -> (u64, bool) {
    let hello = socket.frame().await;
    assert_eq!(hello["type"], "hello", "the first frame: {hello}");
    (
        hello["n"].as_u64().expect("what a frame has"),
        hello["recovered"].as_bool().expect("what a frame has"),
    )
}

#[tokio::test]
async fn a_client_that_comes_back_gets_exactly_the_rest() {
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    publish(&fixture, job, 1..=5).await;
    // Another job's facts lie between.
    publish(&fixture, fixture.running_job(), 1..=3).await;
    let mut socket = Socket::open(&fixture, job, 0).await;
    assert_eq!(hello(&mut socket).await, (0, true));
    assert_eq!(facts(&mut socket, job, 5).await, [1, 2, 3, 4, 5]);
    publish(&fixture, job, 6..=7).await;
    assert_eq!(facts(&mut socket, job, 2).await, [6, 7]);
    drop(socket);
    publish(&fixture, job, 8..=10).await;
    let mut socket = Socket::open(&fixture, job, 7).await;
    assert_eq!(hello(&mut socket).await, (7, true));
    assert_eq!(facts(&mut socket, job, 3).await, [8, 9, 10]);
    publish(&fixture, job, 11..=11).await;
    assert_eq!(facts(&mut socket, job, 1).await, [11]);
    let mut up_to_date = Socket::open(&fixture, job, 11).await;
    assert_eq!(hello(&mut up_to_date).await, (11, true));
    publish(&fixture, job, 12..=12).await;
    assert_eq!(facts(&mut up_to_date, job, 1).await, [12]);
}

/// Clients come and go while facts are published as fast as the bus takes them: what is published between
/// a client's subscription and its reading of the past is neither lost nor doubled.
#[tokio::test]
async fn clients_that_come_and_go_in_a_storm_of_facts_get_each_once() {
    const LAST: u64 = 300;
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    let client = async |stay: usize| {
        let mut seen: Vec<u64> = Vec::new();
        while seen.len() < usize::try_from(LAST).unwrap() {
            let after = seen.last().copied().unwrap_or(0);
            let mut socket = Socket::open(&fixture, job, after).await;
            assert_eq!(hello(&mut socket).await, (after, true));
            let count = stay.min(usize::try_from(LAST - after).unwrap());
            seen.extend(facts(&mut socket, job, count).await);
        }
        assert!(seen.iter().copied().eq(1..=LAST), "{seen:?}");
    };
    tokio::join!(
        publish(&fixture, job, 1..=LAST),
        client(1),
        client(7),
        client(23),
        client(300)
    );
}

#[tokio::test]
async fn a_bus_that_dies_and_comes_back_costs_no_fact() {
    let mut fixture = Fixture::start().await;
    let job = fixture.running_job();
    publish(&fixture, job, 1..=3).await;
    let mut socket = Socket::open(&fixture, job, 0).await;
    assert_eq!(hello(&mut socket).await, (0, true));
    assert_eq!(facts(&mut socket, job, 3).await, [1, 2, 3]);
    for from in [4, 7, 10] {
        fixture.server.kill_9().await.unwrap();
        fixture.server.restart().await.unwrap();
        publish(&fixture, job, from..=from + 2).await;
        assert_eq!(facts(&mut socket, job, 3).await, [from, from + 1, from + 2]);
    }
}

#[tokio::test]
async fn facts_published_in_the_wrong_order_arrive_in_the_right_one() {
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    publish(&fixture, job, 1..=1).await;
    let mut socket = Socket::open(&fixture, job, 0).await;
    assert_eq!(hello(&mut socket).await, (0, true));
    assert_eq!(facts(&mut socket, job, 1).await, [1]);
    for n in [3, 2, 4] {
        fixture.publish(job, n, claimed(n)).await;
    }
    assert_eq!(facts(&mut socket, job, 3).await, [2, 3, 4]);
    let mut late = Socket::open(&fixture, job, 0).await;
    assert_eq!(hello(&mut late).await, (0, true));
    assert_eq!(facts(&mut late, job, 4).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_client_is_told_when_facts_are_gone_and_where_the_feed_goes_on() {
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    publish(&fixture, job, 1..=5).await;
    let stream = fixture.bus.js.get_stream("JOBS").await.unwrap();
    for n in [1, 2] {
        stream.purge().filter(fact_numbered(&job, n)).await.unwrap();
    }
    let mut aged = Socket::open(&fixture, job, 0).await;
    assert_eq!(hello(&mut aged).await, (5, false));
    let mut strange = Socket::open(&fixture, job, 50).await;
    assert_eq!(
        hello(&mut strange).await,
        (5, false),
        "a client of another installation"
    );
    let mut enough = Socket::open(&fixture, job, 2).await;
    assert_eq!(hello(&mut enough).await, (2, true));
    assert_eq!(facts(&mut enough, job, 3).await, [3, 4, 5]);
    publish(&fixture, job, 6..=6).await;
    for socket in [&mut aged, &mut strange, &mut enough] {
        assert_eq!(facts(socket, job, 1).await, [6]);
    }
}

#[tokio::test]
async fn after_the_last_fact_the_bars_are_full_and_the_feed_is_closed() {
    let fixture = Fixture::start().await;
    let mut job = SampleJob::running(60 * SECOND_NS, true);
    let id = job.record.id;
    fixture.jobs.put(job.clone());
    publish(&fixture, id, 1..=2).await;
    let mut socket = Socket::open(&fixture, id, 0).await;
    assert_eq!(hello(&mut socket).await, (0, true));
    assert_eq!(facts(&mut socket, id, 2).await, [1, 2]);
    job.finish_all();
    job.record.state = JobState::Completed;
    job.record.n_facts = 3;
    fixture.jobs.put(job);
    fixture
        .publish(
            id,
            3,
            Fact::Completed {
                after_ms: 9,
                warnings: Vec::new(),
            },
        )
        .await;
    assert_eq!(socket.fact().await["type"], "completed");
    let last = socket.frame().await;
    assert_eq!(
        (&last["type"], &last["percent"], &last["n"]),
        (&json!("progress"), &json!(100.0), &json!(3))
    );
    assert!(
        last["renditions"]
            .as_array()
            .unwrap()
            .iter()
            .all(|bar| bar["percent"] == 100.0),
        "{last}"
    );
    assert_eq!(socket.closed().await, 1000);
    // And again for whoever comes late, or comes back.
    let mut late = Socket::open(&fixture, id, 2).await;
    assert_eq!(hello(&mut late).await, (2, true));
    assert_eq!(late.fact().await["type"], "completed");
    assert_eq!(late.closed().await, 1000);
    let mut back = Socket::open(&fixture, id, 3).await;
    assert_eq!(hello(&mut back).await, (3, true));
    assert_eq!(back.closed().await, 1000);
}

#[tokio::test]
async fn progress_comes_between_facts_and_never_falls() {
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    publish(&fixture, job, 1..=4).await;
    let mut socket = Socket::open(&fixture, job, 4).await;
    assert_eq!(hello(&mut socket).await, (4, true));
    let mut last: BTreeMap<String, f64> = BTreeMap::new();
    for seconds in [4, 8, 2, 12, 16] {
        fixture
            .tell(Progress {
                worker: "w1".parse().unwrap(),
                job,
                task: TaskNumber(3),
                attempt: Attempt(1),
                done_ns: vec![seconds * SECOND_NS; 2],
                total_ns: 16 * SECOND_NS,
                frames_per_s: 100,
            })
            .await;
        let frame = socket.frame().await;
        assert_eq!(
            (&frame["type"], &frame["job"], &frame["n"]),
            (&json!("progress"), &json!(job), &json!(4))
        );
        note(&mut last, &frame);
    }
    let full = |last: &BTreeMap<String, f64>| (last["360p"] - 26.67).abs() < 0.01;
    tokio::time::timeout(DEADLINE, async {
        while !full(&last) {
            let frame = socket.frame().await;
            note(&mut last, &frame);
        }
    })
    .await
    .expect("16 of 60 s are shown");
}

fn note(last: &mut BTreeMap<String, f64>, frame: &Value) {
    for bar in frame["renditions"].as_array().expect("what a frame has") {
        let (name, percent) = (
            bar["name"].as_str().expect("what a frame has"),
            bar["percent"].as_f64().expect("what a frame has"),
        );
        let before = last.insert(name.to_owned(), percent).unwrap_or(0.0);
        assert!(percent >= before, "{name} fell from {before} to {percent}");
    }
}

#[tokio::test]
async fn a_feed_of_a_job_without_facts_begins_with_hello_and_goes_on() {
    let fixture = Fixture::start().await;
    let job = fixture.running_job();
    let mut socket = Socket::open(&fixture, job, 0).await;
    assert!(matches!(socket.next().await, Heard::Frame(frame) if frame["recovered"] == true));
    publish(&fixture, job, 1..=1).await;
    assert_eq!(facts(&mut socket, job, 1).await, [1]);
}
